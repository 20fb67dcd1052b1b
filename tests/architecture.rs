//! The house rules that no compiler knows: layers point one way, the core reads no clock, nothing is left undone.
//!
//! ```text
//! domain ← gcode, model, protocol ← slicing, control ← io ← services ← api ← daemon, cli, main
//!          preview: imports gcode and model, serves services and later
//!          counting: imports domain, serves services and later
//!          schedule: imports nothing, serves services and later
//!          labels: imports domain, serves services and later
//!          reports: imports domain and counting, serves services and later
//! └───────────── pure: no tokio, no clock ───────────┘    config: imports domain, serves io and later
//! ```
//! It reads words, not types: a file becomes tokens (comments and text gone), tokens become paths, each path is
//! resolved to what it names (`super`, aliases, nested braces) and asked against the tables below.
//! What it cannot see by reading (a macro that writes a path, a module moved by `#[path]`) it forbids where it can.
//! A rule counts only with a sample that breaks it; the samples are the second half of this file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Every module at the top of `src`, and the ones that it may import.
const LAYERS: [(&str, &[&str]); 18] = [
    ("domain", &[]),
    ("labels", &["domain"]),
    ("gcode", &["domain"]),
    ("model", &["domain"]),
    ("slicing", &["domain", "gcode", "model", "protocol"]),
    ("preview", &["domain", "gcode", "model"]),
    ("counting", &["domain"]),
    ("schedule", &[]),
    ("reports", &["domain", "counting"]),
    ("protocol", &["domain"]),
    ("control", &["domain", "gcode", "model", "protocol"]),
    ("config", &["domain"]),
    ("io", &["domain", "gcode", "model", "slicing", "protocol", "control", "config"]),
    (
        "services",
        &[
            "domain", "counting", "schedule", "labels", "reports", "gcode", "model", "preview", "slicing",
            "protocol", "control", "config", "io",
        ],
    ),
    (
        "api",
        &[
            "domain", "counting", "schedule", "labels", "reports", "gcode", "model", "preview", "slicing",
            "protocol", "control", "config", "io", "services",
        ],
    ),
    (
        "daemon",
        &[
            "domain", "counting", "schedule", "labels", "reports", "gcode", "model", "preview", "slicing",
            "protocol", "control", "config", "io", "services", "api", "cli",
        ],
    ),
    (
        "cli",
        &[
            "domain", "counting", "schedule", "labels", "reports", "gcode", "model", "preview", "slicing",
            "protocol", "control", "config", "io", "services", "api", "daemon",
        ],
    ),
    (
        "main",
        &[
            "domain", "counting", "schedule", "labels", "reports", "gcode", "model", "preview", "slicing",
            "protocol", "control", "config", "io", "services", "api", "daemon", "cli",
        ],
    ),
];

/// Layers where bytes, events and the time are arguments.
const PURE: [&str; 11] = [
    "domain", "counting", "schedule", "labels", "reports", "gcode", "model", "preview", "slicing",
    "protocol", "control",
];

/// What a pure layer does without, except in its `#[cfg(test)]` modules.
const IMPURE_STD: [&str; 10] = [
    "std::time::Instant",
    "std::time::SystemTime",
    "std::fs",
    "std::net",
    "std::thread",
    "std::process",
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::collections::hash_map",
    "std::collections::hash_set",
];

/// Crates that do IO, start tasks or draw random numbers: never in a pure layer, nor in its tests.
/// `tokio` stands for `tokio_util` and its like as well.
const IMPURE_CRATES: [&str; 13] = [
    "tokio",
    "nix",
    "libc",
    "getrandom",
    "serialport",
    "sled",
    "rumqttc",
    "rumqttd",
    "axum",
    "ureq",
    "lettre",
    "mio",
    "hw_sim",
];

/// Where `unsafe` may stand: system calls that have no safe wrapper.
const UNSAFE_PLACES: [&str; 2] = ["src/io/", "hw-sim/src/pty.rs"];

// ---- text → tokens -------------------------------------------------------------------------------------------

#[derive(Debug)]
struct Token {
    line: usize,
    text: String,
}

impl Token {
    fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// Words, `::`, `->`, `=>` and single signs. Comments, numbers and text are left out, except text that is nothing
/// but a path of ours, such as `#[serde(with = "crate::io::seconds")]`.
fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut out, mut i, mut line) = (Vec::new(), 0, 1);
    while i < chars.len() {
        let (begin, begin_line) = (i, line);
        match (at(i), at(i + 1)) {
            ('/', '/') => i += chars[i..].iter().take_while(|c| **c != '\n').count(),
            ('/', '*') => {
                let mut depth = 0;
                loop {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 || i >= chars.len() {
                        break;
                    }
                }
            }
            ('"', _) => i = text_end(&chars, i, &mut out, line),
            ('\'', '\\') => {
                i += 3 + chars[(i + 3).min(chars.len())..].iter().take_while(|c| **c != '\'').count() + 1
            }
            ('\'', _) if at(i + 2) == '\'' => i += 3,
            ('\'', _) => i += 1 + chars[i + 1..].iter().take_while(|c| is_word(**c)).count(),
            (c, _) if c.is_ascii_digit() => i += chars[i..].iter().take_while(|c| is_word(**c)).count(),
            (c, _) if is_word(c) => {
                let word: String = chars[i..].iter().take_while(|c| is_word(**c)).collect();
                i += word.chars().count();
                let hashes = chars[i..].iter().take_while(|c| **c == '#').count();
                match word.as_str() {
                    "r" | "br" | "cr" if at(i + hashes) == '"' => {
                        let close: Vec<char> =
                            std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
                        i += hashes + 1;
                        while i < chars.len() && !chars[i..].starts_with(&close) {
                            i += 1;
                        }
                        i += close.len();
                    }
                    _ => out.push(Token { line, text: word }),
                }
            }
            (':', ':') | ('-', '>') | ('=', '>') => {
                out.push(Token { line, text: chars[i..i + 2].iter().collect() });
                i += 2;
            }
            (c, _) => {
                if !c.is_whitespace() {
                    out.push(Token { line, text: c.to_string() });
                }
                i += 1;
            }
        }
        line = begin_line + chars[begin..i.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    out
}

/// Where the text that opens at `open` ends; its words are kept if it is a path of ours.
fn text_end(chars: &[char], open: usize, out: &mut Vec<Token>, line: usize) -> usize {
    let mut end = open + 1;
    while end < chars.len() && chars[end] != '"' {
        end += if chars[end] == '\\' { 2 } else { 1 };
    }
    let text: String = chars[open + 1..end.min(chars.len())].iter().collect();
    let ours = ["crate::", "self::", "super::"].iter().any(|head| text.starts_with(head));
    if ours && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == ':') {
        out.extend(tokens(&text).into_iter().map(|token| Token { line, ..token }));
    }
    end + 1
}

