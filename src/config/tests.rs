//! The configuration's promises: every mistake at once, every key explained.

use super::resin::{Chitu, Cover, Delivery, Drive, Order, Sink, StartWay, TimedBy};
use super::*;
use crate::domain::resin::outfit::Item;
use crate::domain::units::Microlitres;
use std::collections::BTreeSet;

const DOCUMENT: &str = include_str!("../../config/platen.toml");

const GOOD: &str = r#"
site = "st-anna"
node = "lab-1"
[[printer]]
name = "mk3-07"
port = "/dev/ttyACM0"
baud = 115200
"#;

fn mistakes(text: &str) -> Vec<String> {
    Config::parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

/// The only mistake in a good configuration with one change.
fn mistake(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let found = mistakes(&GOOD.replace(from, to));
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let config = Config::parse(GOOD).unwrap();
    assert_eq!(config.state_dir, Path::new("/var/lib/platen"));
    let http = Http {
        listen: "127.0.0.1:7180".parse().unwrap(),
        public: None,
        hosts: Vec::new(),
        tls: None,
        oidc: None,
        upload_max: 512 << 20,
    };
    assert_eq!(config.http, http);
    assert_eq!(config.mqtt, None);
    let printer = &config.printers[0];
    assert_eq!((printer.rx_buffer, printer.command_buffer), (128, 0));
    assert_eq!(printer.bed_clearing, BedClearing::Person);
    assert!(printer.unattended && !printer.fixed_plug && config.attended_uses.is_empty());
}

#[test]
fn models_are_taken_only_with_a_section_of_their_own() {
    assert_eq!(Config::parse(GOOD).unwrap().slicing, None);
    let with =
        |section: &str| Config::parse(&GOOD.replace("[[printer]]", &format!("{section}\n[[printer]]")));
    let plain = with("[slicing]").unwrap().slicing.unwrap();
    assert_eq!(plain.profiles, Path::new("/etc/platen/slicing"));
    let usual = Slicing {
        profiles: plain.profiles.clone(),
        program: None,
        parallel: 1,
        memory: 4 << 30,
        wall: Duration::from_secs(1_800),
    };
    assert_eq!(plain, usual);
    let all = "[slicing]\nprofiles = \"/a\"\nprogram = \"/b\"\nparallel = 3\nmemory_mb = 512\nminutes = 2";
    let all = with(all).unwrap().slicing.unwrap();
    assert_eq!((all.program.as_deref(), all.parallel), (Some(Path::new("/b")), 3));
    assert_eq!((all.memory, all.wall), (512 << 20, Duration::from_secs(120)));
    let told = mistake("baud = 115200", "baud = 115200\nmodel = \"MK3 S\"");
    assert!(told.contains("a printer model is 1 to 64 of a-z, 0-9 and -"), "{told}");
    let named = Config::parse(&GOOD.replace("baud", "model = \"prusa-mk3s\"\nbaud")).unwrap();
    assert_eq!(named.printers[0].model.as_deref(), Some("prusa-mk3s"));
}

#[test]
fn every_mistake_is_told_at_once_in_the_order_of_the_file() {
    let found = mistakes(
        r#"
site = "St. Anna"
nod = "lab-1"
[http]
listen = "0.0.0.0:7180"
upload_max_mb = 0
[mqtt]
url = "http://broker"
version = 5
[[printer]]
name = "a"
port = "/dev/ttyACM0"
baud = 115201
[[printer]]
name = "a"
port = "/dev/ttyACM0"
baud = "fast"
bed_clearing = "persn"
"#,
    );
    let begins = [
        r#"line 2: site = "St. Anna": a name is 1 to 64 of"#,
        "line 3: nod: there is no such key; did you mean node?",
        r#"line 5: http.listen = "0.0.0.0:7180": others would reach platen here"#,
        "line 6: http.upload_max_mb = 0: this number is out of range; write a whole number of megabytes",
        r#"line 8: mqtt.url = "http://broker": this does not begin with mqtt:// or mqtts://"#,
        "line 9: mqtt.version = 5: this is a number, not text",
        r#"line 13: printer "a" baud = 115201: no firmware uses this line speed"#,
        r#"line 15: printer "a" name = "a": the printer in line 11 has this name already"#,
        r#"line 16: printer "a" port = "/dev/ttyACM0": printer "a" is on this port already"#,
        r#"line 17: printer "a" baud = "fast": this is text, not a whole number"#,
        r#"line 18: printer "a" bed_clearing = "persn": a bed is cleared by a person or by the printer itself; did you mean "person"?"#,
        "node: this is missing; write this machine's name",
    ];
    for (found, begin) in found.iter().zip(begins) {
        assert!(found.starts_with(begin), "{found}\nshould begin with\n{begin}");
    }
    assert_eq!(found.len(), begins.len(), "{found:#?}");
}

#[test]
fn how_a_printer_parks_is_told_whole_or_not_at_all() {
    let with = |keys: &str| {
        let text = format!(
            "site = \"a\"\nnode = \"b\"\n[[printer]]\nname = \"a\"\nport = \"/a\"\nbaud = 115200\n{keys}"
        );
        Config::parse(&text).map(|config| config.printers[0].clone()).map_err(|all| all[0].to_string())
    };
    assert_eq!(with("").unwrap().park, None);
    let parks =
        with("park_x = 0\npark_y = 200\npark_lift = 10\npark_retract = 1\nbuild_height = 210").unwrap().park;
    assert_eq!(parks, Some(Park { at: Some((0, 200)), lift: 10, retract: 1, build_height: Some(210) }));
    assert!(with("park_x = 0").unwrap_err().contains("park_x and park_y are one place"));
    assert!(with("park_lift = 5").unwrap_err().contains("run into its top"));
    assert!(with("park_retract = 5").unwrap_err().contains("only when the head goes away"));
    assert!(with("park_x = 0\npark_y = -5").is_err());
    assert!(with("console = \"servic\"").unwrap_err().contains("did you mean \"service\"?"));
    assert!(with("allow_commands = [\"m92\"]").unwrap_err().contains("no code of a command"));
    assert!(with("allow_commands = \"M92\"").unwrap_err().contains("not a list"));
    let allowed = with("allow_commands = [\"M92\", \"M500\"]").unwrap().allow_commands;
    assert_eq!(allowed.iter().map(ToString::to_string).collect::<Vec<_>>(), ["M92", "M500"]);
    assert_eq!(with("hold_temperature = 160").unwrap().hold_temperature, Some(160));
    assert_eq!(with("paused_hot_max = 5").unwrap().paused_hot_max, Duration::from_secs(300));
}

#[test]
fn what_a_printer_can_build_is_read_and_every_slip_in_it_is_told() {
    let with = |keys: &str| {
        let text = format!(
            "site = \"a\"\nnode = \"b\"\n[gate]\nforbidden_commands = [\"M300\"]\n[[printer]]\nname = \"a\"\nport = \"/a\"\nbaud = 115200\n{keys}"
        );
        Config::parse(&text).map_err(|all| all[0].to_string())
    };
    assert_eq!(with("").unwrap().printers[0].build, Build::default());
    let all = "build_x = [-5, 250]\nbuild_y = [0, 210]\nbuild_height = 210\nbeside_plate = 4\nnozzle = 0.4\n\
               filament = 3\narcs = false\nlongest_job_h = 48\nallow_findings = [\"heat.none\", \"home.missing\"]";
    let config = with(all).unwrap();
    let length = |mm| Height::from_mm(mm);
    let told = Build {
        x: Some((-5, 250)),
        y: Some((0, 210)),
        height: Some(210),
        beside: 4,
        nozzle: length(0.4),
        filament: length(3.0),
        arcs: Some(false),
        longest: Some(Duration::from_secs(48 * 3_600)),
    };
    assert_eq!((&config.printers[0].build, config.printers[0].park), (&told, None));
    assert_eq!(config.printers[0].allow_findings, ["heat.none", "home.missing"]);
    assert_eq!(config.gate.forbidden_commands, [Code::named("M300").unwrap()]);
    for (keys, told) in [
        ("build_x = [250, 0]", "in the wrong order"),
        ("build_x = 250", "no list of two whole numbers"),
        ("build_y = [0, 210.5]", "no list of two whole numbers"),
        ("nozzle = 40", "out of range"),
        ("nozzle = \"0.4\"", "not a number"),
        ("longest_job_h = 0", "out of range"),
        ("allow_findings = [\"heat.non\"]", "did you mean \"heat.none\"?"),
        ("allow_findings = [\"everything\"]", "docs/gate.md"),
        ("allow_findings = [\"size.model\"]", "never allowed"),
        ("allow_findings = [\"command.not_allowed\"]", "allow_commands"),
    ] {
        let found = with(keys).unwrap_err();
        assert!(found.contains(told), "{keys}: {found}");
    }
}

#[test]
fn text_that_is_no_toml_is_told_with_its_line() {
    let found = mistakes("site = \"a\"\nnode = lab one\n");
    assert!(found[0].starts_with("line 2: this is not TOML"), "{found:?}");
    assert!(found[0].contains("key = value"), "{found:?}");
}

#[test]
fn a_path_that_depends_on_where_the_daemon_was_started_is_refused() {
    assert!(mistake("/dev/ttyACM0", "ttyACM0").contains("no absolute path"));
}

#[test]
fn a_configuration_without_a_printer_is_refused() {
    let found = mistakes("site = \"a\"\nnode = \"b\"\n");
    assert_eq!(found, ["[[printer]]: this is missing; write one for each printer, with name, port and baud"]);
}

#[test]
fn a_printer_in_single_brackets_is_told_what_to_write() {
    assert!(mistake("[[printer]]", "[printer]").contains("write [[printer]] in double brackets"));
}

#[test]
fn a_hostile_value_is_shown_short_and_plain() {
    let found = mistake("mk3-07", &format!("\\u001b[31m{}", "x".repeat(10_000)));
    assert!(found.len() < 400 && !found.contains('\x1b'), "{found}");
}

#[test]
fn broker_addresses_are_read_or_refused_with_a_reason() {
    let with = |mqtt: &str| Config::parse(&format!("{GOOD}[mqtt]\n{mqtt}\n"));
    let read = |url: &str| {
        let mqtt = with(&format!("url = \"{url}\"")).unwrap().mqtt.unwrap();
        (mqtt.host, mqtt.port, mqtt.tls)
    };
    assert_eq!(read("mqtt://broker"), ("broker".into(), 1883, false));
    assert_eq!(read("mqtts://broker.lab:8884/"), ("broker.lab".into(), 8884, true));
    assert_eq!(read("mqtt://[::1]:1884"), ("::1".into(), 1884, false));
    for bad in
        ["broker:1883", "mqtt://", "mqtt://user:pw@broker", "mqtt://b:0", "mqtt://b:x", "mqtt://b/topic"]
    {
        assert!(with(&format!("url = \"{bad}\"")).is_err(), "{bad}");
    }
    assert!(with("url = \"mqtt://b\"\nca_file = \"/ca.pem\"").is_err(), "a CA without TLS");
    assert!(with("url = \"mqtt://b\"\npassword_file = \"/pw\"").is_err(), "a password without a user");
}

#[test]
fn home_assistant_is_told_of_printers_below_a_plain_topic_or_not_at_all() {
    let with = |value: &str| {
        let text = format!("{GOOD}[mqtt]\nurl = \"mqtt://b\"\nhome_assistant = \"{value}\"\n");
        Config::parse(&text).map(|config| config.mqtt.unwrap().home_assistant)
    };
    assert_eq!(
        Config::parse(&format!("{GOOD}[mqtt]\nurl = \"mqtt://b\"")).unwrap().mqtt.unwrap().home_assistant,
        None
    );
    let longest = "h".repeat(64);
    for good in ["homeassistant", "lab/Home_Assistant-2", &longest] {
        assert_eq!(with(good), Ok(Some(good.into())));
    }
    for bad in ["", "/", "a/", "/a", "a//b", "a#", "+", "a b", "$SYS", &"h".repeat(65)] {
        assert!(with(bad).is_err(), "{bad}");
    }
}

#[test]
fn where_others_reach_the_page_is_an_address_and_what_home_assistant_links_to() {
    let with = |http: &str| {
        let more = "[mqtt]\nurl = \"mqtt://b\"\nhome_assistant = \"homeassistant\"\n";
        Config::parse(&format!("{GOOD}{more}[http]\n{http}\n")).map_err(|all| all[0].to_string())
    };
    let page = |config: Config| config.mqtt.unwrap().home_assistant.unwrap().page;
    assert_eq!(page(with("").unwrap()), None);
    let behind = with("public = \"https://lab.example/platen/\"").unwrap();
    assert_eq!(behind.http.public.as_ref().unwrap().url(), "https://lab.example/platen");
    assert_eq!(page(behind).as_deref(), Some("https://lab.example/platen/"));
    for (bad, word) in [
        ("platen.lab", "http.public = \"platen.lab\": this does not begin with https:// or http://; write"),
        ("https://kim:secret@platen.lab", "no user and no password"),
        ("https://platen.lab/?x", "no ?"),
    ] {
        let told = with(&format!("public = \"{bad}\"")).unwrap_err();
        assert!(told.contains(word), "{told}");
    }
}

#[test]
fn what_is_announced_on_the_local_network_is_an_address_that_others_can_reach() {
    let with = |mdns: &str| {
        let parsed = Config::parse(&format!("{GOOD}[mdns]\n{mdns}\n"));
        parsed.map(|config| config.mdns).map_err(|all| all[0].to_string())
    };
    assert_eq!(with(""), Ok(None));
    assert_eq!(with("announce = false\nport = 80"), Ok(None));
    let plain = Mdns { host: None, port: None, addresses: vec!["192.168.1.20".parse().unwrap()] };
    assert_eq!(with("announce = true\naddress = \"192.168.1.20\""), Ok(Some(plain)));
    let all = "announce = true\nhost = \"platen\"\nport = 443\naddress = [\"192.168.1.20\", \"fd00::2\"]";
    let all = with(all).unwrap().unwrap();
    assert_eq!((all.host.as_deref(), all.port, all.addresses.len()), (Some("platen"), Some(443), 2));
    let told = with("announce = true").unwrap_err();
    assert!(told.contains("nobody could reach what is announced; write address = "), "{told}");
    for bad in ["127.0.0.1", "::1", "0.0.0.0", "224.0.0.251", "proxy.lab", "192.168.1.20:80", ""] {
        let told = with(&format!("announce = true\naddress = \"{bad}\"")).unwrap_err();
        assert!(told.contains("address"), "{bad}: {told}");
    }
    for bad in ["host = \"a.local\"", "host = \"-a\"", "port = 0", "announce = \"yes\"", "adress = \"::1\""] {
        assert!(with(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_head_of_the_journal_needs_a_folder_and_a_key() {
    let with = |audit: &str| Config::parse(&format!("{GOOD}[audit]\n{audit}\n")).map(|config| config.heads);
    assert_eq!(with("").unwrap(), None);
    let heads = with("heads = \"/mnt/heads\"\nkey_file = \"/etc/key\"").unwrap().unwrap();
    assert_eq!((heads.folder, heads.key_file), ("/mnt/heads".into(), "/etc/key".into()));
    for bad in ["heads = \"/h\"", "key_file = \"/k\"", "heads = \"h\"\nkey_file = \"/k\"", "head = \"/h\""] {
        assert!(with(bad).is_err(), "{bad}");
    }
}

#[test]
fn every_secret_may_come_from_systemd_by_a_name_that_is_one() {
    let secrets = |name: &str| {
        Config::parse(&format!(
            "{GOOD}[audit]\nheads = \"/h\"\nkey_file = \"{name}\"\n\
             [mqtt]\nurl = \"mqtt://b\"\nusername = \"u\"\npassword_file = \"{name}\"\n\
             [notifications.mail]\nhost = \"m\"\nfrom = \"a@b.c\"\nuser = \"u\"\npassword_file = \"{name}\"\n\
             [notifications.webhook]\nurl = \"https://x/\"\nsecret_file = \"{name}\"\n"
        ))
    };
    let config = secrets("credential:a-secret").unwrap();
    let handed = Path::new("credential:a-secret");
    assert_eq!(config.heads.unwrap().key_file, handed);
    assert_eq!(config.mqtt.unwrap().password_file.as_deref(), Some(handed));
    assert_eq!(config.notifications.mail.unwrap().password_file.as_deref(), Some(handed));
    assert_eq!(config.notifications.webhook.unwrap().secret_file, handed);
    for bad in ["credential:", "credential:../x", "credential:.x", "credential:a/b"] {
        let told: Vec<_> = secrets(bad).unwrap_err().iter().map(ToString::to_string).collect();
        let named = told.iter().filter(|told| told.contains("no name of a credential"));
        assert_eq!(named.count(), 4, "{bad}: {told:?}");
    }
}

#[test]
fn the_key_of_the_vault_lies_elsewhere_than_what_it_locks() {
    let with = |vault: &str| Config::parse(&format!("{GOOD}[vault]\n{vault}\n")).map(|config| config.vault);
    assert_eq!(with("").unwrap(), None);
    assert_eq!(with("key_file = \"/etc/vault.key\"").unwrap(), Some(VaultKey::File("/etc/vault.key".into())));
    let handed = with("key_file = \"credential:vault-key\"").unwrap();
    assert_eq!(handed, Some(VaultKey::Credential("vault-key".into())));
    for bad in ["vault.key", "/var/lib/platen/vault.key", "credential:", "credential:../x", "credential:.x"] {
        assert!(with(&format!("key_file = \"{bad}\"")).is_err(), "{bad}");
    }
}

/// Keys of the document by section, also those that are commented out with `#key = `.
fn documented() -> BTreeSet<(String, String)> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in DOCUMENT.lines() {
        if let Some(name) = line.strip_prefix('#').unwrap_or(line).strip_prefix('[') {
            section = name.trim_matches(|c| c == '[' || c == ']').to_owned();
        } else if let Some((key, _)) = line.strip_prefix('#').unwrap_or(line).split_once(" = ")
            && !key.starts_with(' ')
        {
            keys.insert((section.clone(), key.to_owned()));
        }
    }
    keys
}

#[test]
fn the_documented_configuration_has_every_key_and_no_other() {
    let known = KEYS
        .iter()
        .flat_map(|(section, keys)| keys.iter().map(|key| ((*section).to_owned(), (*key).to_owned())));
    assert_eq!(documented(), known.collect());
}

/// Of what excludes something else in the document: that stays as it is.
const ONE_OF_TWO: [&str; 5] =
    ["#utc_offset", "#drm = ", "#connector = ", "#folder = \"/var/lib/platen/masks\"", "#image = "];

#[test]
fn the_documented_configuration_is_valid_as_it_is_and_with_every_line_switched_on() {
    let shipped = Config::parse(DOCUMENT).unwrap();
    // A site has a zone or an offset.
    let all_on: Vec<&str> = DOCUMENT
        .lines()
        .filter(|line| !ONE_OF_TWO.iter().any(|other| line.starts_with(other)))
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') => key,
            _ => line,
        })
        .collect();
    let all_on = Config::parse(&all_on.join("\n")).unwrap();
    // What is commented out is the default, except where the default is "nothing".
    assert!(all_on.http.public.is_some() && shipped.http.public.is_none());
    assert!(all_on.http.tls.is_some() && !all_on.http.hosts.is_empty() && shipped.http.tls.is_none());
    assert!(all_on.http.oidc.is_some() && shipped.http.oidc.is_none());
    let http = Http { public: None, hosts: Vec::new(), tls: None, oidc: None, ..all_on.http };
    assert_eq!((shipped.state_dir, shipped.http), (all_on.state_dir, http));
    let (of_resin, of_filament): (Vec<_>, Vec<_>) =
        all_on.printers.into_iter().partition(|printer| printer.kind == Kind::Resin);
    let drives: Vec<_> = of_resin.iter().filter_map(|printer| Some(&printer.resin.as_ref()?.drive)).collect();
    assert!(matches!(drives[..], [Drive::Msla(_), Drive::Chitu(_)]), "{drives:?}");
    assert!(of_filament.iter().all(|printer| printer.firmware.is_some()));
    assert!(of_filament.iter().all(|printer| printer.relay.is_some() && printer.dtr_reset.is_some()));
    let found_out = |printer: Printer| Printer {
        model: None,
        power: None,
        firmware: None,
        dtr_reset: None,
        relay: None,
        park: None,
        hold_temperature: None,
        allow_commands: Vec::new(),
        build: Build::default(),
        allow_findings: Vec::new(),
        ..printer
    };
    let of_filament: Vec<_> = of_filament.into_iter().map(found_out).collect();
    assert_eq!(shipped.printers, of_filament);
}

mod buffers {
    use super::super::edit::{Buffers, EditError, with_buffers};
    use super::{Config, DOCUMENT};
    use proptest::prelude::*;

    const LARGE: Buffers = Buffers { rx_buffer: 1_024, command_buffer: 31 };

    fn changed(text: &str, printer: &str) -> String {
        with_buffers(text, printer, LARGE).unwrap().expect("a change")
    }

    const TWO: &str = r#"
site = "st-anna" # the lab
node = "lab-1"

[[printer]]
name = "a"
port = "/dev/ttyACM0" # left
baud = 115200         # as built
#rx_buffer = 128

# The one by the window.
[[printer]]
  rx_buffer = 0x40    # Arduino's
  name      = "b"
  port      = "/dev/ttyACM1"
  baud      = 250_000

[http]
listen = "127.0.0.1:7180"
"#;

    #[test]
    fn a_value_that_is_there_is_replaced_and_its_comment_stays() {
        let wanted = TWO
            .replace("rx_buffer = 0x40    #", "rx_buffer = 1024    #")
            .replace("250_000\n", "250_000\n  command_buffer = 31\n");
        assert_eq!(changed(TWO, "b"), wanted);
    }

    #[test]
    fn a_value_that_is_missing_follows_its_commented_default_or_the_last_value() {
        let wanted = TWO
            .replace("#rx_buffer = 128\n", "#rx_buffer = 128\nrx_buffer = 1024\n")
            .replace("# as built\n", "# as built\ncommand_buffer = 31\n");
        assert_eq!(changed(TWO, "a"), wanted);
    }

    #[test]
    fn the_documented_configuration_keeps_every_line_and_gets_the_values_below_their_explanation() {
        let wanted = DOCUMENT
            .replace("#rx_buffer = 128\n", "#rx_buffer = 128\nrx_buffer = 1024\n")
            .replace("#command_buffer = 0\n", "#command_buffer = 0\ncommand_buffer = 31\n");
        assert_eq!(changed(DOCUMENT, "mk3-07"), wanted);
    }

    #[test]
    fn a_commented_default_before_the_last_value_is_found_too() {
        let text =
            TWO.replace("#rx_buffer = 128\n", "").replace("name = \"a\"", "name = \"a\"\n #rx_buffer=64");
        let wanted = text
            .replace(" #rx_buffer=64\n", " #rx_buffer=64\n rx_buffer = 1024\n")
            .replace("# as built\n", "# as built\ncommand_buffer = 31\n");
        assert_eq!(changed(&text, "a"), wanted);
    }

    #[test]
    fn line_ends_of_windows_stay() {
        let wanted = changed(TWO, "a").replace('\n', "\r\n");
        assert_eq!(changed(&TWO.replace('\n', "\r\n"), "a"), wanted);
    }

    #[test]
    fn a_last_line_without_an_end_stays_without_one() {
        let end = TWO.find("\n[http]").unwrap();
        let text = TWO[..end].trim_end();
        let wanted = format!("{}\n  command_buffer = 31", text.replace("0x40", "1024"));
        assert_eq!(changed(text, "b"), wanted);
    }

    #[test]
    fn printers_on_one_line_are_changed_on_that_line() {
        let text = concat!(
            "site = \"s\"\nnode = \"n\"\nprinter = [{ name = \"a\", port = \"/dev/a\", baud = 115200 },\n",
            "  { name = \"b\", port = \"/dev/b\", command_buffer = 1, baud = 115200 }] # two\n"
        );
        let wanted = text
            .replace("command_buffer = 1,", "command_buffer = 31,")
            .replace("115200 }]", "115200, rx_buffer = 1024 }]");
        assert_eq!(changed(text, "b"), wanted);
    }

    #[test]
    fn a_default_of_the_next_printer_is_none_of_this_one() {
        let text =
            TWO.replace("#rx_buffer = 128\n", "").replace("  baud      =", "  #rx_buffer = 1\n  baud =");
        let wanted = text.replace("# as built\n", "# as built\nrx_buffer = 1024\ncommand_buffer = 31\n");
        assert_eq!(changed(&text, "a"), wanted);
    }

    #[test]
    fn a_text_that_looks_like_a_default_is_not_taken_for_one() {
        let text = TWO.replace("\"/dev/ttyACM0\"", "\"\"\"/dev/\\\n#rx_buffer = 1\"\"\"");
        match with_buffers(&text, "a", LARGE) {
            Ok(Some(edited)) => assert_eq!(Config::parse(&edited).unwrap().printers[0].rx_buffer, 1_024),
            other => assert_eq!(other, Err(EditError::Unusual)),
        }
    }

    #[test]
    fn the_same_values_written_out_or_left_out_are_no_change() {
        let defaults = Buffers { rx_buffer: 128, command_buffer: 0 };
        assert_eq!(with_buffers(TWO, "a", defaults), Ok(None));
        let small = Buffers { rx_buffer: 64, command_buffer: 0 };
        assert_eq!(with_buffers(TWO, "b", small), Ok(None));
        let once = changed(TWO, "a");
        assert_eq!(with_buffers(&once, "a", LARGE), Ok(None));
    }

    #[test]
    fn a_text_with_mistakes_or_without_the_printer_is_not_changed() {
        assert_eq!(with_buffers(TWO, "c", LARGE), Err(EditError::NoPrinter));
        assert!(matches!(with_buffers("site = 1", "a", LARGE), Err(EditError::Mistakes(_))));
        let impossible = Buffers { rx_buffer: 1, command_buffer: 0 };
        assert_eq!(with_buffers(TWO, "a", impossible), Err(EditError::Unusual));
    }

    proptest! {
        #[test]
        fn whatever_is_written_the_file_says_that_and_nothing_else(
            rx_buffer in 32usize..=65_536, command_buffer in 0usize..=256, second: bool, windows: bool,
        ) {
            let text = if windows { TWO.replace('\n', "\r\n") } else { TWO.to_owned() };
            let (printer, index) = if second { ("b", 1) } else { ("a", 0) };
            let mut wanted = Config::parse(&text).unwrap();
            wanted.printers[index].rx_buffer = rx_buffer;
            wanted.printers[index].command_buffer = command_buffer;
            let edited = with_buffers(&text, printer, Buffers { rx_buffer, command_buffer }).unwrap();
            prop_assert_eq!(Config::parse(&edited.unwrap_or(text)).unwrap(), wanted);
        }
    }
}

#[test]
fn a_limit_of_heat_that_no_machine_has_is_refused_and_a_real_one_is_taken() {
    for line in ["hotend_max = 2850", "bed_max = 12", "chamber_max = 400", "heat_by_hand_min = 999"] {
        let found = mistake("baud = 115200", &format!("baud = 115200\n{line}"));
        assert!(found.contains("out of range; write a whole number of"), "{found}");
    }
    let real = "hotend_max = 450\nbed_max = 160\nchamber_max = 120\nheat_by_hand_min = 10";
    let config = Config::parse(&format!("{GOOD}{real}")).unwrap();
    let heat = config.printers[0].heat;
    assert_eq!((heat.hotend_max, heat.bed_max, heat.chamber_max), (450, 160, 120));
    assert_eq!(heat.by_hand.as_secs(), 600);
    assert_eq!(Config::parse(GOOD).unwrap().printers[0].heat, HeatLimits::USUAL);
}

#[test]
fn who_must_be_there_is_said_by_printer_and_by_use() {
    let text = GOOD.replace("site =", "attended_uses = [\"guide\"]\nsite =")
        + "unattended = false\nfixed_plug = true\n";
    let config = Config::parse(&text).unwrap();
    assert_eq!(config.attended_uses, [IntendedUse::Guide]);
    let printer = &config.printers[0];
    assert!(printer.fixed_plug);
    assert_eq!(printer.attended(&config.attended_uses, None, false), Some(Attended::Printer));
    let free = Printer { unattended: true, ..printer.clone() };
    let why = |of, unprotected| free.attended(&config.attended_uses, Some(of), unprotected);
    assert_eq!(why(IntendedUse::Guide, false), Some(Attended::Use(IntendedUse::Guide)));
    assert_eq!(why(IntendedUse::Education, false), None);
    assert_eq!(why(IntendedUse::Education, true), Some(Attended::Unprotected));
    for (wrong, said) in [
        ("attended_uses = [\"guid\"]", "did you mean \"guide\"?"),
        ("attended_uses = \"guide\"", "not a list of texts"),
        ("attended_uses = [1]", "a list with a number in it"),
    ] {
        let found = mistake("site =", &format!("{wrong}\nsite ="));
        assert!(found.contains(said), "{found}");
    }
}

#[test]
fn reports_count_by_the_tables_and_the_day_that_are_named() {
    let with = |section: &str| {
        Config::parse(&GOOD.replace("[[printer]]", &format!("[counting]\n{section}\n[[printer]]")))
    };
    assert_eq!(Config::parse(GOOD).unwrap().counting, Counting::default());
    let all = "codes = \"/a\"\ntexts = \"/b\"\nrates = \"/c\"\nservice_date = \"printed\"";
    let expected = Counting {
        codes: Some("/a".into()),
        texts: Some("/b".into()),
        rates: Some("/c".into()),
        service_day: ServiceDay::Printed,
    };
    assert_eq!(with(all).unwrap().counting, expected);
    for (line, told) in [
        ("service_date = \"procedure\"", "lies in the vault alone"),
        ("service_date = \"deliverd\"", "did you mean \"delivered\"?"),
        ("rates = \"rates\"", "this is no absolute path"),
        ("rate = \"/c\"", "did you mean rates?"),
    ] {
        let found = with(line).unwrap_err();
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert!(found[0].to_string().contains(told), "{line}: {}", found[0]);
    }
}

#[test]
fn the_sites_clock_has_a_zone_or_a_distance_from_utc_and_not_both() {
    let with = |zone: &str, offset: &str| {
        let counting = if offset.is_empty() { String::new() } else { format!("[counting]\n{offset}\n") };
        Config::parse(&format!("{zone}\n{}", GOOD.replace("[[printer]]", &format!("{counting}[[printer]]"))))
    };
    let zone = |zone, offset| with(zone, offset).unwrap().zone;
    assert_eq!(zone("", ""), Zone::utc());
    assert_eq!(zone("zone = \"Europe/Berlin\"", ""), "Europe/Berlin".parse().unwrap());
    assert_eq!(zone("zone = \"europe/berlin\"", "").name(), "Europe/Berlin");
    assert_eq!(zone("", "utc_offset = \"-03:30\""), Zone::fixed(-210));
    assert_eq!(zone("", "utc_offset = \"+14:00\""), Zone::fixed(840));
    let no_zone = "there is no zone of this name";
    let no_distance = "this is no distance from UTC";
    for (zone, offset, told) in [
        ("zone = \"Europe/Berlim\"", "", &[no_zone, "zone = \"Europe/Berlim\"", "\"Europe/Berlin\"?"][..]),
        ("zone = \"Berlin\"", "", &[no_zone, "did you mean \"Europe/Berlin\"?"]),
        ("zone = \"Germany/Berlin\"", "", &[no_zone, "did you mean \"Europe/Berlin\"?"]),
        ("zone = \"new york\"", "", &[no_zone, "did you mean \"America/New_York\"?"]),
        ("zone = \"Central European Summer Time\"", "", &[no_zone, "as in zone = \"Europe/Berlin\""]),
        ("zone = \"+01:00\"", "", &[no_zone, "write utc_offset = \"+01:00\" in [counting]"]),
        ("zone = 1", "", &["this is a number, not text"]),
        (
            "zone = \"Europe/Berlin\"",
            "utc_offset = \"+01:00\"",
            &[
                "counting.utc_offset = \"+01:00\"",
                "zone = \"Europe/Berlin\" says that",
                "take utc_offset away",
            ],
        ),
        ("", "utc_offset = \"1:00\"", &[no_distance]),
        ("", "utc_offset = \"+15:00\"", &[no_distance]),
        ("", "utc_offset = \"+01:60\"", &[no_distance]),
        ("", "utc_offset = \"\"", &[no_distance]),
    ] {
        let found = with(zone, offset).unwrap_err();
        assert_eq!(found.len(), 1, "{zone} {offset}: {found:?}");
        let found = found[0].to_string();
        assert!(told.iter().all(|words| found.contains(words)), "{zone} {offset}: {found}");
    }
}

const MSLA: &str = r#"
site = "st-anna"
node = "lab-1"
[[printer]]
name = "msla-01"
kind = "msla"
port = "/dev/ttyACM0"
baud = 115200
build_height = 200
[printer.display]
columns = 1620
rows = 2560
point_x_um = 47.25
point_y_um = 47.25
drm = "/dev/dri/card0"
connector = "HDMI-A-1"
subpixels = 3
order = "bgr"
bits = "5-6-5"
flip_x = true
[printer.light]
longest_exposure_s = 60
on = "M106 S{pwm}"
off = ["M107"]
[printer.plate]
homes = "up"
travel_mm_min = 300
fastest_mm_min = 600
[printer.peel]
lift_mm = 6
lift_mm_min = 60
retract_mm_min = 150
[printer.bottom_peel]
layers = 5
lift_mm = 8.5
[printer.vat]
holds_ml = 500
keeps_ml = 50.5
"#;

const CHITU: &str = r#"
site = "st-anna"
node = "lab-1"
[[printer]]
name = "mars-01"
kind = "chitu"
port = "/dev/ttyUSB0"
baud = 115200
[printer.light]
longest_exposure_s = 120
[printer.vat]
holds_ml = 180
keeps_ml = 30
[printer.resin]
film_life_layers = 40000
checklist = ["cover", "vat"]
[printer.delivery]
by = "usb_gadget"
folder = "/srv/mars"
"#;

#[test]
fn a_resin_printer_is_read_with_its_drive_and_what_starts_are_judged_by() {
    let printer = |text: &str| Config::parse(text).unwrap().printers.remove(0);
    let msla = printer(MSLA);
    assert_eq!(msla.kind, Kind::Resin);
    let resin = msla.resin.unwrap();
    let Drive::Msla(drive) = &resin.drive else { panic!("{resin:?}") };
    assert_eq!(drive.sink, Sink::Drm { card: "/dev/dri/card0".into(), connector: "HDMI-A-1".into() });
    assert_eq!(
        (drive.packing.subpixels, drive.packing.order, drive.packing.bits),
        (3, Order::Bgr, [5, 6, 5])
    );
    assert_eq!((drive.packing.flip, drive.packing.rotate), ([true, false], 0));
    assert_eq!((resin.panel.points, resin.panel.point_nm), (Some([1_620, 2_560]), Some([47_250; 2])));
    assert_eq!((drive.light.timed_by, drive.light.buffer_lines), (TimedBy::Board, 4));
    assert_eq!(
        (&drive.light.on[..], &drive.light.off[..]),
        (&["M106 S{pwm}".into()][..], &["M107".into()][..])
    );
    assert_eq!((drive.plate.height_um, drive.plate.homes_down), (200_000, false));
    assert_eq!((drive.plate.travel_um_s, drive.plate.fastest_um_s), (5_000, 10_000));
    assert_eq!(
        (drive.peel.lift_um, drive.peel.lift_um_s, drive.peel.retract_um_s),
        (Some(6_000), Some(1_000), Some(2_500))
    );
    assert_eq!(
        (drive.bottom.layers, drive.bottom.peel.lift_um, drive.bottom.peel.lift_um_s),
        (5, Some(8_500), None)
    );
    let outfit = resin.outfit();
    assert_eq!((outfit.holds, outfit.keeps), (Microlitres(500_000), Microlitres(50_500)));
    assert_eq!((outfit.checklist.len(), outfit.warn_at_percent, outfit.alone), (5, 90, false));

    let chitu = printer(CHITU);
    let resin = chitu.resin.unwrap();
    let drive = Chitu {
        delivery: Delivery::UsbFolder { path: "/srv/mars".into() },
        start: StartWay::Auto,
        gap: Duration::from_millis(100),
    };
    assert_eq!(resin.drive, Drive::Chitu(drive));
    let outfit = resin.outfit();
    assert_eq!(outfit.checklist, [Item::Cover, Item::Vat].into());
    assert_eq!((outfit.film_life_layers, outfit.display_life_h, outfit.alone), (Some(40_000), None, true));
    // One that is not driven from here is as it was.
    let plain = printer(&GOOD.replace("baud", "kind = \"resin\"\nbaud"));
    assert_eq!((plain.kind, plain.resin), (Kind::Resin, None));
}

#[test]
fn every_slip_in_what_is_said_of_a_resin_printer_is_told() {
    for (base, from, to, told) in [
        (MSLA, "kind = \"msla\"", "kind = \"msl\"", "did you mean \"msla\"?"),
        // What only the layer loop finds.
        (
            MSLA,
            "baud = 115200",
            "baud = 115200\nrx_buffer = 64",
            "printer \"msla-01\" rx_buffer: a burst has up to",
        ),
        (MSLA, "lift_mm = 6\n", "lift_mm = 201\n", "printer \"msla-01\" peel.lift_mm: 201000 µm"),
        (
            MSLA,
            "layers = 5\n",
            "layers = 5\nlift_mm_min = 601\n",
            "printer \"msla-01\" bottom_peel.lift_mm_min: 10017 µm/s",
        ),
        (
            MSLA,
            "baud = 115200",
            "baud = 115200\nfirmware = \"repetier\"",
            "printer \"msla-01\" firmware: the light of a repetier board is not known here",
        ),
        (
            MSLA,
            "bits = \"5-6-5\"",
            "bits = \"6-6-6\"",
            "printer \"msla-01\" display.bits: a card and a folder",
        ),
        (
            MSLA,
            "columns = 1620\nrows = 2560",
            "columns = 24000\nrows = 24000",
            "printer \"msla-01\" display.columns: no display has more than 134217728 points",
        ),
        (
            MSLA,
            "kind = \"msla\"",
            "kind = \"fdm\"",
            "printer \"msla-01\" vat: this section is for a resin printer",
        ),
        (
            MSLA,
            "kind = \"msla\"",
            "kind = \"chitu\"",
            "printer \"msla-01\" peel: this section is for kind = \"msla\"",
        ),
        (
            MSLA,
            "baud = 115200",
            "baud = 115200\nbed_clearing = \"automatic\"",
            "takes its parts off the plate",
        ),
        (MSLA, "build_height = 200\n", "", "build_height: this is missing"),
        (MSLA, "columns = 1620\n", "", "columns and rows belong together"),
        (MSLA, "columns = 1620", "columns = 1621", "not three times any number of pixels"),
        (
            MSLA,
            "point_y_um = 47.25\n",
            "point_y_um = 0.4\n",
            "out of range; write a number of µm from 1 to 500",
        ),
        (MSLA, "connector = \"HDMI-A-1\"\n", "", "display.connector: this is missing"),
        (MSLA, "connector = \"HDMI-A-1\"", "connector = \"../HDMI\"", "no name of a connector"),
        (MSLA, "drm = \"/dev/dri/card0\"\n", "", "it is not said where masks go"),
        (MSLA, "flip_x = true", "folder = \"/masks\"", "masks go to one place"),
        (MSLA, "bits = \"5-6-5\"", "bits = \"565\"", "no bits of red, green and blue"),
        (MSLA, "subpixels = 3", "subpixels = 2", "write one of 1, 3"),
        (MSLA, "order = \"bgr\"", "order = \"brg\"", "did you mean"),
        (MSLA, "longest_exposure_s = 60\n", "", "light.longest_exposure_s: this is missing"),
        (MSLA, "M106 S{pwm}", "M106 S{level}", "only {pwm} is filled in here"),
        (MSLA, "M106 S{pwm}", "G4 P1", "moves the plate or waits"),
        (MSLA, "\"M107\"", "\"M106 S{pwm}\"", "nothing is filled in here"),
        (MSLA, "\"M107\"", "\"M106 S255\"", "light.off: this leaves the light on"),
        (MSLA, "\"M107\"", "\"m106 P1\"", "light.off: this leaves the light on"),
        (MSLA, "\"M107\"", "\"M107 ; off\"", "no one command in ASCII"),
        (
            MSLA,
            "off = [\"M107\"]",
            "off = [\"M107\", \"M42 P4 S0\"]",
            "has 5 lines up to light off, and the board holds 4",
        ),
        (MSLA, "homes = \"up\"", "homes = \"top\"", "a plate homes up or down"),
        (MSLA, "travel_mm_min = 300", "travel_mm_min = 900", "faster than it may move"),
        (MSLA, "lift_mm = 6\n", "", "peel.lift_mm: this is missing"),
        (
            MSLA,
            "retract_mm_min = 150",
            "retract_mm_min = 150\nsecond_lift_mm = 2",
            "peel.second_lift_mm_min: this is missing",
        ),
        (MSLA, "layers = 5", "transition_layers = 5", "no bottom layer to come from"),
        (MSLA, "keeps_ml = 50.5", "keeps_ml = 500", "a full vat would give nothing"),
        (MSLA, "holds_ml = 500\n", "", "vat.holds_ml: this is missing"),
        (
            MSLA,
            "keeps_ml = 50.5",
            "keeps_ml = 50.5\n[printer.delivery]\nby = \"operator\"",
            "delivery: this section is for kind = \"chitu\"",
        ),
        (
            MSLA,
            "keeps_ml = 50.5",
            "keeps_ml = 50.5\n[printer.cover]\nopen = \"lid: open\"",
            "cover.closed: this is missing",
        ),
        (
            MSLA,
            "keeps_ml = 50.5",
            "keeps_ml = 50.5\n[printer.cover]\nopen = \"lid: 1\"\nclosed = \"id: 1\"",
            "one of open and closed is part of the other",
        ),
        (
            MSLA,
            "keeps_ml = 50.5",
            "keeps_ml = 50.5\n[printer.cover]\nask = \"M107\"\nopen = \"open\"\nclosed = \"shut\"",
            "this does something, and is asked again and again",
        ),
        (MSLA, "longest_exposure_s = 60", "longest_exposure_s = 60\nhottest_c = 20", "°C from 30 to 150"),
        (
            CHITU,
            "keeps_ml = 30",
            "keeps_ml = 30\n[printer.cover]\nopen = \"open\"\nclosed = \"shut\"",
            "cover: this section is for kind = \"msla\"",
        ),
        (CHITU, "longest_exposure_s = 120", "longest_exposure_s = 120\non = \"M106\"", "does that by itself"),
        (CHITU, "by = \"usb_gadget\"", "by = \"usb\"", "as a stick, by a person or over its port"),
        (CHITU, "folder = \"/srv/mars\"", "", "delivery.folder: this is missing"),
        (CHITU, "folder = \"/srv/mars\"", "folder = \"/a\"\nimage = \"/b\"", "a folder or an image"),
        (CHITU, "by = \"usb_gadget\"", "by = \"operator\"", "only a usb_gadget has that"),
        (CHITU, "\"cover\", ", "\"covr\", ", "did you mean \"cover\"?"),
        (CHITU, "film_life_layers", "film_live_layers", "did you mean film_life_layers?"),
    ] {
        assert!(base.contains(from), "{from}");
        let found = mistakes(&base.replacen(from, to, 1));
        assert!(found.iter().any(|found| found.contains(told)), "{from} -> {to}: {found:#?}");
    }
    // All of it at once.
    let bare = "site = \"a\"\nnode = \"b\"\n[[printer]]\nname = \"m\"\nkind = \"msla\"\nport = \"/a\"\nbaud = 115200";
    let found = mistakes(bare);
    for section in ["display", "light", "plate", "peel", "vat", "build_height"] {
        assert!(
            found.iter().any(|told| told.starts_with(&format!("printer \"m\" {section}"))),
            "{section}: {found:#?}"
        );
    }
}

#[test]
fn a_cover_is_asked_for_by_m119_unless_the_board_knows_another_question() {
    let drive = |text: &str| {
        let printer = Config::parse(text).unwrap().printers.remove(0);
        printer.resin.unwrap().msla().unwrap().clone()
    };
    assert_eq!((drive(MSLA).cover, drive(MSLA).light.hottest_c), (None, None));
    let covered = "[printer.cover]\nopen = \"filament: open\"\nclosed = \"filament: TRIGGERED\"\n";
    let told = |ask: &str| Cover {
        ask: ask.into(),
        open: "filament: open".into(),
        closed: "filament: TRIGGERED".into(),
    };
    assert_eq!(drive(&format!("{MSLA}{covered}")).cover, Some(told("M119")));
    let asked = format!("{MSLA}{covered}ask = \"QUERY_FILAMENT_SENSOR SENSOR=lid\"\n");
    assert_eq!(drive(&asked).cover, Some(told("QUERY_FILAMENT_SENSOR SENSOR=lid")));
    let hot = MSLA.replace("longest_exposure_s = 60", "longest_exposure_s = 60\nhottest_c = 60");
    assert_eq!(drive(&hot).light.hottest_c, Some(60));
}

#[test]
fn measured_buffers_are_written_to_a_resin_printer_above_its_sections() {
    let large = Buffers { rx_buffer: 1_024, command_buffer: 31 };
    let edited = with_buffers(MSLA, "msla-01", large).unwrap().unwrap();
    let lines = "build_height = 200\nrx_buffer = 1024\ncommand_buffer = 31\n[printer.display]";
    assert!(edited.contains(lines), "{edited}");
}

#[test]
fn the_examples_of_resin_printers_are_whole_sections_without_a_mistake() {
    let head = "site = \"st-anna\"\nnode = \"lab-1\"\n";
    let example = |text: &str| {
        let config = Config::parse(&format!("{head}{text}")).unwrap_or_else(|found| panic!("{found:#?}"));
        assert_eq!(config.printers.len(), 1);
        *config.printers[0].resin.clone().unwrap()
    };
    let framebuffer = example(include_str!("../../config/printers/msla-framebuffer.toml"));
    let msla = framebuffer.msla().unwrap();
    assert_eq!(msla.sink, Sink::Framebuffer { path: "/dev/fb0".into() });
    assert_eq!((msla.packing.subpixels, msla.light.timed_by), (3, TimedBy::Board));
    let drm = example(include_str!("../../config/printers/msla-drm.toml"));
    let card = Sink::Drm { card: "/dev/dri/card0".into(), connector: "HDMI-A-1".into() };
    assert_eq!(drm.msla().unwrap().sink, card);
    let delivery = |resin: &resin::Resin| match &resin.drive {
        Drive::Chitu(chitu) => (chitu.delivery.clone(), chitu.start),
        Drive::Msla(_) => panic!("{resin:?}"),
    };
    let gadget = example(include_str!("../../config/printers/chitu-usb-gadget.toml"));
    let image = Delivery::UsbImage { path: "/var/lib/platen/mars-01.img".into() };
    assert_eq!(delivery(&gadget), (image, StartWay::Auto));
    let operator = example(include_str!("../../config/printers/chitu-operator.toml"));
    assert_eq!(delivery(&operator), (Delivery::Operator, StartWay::M23M24));
}
