//! Times on pages are by the site's clock, wherever whoever looks at them is.

use crate::printing;
use crate::support::{TestLab, lab_in};
use platen::domain::event::Actor;
use platen::domain::job::{Interruption, Progress};
use platen::domain::lab::Request;
use platen::domain::printer::{Activity, Snapshot};
use std::ops::Range;
use std::sync::Arc;

/// All year 5 h 45 min ahead of UTC, so that neither an hour nor a minute is right by chance.
const ZONE: &str = "Asia/Kathmandu";
const AHEAD: u32 = 5 * 60 + 45;

/// The clock of the site at `2026-11-30T14:05:09.123Z`.
fn at_site(stamp: &str) -> String {
    let number = |at: Range<usize>| stamp[at].parse::<u32>().unwrap();
    let minutes = (number(11..13) * 60 + number(14..16) + AHEAD) % (24 * 60);
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// The moments on a page, each with what is read of it.
fn times(page: &str) -> Vec<(&str, &str)> {
    let all = page.split("<time datetime=\"").skip(1).filter_map(|rest| {
        let (stamp, rest) = rest.split_once('"')?;
        let shown = rest.split_once('>')?.1.split_once("</time>")?.0;
        Some((stamp, shown))
    });
    all.filter(|(stamp, _)| stamp.contains('T')).collect()
}

/// What is read on a page, without its tags.
fn text(page: &str) -> String {
    let main = page.split_once("<main").unwrap().1;
    main.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text)).collect()
}

async fn page(lab: &TestLab, path: &str) -> String {
    let answer = lab.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.body
}

#[tokio::test]
async fn times_on_pages_are_by_the_clock_of_the_site() {
    let lab = lab_in(ZONE).await;
    let job = printing(&lab, 9).await;
    let progress = Progress { confirmed: 9, total: 13 };
    let why = Interruption::Stopped;
    let ended = Request::NoteInterrupted { job: job.clone(), progress, why, line: None };
    lab.recorder.submit(ended, Actor::Platen).await.unwrap();
    lab.boards["mk3-01"].send_modify(|snapshot| {
        *snapshot = Arc::new(Snapshot { activity: Activity::Ready, ..Snapshot::clone(snapshot) });
    });
    let view = lab.get(&format!("/v1/jobs/{job}")).await.json();
    let (ended, case) = (view["ended"].as_str().unwrap(), view["case"].as_str().unwrap());
    let waiting = lab.job(&case.parse().unwrap(), Some("mk3-01")).await;
    let view = lab.get(&format!("/v1/jobs/{waiting}")).await.json();
    let queued = view["queued"].as_str().unwrap();
    for (path, known) in [
        ("/", ended),
        ("/printers/mk3-01", ended),
        (&*format!("/cases/{case}"), ended),
        (&*format!("/queue?open={waiting}"), queued),
        ("/audit", ended),
    ] {
        let before = lab.clock.wall().to_string();
        let page = page(&lab, path).await;
        let now = [before, lab.clock.wall().to_string()].map(|now| format!("As of {}", at_site(&now)));
        assert!(now.iter().any(|now| page.contains(now.as_str())), "{path}: not {now:?}");
        let times = times(&page);
        // Some lists tell it in whole seconds.
        let is_known = |(stamp, _): &(&str, &str)| stamp[..19] == known[..19];
        assert!(times.iter().any(is_known), "{path} says nothing of {known}: {times:?}");
        for (stamp, shown) in times {
            assert!(shown.ends_with(&at_site(stamp)), "{path}: {stamp} is shown as {shown}");
        }
        for stamp in [ended, queued] {
            assert!(!text(&page).contains(&stamp[..16]), "{path} shows {stamp}: {}", text(&page));
        }
    }
}