// ---- tokens → paths ------------------------------------------------------------------------------------------

/// One path that a file names.
#[derive(Debug)]
struct Named {
    line: usize,
    path: Vec<String>,
    /// Written `::path`: the first word is a crate.
    global: bool,
    glob: bool,
    /// The name that a `use` gives it in this file.
    alias: Option<String>,
    import: bool,
    in_test: bool,
    /// The module in which it is written, inline modules included.
    module: Vec<String>,
}

/// What a path means: something of platen, by its place from the root, or something else by its full name.
#[derive(Debug, PartialEq)]
enum Meaning {
    Ours(Vec<String>),
    Foreign(Vec<String>),
}

#[derive(Debug)]
struct File {
    name: String,
    first_line: String,
    tokens: Vec<Token>,
    in_test: Vec<bool>,
    named: Vec<Named>,
    /// Modules declared here, by their place from the root, and whether they are for tests only.
    modules: BTreeMap<Vec<String>, bool>,
}

impl File {
    fn read(name: &str, source: &str) -> Self {
        let tokens = tokens(source);
        let in_test = test_code(&tokens);
        let mut file = Self {
            name: name.into(),
            first_line: source.lines().next().unwrap_or_default().into(),
            tokens,
            in_test,
            named: Vec::new(),
            modules: BTreeMap::new(),
        };
        file.find_paths();
        file
    }

    /// `src/domain/lab.rs` → `domain`; nothing for the root, which may name every layer.
    fn layer(&self) -> Option<&str> {
        let place = self.name.strip_prefix("src/")?;
        match place.split('/').next() {
            Some("lib.rs") | None => None,
            Some(top) => Some(top.strip_suffix(".rs").unwrap_or(top)),
        }
    }

    fn module(&self) -> Vec<String> {
        let inside = self.name.strip_prefix("hw-sim/").unwrap_or(&self.name);
        let place = inside.strip_prefix("src/").unwrap_or(inside).trim_end_matches(".rs");
        let mut module: Vec<String> = place.split('/').map(String::from).collect();
        if module.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
            module.pop();
        }
        module
    }

    fn word(&self, i: usize) -> &str {
        self.tokens.get(i).map_or("", |token| &token.text)
    }

    fn find_paths(&mut self) {
        const KEYWORDS: &str = "as async await break const dyn else fn for if impl in let match move mut pub ref return static type \
             unsafe where while";
        let mut scopes: Vec<Option<String>> = Vec::new();
        let mut i = 0;
        while i < self.tokens.len() {
            let mut module = self.module();
            module.extend(scopes.iter().flatten().cloned());
            let (word, before) = (self.word(i), i.checked_sub(1).map_or("", |b| self.word(b)));
            let global = before == "::";
            match word {
                "{" => scopes.push(None),
                "}" => drop(scopes.pop()),
                "mod" if self.word(i + 2) == "{" || self.word(i + 2) == ";" => {
                    let name = self.word(i + 1).to_string();
                    let place = [module, vec![name.clone()]].concat();
                    self.modules.insert(place, self.in_test[i]);
                    if self.word(i + 2) == "{" {
                        scopes.push(Some(name));
                    }
                    i += 2;
                }
                "extern" if self.word(i + 1) == "crate" => {
                    let alias = if self.word(i + 3) == "as" { self.word(i + 4) } else { self.word(i + 2) };
                    let named = Named {
                        line: self.tokens[i].line,
                        path: vec![self.word(i + 2).into()],
                        global: true,
                        glob: false,
                        alias: Some(alias.into()),
                        import: true,
                        in_test: self.in_test[i],
                        module,
                    };
                    self.named.push(named);
                    i += 2;
                }
                "use" if self.word(i + 1) != "<" => {
                    let global = self.word(i + 1) == "::";
                    i = self.use_tree(i + 1 + usize::from(global), &[], global, &module);
                }
                _ if self.tokens[i].is_word() && !KEYWORDS.split(' ').any(|k| k == word) => {
                    let (line, begin) = (self.tokens[i].line, i);
                    let mut path = vec![word.to_string()];
                    while self.word(i + 1) == "::" && self.tokens.get(i + 2).is_some_and(Token::is_word) {
                        path.push(self.word(i + 2).into());
                        i += 2;
                    }
                    if path.len() > 1 {
                        let in_test = self.in_test[begin];
                        let (alias, glob, import) = (None, false, false);
                        self.named.push(Named { line, path, global, glob, alias, import, in_test, module });
                    }
                }
                _ => {}
            }
            i += 1;
        }
    }

    /// Reads one branch of `use a::{b, c::{self, d as e}, f::*};` and gives the index of the sign that ended it.
    fn use_tree(&mut self, mut i: usize, prefix: &[String], global: bool, module: &[String]) -> usize {
        let mut path = prefix.to_vec();
        let (mut glob, mut alias, begin) = (false, None, i);
        loop {
            match self.word(i) {
                "::" => {}
                "{" => {
                    loop {
                        i = self.use_tree(i + 1, &path, global, module);
                        if self.word(i) != "," {
                            break;
                        }
                    }
                    return i + 1;
                }
                "*" => glob = true,
                "as" => {
                    alias = Some(self.word(i + 1).to_string());
                    i += 1;
                }
                "self" if !path.is_empty() => {}
                "," | "}" | ";" | "" => break,
                word => path.push(word.into()),
            }
            i += 1;
        }
        if i > begin {
            let alias = alias.or_else(|| path.last().cloned()).filter(|_| !glob);
            let (line, in_test) = (self.tokens[i - 1].line, self.in_test[i - 1]);
            let module = module.to_vec();
            self.named.push(Named { line, path, global, glob, alias, import: true, in_test, module });
        }
        i
    }

    /// What `named` stands for, and whether an alias of this file had to be looked up for it.
    fn meaning(&self, named: &Named) -> (Meaning, bool) {
        let mut path = named.path.clone();
        let mut by_alias = false;
        // Four aliases of aliases are more than anybody writes; the limit ends `use time::time`.
        for _ in 0..4 {
            let head = path[0].clone();
            if named.global && !by_alias {
                break;
            }
            if head == "crate" {
                return (Meaning::Ours(path.split_off(1)), by_alias);
            }
            if matches!(head.as_str(), "self" | "super") {
                let mut place = named.module.clone();
                let steps = path.iter().take_while(|word| matches!(word.as_str(), "self" | "super")).count();
                for _ in path.iter().take(steps).filter(|word| *word == "super") {
                    place.pop();
                }
                return (Meaning::Ours([place, path.split_off(steps)].concat()), by_alias);
            }
            let child = [named.module.clone(), vec![head.clone()]].concat();
            if self.modules.contains_key(&child) {
                return (Meaning::Ours([child, path.split_off(1)].concat()), by_alias);
            }
            let other = |import: &&Named| import.alias.as_ref() == Some(&head) && import.path[0] != head;
            let Some(import) = self.named.iter().find(other) else { break };
            path = [import.path.clone(), path.split_off(1)].concat();
            by_alias = true;
        }
        if path[0] == "platen" {
            (Meaning::Ours(path.split_off(1)), by_alias)
        } else {
            (Meaning::Foreign(path), by_alias)
        }
    }
}

