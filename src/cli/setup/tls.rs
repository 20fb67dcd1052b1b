//! The certificate of the page: the site's own, which stays where it is, or one that is made here.

use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use super::{Failed, Machine, Step, failed};
use crate::config::{Said, Tls, TlsKey, with_settings};
use crate::io::certificate::Certificate;
use crate::io::place::{Put, Whose, put};
use crate::io::selfsigned;

/// The site's own pair.
pub(super) fn own(
    machine: &mut Machine,
    certificate: &Path,
    key: &Path,
    replace: bool,
    into: &mut Vec<Step>,
) -> Result<(), Failed> {
    let whole = |path: &Path| {
        std::path::absolute(path).map_err(|error| failed(format!("{}: {error}", path.display())))
    };
    let tls = Tls { certificate: whole(certificate)?, key: TlsKey::File(whole(key)?), redirect: None };
    use_pair(machine, &tls, &[], replace, into)
}

/// A pair of our own making, for these names beside this machine's.
pub(super) fn self_signed(
    machine: &mut Machine,
    more: &[String],
    replace: bool,
    into: &mut Vec<Step>,
) -> Result<(), Failed> {
    if let Some(tls) = machine.config.http.tls.as_ref().filter(|_| !replace) {
        let words = format!("[http.tls] names {} already and stays", tls.certificate.display());
        into.push(Step::there("certificate", &words));
        return Ok(());
    }
    let folder = machine.beside("tls");
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o755).create(&folder);
    made.map_err(|error| {
        failed(format!("{} cannot be made: {error}; do this as root (`sudo`)", folder.display()))
    })?;
    let mut names: Vec<String> = more.to_vec();
    let configured = machine.config.http.hosts.iter().cloned();
    for name in configured.chain(selfsigned::host()).chain(["localhost".to_owned()]) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    // What others come by must be taken by the page, too.
    let hosts: Vec<String> = names.iter().filter(|name| *name != "localhost").cloned().collect();
    names.extend(selfsigned::addresses().iter().map(ToString::to_string));
    let pair = selfsigned::make(&names, machine.clock.wall()).map_err(failed)?;
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let tls = Tls { certificate: certificate.clone(), key: TlsKey::File(key.clone()), redirect: None };
    // The key comes first, so that a certificate without its key is none of a run that was cut off.
    let is_pair = Certificate::read(&tls, None).is_ok();
    if !is_pair && certificate.exists() && !replace {
        return Err(failed(format!(
            "{} is there and does not go with {}; give the pair with --certificate and --key, or write both anew with --replace",
            certificate.display(),
            key.display()
        )));
    }
    let files = [
        (&key, pair.key.expose(), 0o600, machine.whose),
        (&certificate, pair.certificate.as_str(), 0o644, Whose::default()),
    ];
    for (path, text, mode, whose) in files {
        let became = if is_pair && !replace {
            Put::There
        } else {
            put(path, text.as_bytes(), mode, whose, true).map_err(|error| {
                failed(format!("{} cannot be written: {error}; do this as root (`sudo`)", path.display()))
            })?
        };
        let of = match became {
            Put::There => "it stays (--replace writes it anew)".to_owned(),
            Put::Written | Put::Replaced => format!("for {}", names.join(", ")),
        };
        into.push(Step::of("certificate", became, path, &of));
    }
    use_pair(machine, &tls, &hosts, replace, into)
}

fn use_pair(
    machine: &mut Machine,
    tls: &Tls,
    hosts: &[String],
    replace: bool,
    into: &mut Vec<Step>,
) -> Result<(), Failed> {
    Certificate::read(tls, None).map_err(failed)?;
    if let TlsKey::File(key) = &tls.key {
        readable(machine, key)?;
    }
    if machine
        .config
        .http
        .tls
        .as_ref()
        .is_some_and(|now| (&now.certificate, &now.key) == (&tls.certificate, &tls.key))
    {
        into.push(Step::there("certificate", "[http.tls] in the configuration says so already"));
        return Ok(());
    }
    if let Some(now) = machine.config.http.tls.as_ref().filter(|_| !replace) {
        return Err(failed(format!(
            "[http.tls] names {} already; give --replace to use {} instead",
            now.certificate.display(),
            tls.certificate.display()
        )));
    }
    let TlsKey::File(key) = &tls.key else { return Ok(()) };
    let settings = [
        ("certificate", Said::Text(tls.certificate.display().to_string())),
        ("key", Said::Text(key.display().to_string())),
    ];
    let text = machine.text()?;
    let mut new = with_settings(&text, "http.tls", &settings).map_err(|error| machine.unsaid(&error))?;
    if !hosts.is_empty() && machine.config.http.hosts.is_empty() {
        let names = [("hosts", Said::Texts(hosts.to_vec()))];
        new = with_settings(&new, "http", &names).map_err(|error| machine.unsaid(&error))?;
    }
    machine.replace(&text, &new)?;
    into.push(Step::done("certificate", "[http.tls] in the configuration names it"));
    Ok(())
}

/// Whether platen's user could read the key.
fn readable(machine: &Machine, key: &Path) -> Result<(), Failed> {
    let (Some(user), Ok(found)) = (machine.whose.user, key.metadata()) else { return Ok(()) };
    let by_group = found.mode() & 0o040 != 0 && Some(found.gid()) == machine.whose.group;
    if user == 0 || found.uid() == user || by_group {
        return Ok(());
    }
    let name =
        crate::io::machine::owner(&machine.config.state_dir).map_or_else(|_| user.to_string(), |o| o.name);
    Err(failed(format!(
        "{name}, who platen runs as, could not read {}; `chgrp {name} {0}` and `chmod 640 {0}`, then try again",
        key.display()
    )))
}
