//! What `platen setup` may do: make the first admin, or give one a new password; and what it may not.

use std::collections::BTreeSet;

use super::name::{PrintedName, UserName};
use super::password::{self, PasswordRule};

/// What somebody at the machine asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub name: UserName,
    pub printed: PrintedName,
    /// A new password, although people are set up.
    pub reset: bool,
}

/// What is done then. Either way the daemon tells it to the journal at its next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// There is nobody yet.
    First,
    /// People are there, and this one's password and tokens are replaced, or their first password is set.
    Reset,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSetUp {
    #[error(
        "people are set up here already ({0}), and an admin adds others; if no admin can sign in any more, give one a new password with --reset"
    )]
    AdminExists(String),
    #[error("nobody is set up here yet, so there is no password to reset; leave --reset out")]
    Nobody,
    #[error(transparent)]
    Password(#[from] PasswordRule),
}

/// Whether it may be done, before a password is asked for. `known` are those of whom there is a password or token.
pub fn plan(known: &BTreeSet<UserName>, wanted: &Wanted) -> Result<Plan, NotSetUp> {
    match (known.is_empty(), wanted.reset) {
        (true, false) => Ok(Plan::First),
        (false, true) => Ok(Plan::Reset),
        (true, true) => Err(NotSetUp::Nobody),
        (false, false) => Err(NotSetUp::AdminExists(some_of(known))),
    }
}

/// The first few names, and how many more there are.
fn some_of(known: &BTreeSet<UserName>) -> String {
    const SHOWN: usize = 3;
    let names: Vec<_> = known.iter().take(SHOWN).map(UserName::as_str).collect();
    match known.len().saturating_sub(SHOWN) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// Whether the password may be theirs.
pub fn judge_password(wanted: &Wanted, password: &str) -> Result<(), NotSetUp> {
    Ok(password::judge(password, &[wanted.name.as_str(), wanted.printed.as_str()])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(names: &[&str]) -> BTreeSet<UserName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn the_first_admin_is_made_once_and_a_password_is_reset_only_where_one_asks_for_it() {
        let wanted = |reset| Wanted { name: "ada".parse().unwrap(), printed: "Ada".parse().unwrap(), reset };
        assert_eq!(plan(&known(&[]), &wanted(false)), Ok(Plan::First));
        assert_eq!(plan(&known(&["kim"]), &wanted(true)), Ok(Plan::Reset));
        assert_eq!(plan(&known(&[]), &wanted(true)), Err(NotSetUp::Nobody));
        let refused = plan(&known(&["a", "b", "c", "d", "e"]), &wanted(false)).unwrap_err();
        assert_eq!(refused, NotSetUp::AdminExists("a, b, c and 2 more".into()));
        assert_eq!(plan(&known(&["ada"]), &wanted(false)), Err(NotSetUp::AdminExists("ada".into())));
        assert!(refused.to_string().contains("--reset"), "{refused}");
    }

    #[test]
    fn the_rules_of_passwords_hold_for_the_first_one_as_well() {
        let printed = "Ada Lovelace".parse().unwrap();
        let wanted = Wanted { name: "ada".parse().unwrap(), printed, reset: false };
        assert_eq!(judge_password(&wanted, "ada lovelace"), Err(NotSetUp::Password(PasswordRule::Name)));
        assert_eq!(judge_password(&wanted, "short"), Err(NotSetUp::Password(PasswordRule::Short)));
        assert_eq!(judge_password(&wanted, "notes on the engine"), Ok(()));
    }
}