/// For each token, whether it belongs to an item under `#[cfg(test)]`.
fn test_code(tokens: &[Token]) -> Vec<bool> {
    let word = |i: usize| tokens.get(i).map_or("", |token: &Token| token.text.as_str());
    let starts = |i: usize, words: &[&str]| words.iter().enumerate().all(|(n, w)| word(i + n) == *w);
    let mut marks = vec![false; tokens.len()];
    for i in 0..tokens.len() {
        if starts(i, &["#", "!", "[", "cfg", "(", "test", ")"]) {
            marks.fill(true);
        }
        if starts(i, &["#", "[", "cfg", "(", "test", ")"])
            || starts(i, &["#", "[", "cfg", "(", "all", "(", "test", ","])
        {
            let mut end = i;
            while word(end) == "#" {
                end = close_of(tokens, end + 1) + 1;
            }
            let mut angles = 0;
            while end < tokens.len() {
                match word(end) {
                    "(" | "[" => end = close_of(tokens, end),
                    "{" => {
                        end = close_of(tokens, end);
                        break;
                    }
                    "<" => angles += 1,
                    ">" => angles -= 1,
                    "," if angles <= 0 => break,
                    ";" | "}" => break,
                    _ => {}
                }
                end += 1;
            }
            let end = (end + 1).min(tokens.len());
            marks[i..end].fill(true);
        }
    }
    marks
}

/// The index of the bracket that closes the one at `open`.
fn close_of(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return i;
        }
    }
    tokens.len()
}

// ---- paths → findings ----------------------------------------------------------------------------------------

/// Every break of a rule in these files (name from the project's folder, text), as `file:line: what`.
fn check<'a>(sources: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeSet<String> {
    let mut files: Vec<File> = sources.into_iter().map(|(name, source)| File::read(name, source)).collect();
    // `#[cfg(test)] mod laws;` makes the whole of laws.rs test code.
    let test_modules: Vec<Vec<String>> = files
        .iter()
        .filter(|file| file.name.starts_with("src/"))
        .flat_map(|file| file.modules.iter().filter(|(_, test)| **test).map(|(place, _)| place.clone()))
        .collect();
    for file in files.iter_mut().filter(|file| file.name.starts_with("src/")) {
        if test_modules.iter().any(|place| file.module().starts_with(place)) {
            file.named.iter_mut().for_each(|named| named.in_test = true);
        }
    }
    // `pub use domain::Moment` in lib.rs: whoever imports `crate::Moment` imports domain.
    let root: BTreeMap<String, Vec<String>> = files
        .iter()
        .filter(|file| file.name == "src/lib.rs")
        .flat_map(|file| {
            file.named.iter().filter_map(|named| match (named.alias.clone(), file.meaning(named).0) {
                (Some(alias), Meaning::Ours(place)) => Some((alias, place)),
                _ => None,
            })
        })
        .collect();

    let mut findings = BTreeSet::new();
    for file in &files {
        let mut find = |line: usize, what: String| {
            findings.insert(format!("{}:{line}: {what}", file.name));
        };
        check_words(file, &mut find);
        if file.name.starts_with("src/") {
            check_layer(file, &root, &mut find);
        }
        if file.name.starts_with("hw-sim/") {
            for named in file.named.iter().filter(|named| named.path[0] == "platen") {
                find(
                    named.line,
                    format!("hw-sim knows nothing of platen, but names `{}`", named.path.join("::")),
                );
            }
        }
    }
    findings
}

fn check_words(file: &File, find: &mut impl FnMut(usize, String)) {
    let source = file.name.starts_with("src/") || file.name.starts_with("hw-sim/src/");
    if source && !file.first_line.starts_with("//!") {
        find(1, "a file opens with one sentence that says its idea: `//! …`".into());
    }
    for (i, token) in file.tokens.iter().enumerate() {
        let after = file.word(i + 1);
        match token.text.as_str() {
            "todo" | "unimplemented" if after == "!" => {
                find(token.line, format!("`{}!` is left", token.text))
            }
            "include" if after == "!" => find(token.line, "`include!` brings code past this test".into()),
            "unsafe" if source && !UNSAFE_PLACES.iter().any(|place| file.name.starts_with(place)) => {
                find(token.line, format!("`unsafe` stands only in {}", UNSAFE_PLACES.join(" and ")));
            }
            "#" if after == "[" || after == "!" && file.word(i + 2) == "[" => {
                let open = if after == "[" { i + 1 } else { i + 2 };
                let attribute = &file.tokens[open..close_of(&file.tokens, open).min(file.tokens.len())];
                let words: Vec<&str> = attribute.iter().map(|word| word.text.as_str()).collect();
                // `#[utoipa::path(get, path = "/x")]` is another matter than `#[path = "x.rs"]`.
                let has = |name: &str| match &words[..] {
                    ["[", "cfg_attr", rest @ ..] => rest.windows(2).any(|pair| pair == [",", name]),
                    ["[", first, ..] => *first == name,
                    _ => false,
                };
                // Under tests/ it may be the half that another test starts; then it says so.
                let told = !source && words.contains(&"=");
                if has("ignore") && !told {
                    find(
                        token.line,
                        "`#[ignore]`: a test runs or it is deleted; under tests/ it may say its reason"
                            .into(),
                    );
                }
                if has("path") {
                    find(token.line, "`#[path]`: a file's place is its module".into());
                }
            }
            _ => {}
        }
    }
}

