//! What the pages of this room say: settings.

use super::texts;

texts! {
    TITLE = "Settings" | "Einstellungen";
}
