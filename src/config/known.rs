//! Printers that many labs have, and what their makers say of them, to begin a section with.
//!
//! What a maker does not say, or builds in several ways, is left out: what is not known refuses nothing, and what is
//! wrong refuses good files. Whoever commissions a printer looks at each number there.

use super::Printer;
use super::section::Chosen;
use crate::domain::units::Height;

/// A kind of printer.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// As the section's `model` has it.
    pub model: String,
    /// As people call it.
    pub called: String,
    /// Without name and port.
    pub settings: Chosen,
}

struct Row {
    model: &'static str,
    called: &'static str,
    baud: i64,
    build: [[i64; 2]; 3],
    /// The highest targets that its maker names, °C.
    hot: [i64; 2],
    nozzle: f64,
    filament: f64,
}

const fn row(
    model: &'static str,
    called: &'static str,
    baud: i64,
    build: [[i64; 2]; 3],
    hot: [i64; 2],
    [nozzle, filament]: [f64; 2],
) -> Row {
    Row { model, called, baud, build, hot, nozzle, filament }
}

/// From the makers' data sheets, for the nozzle that they come with.
const ROWS: &[Row] = &[
    row("prusa-mk3s", "Prusa i3 MK3S+", 115_200, [[0, 250], [-4, 210], [0, 210]], [300, 120], [0.4, 1.75]),
    row("prusa-mk4", "Prusa MK4", 115_200, [[0, 250], [-4, 210], [0, 220]], [290, 120], [0.4, 1.75]),
    row("prusa-mini", "Prusa MINI+", 115_200, [[0, 180], [0, 180], [0, 180]], [280, 100], [0.4, 1.75]),
    row("ender-3", "Creality Ender-3", 115_200, [[0, 220], [0, 220], [0, 250]], [255, 110], [0.4, 1.75]),
    row(
        "ender-3-v2",
        "Creality Ender-3 V2",
        115_200,
        [[0, 220], [0, 220], [0, 250]],
        [255, 100],
        [0.4, 1.75],
    ),
    row(
        "ender-3-s1",
        "Creality Ender-3 S1",
        115_200,
        [[0, 220], [0, 220], [0, 270]],
        [260, 100],
        [0.4, 1.75],
    ),
    row("cr-10", "Creality CR-10", 115_200, [[0, 300], [0, 300], [0, 400]], [255, 100], [0.4, 1.75]),
    row("lulzbot-taz-6", "LulzBot TAZ 6", 250_000, [[0, 280], [0, 280], [0, 250]], [300, 120], [0.5, 2.85]),
];

/// All kinds that platen knows by itself.
pub fn known() -> Vec<Known> {
    let settings = |row: &Row| Chosen {
        baud: row.baud,
        model: Some(row.model.to_owned()),
        build_x: Some(row.build[0]),
        build_y: Some(row.build[1]),
        build_height: Some(row.build[2][1]),
        hotend_max: Some(row.hot[0]),
        bed_max: Some(row.hot[1]),
        nozzle: Some(row.nozzle),
        filament: Some(row.filament),
        ..Chosen::default()
    };
    let of = |row: &Row| Known {
        model: row.model.to_owned(),
        called: row.called.to_owned(),
        settings: settings(row),
    };
    ROWS.iter().map(of).collect()
}

/// What the configuration says of a printer, to begin another one of its kind with.
pub fn like(printer: &Printer) -> Known {
    let span = |of: Option<(i16, i16)>| of.map(|(low, high)| [i64::from(low), i64::from(high)]);
    let build = &printer.build;
    let hours = build.longest.and_then(|longest| i64::try_from(longest.as_secs() / 3_600).ok());
    let size = |bytes: usize| i64::try_from(bytes).ok();
    Known {
        model: printer.model.clone().unwrap_or_default(),
        called: format!("as {}", printer.name),
        settings: Chosen {
            baud: i64::from(printer.baud.0),
            model: printer.model.clone(),
            firmware: printer.firmware.map(|firmware| firmware.name().to_owned()),
            rx_buffer: size(printer.rx_buffer),
            command_buffer: size(printer.command_buffer),
            hotend_max: Some(i64::from(printer.heat.hotend_max)),
            bed_max: Some(i64::from(printer.heat.bed_max)),
            chamber_max: Some(i64::from(printer.heat.chamber_max)),
            build_x: span(build.x),
            build_y: span(build.y),
            build_height: build.height.map(i64::from),
            beside_plate: Some(i64::from(build.beside)).filter(|beside| *beside > 0),
            nozzle: build.nozzle.map(Height::mm),
            filament: build.filament.map(Height::mm),
            arcs: build.arcs,
            longest_job_h: hours,
            unattended: (!printer.unattended).then_some(false),
            ..Chosen::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, with_section};

    const BASE: &str = "site = \"st-anna\"\nnode = \"lab-1\"\n";

    #[test]
    fn every_known_printer_makes_a_section_without_a_mistake_and_its_twin_says_the_same() {
        let mut models = std::collections::BTreeSet::new();
        for known in known() {
            let chosen = Chosen { name: "new".into(), port: "/dev/new".into(), ..known.settings.clone() };
            let whole = with_section(BASE, &chosen.section()).unwrap();
            let config = Config::parse(&whole).unwrap();
            assert_eq!(config.printers[0].model.as_deref(), Some(known.model.as_str()));
            assert!(models.insert(known.model), "twice");
            let like = like(&config.printers[0]).settings;
            let twin = Chosen { name: "twin".into(), port: "/dev/twin".into(), ..like };
            let both = Config::parse(&with_section(&whole, &twin.section()).unwrap()).unwrap();
            assert_eq!(both.printers[0].build, both.printers[1].build);
            assert_eq!(both.printers[0].heat, both.printers[1].heat);
        }
    }
}