fn check_layer(file: &File, root: &BTreeMap<String, Vec<String>>, find: &mut impl FnMut(usize, String)) {
    let layer = file.layer();
    let allowed = LAYERS.iter().find(|(name, _)| Some(*name) == layer).map(|(_, allowed)| *allowed);
    if let (Some(layer), None) = (layer, allowed) {
        find(1, format!("`{layer}` has no layer: give it a line in LAYERS of tests/architecture.rs"));
    }
    let pure = layer.is_some_and(|layer| PURE.contains(&layer));
    for named in &file.named {
        let written = named.path.join("::") + if named.glob { "::*" } else { "" };
        match file.meaning(named) {
            (Meaning::Foreign(path), by_alias) => {
                // `HashMap::new()` after `use std::collections::HashMap`: the import is the finding.
                let reported = |ban: &str| {
                    let alias =
                        |import: &&Named| import.import && import.alias.as_ref() == Some(&named.path[0]);
                    by_alias
                        && file.named.iter().filter(alias).any(|import| {
                            matches!(file.meaning(import).0, Meaning::Foreign(path) if names(&path, import.glob, ban))
                        })
                };
                let mut refuse = |ban: &str, why: &str| {
                    if names(&path, named.glob, ban) && !reported(ban) {
                        find(named.line, format!("{why}, but `{written}` names {ban}"));
                    }
                };
                if pure && !named.in_test {
                    IMPURE_STD
                        .iter()
                        .for_each(|ban| refuse(ban, "a pure layer has no clock, no IO and no random order"));
                }
                if pure && IMPURE_CRATES.iter().any(|ban| path[0] == *ban || path[0].starts_with("tokio_")) {
                    find(
                        named.line,
                        format!("a pure layer has no IO and no tasks, but `{written}` names {}", path[0]),
                    );
                }
            }
            // What an alias of ours stands for was judged where it was imported.
            (Meaning::Ours(_), true) => {}
            (Meaning::Ours(mut place), false) => {
                let (Some(layer), Some(allowed)) = (layer, allowed) else { continue };
                if let Some(behind) = place.first().and_then(|first| root.get(first)) {
                    place.clone_from(behind);
                }
                match place.first().map(String::as_str) {
                    // The binary is a crate of its own: its `crate::` is not the library.
                    _ if layer == "main" => {}
                    None => find(
                        named.line,
                        format!("`{written}` names the whole crate: name the layer that is meant"),
                    ),
                    Some(other) if other == layer || allowed.contains(&other) => {}
                    Some(other) if LAYERS.iter().any(|(name, _)| *name == other) => {
                        find(named.line, format!("{layer} may not import {other}: `{written}`"));
                    }
                    Some(other) => {
                        find(named.line, format!("`{written}`: `{other}` of the root has no layer"))
                    }
                }
            }
        }
    }
}

/// Whether a path names `ban`, something inside it, or by `*` everything around it.
fn names(path: &[String], glob: bool, ban: &str) -> bool {
    let ban: Vec<&str> = ban.split("::").collect();
    let same = path.iter().zip(&ban).all(|(a, b)| a == b);
    same && (path.len() >= ban.len() || glob)
}

// ---- the project ---------------------------------------------------------------------------------------------

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files of the project, by their name from its folder.
fn project_files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders: Vec<_> = ["src", "hw-sim", "tests", "benches"].map(|name| project().join(name)).into();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = folder.read_dir() else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source =
                    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                let name = path.strip_prefix(project()).unwrap_or(&path).display().to_string();
                files.insert(name, source);
            }
        }
    }
    files
}

fn check_project(files: &BTreeMap<String, String>) -> BTreeSet<String> {
    check(files.iter().map(|(name, source)| (name.as_str(), source.as_str())))
}

#[test]
fn the_project_keeps_its_rules() {
    let findings = check_project(&project_files());
    let list: Vec<&str> = findings.iter().map(String::as_str).collect();
    assert!(list.is_empty(), "{} found:\n{}", list.len(), list.join("\n"));
}

#[test]
fn the_scan_reads_the_whole_project() {
    let files = project_files();
    for name in ["src/lib.rs", "src/main.rs", "src/domain/mod.rs", "src/io/clock.rs", "hw-sim/src/lib.rs"] {
        assert!(files.contains_key(name), "{name} was not read, of {} files", files.len());
    }
}

#[test]
fn the_simulator_does_not_depend_on_platen() {
    let manifest = std::fs::read_to_string(project().join("hw-sim/Cargo.toml")).expect("hw-sim/Cargo.toml");
    assert_eq!(dependency_on_platen(&manifest), None);
    assert_eq!(dependency_on_platen("[dependencies]\nserde = \"1\"\nplaten = { path = \"..\" }"), Some(3));
    assert_eq!(
        dependency_on_platen("[dependencies]\nlab = { package = \"platen\", path = \"..\" }"),
        Some(2)
    );
    assert_eq!(dependency_on_platen("[dev-dependencies.platen]\npath = \"..\""), Some(1));
}

fn dependency_on_platen(manifest: &str) -> Option<usize> {
    let code = |line: &str| line.split('#').next().unwrap_or_default().to_string();
    let word = |line: &str| {
        code(line).split(|c: char| !c.is_alphanumeric() && c != '-').any(|word| word == "platen")
    };
    manifest.lines().position(word).map(|index| index + 1)
}

/// Names and units that are the same in every language.
const SAME_IN_ALL: [&str; 3] = ["platen", "mm", "ms"];

