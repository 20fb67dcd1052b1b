//! How much of its available time a printer prints, loses to failed prints, and stands waiting for a clear bed.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::Window;
use super::printing::{Attempt, AttemptOutcome};
use crate::domain::ids::PrinterName;
use crate::domain::moment::WallTime;

/// From a time to another; without an end it lasts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub from: WallTime,
    pub to: Option<WallTime>,
}

/// What is known of a printer beside its attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrinterTime {
    pub printer: PrinterName,
    /// When the lab had it in use at all.
    pub in_service: Vec<Span>,
    pub maintenance: Vec<Span>,
    pub waiting_for_bed: Vec<Span>,
}

/// All in milliseconds within the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// In service, without maintenance.
    pub available: u64,
    /// Of the available time, however the print ended.
    pub printing: u64,
    /// How much of `printing` was for prints that failed or were cancelled, or whose outcome is scrap.
    pub failed: u64,
    /// Of the available time, not printing: a finished part was still on the bed.
    pub waiting_for_bed: u64,
    pub attempts: u64,
    /// Attempts whose end is not known: their time is in no figure.
    pub missing: u64,
}

impl Use {
    /// Printing of available time in tenths of a percent; nothing where it was never available.
    pub fn permille(self) -> Option<u64> {
        crate::counting::stats::Share { hits: self.printing, n: self.available, missing: 0 }.permille()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Utilisation {
    pub window: Window,
    pub printers: BTreeMap<PrinterName, Use>,
    /// Attempts in the window on printers of which nothing else is known: in no figure.
    pub on_other_printers: u64,
}

impl Utilisation {
    pub fn of(window: Window, printers: &[PrinterTime], attempts: &[Attempt]) -> Self {
        let mut found = BTreeMap::new();
        for printer in printers {
            found.insert(printer.printer.clone(), of_printer(window, printer, attempts));
        }
        let elsewhere = attempts.iter().filter(|attempt| {
            !found.contains_key(&attempt.printer)
                && spans(attempt).is_some_and(|span| !clip(window, &[span]).is_empty())
        });
        let on_other_printers = elsewhere.count() as u64;
        Self { window, printers: found, on_other_printers }
    }
}

/// When an attempt was on its printer; nothing where that is not known.
fn spans(attempt: &Attempt) -> Option<Span> {
    let from = attempt.started?;
    match (attempt.ended, attempt.outcome) {
        (None, AttemptOutcome::Running) => Some(Span { from, to: None }),
        (None, _) => None,
        (Some(to), _) => Some(Span { from, to: Some(to) }),
    }
}

fn of_printer(window: Window, printer: &PrinterTime, attempts: &[Attempt]) -> Use {
    let available = minus(&clip(window, &printer.in_service), &clip(window, &printer.maintenance));
    let (mut all, mut lost) = (Vec::new(), Vec::new());
    let mut found = Use::default();
    for attempt in attempts.iter().filter(|attempt| attempt.printer == printer.printer) {
        let Some(span) = spans(attempt) else {
            found.missing += u64::from(window.has_some(attempt.started));
            continue;
        };
        // One that began and ended within a millisecond was there all the same.
        if clip(window, &[span]).is_empty() && !window.has_some(attempt.started) {
            continue;
        }
        found.attempts += 1;
        all.push(span);
        let failed = matches!(attempt.outcome, AttemptOutcome::Failed | AttemptOutcome::Cancelled);
        if failed || attempt.scrapped {
            lost.push(span);
        }
    }
    let printing = both(&available, &clip(window, &all));
    found.available = long(&available);
    found.printing = long(&printing);
    found.failed = long(&both(&printing, &clip(window, &lost)));
    found.waiting_for_bed =
        long(&minus(&both(&available, &clip(window, &printer.waiting_for_bed)), &printing));
    found
}

/// Sorted, without overlaps, none empty: `(from, to)` in milliseconds.
type Times = Vec<(u64, u64)>;

/// What spans have within the window, put together where they overlap.
fn clip(window: Window, spans: &[Span]) -> Times {
    let mut times: Times = spans
        .iter()
        .map(|span| (span.from.0.max(window.from.0), span.to.map_or(window.to.0, |to| to.0.min(window.to.0))))
        .filter(|(from, to)| from < to)
        .collect();
    times.sort_unstable();
    let mut joined: Times = Vec::with_capacity(times.len());
    for (from, to) in times {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

fn both(one: &[(u64, u64)], other: &[(u64, u64)]) -> Times {
    let mut times = Vec::new();
    let (mut ones, mut others) = (one.iter().peekable(), other.iter().peekable());
    while let (Some(a), Some(b)) = (ones.peek(), others.peek()) {
        let (from, to) = (a.0.max(b.0), a.1.min(b.1));
        if from < to {
            times.push((from, to));
        }
        if a.1 <= b.1 {
            ones.next();
        } else {
            others.next();
        }
    }
    times
}

fn minus(whole: &[(u64, u64)], holes: &[(u64, u64)]) -> Times {
    let mut times = Vec::new();
    for &(mut from, to) in whole {
        for &(hole, end) in holes.iter().filter(|(hole, _)| *hole < to) {
            if hole > from {
                times.push((from, hole));
            }
            from = from.max(end);
        }
        if from < to {
            times.push((from, to));
        }
    }
    times
}

fn long(times: &[(u64, u64)]) -> u64 {
    times.iter().map(|(from, to)| to - from).sum()
}

#[cfg(test)]
mod tests {
    use super::super::printing::tests::attempt;
    use super::*;
    use proptest::prelude::*;

    const WINDOW: Window = Window { from: WallTime(100), to: WallTime(200) };

    fn span(from: u64, to: impl Into<Option<u64>>) -> Span {
        Span { from: WallTime(from), to: to.into().map(WallTime) }
    }

    fn printer(in_service: Vec<Span>, maintenance: Vec<Span>, waiting_for_bed: Vec<Span>) -> PrinterTime {
        PrinterTime { printer: "a".parse().unwrap(), in_service, maintenance, waiting_for_bed }
    }

    fn used(time: PrinterTime, attempts: &[Attempt]) -> Use {
        let name = time.printer.clone();
        Utilisation::of(WINDOW, &[time], attempts).printers.remove(&name).unwrap()
    }

    #[test]
    fn utilisation_is_printing_of_available_time_and_both_end_at_the_window() {
        use AttemptOutcome::{Completed, Failed, Running, Unknown};
        let attempts = [
            attempt(1, 1, "a", 90, Some(110), Completed),  // 10 in the window
            attempt(2, 1, "a", 120, Some(130), Failed),    // 10, lost
            attempt(3, 1, "a", 190, None, Running),        // 10 up to the end of the window
            attempt(4, 1, "a", 150, None, Unknown),        // missing
            attempt(5, 1, "a", 200, Some(220), Completed), // after it
            attempt(6, 1, "b", 150, Some(160), Completed), // of a printer of which nothing else is known
        ];
        // In service from 50 on, 20 of maintenance: 80 available. Waiting 110..120 and 130..140, once beside a print.
        let time = printer(
            vec![span(50, None)],
            vec![span(160, 175), span(170, 180)],
            vec![span(105, 120), span(130, 140)],
        );
        let found = used(time.clone(), &attempts);
        let expected =
            Use { available: 80, printing: 30, failed: 10, waiting_for_bed: 20, attempts: 3, missing: 1 };
        assert_eq!(found, expected);
        assert_eq!(found.permille(), Some(375));
        assert_eq!(Utilisation::of(WINDOW, &[time], &attempts).on_other_printers, 1);
        assert_eq!(used(printer(vec![], vec![], vec![]), &attempts).permille(), None);
    }

    fn spans() -> impl Strategy<Value = Vec<Span>> {
        prop::collection::vec((80u64..220, prop::option::of(80u64..220)).prop_map(|(f, t)| span(f, t)), 0..6)
    }

    proptest! {
        /// The oracle asks each millisecond of the window by itself.
        #[test]
        fn sums_of_spans_equal_a_count_of_single_milliseconds(
            service in spans(), care in spans(), waiting in spans(), prints in spans(),
        ) {
            let outcome = |span: &Span| match span.to {
                Some(_) => AttemptOutcome::Completed,
                None => AttemptOutcome::Running,
            };
            let attempts: Vec<_> = (1u8..)
                .zip(&prints)
                .map(|(n, s)| attempt(n, 1, "a", s.from.0, s.to.map(|to| to.0), outcome(s)))
                .collect();
            let within = |spans: &[Span], at: u64| {
                spans.iter().any(|s| s.from.0 <= at && s.to.is_none_or(|to| at < to.0))
            };
            let count = |test: &dyn Fn(u64) -> bool| (100..200).filter(|at| test(*at)).count() as u64;
            let available = |at| within(&service, at) && !within(&care, at);
            let found = used(printer(service.clone(), care.clone(), waiting.clone()), &attempts);
            prop_assert_eq!(found.available, count(&available));
            prop_assert_eq!(found.printing, count(&|at| available(at) && within(&prints, at)));
            let idle = |at| available(at) && within(&waiting, at) && !within(&prints, at);
            prop_assert_eq!(found.waiting_for_bed, count(&idle));
            prop_assert!(found.printing + found.waiting_for_bed <= found.available);
        }
    }
}
