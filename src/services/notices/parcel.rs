//! What goes to one person in one piece: a notice, or several as a digest; as JSON, and as a letter.
//!
//! The JSON is the same for a webhook and for MQTT, and every field of it is listed here.

use serde::Serialize;

use crate::domain::day::Day;
use crate::domain::ids::{CaseToken, LotId, NonconformanceId, PrinterName};
use crate::domain::moment::{Stamp, WallTime};
use crate::domain::notice::Notice;
use crate::domain::people::name::UserName;
use crate::domain::people::notices::{MailAddress, Topic};
use crate::io::mail::Letter;
use crate::io::mqtt::Message;
use crate::services::telemetry::message::Origin;

/// So many of a digest are written out, the urgent ones and then the newest; of the others there is the number. With
/// the longest names that is what fits into a payload.
pub const LISTED: usize = 8;

/// One notice for one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The same whenever it is sent.
    pub id: String,
    /// Its entry in the journal; absent where a day came near.
    pub seq: Option<u64>,
    pub at: WallTime,
    pub notice: Notice,
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
}

/// What may wait comes last.
pub(super) fn urgency(notice: &Notice) -> u8 {
    notice.what.urgency().unwrap_or(u8::MAX)
}

/// Those that are written out, of items with the urgent ones first.
fn listed(items: &[Item]) -> impl Iterator<Item = &Item> {
    let (urgent, others) = items.split_at(items.partition_point(|item| item.notice.is_urgent()));
    let room = LISTED.saturating_sub(urgent.len());
    urgent.iter().take(LISTED).chain(others.iter().skip(others.len().saturating_sub(room)))
}

impl Parcel {
    pub fn new(
        origin: &Origin,
        to: UserName,
        mail: Option<MailAddress>,
        mut items: Vec<Item>,
        stamp: &Stamp,
    ) -> Self {
        items.sort_by_key(|item| urgency(&item.notice));
        let more = items.len().saturating_sub(LISTED);
        // One has the id of its notice; of several each has its own besides.
        let id = match items.as_slice() {
            [one] => one.id.clone(),
            several => {
                let mut parts = vec!["digest", to.as_str()];
                parts.extend(several.iter().map(|item| item.id.as_str()));
                origin.id(&parts)
            }
        };
        let content = Content {
            to: &to,
            notices: listed(&items).map(One::from).collect(),
            more: (more > 0).then_some(more),
        };
        let message = origin.notice(&id, to.as_str(), stamp, content);
        Self { id, to, mail, items, message }
    }

    /// Whether something in it waits behind nothing else.
    pub fn is_urgent(&self) -> bool {
        self.items.first().is_some_and(|item| item.notice.is_urgent())
    }

    /// The letter; nothing where there is no address.
    pub fn letter(&self) -> Option<Letter> {
        let to = self.mail.clone()?;
        let more = self.items.len().saturating_sub(LISTED);
        let subject = match self.items.as_slice() {
            [one] => match &one.notice.case {
                Some(case) => format!("platen: {} (case {case})", one.notice.headline()),
                None => format!("platen: {}", one.notice.headline()),
            },
            [first, others @ ..] if first.notice.is_urgent() => {
                format!("platen: {}, and {} more", first.notice.headline(), others.len())
            }
            several => format!("platen: {} notices", several.len()),
        };
        let mut text = String::new();
        if more > 0 {
            text.push_str(&format!("{more} older ones are not listed here: look at the page.\n\n"));
        }
        for item in listed(&self.items) {
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
