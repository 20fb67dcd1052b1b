//! What the pages of this room say: audit.

use super::texts;

texts! {
    TITLE = "Audit" | "Protokoll";
}
