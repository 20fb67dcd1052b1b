//! How much filament a file has pushed by certain of its commands: what a print has used, wherever it ended.
//!
//! By tool, and as far as the filament ever was: what is drawn back at the end was pushed all the same, and what is
//! pushed again after it was drawn back is not used twice. Shares that a person gives at the printer's panel, and those
//! of `M221`, are not in it: a file says lengths, and nothing on the wire tells what became of them.

use memchr::memchr2;

use super::analysis::{Analyser, Options};
use super::lexer::{LexError, Lexer};
use super::metadata::Metadata;
use super::modal::TOOLS;

/// mm by tool.
pub type Lengths = [f64; TOOLS];

/// What the file pushes until each of the places that were asked for, and what its slicer says of it.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// In the order of the places.
    pub until: Vec<Lengths>,
    pub metadata: Metadata,
}

/// Fed with the whole file in chunks of any size.
#[derive(Debug)]
pub struct Pushing {
    analyser: Analyser,
    lexer: Lexer,
    /// Counts of commands, ascending.
    places: Vec<u64>,
    until: Vec<Lengths>,
    commands: u64,
    furthest: Lengths,
}

impl Pushing {
    /// `places` are counts of commands from the file's beginning, ascending; what is behind its end counts as its end.
    pub fn new(options: Options, places: Vec<u64>) -> Self {
        let (analyser, lexer) = (Analyser::new(options), Lexer::new());
        let mut new =
            Self { analyser, lexer, places, until: Vec::new(), commands: 0, furthest: [0.0; TOOLS] };
        new.note();
        new
    }

    /// The next bytes of the file.
    pub fn feed(&mut self, mut chunk: &[u8]) -> Result<(), LexError> {
        while !chunk.is_empty() {
            let end = memchr2(b'\n', b'\r', chunk).map_or(chunk.len(), |at| at + 1);
            let (line, rest) = chunk.split_at(end);
            self.analyser.feed(line)?;
            let commands = &mut self.commands;
            self.lexer.feed(line, &mut |command| *commands = command.index)?;
            self.note();
            chunk = rest;
        }
        Ok(())
    }

    fn note(&mut self) {
        for (furthest, now) in self.furthest.iter_mut().zip(self.analyser.filament()) {
            *furthest = furthest.max(*now);
        }
        while self.places.get(self.until.len()).is_some_and(|place| *place <= self.commands) {
            self.until.push(self.furthest);
        }
    }

    /// The end of the file.
    pub fn finish(mut self) -> Result<Pushed, LexError> {
        let commands = &mut self.commands;
        self.lexer.finish(&mut |command| *commands = command.index)?;
        let analysis = self.analyser.finish()?;
        for (furthest, now) in self.furthest.iter_mut().zip(analysis.filament) {
            *furthest = furthest.max(now);
        }
        self.until.resize(self.places.len(), self.furthest);
        Ok(Pushed { until: self.until, metadata: analysis.metadata })
    }
}

/// Places of a file at which a `Course` is known: 16 bytes each.
const STEPS: u64 = 1_024;

/// How much a file has pushed by each of its commands, mm of all tools together. Exact at some places, and so after
/// each command of a file of up to `STEPS` lines; between two places as if each command there pushed alike.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course(Vec<(u64, f64)>);

impl Course {
    /// Where to look in a file of so many lines, which has no more commands than that.
    pub fn places(lines: u64) -> Vec<u64> {
        let step = lines.div_ceil(STEPS).max(1);
        (0..=lines.div_ceil(step)).map(|at| at * step).collect()
    }

    /// Of a file of so many commands, by what was found at these places.
    pub fn new(places: &[u64], pushed: &Pushed, commands: u64) -> Self {
        let ends = places.iter().map(|place| *place.min(&commands));
        let mut steps: Vec<_> =
            ends.zip(&pushed.until).map(|(place, by_tool)| (place, by_tool.iter().sum())).collect();
        steps.dedup_by_key(|(place, _)| *place);
        Self(steps)
    }

