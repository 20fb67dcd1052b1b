//! What the pages of this room say: commission.

use super::texts;

texts! {
    TITLE = "Add a printer" | "Drucker hinzufügen";
}
