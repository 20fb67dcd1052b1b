//! How people are told: `[notifications.mail]` and `[notifications.webhook]`.

use std::net::IpAddr;

use super::parse::{self, absolute, keys};
use super::reader::{Found, Reader, Section, meant};
use super::{MailServer, MailTls, Notifications, Webhook};

const MAIL: &str = "notifications.mail";
const WEBHOOK: &str = "notifications.webhook";
/// An address with a receiver's token in it is longer than one for people.
const URL_MAX: usize = 1000;

pub(super) fn notifications(reader: &mut Reader<'_>, top: &Section<'_>) -> Notifications {
    let Some(section) = reader.section(top, "notifications") else { return Notifications::default() };
    reader.unknown_keys(&section, &["mail", "webhook"]);
    let mut part = |key: &str, name: &str| {
        let part = reader.section(&section, key)?;
        // With all its lines commented out it is not there.
        (!part.table.is_empty()).then(|| Section { name: name.into(), table: part.table })
    };
    let (mail_part, webhook_part) = (part("mail", MAIL), part("webhook", WEBHOOK));
    Notifications {
        mail: mail_part.and_then(|part| mail(reader, &part)),
        webhook: webhook_part.and_then(|part| webhook(reader, &part)),
    }
}

fn mail(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<MailServer> {
    const TLS: &[&str] = &["starttls", "wrapped", "none"];
    reader.unknown_keys(section, keys(MAIL));
    let host = reader.needed_text(section, "host", "write host = \"mail.lab.example\"");
    let host = host.filter(|found| {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
        let is_host = !found.value.is_empty() && found.value.len() <= 253 && found.value.chars().all(legal);
        if !is_host {
            reader.wrong(
                &found.at,
                "this is no name of a host",
                "write it as in host = \"mail.lab.example\"",
            );
        }
        is_host
    });
    let tls_found = reader.text(section, "tls");
    let tls = match tls_found.as_ref().map(|found| found.value.as_str()) {
        None | Some("starttls") => MailTls::StartTls,
        Some("wrapped") => MailTls::Wrapped,
        Some("none") => MailTls::None,
        Some(other) => {
            let instead = meant(other, TLS, "write \"starttls\", \"wrapped\" or \"none\"");
            if let Some(found) = &tls_found {
                reader.wrong(&found.at, "a mail server has no such TLS", instead);
            }
            MailTls::StartTls
        }
    };
    let is_here = |found: &Found<String>| matches!(found.value.as_str(), "localhost" | "127.0.0.1" | "::1");
    if let (MailTls::None, Some(found), Some(host)) = (tls, &tls_found, &host)
        && !is_here(host)
    {
        reader.wrong(
            &found.at,
            "without TLS, mail goes to this machine only",
            "write tls = \"starttls\", or host = \"localhost\" for a mail server on this machine",
        );
    }
    let port = reader.number(section, "port", "(a port)", 1..=65_535);
    let port = port.and_then(|found| u16::try_from(found.value).ok()).unwrap_or(match tls {
        MailTls::StartTls => 587,
        MailTls::Wrapped => 465,
        MailTls::None => 25,
    });
    let ca = reader.text(section, "ca_file");
    if let (MailTls::None, Some(found)) = (tls, &ca) {
        reader.wrong(&found.at, "there is no certificate to check without TLS", "write tls = \"starttls\"");
    }
    let ca_file = ca.and_then(|found| absolute(reader, &found, "ca_file"));
    let user = reader.text(section, "user");
    let password = reader.text(section, "password_file");
    match (&user, &password) {
        (Some(found), None) => {
            reader.wrong(&found.at, "a user needs a password", "write password_file = \"/…\" beside it");
        }
        (None, Some(found)) => {
            reader.wrong(&found.at, "a password needs a user", "write user = \"…\" beside it");
        }
        (Some(found), Some(_)) if tls == MailTls::None => reader.wrong(
            &found.at,
            "a password is not sent in the open",
            "write tls = \"starttls\", or leave user and password_file out",
        ),
        _ => {}
    }
    let password_file = password.and_then(|found| parse::secret(reader, &found, "password_file"));
    let from = reader.needed_text(section, "from", "write from = \"platen@lab.example\"").and_then(|found| {
        let address = found.value.parse();
        if address.is_err() {
            let instead = "write it plainly, as in from = \"platen@lab.example\"";
            reader.wrong(&found.at, "this is no address for mail", instead);
        }
        address.ok()
    });
    let (host, user) = (host?.value, user.map(|found| found.value));
    Some(MailServer { host, port, tls, ca_file, user, password_file, from: from? })
}

fn webhook(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Webhook> {
    const URL: &str = "write url = \"https://HOST/…\"";
    reader.unknown_keys(section, keys(WEBHOOK));
    let url = reader.needed_text(section, "url", URL).and_then(|found| match wrong(&found.value) {
        None if is_in_the_open(&found.value) => {
            reader.wrong(
                &found.at,
                "without TLS, notices go to this machine only",
                "write url = \"https://HOST/…\", or http://localhost/… for a receiver on this machine",
            );
            None
        }
        None => Some(found),
        Some(reason) => {
            reader.wrong(&found.at, reason, URL);
            None
        }
    });
    let needed = "write secret_file = \"/…\", a file with a long random line";
    let secret = reader.needed_text(section, "secret_file", needed);
    let secret_file = secret.and_then(|found| parse::secret(reader, &found, "secret_file"));
    let ca = reader.text(section, "ca_file");
    if let (Some(url), Some(found)) = (&url, &ca)
        && !url.value.starts_with("https://")
    {
        reader.wrong(&found.at, "there is no certificate to check without TLS", URL);
    }
    let ca_file = ca.and_then(|found| absolute(reader, &found, "ca_file"));
    Some(Webhook { url: url?.value, secret_file: secret_file?, ca_file })
}

/// Whether an address is one, and is asked over TLS or within this machine.
pub fn is_reached_safely(url: &str) -> bool {
    wrong(url).is_none() && !is_in_the_open(url)
}

/// Whether what is posted to this address, which is one, would leave the machine for anybody to read.
fn is_in_the_open(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let place = rest.split(['/', '?']).next().unwrap_or_default();
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some(found) => found,
        None => place.split_at(place.find(':').unwrap_or(place.len())),
    };
    let is_port = port.is_empty() || port.starts_with(':');
    let is_here = host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    !(is_here && is_port)
}

/// Why nothing is posted to this.
fn wrong(url: &str) -> Option<&'static str> {
    let Some((_, rest)) = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
    else {
        return Some("this does not begin with https:// or http://");
    };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    if host.contains('@') {
        return Some("user and password do not stand in the address; its signature says who posts");
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if host.is_empty() || !host.chars().all(legal) {
        return Some("there is no host in this address");
    }
    let plain = url.len() <= URL_MAX && url.bytes().all(|byte| byte.is_ascii_graphic()) && !url.contains('#');
    (!plain).then_some("an address has no spaces, no # and at most 1000 characters")
}