/// The literals that stand as content in the markup of a page, `{ "…" }`, with their lines: what somebody would read.
/// An attribute's value comes behind `=`; what stands between parentheses is Rust, and markup in it is looked at itself.
fn literals_in_markup(source: &str) -> Vec<(usize, String)> {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut found = Vec::new();
    for (start, opening) in source.match_indices("html! {") {
        literals_of_block(source, start + opening.len(), &mut found);
    }
    found
}

fn literals_of_block(source: &str, from: usize, found: &mut Vec<(usize, String)>) {
    let bytes = source.as_bytes();
    let (mut at, mut depth, mut group, mut before) = (from, 1_i32, 0_i32, b'{');
    while at < bytes.len() && depth > 0 {
        let byte = bytes[at];
        match byte {
            b'/' if bytes[at..].starts_with(b"//") => {
                at += source[at..].find('\n').unwrap_or(bytes.len() - at);
                continue;
            }
            b'"' => {
                let end = end_of_text(bytes, at);
                let text = &source[at + 1..end];
                let after = source[end + 1..].trim_start();
                // The pattern of a match is Rust, too.
                let is_pattern = after.starts_with("=>") || after.starts_with('|');
                if group == 0 && b"{};)\">".contains(&before) && !is_pattern && is_for_people(text) {
                    found.push((1 + source[..at].matches('\n').count(), text.to_owned()));
                }
                (before, at) = (b'"', end + 1);
                continue;
            }
            // A character, and not a lifetime.
            b'\'' if bytes.get(at + 2) == Some(&b'\'') => at += 2,
            b'(' | b'[' => group += 1,
            b')' | b']' => group -= 1,
            b'{' if group == 0 => depth += 1,
            b'}' if group == 0 => depth -= 1,
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            before = byte;
        }
        at += 1;
    }
}

/// Where the text that opens here ends.
fn end_of_text(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at
}

/// Two letters or more in a row that are not the same in every language.
fn is_for_people(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_alphabetic());
    words.filter(|word| word.chars().count() > 1).any(|word| !SAME_IN_ALL.contains(&word))
}

#[test]
fn no_page_has_words_of_its_own() {
    let files = project_files();
    let pages: Vec<_> = files
        .iter()
        .filter(|(name, _)| name.starts_with("src/api/ui/") && !name.starts_with("src/api/ui/words"))
        .collect();
    assert!(pages.len() > 20, "only {} files of the page are looked at", pages.len());
    let mut found = Vec::new();
    for (name, source) in pages {
        let all = literals_in_markup(source).into_iter();
        found.extend(all.map(|(line, text)| format!("{name}:{line}: {text:?}")));
    }
    assert!(found.is_empty(), "for people: give each a name in src/api/ui/words:\n{}", found.join("\n"));
}

#[test]
fn a_literal_in_markup_is_found_wherever_somebody_would_read_it() {
    let found = |markup: &str| -> Vec<String> {
        let all = literals_in_markup(&format!("fn f() {{ html! {{ {markup} }} }}"));
        all.into_iter().map(|(_, text)| text).collect()
    };
    for markup in [
        "p { \"Hello\" }",
        "p { (x) \" hello\" }",
        "p { b {} \"hello\" }",
        "p { br; \"hello\" }",
        "@if x { \"hello\" } @else { \"-\" }",
        "@match x { Some(_) => \"hello\", None => \"-\" }",
        "p { \"-\" \"hello\" }",
        "(inner.put(\"an id\", html! { p { \"hello\" } }))",
        "p title=(x) { \"hello\" }",
    ] {
        assert_eq!(found(markup).len(), 1, "{markup}: {:?}", found(markup));
    }
    for markup in [
        "p { \" · \" (x) \", \" \"platen\" }",
        "p class=\"hello\" title=\"hello\" {}",
        "(viewer.fill(words::X, &[(\"name\", &x)]))",
        "@let x = \"hello\"; @if x == \"hello\" { (x) }",
        "@match x { \"hello\" => (x), \"more\" | \"less\" => (y), _ => {} }",
        "// \"hello\" and a } brace\n p { (x) }",
        "p { ('\"') } p data-x=[Some(\"hello\")] {}",
    ] {
        assert_eq!(found(markup), [""; 0], "{markup}");
    }
    let outside = "const A: &str = \"hello\"; fn f() { html! { p {} } }\n\
        #[cfg(test)]\nmod tests { html! { \"hello\" } }";
    assert!(literals_in_markup(outside).is_empty());
    assert_eq!(literals_in_markup("//! A\nfn f() {\n    html! {\n        \"hello\"\n    }\n}")[0].0, 4);
}

#[test]
fn a_break_planted_in_any_real_file_is_found_at_its_line() {
    let files = project_files();
    for (name, source) in &files {
        let file = File::read(name, source);
        let mut plants = vec![("fn planted() { todo!() }", "`todo!` is left")];
        if name.starts_with("src/") && !name.starts_with("src/io/") {
            plants.push(("fn planted() { unsafe {} }", "`unsafe` stands only"));
        }
        if name.starts_with("hw-sim/") {
            plants.push(("use platen::domain;", "hw-sim knows nothing of platen"));
        }
        if file.layer().is_some_and(|layer| PURE.contains(&layer)) {
            plants.push(("use crate::io::planted;", "may not import io"));
            plants.push(("use tokio::sync::mpsc;", "a pure layer has no IO"));
        }
        if file.layer().is_some_and(|layer| !["daemon", "cli", "main"].contains(&layer)) {
            plants.push(("fn planted() { crate::cli::run() }", "may not import cli"));
        }
        for (plant, what) in plants {
            let text = format!("{}\n{plant}", source.trim_end());
            let expected = format!("{name}:{}: ", text.lines().count());
            // Each file alone with the root: all files for each plant would take minutes one day.
            let root = files.get("src/lib.rs").map_or("", |root| root);
            let alone = |source| check([("src/lib.rs", root), (name, source)]);
            let found: Vec<String> = alone(&text).difference(&alone(source)).cloned().collect();
            assert!(
                found.len() == 1 && found[0].starts_with(&expected) && found[0].contains(what),
                "planted `{plant}` at {expected}found {found:?}"
            );
        }
    }
}

// ---- samples -------------------------------------------------------------------------------------------------

