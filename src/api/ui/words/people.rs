//! What the pages of this room say: people.

use super::texts;

texts! {
    TITLE = "People" | "Personen";
}
