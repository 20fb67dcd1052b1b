//! What is said on the way back from the site's own sign-in.

use super::texts;

texts! {
    GO_ON = "You are signed in. Go on" | "Sie sind angemeldet. Weiter";
    NOT_IN = "You are not signed in." | "Sie sind nicht angemeldet.";
}