/// The findings in one file whose first line is its doc: the code begins on line 2.
fn findings(name: &str, code: &str) -> Vec<String> {
    let source = format!("//! A sample.\n{code}");
    check([(name, source.as_str())])
        .into_iter()
        .map(|finding| finding[name.len() + 1..].to_string())
        .collect()
}

#[track_caller]
fn holds(name: &str, code: &str) {
    assert_eq!(findings(name, code), Vec::<String>::new(), "{name}\n{code}");
}

/// One finding for each expected beginning, in order of lines.
#[track_caller]
fn breaks(name: &str, code: &str, expected: &[&str]) {
    let found = findings(name, code);
    let same = found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| f.starts_with(e));
    assert!(same, "{name}\n{code}\nfound {found:#?}\nexpected {expected:#?}");
}

#[test]
fn each_layer_imports_only_what_stands_before_it() {
    // Said a second time, as an order instead of a table.
    let order = |layer: &str| match layer {
        "domain" => 0,
        "gcode" | "model" | "protocol" => 1,
        // Of what control, config and io are made it knows nothing, nor they of it.
        "labels" => 1,
        "preview" | "counting" | "schedule" => 2,
        "slicing" | "control" => 2,
        "reports" => 3,
        "io" => 3,
        "services" => 4,
        "api" => 5,
        _ => 6,
    };
    for (from, _) in LAYERS {
        for (to, _) in LAYERS.iter().filter(|(to, _)| *to != "main") {
            let allowed = match (from, *to) {
                _ if from == *to => true,
                ("reports", to) => matches!(to, "domain" | "counting"),
                ("config", to) => to == "domain",
                (from, "config") => order(from) >= order("io"),
                ("preview", to) => matches!(to, "domain" | "gcode" | "model"),
                ("counting", to) => to == "domain",
                ("schedule", _) => false,
                ("io", "preview" | "counting") => false,
                ("slicing" | "control" | "io", "labels" | "schedule") => false,
                ("slicing", "preview") => false,
                (from, to) if order(from) == 6 => order(to) <= 6,
                (from, to) => order(to) < order(from),
            };
            let (name, code) = (format!("src/{from}/sample.rs"), format!("use platen::{to}::Thing;"));
            let name = if from == "main" { "src/main.rs".into() } else { name };
            if allowed {
                holds(&name, &code);
            } else {
                breaks(&name, &code, &[&format!("2: {from} may not import {to}: ")]);
            }
        }
    }
}

#[test]
fn an_import_is_found_in_every_spelling() {
    for spelling in [
        "use crate::io::clock::Clock;",
        "pub use crate::io::clock::Clock;",
        "pub(crate) use crate::io;",
        "use crate::io::*;",
        "use crate::io as outside;",
        "use crate::io::clock::Clock as _;",
        "use super::super::io::clock::Clock;",
        "use self::super::super::io::clock::Clock;",
        "use platen::io::clock::Clock;",
        "use ::platen::io::clock::Clock;",
        "use crate::{domain::ids, io::{spool::Spool}};",
        "use crate::{domain, io};",
        "use {crate::domain, crate::io::store};",
        "fn f() -> crate::io::clock::Clock { g() }",
        "fn f() { let x = crate::io::clock::entropy(); }",
        "fn f() { super::super::io::clock::entropy() }",
        "fn f(x: &dyn crate::io::store::Store) {}",
        "fn f() { g::<crate::io::clock::Clock>() }",
        "type C = <crate::io::Port as Iterator>::Item;",
        "#[derive(Debug, crate::io::Derive)] struct S;",
        "#[serde(with = \"crate::io::seconds\")] struct S;",
        "macro_rules! m { () => { $crate::io::clock::entropy() } }",
        "impl crate::io::store::Store for S {}",
        "mod inner { use super::super::super::io::Clock; }",
        "mod inner { fn f() { crate::io::f() } }",
        "#[cfg(test)] mod tests { use crate::io::clock::Clock; }",
        "#[cfg(test)] mod tests { use super::super::super::io::clock::Clock; }",
        "fn f() { r#crate::io::f() }",
    ] {
        breaks("src/domain/sample.rs", spelling, &["2: domain may not import io: "]);
    }
    breaks("src/domain/mod.rs", "use super::io::clock::Clock;", &["2: domain may not import io: "]);
}

#[test]
fn a_finding_stands_at_the_line_of_the_name_in_a_long_import() {
    let code = "use crate::{\n    domain::ids,\n    services::{\n        board::Board,\n        fleet::Fleet,\n    },\n};";
    breaks("src/io/sample.rs", code, &["5: io may not import services", "6: io may not import services"]);
}

#[test]
fn imports_of_the_own_layer_and_of_neighbours_inside_it_are_fine() {
    holds(
        "src/domain/lab.rs",
        "use super::ids::JobId;\nuse crate::domain::event::Fact;\nuse self::inner::X;\nmod inner {}",
    );
    holds(
        "src/domain/lab.rs",
        "#[cfg(test)]\nmod tests {\n    use super::*;\n    use super::super::ids::JobId;\n}",
    );
    holds("src/io/store/sled.rs", "use super::{Batch, Store};\nuse super::super::clock::Clock;");
    holds("src/domain/mod.rs", "pub mod ids;\npub use ids::JobId;\npub(in crate::domain) fn f() {}");
}

#[test]
fn a_foreign_module_with_the_name_of_a_layer_is_no_import() {
    holds("src/gcode/lexer.rs", "use std::io;\nfn f() -> io::Result<()> { io::Error::other(\"x\") }");
    holds("src/gcode/lexer.rs", "fn f() -> std::io::Result<()> { config::read() }");
    holds("src/domain/job.rs", "fn f(x: X) { x.io.clock(); x.crate_io(); Self::io::<u8>() }");
}

#[test]
fn words_in_comments_and_text_are_no_imports() {
    holds(
        "src/domain/sample.rs",
        r####"/// See [`crate::io::clock`] and `std::time::Instant`; todo!() unsafe.
        /* use crate::io; /* nested */ use crate::api; */
        const A: &str = "use crate::io::clock; \" unsafe { todo!() } std::fs::read";
        const B: &str = r#"use crate::io; "quoted" #[ignore] "#;
        const C: &[u8] = b"use crate::io"; const D: &[u8] = br"crate::io::x \"; const Q: char = '"'; const E: char = '\'';
        const F: u8 = b'"'; const G: char = '\u{22}'; fn f<'a>(x: &'a str) -> &'a str { x }
        const H: &str = "over \
            two lines";"####,
    );
}

