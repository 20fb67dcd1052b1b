//! The site's own sign-in (OpenID Connect): `[http.oidc]`.

use std::path::PathBuf;

use super::http::part;
use super::notifications::is_reached_safely;
use super::parse::{self, absolute, keys};
use super::public::Public;
use super::reader::{Found, Reader, Section};
use crate::domain::people::name::UserName;
use crate::domain::people::roles::Role;

const OIDC: &str = "http.oidc";
const ROLES: &str =
    "write roles = [\"GROUP = ROLE\", …]: a value of the claim, and one of platen's roles (docs/roles.md)";
/// A hospital has more groups, and a lab has few that are its own.
const ROLES_MAX: usize = 64;

/// Who says who people are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oidc {
    /// As it stands in its tokens.
    pub issuer: String,
    pub client: String,
    pub secret_file: PathBuf,
    pub ca_file: Option<PathBuf>,
    /// What somebody is called here.
    pub name_claim: String,
    pub roles_claim: String,
    /// What stands in that claim, and what it makes somebody.
    pub roles: Vec<(String, Role)>,
    /// Whose password opens the door as well.
    pub emergency: UserName,
    /// Where the provider sends browsers back to.
    pub back: String,
}

/// Behind the address of others.
pub const BACK: &str = "/sign-in/back";

pub(super) fn oidc(reader: &mut Reader<'_>, section: &Section<'_>, public: Option<&Public>) -> Option<Oidc> {
    let part = part(reader, section, "oidc", OIDC)?;
    reader.unknown_keys(&part, keys(OIDC));
    let issuer = reader.needed_text(&part, "issuer", "write issuer = \"https://login.lab.example\"");
    let issuer = issuer.filter(|found| {
        let good = is_reached_safely(&found.value) && !found.value.contains(['?', '#']);
        if !good {
            let instead =
                "write it as the provider does, as in issuer = \"https://login.lab.example/realms/staff\"";
            reader.wrong(&found.at, "this is no https:// address of a provider", instead);
        }
        good
    });
    let client =
        reader.needed_text(&part, "client_id", "write client_id = \"platen\", as the provider has it");
    let secret_file = "write client_secret_file = \"/etc/platen/oidc-secret\"";
    let secret_file = reader.needed_text(&part, "client_secret_file", secret_file);
    let secret_file = secret_file.and_then(|found| parse::secret(reader, &found, "client_secret_file"));
    let ca_file = reader.text(&part, "ca_file").and_then(|found| absolute(reader, &found, "ca_file"));
    let mut claim = |key: &str, usual: &str| {
        reader.text(&part, key).map_or_else(|| usual.to_owned(), |found| found.value)
    };
    let (name_claim, roles_claim) =
        (claim("name_claim", "preferred_username"), claim("roles_claim", "groups"));
    let roles = roles(reader, &part);
    let instead = "write emergency = \"NAME\": an admin, set up here, whose password is kept in a safe";
    let emergency = reader.needed_text(&part, "emergency", instead);
    let emergency = emergency.and_then(|found| match found.value.parse::<UserName>() {
        Ok(name) => Some(name),
        Err(error) => {
            reader.wrong(&found.at, error.to_string(), instead);
            None
        }
    });
    let Some(public) = public.filter(|public| public.is_secure()) else {
        let reason = "the provider sends browsers back, and nobody has said where over TLS";
        reader.overall("http.public", reason, "write public = \"https://platen.lab.example\" under [http]");
        return None;
    };
    Some(Oidc {
        issuer: issuer?.value,
        client: client?.value,
        secret_file: secret_file?,
        ca_file,
        name_claim,
        roles_claim,
        roles,
        emergency: emergency?,
        back: format!("{}{BACK}", public.url()),
    })
}

fn roles(reader: &mut Reader<'_>, part: &Section<'_>) -> Vec<(String, Role)> {
    if !part.table.contains_key("roles") {
        reader.missing(part.key("roles"), ROLES);
        return Vec::new();
    }
    let mut roles = Vec::new();
    for found in reader.texts(part, "roles") {
        let Found { value, at } = &found;
        let read = value.rsplit_once('=').map(|(group, role)| (group.trim(), role.trim().parse::<Role>()));
        match read {
            Some((group, Ok(role))) if !group.is_empty() && roles.len() < ROLES_MAX => {
                roles.push((group.to_owned(), role));
            }
            Some((_, Err(error))) => reader.wrong(at, error.to_string(), ROLES),
            Some(_) => {
                reader.wrong(at, format!("there is no group, or there are more than {ROLES_MAX}"), ROLES)
            }
            None => reader.wrong(at, "there is no = in it", ROLES),
        }
    }
    roles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const WHOLE: &str = "issuer = \"https://login.example/realms/staff\"\nclient_id = \"platen\"\n\
        client_secret_file = \"/etc/platen/oidc\"\nroles = [\"cn=lab = operator\", \"bosses=admin\"]\n\
        emergency = \"ada\"\n";

    fn read(oidc: &str, public: &str) -> Result<Option<Oidc>, String> {
        let printer = "[[printer]]\nname = \"mk\"\nport = \"/dev/mk\"\nbaud = 115200\n";
        let text = format!("site = \"a\"\nnode = \"b\"\n[http]\n{public}\n[http.oidc]\n{oidc}\n{printer}");
        Config::parse(&text)
            .map(|config| config.http.oidc)
            .map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    const PUBLIC: &str = "public = \"https://platen.lab\"";

    #[test]
    fn the_site_s_sign_in_is_told_whole_or_not_at_all() {
        assert_eq!(read("", "").unwrap(), None);
        let oidc = read(WHOLE, PUBLIC).unwrap().unwrap();
        assert_eq!(oidc.back, "https://platen.lab/sign-in/back");
        assert_eq!(oidc.roles, [("cn=lab".to_owned(), Role::Operator), ("bosses".to_owned(), Role::Admin)]);
        assert_eq!((oidc.name_claim.as_str(), oidc.roles_claim.as_str()), ("preferred_username", "groups"));
        for (from, to, word) in [
            ("https://login", "http://login", "no https:// address"),
            ("issuer", "isuer", "http.oidc.issuer: this is missing"),
            ("client_id = \"platen\"\n", "", "client_id: this is missing"),
            ("/etc/platen/oidc", "oidc", "no absolute path"),
            ("bosses=admin", "bosses=king", "king"),
            ("bosses=admin", "bosses", "no = in it"),
            ("bosses=admin", " =admin", "there is no group"),
            ("emergency = \"ada\"\n", "", "emergency: this is missing"),
        ] {
            let told = read(&WHOLE.replacen(from, to, 1), PUBLIC).unwrap_err();
            assert!(told.contains(word), "{word}: {told}");
        }
        for public in ["", "public = \"http://platen.lab\""] {
            assert!(read(WHOLE, public).unwrap_err().contains("http.public"), "{public}");
        }
        // A provider on this machine may be asked in the open.
        assert!(read(&WHOLE.replace("https://login.example", "http://127.0.0.1:9"), PUBLIC).is_ok());
    }
}
