//! The section of one printer as text, from what somebody has chosen; and a configuration with it, read as a whole.
//!
//! The text is only put behind the other: no other byte changes. What counts is what the parser makes of both.

use std::fmt::Write as _;

use super::{Config, Mistake};

/// What somebody has chosen, in the words of the configuration. Whether it makes sense is the parser's to say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chosen {
    pub name: String,
    pub port: String,
    pub baud: i64,
    pub model: Option<String>,
    pub kind: Option<String>,
    pub firmware: Option<String>,
    pub rx_buffer: Option<i64>,
    pub command_buffer: Option<i64>,
    pub hotend_max: Option<i64>,
    pub bed_max: Option<i64>,
    pub chamber_max: Option<i64>,
    pub build_x: Option<[i64; 2]>,
    pub build_y: Option<[i64; 2]>,
    pub build_height: Option<i64>,
    pub beside_plate: Option<i64>,
    pub nozzle: Option<f64>,
    pub filament: Option<f64>,
    pub arcs: Option<bool>,
    pub longest_job_h: Option<i64>,
    pub unattended: Option<bool>,
    pub fixed_plug: Option<bool>,
    pub console: Option<String>,
}

/// A text as TOML has it.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

impl Chosen {
    /// The section, which ends with its last line.
    pub fn section(&self) -> String {
        let mut section = String::from("[[printer]]\n");
        let mut line = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                let _ = writeln!(section, "{key} = {value}");
            }
        };
        let text = |text: &Option<String>| text.as_deref().map(quoted);
        let whole = |number: Option<i64>| number.map(|number| number.to_string());
        let flag = |flag: Option<bool>| flag.map(|flag| flag.to_string());
        let span = |span: Option<[i64; 2]>| span.map(|[low, high]| format!("[{low}, {high}]"));
        // `{:?}` writes the point of a whole number, too, and 1e300 as TOML reads it.
        let decimal = |number: Option<f64>| number.map(|number| format!("{number:?}"));
        line("name", Some(quoted(&self.name)));
        line("model", text(&self.model));
        line("kind", text(&self.kind));
        line("port", Some(quoted(&self.port)));
        line("baud", Some(self.baud.to_string()));
        line("firmware", text(&self.firmware));
        line("rx_buffer", whole(self.rx_buffer));
        line("command_buffer", whole(self.command_buffer));
        line("hotend_max", whole(self.hotend_max));
        line("bed_max", whole(self.bed_max));
        line("chamber_max", whole(self.chamber_max));
        line("build_x", span(self.build_x));
        line("build_y", span(self.build_y));
        line("build_height", whole(self.build_height));
        line("beside_plate", whole(self.beside_plate));
        line("nozzle", decimal(self.nozzle));
        line("filament", decimal(self.filament));
        line("arcs", flag(self.arcs));
        line("longest_job_h", whole(self.longest_job_h));
        line("unattended", flag(self.unattended));
        line("fixed_plug", flag(self.fixed_plug));
        line("console", text(&self.console));
        section
    }
}

/// Why a section cannot be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAdded {
    /// Those in the section have a line of the section; the others stand elsewhere in the text.
    Mistakes { here: Vec<Mistake>, elsewhere: Vec<Mistake> },
    /// What came out says something else than was meant.
    Unusual,
}

/// The text with the section behind it.
pub fn with_section(text: &str, section: &str) -> Result<String, NotAdded> {
    let mut whole = text.to_owned();
    // Both kinds of line ends are TOML's, so the section keeps its own.
    while !whole.is_empty() && !whole.ends_with("\n\n") && !whole.ends_with("\n\r\n") {
        whole.push('\n');
    }
    let before = whole.matches('\n').count();
    whole.push_str(section);
    let parsed = Config::parse(&whole).map_err(|mistakes| {
        let (here, elsewhere) = mistakes.into_iter().partition(|mistake: &Mistake| {
            // What is missing in a section has no line, and the text alone tells whether it is ours.
            mistake.line.map_or_else(|| !is_of(text, mistake), |line| line > before)
        });
        let own = |mistake: Mistake| Mistake { line: mistake.line.map(|line| line - before), ..mistake };
        let here: Vec<Mistake> = here;
        NotAdded::Mistakes { here: here.into_iter().map(own).collect(), elsewhere }
    })?;
    // The rest says what it said, and there is one printer more.
    let Ok(mut wanted) = Config::parse(text).or_else(|_| Config::parse(&whole)) else {
        return Err(NotAdded::Unusual);
    };
    if wanted.printers.len() < parsed.printers.len() {
        wanted.printers.extend(parsed.printers.last().cloned());
    }
    if wanted == parsed { Ok(whole) } else { Err(NotAdded::Unusual) }
}