#[test]
fn the_code_after_every_kind_of_text_is_read_again() {
    let texts = r####"'"'
        '\"'
        '\''
        '\\'
        '\u{22}'
        '{'
        b'"'
        b'\''
        "'"
        "\""
        "\\"
        b"\""
        c"\\"
        r"\"
        r#"""#
        br##""#"##
        1.0e5
        0x_ff
        <'a>
        /* " */
        // "
        /* ' */
        /* /* */ " */
        r#type"####;
    for text in texts.lines() {
        breaks(
            "src/domain/sample.rs",
            &format!("{text}\n; use crate::io;"),
            &["3: domain may not import io"],
        );
    }
}

#[test]
fn the_line_is_right_after_text_and_comments_of_many_lines() {
    let code = "/* a\nb /* c\n*/ */ const A: &str = \"x\ny \\\nz\"; const B: &str = r##\"\n\"# unsafe\n\"##; const C: char = '\n';\nuse crate::io;";
    breaks("src/domain/sample.rs", code, &["10: domain may not import io"]);
}

#[test]
fn the_whole_crate_is_nobodys_import() {
    for code in ["use crate::*;", "use crate as root;", "use super::super as root;", "use platen as root;"] {
        breaks("src/domain/sample.rs", code, &["2: `"]);
    }
    holds("src/main.rs", "use crate::Options;\nuse platen::cli;\nstruct Options;");
    holds("src/lib.rs", "pub mod domain;\npub use domain::ids;\npub use crate::io::clock;");
}

#[test]
fn a_name_given_again_by_the_root_counts_as_the_layer_behind_it() {
    let root = "//! Root.\npub mod io;\npub mod domain;\npub use io::clock::Clock;\npub use domain::Moment;";
    let found = |user: &str| check([("src/lib.rs", root), ("src/domain/sample.rs", user)]);
    assert_eq!(
        found("//! S.\nuse crate::Clock;"),
        BTreeSet::from(["src/domain/sample.rs:2: domain may not import io: `crate::Clock`".to_string()])
    );
    assert_eq!(found("//! S.\nuse crate::Moment;"), BTreeSet::new());
    assert_eq!(found("//! S.\nuse crate::Unknown;").len(), 1);
}

#[test]
fn a_module_without_a_layer_is_found() {
    breaks("src/helpers.rs", "", &["1: `helpers` has no layer"]);
    breaks("src/util/mod.rs", "", &["1: `util` has no layer"]);
    breaks("src/bin/other.rs", "", &["1: `bin` has no layer"]);
}

#[test]
fn a_pure_layer_has_no_clock_no_files_no_threads_and_no_random_order() {
    for layer in PURE {
        let name = format!("src/{layer}/sample.rs");
        for ban in IMPURE_STD {
            let last = ban.rsplit("::").next().unwrap_or_default();
            let parent = ban.strip_suffix(last).unwrap_or_default();
            for code in [
                format!("use {ban};"),
                format!("use {ban}::inner;"),
                format!("use ::{ban};"),
                format!("use {parent}{{{last} as Other, other}};"),
                format!("use {parent}*;"),
                "use std::*;".to_string(),
                format!("fn f(x: {ban}) {{}}"),
                format!("fn f() {{ {ban}::now() }}"),
                format!("impl ::{ban}::Trait for S {{}}"),
                format!("use std as s; fn f() {{ s::{}::now() }}", ban.trim_start_matches("std::")),
            ] {
                let found = findings(&name, &code);
                let told = format!("names {ban}");
                assert!(
                    found.iter().any(|f| f.starts_with("2: a pure layer") && f.ends_with(&told)),
                    "{code}: {found:?}"
                );
            }
            for other in ["config", "io", "services", "api", "daemon", "cli"] {
                holds(&format!("src/{other}/sample.rs"), &format!("use {ban};"));
            }
        }
    }
    let half =
        "use std::time;\nfn f() { time::Instant::now() }\nfn g() -> time::Duration { time::Duration::ZERO }";
    breaks("src/control/sample.rs", half, &["3: a pure layer"]);
    breaks("src/control/sample.rs", &half.replace("time;", "{fmt, time::{self}};"), &["3: a pure layer"]);
    let twice = "use std as s;\nuse s::time as t;\nfn f() { t::Instant::now() }";
    breaks("src/control/sample.rs", twice, &["4: a pure layer"]);
    breaks(
        "src/control/sample.rs",
        "use std::collections::HashMap;\nfn f() { HashMap::new() }",
        &["2: a pure layer"],
    );
    holds(
        "src/control/sample.rs",
        "use std::time::Duration;\nuse std::collections::BTreeMap;\nuse std::{fmt, str};",
    );
    holds("src/control/sample.rs", "enum Step { Instant }\nfn f() -> Step { Step::Instant }");
}

#[test]
fn a_pure_layer_knows_no_crate_that_does_io_not_even_in_its_tests() {
    let crates = "tokio tokio_util tokio_serial nix libc getrandom serialport sled rumqttc rumqttd axum ureq mio hw_sim";
    for ban in crates.split(' ') {
        for code in [
            format!("use {ban}::x::Y;"),
            format!("use {ban};"),
            format!("extern crate {ban} as other;"),
            format!("fn f() {{ {ban}::run() }}"),
            format!("#[cfg(test)] mod tests {{ #[{ban}::test] fn f() {{}} }}"),
        ] {
            breaks("src/protocol/sample.rs", &code, &["2: a pure layer has no IO"]);
            holds("src/io/sample.rs", &code);
        }
    }
    holds("src/protocol/sample.rs", "mod sled {}\nfn f() { sled::run() }");
    breaks("src/protocol/sample.rs", "mod sled {}\nfn f() { ::sled::run() }", &["3: a pure layer"]);
    breaks("src/protocol/sample.rs", "mod sled {}\nextern crate sled;", &["3: a pure layer"]);
    holds("src/protocol/sample.rs", "use tokioish::X;\nuse serde::Serialize;");
}

