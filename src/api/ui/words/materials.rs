//! What the pages of this room say: materials.

use super::texts;

texts! {
    TITLE = "Materials" | "Material";
}
