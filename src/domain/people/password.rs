//! What a password must be: long, and not the name that it belongs to. Nothing else, so that nobody writes it down.

use super::name::fold;

/// In characters. Longer ones than the longest only cost time to hash.
pub const LENGTH: std::ops::RangeInclusive<usize> = 12..=200;

/// Why a password is not taken. No word of it stands in the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRule {
    #[error("a password has 12 characters at least; a few words in a row are easy to remember")]
    Short,
    #[error("a password has 200 characters at most; choose a shorter one")]
    Long,
    #[error("a password has no line breaks or other control characters; it may have been pasted with one")]
    Control,
    #[error("a password may not be the name of its user; choose another one")]
    Name,
}

/// Whether `password` may be that of a person with these names.
pub fn judge(password: &str, names: &[&str]) -> Result<(), PasswordRule> {
    let length = password.chars().take(LENGTH.end() + 1).count();
    if length < *LENGTH.start() {
        return Err(PasswordRule::Short);
    }
    if length > *LENGTH.end() {
        return Err(PasswordRule::Long);
    }
    if password.chars().any(char::is_control) {
        return Err(PasswordRule::Control);
    }
    let folded = fold(password);
    if names.iter().any(|name| repeats(&folded, &fold(name))) {
        return Err(PasswordRule::Name);
    }
    Ok(())
}

/// Whether a text is a name, or one over and over again.
fn repeats(text: &str, name: &str) -> bool {
    !name.is_empty() && text.replace(name, "").trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_taken_by_length_and_never_by_kinds_of_characters() {
        for (password, wanted) in [
            ("", Err(PasswordRule::Short)),
            ("elevenchars", Err(PasswordRule::Short)),
            ("twelve chars", Ok(())),
            ("aaaaaaaaaaaa", Ok(())),
            ("éééééééééééé", Ok(())),
            ("ééééééééééé", Err(PasswordRule::Short)),
            (&"x".repeat(200), Ok(())),
            (&"é".repeat(200), Ok(())),
            (&"x".repeat(201), Err(PasswordRule::Long)),
            (&"x".repeat(1_000_000), Err(PasswordRule::Long)),
            ("twelve chars\n", Err(PasswordRule::Control)),
            ("twelve\0 chars", Err(PasswordRule::Control)),
        ] {
            assert_eq!(judge(password, &["kim", "Kim Lee"]), wanted, "{} characters", password.len());
        }
    }

    #[test]
    fn a_password_is_not_the_name_in_any_spelling() {
        let names = ["kim.lee@ward7", "Dr. Kim Lee, Radiology", "kim"];
        for bad in
            ["kim.lee@ward7", "KIM.Lee@Ward7", " kim.lee@ward7 ", "dr. kim lee, radiology", "kimkimKIMkim"]
        {
            assert_eq!(judge(bad, &names), Err(PasswordRule::Name), "{bad}");
        }
        assert_eq!(judge("kim.lee@ward7 sings", &names), Ok(()));
        assert_eq!(judge("any words will do", &[""]), Ok(()));
    }
}
