//! What the pages of this room say: cases.

use super::texts;

texts! {
    TITLE = "Cases" | "Fälle";
}
