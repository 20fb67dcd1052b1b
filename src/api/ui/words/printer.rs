//! What the pages of this room say: printer.

use super::texts;

texts! {
    TITLE = "Printer" | "Drucker";
}