    /// By so many commands from the file's beginning; what is behind its end counts as its end.
    pub fn until(&self, commands: u64) -> f64 {
        let at = self.0.partition_point(|(place, _)| *place < commands);
        let before = at.checked_sub(1).and_then(|before| self.0.get(before));
        match (before, self.0.get(at)) {
            (_, Some((place, length))) if *place == commands => *length,
            (Some((from, low)), Some((to, high))) => {
                low + (high - low) * ((commands - from) as f64 / (to - from) as f64)
            }
            (Some((_, last)), None) => *last,
            (None, _) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(text: &str) -> Course {
        let lines = text.lines().count() as u64;
        let places = Course::places(lines);
        let mut pushing = Pushing::new(Options::default(), places.clone());
        pushing.feed(text.as_bytes()).unwrap();
        let commands = text.lines().filter(|line| !line.is_empty() && !line.starts_with(';')).count() as u64;
        Course::new(&places, &pushing.finish().unwrap(), commands)
    }

    #[test]
    fn the_course_of_a_short_file_is_exact_after_each_command() {
        let course = course("; a part\nM83\nG28\n\nG90\nG1 X10 E5 F600\nG1 E-2\nG1 E2\nG1 X20 E3\n; end\n");
        let until = [0, 3, 4, 5, 6, 7, 8, 99].map(|commands| course.until(commands));
        assert_eq!(until, [0.0, 0.0, 5.0, 5.0, 5.0, 8.0, 8.0, 8.0]);
        assert_eq!(Course::default().until(7), 0.0);
    }

    #[test]
    fn the_course_of_a_long_file_is_near_everywhere_and_exact_at_its_end() {
        let moves = 5_000_u32;
        // Every other move pushes: 1 mm by each pair.
        let text: String = (0..moves).map(|at| format!("G1 X{} E{}\n", at % 100, at % 2)).collect();
        let course = course(&format!("M83\nG28\nG90\n{text}; one\n; two\n"));
        assert!(course.0.len() <= 1_026, "{}", course.0.len());
        for done in [0, 1, 7, 999, 1_000, 4_321, moves] {
            let (told, is) = (course.until(u64::from(done) + 3), f64::from(done / 2));
            assert!((told - is).abs() <= 2.0, "{told} after {done} moves, which have pushed {is}");
        }
        assert_eq!(course.until(u64::from(moves) + 3), f64::from(moves / 2));
    }

    fn pushed(text: &str, places: &[u64], chunk: usize) -> Vec<(f64, f64)> {
        let mut pushing = Pushing::new(Options::default(), places.to_vec());
        for part in text.as_bytes().chunks(chunk) {
            pushing.feed(part).unwrap();
        }
        let until = pushing.finish().unwrap().until;
        until.into_iter().map(|lengths| (lengths[0], lengths[1])).collect()
    }

    #[test]
    fn what_was_pushed_by_a_command_is_told_wherever_the_file_is_cut_into_chunks() {
        // Commands: 1 M83, 2 G28, 3 G90, 4 5 mm, 5 drawn back 2, 6 pushed again 2, 7 3 mm more, 8 drawn back 60.
        let text =
            "; a part\nM83\nG28\n\nG90\nG1 X10 Y10 E5 F600\nG1 E-2\r\nG1 E2\nG1 X20 E3 ; wall\nG1 E-60";
        let wanted =
            [(0.0, 0.0), (0.0, 0.0), (5.0, 0.0), (5.0, 0.0), (5.0, 0.0), (8.0, 0.0), (8.0, 0.0), (8.0, 0.0)];
        for chunk in [1, 2, 7, 1_000] {
            assert_eq!(pushed(text, &[0, 3, 4, 5, 6, 7, 8, 99], chunk), wanted, "chunks of {chunk}");
        }
    }

    #[test]
    fn lengths_that_count_from_the_beginning_and_of_two_tools_are_told_apart() {
        let text = "M82\nG28\nG90\nT0\nG92 E0\nG1 X10 E4 F600\nT1\nG92 E0\nG1 X20 E7\nG92 E0\nG1 X30 E1\n";
        assert_eq!(pushed(text, &[6, 9, 11], 64), [(4.0, 0.0), (4.0, 7.0), (4.0, 8.0)]);
    }
}
