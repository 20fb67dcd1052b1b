//! The files of a mosquitto that takes platen in and lets dashboards read: listener, passwords, access list.
//!
//! A line of its password file is `NAME:$7$ITERATIONS$SALT$HASH`: PBKDF2 with HMAC-SHA-512, salt and hash (64 bytes) in
//! base64 (mosquitto's `mosquitto_passwd.c`, since 2.0). Its topics are those of `docs/mqtt/README.md`.

use std::num::NonZeroU32;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::pbkdf2;

use super::secret::{Secret, SecretError};

/// platen's name there, and that of whatever only reads.
pub const PLATEN: &str = "platen";
pub const READER: &str = "dashboard";
/// As `mosquitto_passwd` has it by itself. The passwords are 256 random bits, which no number of tries finds.
const ITERATIONS: NonZeroU32 = match NonZeroU32::new(101) {
    Some(count) => count,
    None => NonZeroU32::MIN,
};
const MAX: u32 = 10_000_000;
/// mosquitto 2.0 takes no other.
const SALT: usize = 12;
const HASH: usize = 64;
static ALGORITHM: pbkdf2::Algorithm = pbkdf2::PBKDF2_HMAC_SHA512;

/// A line of the password file.
pub fn line(name: &str, password: &Secret) -> Result<String, SecretError> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt).map_err(SecretError::Random)?;
    let mut hash = [0; HASH];
    pbkdf2::derive(ALGORITHM, ITERATIONS, &salt, password.expose().as_bytes(), &mut hash);
    Ok(format!("{name}:$7${ITERATIONS}${}${}\n", STANDARD.encode(salt), STANDARD.encode(hash)))
}

/// Whether a password file lets somebody in with a password.
pub fn lets_in(text: &str, name: &str, password: &Secret) -> bool {
    let of = |line: &str| {
        let (owner, hash) = line.trim_end().split_once(':')?;
        let mut parts = hash.strip_prefix("$7$").filter(|_| owner == name)?.split('$');
        let iterations = parts.next()?.parse().ok().filter(|count| *count <= MAX)?;
        let salt = STANDARD.decode(parts.next()?).ok()?;
        let hash = STANDARD.decode(parts.next()?).ok()?;
        let iterations = NonZeroU32::new(iterations)?;
        Some(pbkdf2::verify(ALGORITHM, iterations, &salt, password.expose().as_bytes(), &hash).is_ok())
    };
    text.lines().find_map(of).unwrap_or(false)
}

/// Who may do what. `home_assistant` is the topic below which that looks for devices, where platen tells it of any.
pub fn access_list(home_assistant: Option<&str>) -> String {
    let more = home_assistant.map_or_else(String::new, |prefix| {
        format!(
            "topic write {prefix}/device/#\n\nuser homeassistant\ntopic read platen/v1/#\ntopic read {prefix}/#\ntopic write {prefix}/status\n"
        )
    });
    format!(
        "# By `platen setup`: platen writes, dashboards read, and nobody else does anything.\n\
         user {PLATEN}\ntopic write platen/v1/#\n{more}\nuser {READER}\ntopic read platen/v1/#\n"
    )
}

/// The listener. To this machine alone, since passwords would cross the network in the open.
pub fn listener(port: u16, passwords: &Path, access: &Path) -> String {
    format!(
        "# By `platen setup`. For other machines, add a listener with TLS (certfile, keyfile).\n\
         listener {port} 127.0.0.1\n\
         allow_anonymous false\n\
         password_file {}\n\
         acl_file {}\n\
         # What was acknowledged is on the disk at once, and whoever reads and is away misses nothing.\n\
         persistence true\n\
         autosave_on_changes true\n\
         autosave_interval 1\n\
         max_queued_messages 0\n",
        passwords.display(),
        access.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_lets_in_its_owner_with_its_password_and_nobody_else() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let text = format!("{}{}", line("a", &secret("one")).unwrap(), line("b", &secret("two")).unwrap());
        for (name, password, wanted) in [
            ("a", "one", true),
            ("b", "two", true),
            ("a", "two", false),
            ("c", "one", false),
            ("a", "", false),
        ] {
            assert_eq!(lets_in(&text, name, &secret(password)), wanted, "{name} {password}");
        }
        assert_ne!(line("a", &secret("one")).unwrap(), line("a", &secret("one")).unwrap());
        for spoilt in ["", "a", "a:$6$x$y", "a:$7$0$AAAA$AAAA", "a:$7$101$!$!", "a:$7$99999999999$AAAA$AAAA"]
        {
            assert!(!lets_in(spoilt, "a", &secret("one")), "{spoilt}");
        }
    }

    #[test]
    fn a_line_that_mosquitto_made_is_understood() {
        // `mosquitto_passwd -b -c FILE platen 'a cat'`, mosquitto 2.0.11.
        let made = MADE_BY_MOSQUITTO;
        assert!(lets_in(made, "platen", &Secret::new("a cat".into())));
        assert!(!lets_in(made, "platen", &Secret::new("a dog".into())));
    }

    const MADE_BY_MOSQUITTO: &str = "platen:$7$101$R/W7KwHaXT8rGLbB$+Tf9DIXaA8B1egb8/pEiusL6V3boMb9wfwaW/rYki0ibIQI+Ts8y16JIGqYTqnWdrm2089xT2WC5/DyO2NAFfA==";
}
