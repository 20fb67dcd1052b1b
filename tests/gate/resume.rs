//! Resume files of real prints, run by an interpreter that shares no code with platen: what is left of the print, and nothing else.

use crate::honest::{self, demo};
use hw_sim::parser::{Command, LineReader, ReaderRules};
use hw_sim::random::Random;
use platen::domain::ids::FileHash;
use platen::domain::units::Height;
use platen::gcode::analysis::Analysis;
use platen::gcode::preflight::{PrinterLimits, Question, judge};
use platen::gcode::resume::{Ask, Reader, Resume};

const FILES: [&str; 3] = ["heart", "vertebra", "guide"];

/// The same file with filament counted from the beginning of each layer's `G92 E0` on (`M82`), as other slicers do.
fn absolute(text: &str) -> String {
    // Whole hundred-thousandths, so that nothing is lost in adding up.
    let mut e = 0.0;
    let mut out = String::new();
    for line in text.lines() {
        let micro = |number: &str| (number.parse::<f64>().unwrap() * 100_000.0).round();
        if line == "M83" || line.starts_with("M83 ") {
            out.push_str("M82\n");
        } else if line.starts_with("G92 E0") {
            e = 0.0;
            out.push_str("G92 E0\n");
        } else if let (true, Some(at)) = (line.starts_with("G1 "), line.find(" E")) {
            let (number, rest) = line[at + 2..].split_once(' ').unwrap_or_else(|| (&line[at + 2..], ""));
            e += micro(number);
            out.push_str(&format!("{} E{:.5} {rest}\n", &line[..at], e / 100_000.0));
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// A move with filament: from, to, filament and feedrate, in mm and mm/min.
#[derive(Clone, Debug, PartialEq)]
struct Laid {
    from: [f64; 3],
    to: [f64; 3],
    filament: f64,
    feed: f64,
}

/// The machine as the lines leave it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Machine {
    place: [f64; 3],
    e: f64,
    feed: f64,
    relative: bool,
    relative_e: bool,
    hotend: f64,
    bed: f64,
    fan: f64,
    /// Which heaters the present targets were waited for.
    waited: [bool; 2],
}

struct Run {
    machine: Machine,
    laid: Vec<Laid>,
    /// Moves of the filament alone, and how high the head stood.
    pushed: Vec<f64>,
    pushed_at: Vec<f64>,
    homed: Vec<String>,
    /// The lowest place of the head, and every place that it reached.
    lowest: f64,
    extruded_cold: bool,
    moved_before_heat: bool,
}

impl Run {
    fn new(machine: Machine) -> Self {
        Self {
            machine,
            laid: Vec::new(),
            pushed: Vec::new(),
            pushed_at: Vec::new(),
            homed: Vec::new(),
            lowest: f64::INFINITY,
            extruded_cold: false,
            moved_before_heat: false,
        }
    }

    fn run(mut self, text: &str) -> Self {
        let mut reader = LineReader::new(ReaderRules::default());
        for byte in text.bytes().chain(*b"\n") {
            if let Some(line) = reader.push(byte) {
                self.command(&Command::read(&line));
            }
        }
        self
    }

    fn command(&mut self, command: &Command) {
        let machine = &mut self.machine;
        match (command.letter, command.code) {
            (b'G', Some(0 | 1)) => self.go(command),
            (b'G', Some(28)) => self.homed.push(String::from_utf8_lossy(&command.text).into_owned()),
            (b'G', Some(90 | 91)) => machine.relative = command.code == Some(91),
            (b'G', Some(92)) => {
                machine.e = command.value(b'E').unwrap_or(machine.e);
                for (axis, letter) in b"XYZ".iter().enumerate() {
                    machine.place[axis] = command.value(*letter).unwrap_or(machine.place[axis]);
                }
            }
            (b'M', Some(82 | 83)) => machine.relative_e = command.code == Some(83),
            (b'M', Some(104 | 109)) => {
                machine.hotend = command.value(b'S').unwrap_or(0.0);
                machine.waited[0] = command.code == Some(109);
            }
            (b'M', Some(140 | 190)) => {
                machine.bed = command.value(b'S').unwrap_or(0.0);
                machine.waited[1] = command.code == Some(190);
            }
            (b'M', Some(106)) => machine.fan = command.value(b'S').unwrap_or(255.0),
            (b'M', Some(107)) => machine.fan = 0.0,
            _ => {}
        }
    }

    fn go(&mut self, command: &Command) {
        let machine = &mut self.machine;
        machine.feed = command.value(b'F').unwrap_or(machine.feed);
        let from = machine.place;
        for (axis, letter) in b"XYZ".iter().enumerate() {
            if let Some(value) = command.value(*letter) {
                machine.place[axis] = if machine.relative { from[axis] + value } else { value };
            }
        }
        let filament = command.value(b'E').map(|value| {
            let moved = if machine.relative_e { value } else { value - machine.e };
            machine.e += moved;
            moved
        });
        let moved = machine.place != from;
        if moved {
            self.lowest = self.lowest.min(machine.place[2]);
            self.moved_before_heat |= machine.waited != [true; 2];
        }
        if let Some(filament) = filament {
            self.extruded_cold |= machine.hotend < 170.0 || !machine.waited[0];
            if moved {
                self.laid.push(Laid { from, to: machine.place, filament, feed: machine.feed });
            } else {
                self.pushed.push(filament);
                self.pushed_at.push(machine.place[2]);
            }
        }
    }
}

fn commands_of(text: &str) -> u64 {
    text.lines().filter(|line| !line.split(';').next().unwrap().trim().is_empty()).count() as u64
}

fn work_out(text: &str, analysis: &Analysis, ask: Ask) -> Resume {
    let mut reader = Reader::new(analysis, ask).unwrap();
    text.as_bytes().chunks(65_537).for_each(|chunk| reader.feed(chunk).unwrap());
    reader.finish().unwrap()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

fn same(a: &Laid, b: &Laid) -> bool {
    (0..3).all(|axis| close(a.from[axis], b.from[axis]) && close(a.to[axis], b.to[axis]))
        && close(a.filament, b.filament)
        && close(a.feed, b.feed)
}

/// Interrupted in layer `ended`, gone on with at `layer`: everything that has to hold of the new file.
fn holds(name: &str, text: &str, analysis: &Analysis, ended: usize, layer: usize, random: &mut Random) {
    let at = |layer: usize| usize::try_from(analysis.layers[layer - 1].offset).unwrap();
    let (begin, end) = (at(ended), at(ended + 1));
    let within = commands_of(&text[begin..end]);
    let confirmed = commands_of(&text[..begin]) + 1 + random.below(within - 1);
    let z = analysis.layers[ended - 1].z.unwrap();
    let resume = work_out(
        text,
        analysis,
        Ask {
            file: FileHash::from_digest([3; 32]),
            layer: u32::try_from(layer).unwrap(),
            confirmed,
            ahead: 0,
            height: Height::from_mm(z),
            recorded: true,
            park: Some((5.0, 190.0)),
            build_height: Some(200.0),
            told_is_lowest: true,
            resumes: false,
            counting: None,
        },
    );
    let told = format!("{name}, ended in {ended}, from {layer} on:\n{}", resume.head);
    let offset = usize::try_from(resume.offset).unwrap();
    assert_eq!(offset, at(layer), "{told}");

    let before = Run::new(Machine::default()).run(&text[..offset]);
    let head = Run::new(Machine::default()).run(&resume.head);
    assert_eq!(head.homed, ["G28 X Y"], "{told}");
    assert!(!head.extruded_cold && !head.moved_before_heat, "{told}");
    assert!(head.laid.is_empty(), "nothing is laid before the rest: {told}");
    assert!(head.lowest >= z - 1e-9, "{} is below the part: {told}", head.lowest);
    // What is pushed after the priming comes out at the layer's height: above it, it would fall as a drop.
    let lies = analysis.layers[layer - 1].z.unwrap();
    for (filament, height) in head.pushed.iter().zip(&head.pushed_at).skip(1) {
        assert!(*filament <= 0.0 || *height <= lies + 1e-9, "{filament} mm at Z {height}: {told}");
    }
    // All is as the original left it there, except for the height, which the rest says first.
    let mut reached = head.machine.clone();
    assert!(reached.place[2] >= before.machine.place[2], "{told}");
    reached.place[2] = before.machine.place[2];
    assert!(close(reached.e, before.machine.e) && close(reached.feed, before.machine.feed), "{told}");
    (reached.e, reached.feed) = (before.machine.e, before.machine.feed);
    assert_eq!(reached, Machine { waited: reached.waited, ..before.machine.clone() }, "{told}");

    let rest = Run::new(before.machine).run(&text[offset..]);
    let whole = format!("{}{}", resume.head, &text[offset..]);
    let new = Run::new(Machine::default()).run(&whole);
    assert!(!new.extruded_cold && new.homed == ["G28 X Y"], "{told}");
    assert_eq!(new.laid.len(), rest.laid.len(), "{told}");
    for (new, old) in new.laid.iter().zip(&rest.laid) {
        assert!(same(new, old), "{new:?} is not {old:?}: {told}");
    }
    let primed = new.pushed.len() - rest.pushed.len();
    assert_eq!(primed, head.pushed.len(), "{told}");
    assert!(new.pushed[primed..].iter().zip(&rest.pushed).all(|(new, old)| close(*new, *old)), "{told}");

    let found = honest::analyse(&whole, &PrinterLimits::default());
    let printer = honest::demo_printer();
    let question = Question { printer, material: Some("PLA"), model: None, whole: Some(true), resumes: true };
    assert_eq!(judge(&found, &question), [], "{told}");
    assert_eq!(found.layers.len(), analysis.layers.len() + 1 - layer, "{told}");
}

#[test]
fn a_resume_file_lays_exactly_what_is_left_and_neither_homes_z_nor_goes_below_the_part() {
    let mut random = Random::fork(20_261_128, "layers");
    let mut tried = 0;
    for name in FILES {
        for text in [demo(name), absolute(&demo(name))] {
            let analysis = honest::analyse(&text, &PrinterLimits::default());
            let count = analysis.layers.len();
            for ended in [1, 2, count / 3, count / 2, count - 1] {
                // Before the first layer no line says where the head is: that is printed anew.
                for layer in [ended, ended + 1].into_iter().filter(|layer| *layer > 1) {
                    holds(name, &text, &analysis, ended, layer, &mut random);
                    tried += 1;
                }
            }
        }
    }
    assert_eq!(tried, 54);
}

#[test]
fn the_interpreter_of_this_test_finds_what_it_is_to_find() {
    let start = "G21\nG90\nM83\nM190 S60\nM109 S200\nG1 X1 Y1 Z2 F600\n";
    let good = Run::new(Machine::default()).run(&format!("{start}G1 X2 E1\nG1 E-1 ; back\n"));
    assert_eq!((good.laid.len(), good.pushed.as_slice(), good.lowest), (1, [-1.0].as_slice(), 2.0));
    assert!(!good.extruded_cold && !good.moved_before_heat);
    let cold = Run::new(Machine::default()).run("G90\nM83\nM104 S200\nG1 X2 E1\nG28\n");
    assert!(cold.extruded_cold && cold.moved_before_heat && cold.homed == ["G28"]);
}
