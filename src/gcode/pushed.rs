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

#[cfg(test)]
mod tests {
    use super::*;

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
