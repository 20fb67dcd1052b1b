//! What the pages of this room say: reports.

use super::texts;

texts! {
    TITLE = "Reports" | "Berichte";
}