#[test]
fn tests_of_a_pure_layer_may_use_std_and_the_code_after_them_may_not() {
    let modul = "#[cfg(test)]\nmod tests {\n    use std::collections::HashSet;\n    fn f() { std::fs::read(\"x\"); }\n}\n";
    holds("src/domain/sample.rs", modul);
    breaks("src/domain/sample.rs", &format!("{modul}use std::fs;"), &["7: a pure layer"]);
    holds("src/domain/sample.rs", "#![cfg(test)]\nuse std::fs;");
    holds("src/domain/sample.rs", "#[cfg(test)]\nfn f() -> A<B, C> { std::fs::read() }");
    holds("src/domain/sample.rs", "#[cfg(test)]\n#[allow(x)]\nuse std::fs;");
    holds("src/domain/sample.rs", "#[cfg(all(test, unix))]\nfn f<A, B>(x: [u8; 3]) -> A { std::fs::read() }");
    breaks("src/domain/sample.rs", "#[cfg(test)]\nuse std::fs;\nuse std::net;", &["4: a pure layer"]);
    breaks(
        "src/domain/sample.rs",
        "#[cfg(test)]\nfn f() {}\nfn g() { std::fs::read() }",
        &["4: a pure layer"],
    );
    breaks(
        "src/domain/sample.rs",
        "struct S {\n#[cfg(test)]\na: A<B, C>,\nb: std::fs::File }",
        &["5: a pure layer"],
    );
    breaks("src/domain/sample.rs", "#[cfg(not(test))]\nuse std::fs;", &["3: a pure layer"]);
    breaks("src/domain/sample.rs", "#[cfg(any(test, unix))]\nuse std::fs;", &["3: a pure layer"]);
}

#[test]
fn a_file_of_tests_declared_by_its_parent_is_test_code() {
    let parent = |code: &str| format!("//! P.\n{code}");
    let found = |code: &str| {
        check([
            ("src/domain/mod.rs", parent(code).as_str()),
            ("src/domain/laws.rs", "//! L.\nuse std::fs;\nuse crate::io;"),
        ])
    };
    let direction = "src/domain/laws.rs:3: domain may not import io: `crate::io`".to_string();
    assert_eq!(found("#[cfg(test)]\nmod laws;"), BTreeSet::from([direction]));
    assert_eq!(found("mod laws;").len(), 2);
}

#[test]
fn the_simulator_names_nothing_of_platen() {
    let told = "2: hw-sim knows nothing of platen";
    for code in [
        "use platen::gcode::lexer;",
        "use platen as p;",
        "use ::platen::domain;",
        "extern crate platen;",
        "fn f() { platen::gcode::f() }",
        "use {std::fmt, platen::domain};",
        "#[cfg(test)] mod tests { use platen::domain; }",
    ] {
        breaks("hw-sim/src/parser.rs", code, &[told]);
        breaks("hw-sim/tests/laws.rs", code, &[told]);
    }
    holds("hw-sim/src/parser.rs", "use crate::planner::X;\nuse std::collections::HashMap;\nfn platen() {}");
}

#[test]
fn every_file_opens_with_its_sentence() {
    for name in ["src/main.rs", "src/lib.rs", "src/domain/job.rs", "hw-sim/src/lib.rs"] {
        let told = format!("{name}:1: a file opens with one sentence that says its idea: `//! …`");
        for source in ["", "use std::fmt;", "\n//! Late.", "// Not a doc.", "/// Of something else."] {
            assert_eq!(check([(name, source)]), BTreeSet::from([told.clone()]), "{source:?}");
        }
        assert_eq!(check([(name, "//! One idea.\n")]), BTreeSet::new());
    }
    assert_eq!(check([("hw-sim/tests/laws.rs", "use std::fmt;")]), BTreeSet::new());
}

#[test]
fn unsafe_stands_only_where_system_calls_are_made() {
    for name in
        ["src/domain/job.rs", "src/services/fleet.rs", "src/main.rs", "src/lib.rs", "hw-sim/src/wire.rs"]
    {
        breaks(name, "fn f() { unsafe { g() } }", &["2: `unsafe`"]);
        breaks(name, "#[cfg(test)] mod tests { unsafe fn g() {} }", &["2: `unsafe`"]);
        breaks(name, "#[unsafe(no_mangle)] fn f() {}", &["2: `unsafe`"]);
        holds(name, "#![forbid(unsafe_code)]\nfn not_unsafe() {}");
    }
    holds("src/io/serial.rs", "fn f() { unsafe { g() } }");
    holds("src/io/store/sled.rs", "fn f() { unsafe { g() } }");
    holds("hw-sim/src/pty.rs", "fn f() { unsafe { g() } }");
}

#[test]
fn nothing_is_left_undone_and_no_test_is_skipped_without_a_word() {
    for name in
        ["src/io/spool.rs", "src/api/mod.rs", "hw-sim/src/wire.rs", "tests/broker.rs", "hw-sim/tests/laws.rs"]
    {
        breaks(name, "fn f() { todo!() }", &["2: `todo!` is left"]);
        breaks(name, "fn f() { std::unimplemented! { \"later\" } }", &["2: `unimplemented!` is left"]);
        breaks(name, "#[test]\n#[ignore]\nfn f() {}", &["3: `#[ignore]`"]);
        let told = "#[ignore = \"the other half of the test below\"]\nfn f() {}";
        if name.contains("src/") {
            breaks(name, told, &["2: `#[ignore]`"]);
        } else {
            holds(name, told);
        }
        breaks(name, "#[cfg_attr(unix, ignore)]\nfn f() {}", &["2: `#[ignore]`"]);
        breaks(name, "#[path = \"x.rs\"]\nmod f;", &["2: `#[path]`"]);
        breaks(name, "include!(\"x.rs\");", &["2: `include!`"]);
        holds(name, "fn todo() { todo(); unimplemented(ignore) }\nconst X: &str = include_str!(\"x.txt\");");
        breaks(name, "#[cfg_attr(unix, path = \"x.rs\")]\nmod f;", &["2: `#[path]`"]);
        holds(name, "#[utoipa::path(get, path = \"/x\", ignore)]\nfn f() {}");
        holds(name, "#[route(path = \"/x\", ignore_case)]\nfn f(path: &str) { path != \"x\" }");
    }
}
