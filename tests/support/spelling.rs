//! Commands as text: their one spelling, and how far two of them are apart.

use hw_sim::canonical::{Canonical, canonical};

/// A command in its one spelling: a host may leave out spaces and zeros.
pub(crate) fn spelled(command: &str) -> String {
    match canonical(command.as_bytes()) {
        Canonical::Print(text) => String::from_utf8_lossy(&text).into_owned(),
        Canonical::Housekeeping | Canonical::Nothing => command.to_owned(),
    }
}

/// Characters to change, add or leave out to make `b` of `a`; spaces do not count.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<Vec<_>>();
    let (a, b) = (letters(a), letters(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
