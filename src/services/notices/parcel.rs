//! What goes to one person in one piece: a notice, or several as a digest; as JSON, and as a letter.
//!
//! The JSON is the same for a webhook and for MQTT, and every field of it is listed here.

use std::time::Duration;

use serde::Serialize;

use crate::domain::day::Day;
use crate::domain::ids::{CaseToken, LotId, NonconformanceId, PrinterName};
use crate::domain::moment::{Moment, Stamp, WallTime};
use crate::domain::notice::Notice;
use crate::domain::people::name::UserName;
use crate::domain::people::notices::{MailAddress, Topic};
use crate::io::mail::Letter;
use crate::io::mqtt::Message;
use crate::services::telemetry::message::Origin;

/// So many of a digest are written out, the urgent ones and then the newest; of the others there is the number. With
/// the longest names that is what fits into a payload.
pub const LISTED: usize = 8;

/// How old a notice is, by a clock that nobody sets: what it was when it was taken in, and what has gone by since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Age {
    pub then: Duration,
    pub at: Moment,
}

impl Age {
    pub fn now(self, now: Moment) -> Duration {
        self.then.saturating_add(now.since(self.at))
    }
}

/// One notice for one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The same whenever it is sent.
    pub id: String,
    /// Its entry in the journal; absent where a day came near.
    pub seq: Option<u64>,
    pub at: WallTime,
    pub age: Age,
    pub notice: Notice,
}

/// Notices of which nothing is told but how many there are, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Untold {
    pub many: usize,
    pub since: WallTime,
}

impl Untold {
    /// Nothing where there are none.
    pub fn of<'a>(items: impl IntoIterator<Item = &'a Item>) -> Option<Self> {
        let each = items.into_iter().map(|item| Self { many: 1, since: item.at });
        each.reduce(Self::and)
    }

    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { many: self.many + other.many, since: self.since.min(other.since) }
    }
}

/// What goes to one person in one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    pub id: String,
    pub to: UserName,
    /// Where their mail goes; for mail alone.
    pub mail: Option<MailAddress>,
    /// All of them: the urgent ones, then the others, each oldest first.
    pub items: Vec<Item>,
    /// What is not listed of them, and what was before them.
    pub untold: Option<Untold>,
    /// For webhook and MQTT; the same bytes whenever it is sent.
    pub message: Message,
}

#[derive(Serialize)]
struct One<'a> {
    id: &'a str,
    ts: String,
    topic: Topic,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    case: Option<&'a CaseToken>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    printer: Option<&'a PrinterName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lot: Option<&'a LotId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonconformance: Option<&'a NonconformanceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<Day>,
}

impl<'a> From<&'a Item> for One<'a> {
    fn from(item: &'a Item) -> Self {
        let notice = &item.notice;
        Self {
            id: &item.id,
            ts: item.at.to_string(),
            topic: notice.topic(),
            text: notice.text(),
            case: notice.case.as_ref(),
            part: notice.part,
            attempt: notice.attempt,
            printer: notice.printer.as_ref(),
            lot: notice.lot.as_ref(),
            nonconformance: notice.nonconformance.as_ref(),
            day: notice.what.day(),
        }
    }
}

#[derive(Serialize)]
struct Content<'a> {
    to: &'a UserName,
    notices: Vec<One<'a>>,
    /// How many older ones are not listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<usize>,
    /// The day of the oldest of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Day>,
}

/// What may wait comes last.
pub(super) fn urgency(notice: &Notice) -> u8 {
    notice.what.urgency().unwrap_or(u8::MAX)
}

/// Those that are written out, of items with the urgent ones first, and those that are not.
fn listed(items: &[Item]) -> (impl Iterator<Item = &Item>, impl Iterator<Item = &Item>) {
    let (urgent, others) = items.split_at(items.partition_point(|item| item.notice.is_urgent()));
    let (urgent, less_urgent) = urgent.split_at(urgent.len().min(LISTED));
    let room = LISTED - urgent.len();
    let (older, newest) = others.split_at(others.len().saturating_sub(room));
    (urgent.iter().chain(newest), less_urgent.iter().chain(older))
}

impl Parcel {
    /// `before` is how many came before these items and are told as a number alone.
    pub fn new(
        origin: &Origin,
        to: UserName,
        mail: Option<MailAddress>,
        mut items: Vec<Item>,
        before: Option<Untold>,
        stamp: &Stamp,
    ) -> Self {
        items.sort_by_key(|item| urgency(&item.notice));
        // One has the id of its notice; of several each has its own besides.
        let id = match items.as_slice() {
            [one] => one.id.clone(),
            several => {
                let mut parts = vec!["digest", to.as_str()];
                parts.extend(several.iter().map(|item| item.id.as_str()));
                origin.id(&parts)
            }
        };
        let (listed, others) = listed(&items);
        let untold = Untold::of(others).into_iter().chain(before).reduce(Untold::and);
        let content = Content {
            to: &to,
            notices: listed.map(One::from).collect(),
            more: untold.map(|untold| untold.many),
            since: untold.map(|untold| Day::in_utc(untold.since)),
        };
        let message = origin.notice(&id, to.as_str(), stamp, content);
        Self { id, to, mail, items, untold, message }
    }

    /// Whether something in it waits behind nothing else.
    pub fn is_urgent(&self) -> bool {
        self.items.first().is_some_and(|item| item.notice.is_urgent())
    }

    /// The letter; nothing where there is no address.
    pub fn letter(&self) -> Option<Letter> {
        let to = self.mail.clone()?;
        let before = self.untold.map_or(0, |untold| untold.many);
        let (listed, _) = listed(&self.items);
        let subject = match self.items.as_slice() {
            [one] if before == 0 => match &one.notice.case {
                Some(case) => format!("platen: {} (case {case})", one.notice.headline()),
                None => format!("platen: {}", one.notice.headline()),
            },
            [first, others @ ..] if first.notice.is_urgent() => {
                format!("platen: {}, and {} more", first.notice.headline(), others.len())
            }
            several => format!("platen: {} notices", several.len().min(LISTED) + before),
        };
        let mut text = String::new();
        if let Some(Untold { many, since }) = self.untold {
            let day = Day::in_utc(since);
            text.push_str(&format!(
                "{many} older ones, since {day}, are not listed here: look at the page.\n\n"
            ));
        }
        for item in listed {
            // Minutes are enough to a reader.
            let at = item.at.to_string();
            let at = at.get(..16).unwrap_or(&at).replace('T', " ");
            text.push_str(&format!("{at} UTC  {}\n", item.notice.text()));
        }
        text.push_str(
            "\nplaten sends this because you are to be told. What comes, and how: platen users notify --as YOU\n",
        );
        Some(Letter { to, id: self.id.clone(), subject, text })
    }
}
