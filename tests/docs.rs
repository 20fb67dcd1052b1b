//! What the documents say is there: files, modules, layers, verbs and their flags.
//!
//! A document is read as text: code between backticks and in fences, links, images. What looks like a path of
//! the repository must exist; what begins with `platen` or `hw-sim` must be a command that the program takes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is the message")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Parser;
use clap::error::ErrorKind;
use platen::api::limits::limits;
use platen::cli::Cli;
use platen::domain::finding::{Kind, OF_FILES, OF_RESIN};
use platen::domain::job::ExposureFault;
use platen::domain::printer::LineTrouble;
use platen::domain::resin::outfit::Item;
use platen::protocol::dialect::{Firmware, Refusal};

/// What a path of the repository begins with.
const TOP: [&str; 9] =
    [".ci/", "benches/", "config/", "docs/", "hw-sim/", "packaging/", "src/", "systemd/", "tests/"];
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Files below a folder, as paths from the root, that end in `ending`.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(ending) {
                found.push(name);
            }
        }
    }
    found.sort();
    found
}

/// All documents of the repository, as paths from the root.
fn documents() -> Vec<String> {
    let mut all = vec!["README.md".to_owned(), "ARCHITECTURE.md".to_owned()];
    all.extend(files("docs", ".md"));
    all.extend(files("config", ".md"));
    all.extend(files("benches", ".md"));
    all
}

/// A document, taken apart. Each piece has its line number.
#[derive(Debug, Default)]
struct Document {
    /// What stands between backticks.
    code: Vec<(usize, String)>,
    /// Lines of fences that show a shell: what is typed, continued lines joined.
    typed: Vec<(usize, String)>,
    links: Vec<(usize, String)>,
    headings: BTreeSet<String>,
}

impl Document {
    fn parse(text: &str) -> Self {
        let mut document = Self::default();
        let mut fence: Option<String> = None;
        let mut open: Option<(usize, String)> = None;
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(language) = line.trim_start().strip_prefix("```") {
                fence = if fence.is_some() { None } else { Some(language.trim().to_owned()) };
                continue;
            }
            match fence.as_deref() {
                None => document.prose(number, line),
                Some("sh" | "console") => {
                    let shown = fence.as_deref() == Some("console");
                    let typed = line.trim_start();
                    let typed = if shown { typed.strip_prefix("$ ") } else { Some(typed) };
                    let (first, rest) = match (open.take(), typed) {
                        (Some((first, begun)), _) => (first, format!("{begun} {}", line.trim())),
                        (None, Some(typed)) => (number, typed.to_owned()),
                        (None, None) => continue,
                    };
                    match rest.strip_suffix('\\') {
                        Some(begun) => open = Some((first, begun.to_owned())),
                        None => document.typed.push((first, rest)),
                    }
                }
                Some(_) => {}
            }
        }
        document
    }

    fn prose(&mut self, number: usize, line: &str) {
        for (place, piece) in line.split('`').enumerate() {
            if place % 2 == 1 {
                self.code.push((number, piece.to_owned()));
            }
        }
        for piece in line.split("](").skip(1) {
            let target = piece.split(')').next().unwrap_or_default();
            self.links.push((number, target.to_owned()));
        }
        if let Some(heading) = line.strip_prefix('#') {
            let words = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
            self.headings.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
        }
    }
}

/// `src/io/store/{sled,memory}.rs` → both.
fn expand(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return vec![path.to_owned()] };
    let (names, after) = rest.split_once('}').unwrap_or((rest, ""));
    names.split(',').map(|name| format!("{before}{name}{after}")).collect()
}

/// The paths of the repository that a piece of code names; none if it is something else.
fn paths(code: &str) -> Vec<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "./_-{},".contains(c);
    let is_path =
        TOP.iter().any(|top| code.starts_with(top)) || code.ends_with(".rs") || code.ends_with(".md");
    if is_path && code.chars().all(plain) && !code.starts_with("..") { expand(code) } else { Vec::new() }
}