/// Whether the text has this mistake already.
fn is_of(text: &str, mistake: &Mistake) -> bool {
    Config::parse(text).err().is_some_and(|before| before.contains(mistake))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "site = \"st-anna\"\nnode = \"lab-1\"\n\
                        [[printer]]\nname = \"a\"\nport = \"/dev/a\"\nbaud = 115200 # as built";

    fn chosen() -> Chosen {
        Chosen {
            name: "b".into(),
            port: "/dev/b".into(),
            baud: 250_000,
            nozzle: Some(0.4),
            filament: Some(3.0),
            build_x: Some([-4, 250]),
            unattended: Some(false),
            ..Chosen::default()
        }
    }

    #[test]
    fn a_section_is_put_behind_the_rest_and_no_other_byte_changes() {
        let section = chosen().section();
        let whole = with_section(BASE, &section).unwrap();
        assert_eq!(whole, format!("{BASE}\n\n{section}"));
        let config = Config::parse(&whole).unwrap();
        let added = &config.printers[1];
        assert_eq!((added.name.as_str(), added.baud.0, added.unattended), ("b", 250_000, false));
        assert_eq!(added.build.x, Some((-4, 250)));
        let windows = format!("{}\r\n", BASE.replace('\n', "\r\n"));
        assert!(with_section(&windows, &section).unwrap().starts_with(&windows));
    }

    #[test]
    fn all_mistakes_are_told_at_once_with_their_line_in_the_section() {
        let wrong = Chosen { name: "a".into(), baud: 1, bed_max: Some(900), ..chosen() };
        let Err(NotAdded::Mistakes { here, elsewhere }) = with_section(BASE, &wrong.section()) else {
            panic!("it was taken")
        };
        assert_eq!(elsewhere, []);
        assert!(here.len() >= 3, "{here:?}");
        let section = wrong.section();
        let lines: Vec<_> = section.lines().collect();
        for mistake in &here {
            let line = lines[mistake.line.unwrap() - 1];
            assert!(line.contains(mistake.value.as_deref().unwrap()), "{line}: {mistake:?}");
        }
        assert!(here.iter().any(|mistake| mistake.reason.contains("has this name already")), "{here:?}");
    }

    #[test]
    fn a_text_cannot_bring_keys_or_sections_of_its_own() {
        for hostile in ["b\"\n[http]\nlisten = \"0.0.0.0:1\"", "b\\", "\u{7f}\u{0}\"\"\"", "]]"] {
            let chosen = Chosen { name: hostile.into(), model: Some(hostile.into()), ..chosen() };
            let plain = Chosen { model: Some("m".into()), ..self::chosen() };
            assert_eq!(chosen.section().lines().count(), plain.section().lines().count());
            let told = with_section(BASE, &chosen.section());
            assert!(matches!(told, Err(NotAdded::Mistakes { .. })), "{told:?}");
        }
    }

    #[test]
    fn a_mistake_that_was_there_before_is_told_apart() {
        let broken = BASE.replace("node = \"lab-1\"\n", "nod = 1\n");
        let Err(NotAdded::Mistakes { here, elsewhere }) = with_section(&broken, &chosen().section()) else {
            panic!("it was taken")
        };
        assert_eq!(here, []);
        assert_eq!(elsewhere.len(), 2, "{elsewhere:?}");
    }
}