#[test]
fn every_path_in_a_document_is_there() {
    let mut missing = Vec::new();
    for name in documents() {
        let document = Document::parse(&read(&name));
        let folder = root().join(&name).parent().unwrap().to_path_buf();
        let there = |path: &str| root().join(path).exists() || folder.join(path).exists();
        for (line, code) in &document.code {
            let gone = paths(code).into_iter().filter(|path| !there(path));
            missing.extend(gone.map(|path| format!("{name}:{line}: there is no {path}")));
        }
        for (line, link) in &document.links {
            if link.starts_with("http") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target: PathBuf = if path.is_empty() { root().join(&name) } else { folder.join(path) };
            if !target.exists() {
                missing.push(format!("{name}:{line}: the link to {path} leads nowhere"));
            } else if !heading.is_empty() {
                let text = std::fs::read_to_string(&target).unwrap();
                if !Document::parse(&text).headings.contains(heading) {
                    missing.push(format!("{name}:{line}: there is no heading #{heading}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_module_is_in_the_architecture() {
    let document = Document::parse(&read("ARCHITECTURE.md"));
    let named: BTreeSet<String> = document.code.iter().flat_map(|(_, code)| paths(code)).collect();
    let folders = ["src/cli/", "src/config/"];
    let left_out: Vec<_> = files("src", ".rs")
        .into_iter()
        .filter(|file| !folders.iter().any(|folder| file.starts_with(folder)))
        .filter(|file| !["mod.rs", "tests.rs", "lib.rs", "main.rs"].iter().any(|end| file.ends_with(end)))
        .filter(|file| !named.contains(file))
        .collect();
    assert!(left_out.is_empty(), "give these a line in the code map of ARCHITECTURE.md: {left_out:?}");
}

#[test]
fn the_layers_are_drawn_the_same_everywhere() {
    let lib = read("src/lib.rs");
    let drawn: Vec<_> =
        lib.lines().skip_while(|line| !line.contains("domain ←")).take(3).map(|line| &line[4..]).collect();
    assert!(read("ARCHITECTURE.md").contains(&drawn.join("\n")), "{drawn:#?}");
    assert!(drawn[0].contains("cli, main"), "{drawn:#?}");
    assert!(read("tests/architecture.rs").contains(drawn[0]), "{drawn:#?}");
}

/// The words of one command, as a shell would see them, up to a pipe, a redirection or a comment.
fn words(typed: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for c in typed.chars().chain([' ']) {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, ' ') => {
                let done = std::mem::take(&mut word);
                if done.starts_with(['|', '>', '&', '#', ';']) || done.starts_with("2>") {
                    return words;
                }
                if !done.is_empty() {
                    words.push(done);
                }
            }
            _ => word.push(c),
        }
    }
    words
}

/// What the program and the simulator say to a command; `None` where it is none of theirs.
fn judged(typed: &str) -> Option<Result<(), clap::Error>> {
    let mut words = words(typed);
    if words.first().map(String::as_str) == Some("cargo") {
        let end = words.iter().position(|word| word == "--")?;
        words.drain(..end);
        words[0] = "platen".into();
    }
    let program = words.first()?.rsplit('/').next()?.to_owned();
    match program.as_str() {
        "platen" => Some(Cli::try_parse_from(words).map(drop)),
        "hw-sim" => Some(hw_sim::program::Arguments::try_parse_from(words).map(drop)),
        _ => None,
    }
}

/// Whether an error only says that the example is not a whole command.
fn unfinished(error: &clap::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument
            | ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    )
}

#[test]
fn every_command_in_a_document_is_one_that_the_program_takes() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for name in documents() {
        let document = Document::parse(&read(&name));
        let typed = document.typed.iter().map(|piece| (piece, false));
        let prose = document.code.iter().map(|piece| (piece, true));
        for ((line, command), may_be_unfinished) in typed.chain(prose) {
            let Some(verdict) = judged(command) else { continue };
            seen += 1;
            match verdict {
                Err(error) if !(may_be_unfinished && unfinished(&error)) => {
                    wrong.push(format!("{name}:{line}: `{command}`\n{error}"));
                }
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 20, "only {seen} commands were found: does the reader still read?");
}

#[test]
fn the_list_of_printers_is_shown_with_the_columns_that_it_has() {
    let readme = read("README.md");
    let shown: Vec<_> = readme.lines().filter(|line| line.starts_with("PRINTER ")).collect();
    assert!(!shown.is_empty());
    for head in shown {
        assert_eq!(head.split_whitespace().collect::<Vec<_>>(), platen::cli::printers::HEAD);
    }
}

#[test]
fn every_flag_in_prose_belongs_to_some_verb() {
    let mut known: BTreeSet<String> = ["--help", "--version"].map(String::from).into();
    let mut open = vec![<Cli as clap::CommandFactory>::command()];
    while let Some(command) = open.pop() {
        known.extend(command.get_arguments().filter_map(|arg| Some(format!("--{}", arg.get_long()?))));
        open.extend(command.get_subcommands().cloned());
    }
    let document = Document::parse(&read("README.md"));
    let flags = document.code.iter().filter(|(_, code)| code.starts_with("--"));
    for (line, flag) in flags {
        let flag = flag.split([' ', '=']).next().unwrap();
        assert!(known.contains(flag), "README.md:{line}: no verb has {flag}");
    }
}

/// The verbs of a command that do something, with what stands below their help.
fn examples(command: &clap::Command, path: &str, into: &mut Vec<(String, Option<String>)>) {
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        let path = format!("{path} {}", below.get_name());
        if below.has_subcommands() {
            examples(below, &path, into);
        } else {
            into.push((path, below.get_after_help().map(ToString::to_string)));
        }
    }
}

#[test]
fn every_verb_below_a_noun_has_an_example_that_the_program_takes() {
    let program = <Cli as clap::CommandFactory>::command();
    let mut all = Vec::new();
    for noun in ["cases", "parts", "inspect", "nonconformances", "lots", "loads", "qualification"] {
        examples(program.find_subcommand(noun).unwrap(), &format!("platen {noun}"), &mut all);
    }
    assert!(all.len() > 60, "only {} verbs were found", all.len());
    let (digest, id, token) = ("a".repeat(64), "0123456789abcdef", "8d9pt4rp55t2b");
    for (verb, help) in all {
        let help = help.unwrap_or_else(|| panic!("{verb} has no example"));
        let example = help.strip_prefix("Example: ").unwrap_or_else(|| panic!("{verb}: {help}"));
        assert!(example.starts_with(&format!("{verb} ")) || example == verb, "{verb}: {example}");
        let mut filled = example.replace("0123456789abc-", &format!("{token}-"));
        for (name, real) in
            [("DIGEST", digest.as_str()), ("TOKEN", token), ("LOT", id), ("JOB", id), ("ID", id)]
        {
            filled = filled.replace(&format!(" {name} "), &format!(" {real} "));
            if let Some(begun) = filled.strip_suffix(&format!(" {name}")) {
                filled = format!("{begun} {real}");
            }
        }
        if let Some(Err(error)) = judged(&filled) {
            panic!("{verb}: {filled}\n{error}");
        }
    }
}

/// A message's command with a number for each name in braces, and for each that says that it is one.
fn numbered(command: &str) -> String {
    let piece =
        |piece: &str| piece.split_once('}').map_or_else(|| piece.into(), |(_, rest)| format!("7{rest}"));
    let filled: String = command.split('{').map(piece).collect();
    let word = |word| if matches!(word, "ML" | "MINUTES") { "7" } else { word };
    filled.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_command_that_a_message_names_is_one_that_the_program_takes() {
    let mut wrong = Vec::new();
    for file in files("src", ".rs") {
        for (number, line) in (1..).zip(read(&file).lines()) {
            for command in line.split('`').skip(1).step_by(2).filter(|code| code.starts_with("platen ")) {
                // Names in braces are filled in when the message is made; some are numbers.
                let refused = |filled: String| {
                    judged(&filled)
                        .filter(|_| !filled.ends_with(' '))?
                        .err()
                        .filter(|error| !unfinished(error))
                };
                if let Some(error) = refused(command.replace(['{', '}'], "x"))
                    && refused(numbered(command)).is_some()
                {
                    wrong.push(format!("{file}:{number}: `{command}`\n{error}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_documents_sees_what_it_must() {
    let document = Document::parse(
        "# A b, c\n`src/x.rs` [x](y.md) text\n```sh\nplaten jobs \\\n  --by kim # why\n```\n```console\n$ a\nout\n```\n",
    );
    assert_eq!(document.headings, BTreeSet::from(["a-b-c".to_owned()]));
    assert_eq!(document.code, [(2, "src/x.rs".to_owned())]);
    assert_eq!(document.links, [(2, "y.md".to_owned())]);
    assert_eq!(document.typed, [(4, "platen jobs  --by kim # why".to_owned()), (8, "a".to_owned())]);
    assert_eq!(words("platen print \"a b\" --wait > log"), ["platen", "print", "a b", "--wait"]);
    assert_eq!(expand("src/{a,b}.rs"), ["src/a.rs", "src/b.rs"]);
    assert!(judged("cargo run --release -- demo --until-done").unwrap().is_ok());
    assert!(judged("platen frobnicate").unwrap().is_err());
    assert!(judged("hw-sim fdm --sped 20").unwrap().is_err());
    assert!(judged("mosquitto_sub -t x").is_none());
    assert_eq!(
        numbered("platen answer {printer} --button {place} --by NAME"),
        "platen answer 7 --button 7 --by NAME"
    );
}

/// docs/page.md names every page, and no other; its keys are those of the script.
#[test]
fn the_page_s_own_page_has_every_room_and_every_key() {
    let text = read("docs/page.md");
    let named: BTreeSet<&str> =
        text.split('`').skip(1).step_by(2).filter(|one| one.starts_with('/')).collect();
    for page in platen::api::ui::PAGES {
        assert!(named.contains(page.path), "docs/page.md does not name {}", page.path);
    }
    let known = |path: &str| platen::api::ui::PAGES.iter().any(|page| page.path == path);
    for path in &named {
        assert!(
            known(path) || platen::api::ui::PATHS.contains(path),
            "docs/page.md names {path}, which is no page"
        );
    }
    let keys = read("src/api/ui/assets/keys.js");
    let rooms = keys.split_once("const ROOMS = {").unwrap().1.split_once('}').unwrap().0;
    for room in rooms.split(',') {
        let key = room.split(':').next().unwrap().trim();
        assert!(text.contains(&format!("`{key}`")), "docs/page.md does not tell the key {key}");
    }
}

/// The row of a firmware in docs/serial.md, from the table in the code.
fn dialect_row(firmware: Firmware) -> String {
    let traits = firmware.traits();
    let refusal = match traits.refusal {
        Refusal::Asks => "asked for again",
        Refusal::Drops => "dropped without a word",
        Refusal::Trusts => "cannot happen: a pipe of the kernel",
    };
    let short = if traits.runs_compact { "yes" } else { "no" };
    let packed = if traits.unpacks { "where `Cap:MEATPACK:1`" } else { "no" };
    format!("| `{}` | {refusal} | {short} | {packed} |", firmware.name())
}

#[test]
fn the_table_of_firmwares_is_that_of_the_code() {
    let text = read("docs/serial.md");
    let told: Vec<&str> =
        text.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() == 5).collect();
    let known: Vec<String> = Firmware::ALL.iter().map(|(firmware, _)| dialect_row(*firmware)).collect();
    assert_eq!(told, known);
}

#[test]
fn every_trouble_of_a_line_is_explained() {
    let text = read("docs/serial.md");
    for trouble in [LineTrouble::Noise, LineTrouble::Renumbering, LineTrouble::LostOks, LineTrouble::Stranger]
    {
        assert!(text.contains(&format!("| `{}` |", trouble.word())), "{trouble:?}");
    }
}

#[test]
fn the_gate_s_page_has_every_finding_and_no_other() {
    let text = read("docs/gate.md");
    let (_, table) = text.split_once("| code | severity | found when |\n|---|---|---|\n").unwrap();
    let told: Vec<_> = table.lines().take_while(|line| line.starts_with('|')).collect();
    let row = |kind: &Kind| format!("| `{}` | {} | {} |", kind.code, kind.severity.word(), kind.when);
    let known: Vec<_> = OF_FILES.iter().map(row).collect();
    assert_eq!(told, known);
    let (_, table) = text.split_once("## Findings of resin files").unwrap();
    let (_, table) = table.split_once("| code | severity | found when |\n|---|---|---|\n").unwrap();
    let told: Vec<_> = table.lines().take_while(|line| line.starts_with('|')).collect();
    let known: Vec<_> = OF_RESIN.iter().map(row).collect();
    assert_eq!(told, known);
}

#[test]
fn the_page_of_resin_has_every_hindrance_every_item_and_every_way_that_light_fails() {
    let text = read("docs/resin.md");
    let table = |head: &str| -> Vec<String> {
        let (_, rows) = text.split_once(&format!("{head}\n|---|---|\n")).unwrap_or_else(|| panic!("{head}"));
        rows.lines().take_while(|line| line.starts_with('|')).map(str::to_owned).collect()
    };
    let items = Item::ALL.map(|item| format!("| `{}` | {} |", item.word(), item.in_words()));
    assert_eq!(table("| item | what is confirmed |"), items);
    let faults = ExposureFault::ALL.map(|fault| {
        let word = serde_json::to_value(fault).unwrap();
        format!("| `{}` | {} |", word.as_str().unwrap(), fault.in_words())
    });
    assert_eq!(table("| what | what was seen |"), faults);
    // The words for programs, in the order in which the code has them.
    let source = read("src/domain/resin/start.rs");
    let (_, body) = source.split_once("pub fn word(&self) -> &'static str {").unwrap();
    let words: Vec<&str> = body.split("\n    }\n").next().unwrap().split('"').skip(1).step_by(2).collect();
    assert!(words.len() > 10, "{words:?}");
    let told = table("| why | what is so |");
    let told: Vec<&str> = told.iter().map(|row| row.split('`').nth(1).unwrap()).collect();
    assert_eq!(told, words);
}

#[test]
fn the_page_of_the_network_has_the_limits_that_the_code_has() {
    let text = read("docs/network.md");
    let (_, rows) = text.split_once("| what | how much |\n|---|---|\n").unwrap();
    let told: Vec<_> = rows.lines().take_while(|line| line.starts_with('|')).collect();
    let known: Vec<_> = limits().iter().map(|(what, much)| format!("| {what} | {much} |")).collect();
    assert_eq!(told, known);
}

/// A key that the page of resin names stands in the configuration that explains it.
#[test]
fn the_page_of_resin_names_no_key_that_the_configuration_does_not_have() {
    let (text, keys) = (Document::parse(&read("docs/resin.md")), read("config/platen.toml"));
    let is_key = |code: &str| {
        let plain = code.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        plain
            && ["_ms", "_ml", "_um", "_s", "_h", "_days", "_layers", "_percent", "_bars", "_min"]
                .iter()
                .any(|end| code.ends_with(end))
    };
    let named: Vec<&str> =
        text.code.iter().map(|(_, code)| code.as_str()).filter(|code| is_key(code)).collect();
    assert!(named.len() > 8, "{named:?}");
    for key in named {
        assert!(keys.contains(&format!("#{key} = ")), "config/platen.toml has no {key}");
    }
    let sections = text.code.iter().filter(|(_, code)| code.starts_with("[printer."));
    for (line, section) in sections {
        assert!(keys.contains(section.as_str()), "docs/resin.md:{line}: there is no {section}");
    }
}

/// Whether that file holds a test of that name.
fn is_test(file: &str, name: &str) -> bool {
    let source = read(file);
    let Some(at) = source.find(&format!("fn {name}(")) else { return false };
    source[..at].lines().rev().take(3).any(|line| {
        let line = line.trim_start();
        line.starts_with("#[test]") || line.starts_with("#[tokio::test")
    })
}

#[test]
fn every_hazard_has_a_test_that_is_there() {
    let text = read("docs/hazards.md");
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 40, "the table was not read: {}", rows.len());
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_, _, _, simulated, on_a_pty] = cells[..] else { panic!("not five columns: {row}") };
        assert!(simulated != "—" || on_a_pty != "—", "no test: {row}");
        for (cell, folders) in [(simulated, &["tests/sim/", "src/"][..]), (on_a_pty, &["tests/daemon/"][..])]
        {
            if cell == "—" {
                continue;
            }
            let code: Vec<_> = cell.split('`').skip(1).step_by(2).collect();
            let [file, name] = code[..] else { panic!("not a file and a test: {cell}") };
            assert!(folders.iter().any(|folder| file.starts_with(folder)), "wrong column: {cell}");
            assert!(is_test(file, name), "{file} has no test {name}");
        }
    }
    for column in ["virtual time", "the pty"] {
        assert!(text.contains(&format!("A dash in the column of {column}: ")), "why are there dashes?");
    }
}

#[test]
fn every_unit_that_switches_heaters_off_finds_what_the_daemon_left_and_may_take_it_away() {
    for unit in ["platen-safe-off.service", "platen-left-hot.service"] {
        let text = read(&format!("config/systemd/{unit}"));
        assert!(text.contains("ExecStart=/usr/bin/platen safe-off "), "{unit}");
        let has = |line: &str| text.lines().any(|found| found == line);
        assert!(has("Environment=RUNTIME_DIRECTORY=/run/platen"), "{unit}: platen.service has it there");
        let writes = has("ReadWritePaths=/run/platen") || has("ReadWritePaths=-/run/platen");
        assert!(writes || !has("ProtectSystem=strict"), "{unit}");
    }
    assert!(read("config/systemd/platen.service").contains("\nRuntimeDirectory=platen\n"));
}

#[test]
fn the_page_of_systemd_has_every_unit_and_what_stands_in_them() {
    let text = read("docs/systemd.md");
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/systemd");
    for entry in std::fs::read_dir(units).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(text.contains(&format!("`{name}`")), "{name}");
    }
    let lines_of = |unit: &str| -> Vec<String> {
        read(&format!("config/systemd/{unit}")).lines().map(str::to_owned).collect()
    };
    let (service, backup) = (lines_of("platen.service"), lines_of("platen-backup.service"));
    let has = |lines: &[String], said: &str| lines.iter().any(|line| line.contains(said));
    for said in [
        "WatchdogSec=60",
        "TimeoutStopSec=60",
        "platen safe-off --config /etc/platen/platen.toml --after-stop",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "LoadCredential=vault-key:/etc/platen/vault.key",
        "LoadCredential=tls-key:/etc/platen/tls/key.pem",
    ] {
        assert!(text.contains(said) && has(&service, said), "{said}");
    }
    let kept = "platen backup --into /var/lib/platen-backup --keep 14";
    assert!(text.contains(kept) && has(&backup, kept));
}
