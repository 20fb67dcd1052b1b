//! In which layer each command of a file is, and how much it has pushed by then: what is confirmed of a job is counted
//! in commands.

use std::sync::Arc;

use crate::gcode::analysis::{Analysis, Options};
use crate::gcode::lexer::{Command, LexError, Lexer};
use crate::gcode::pushed::{Course, Pushing};

/// What is known of a file by the count of its commands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Places {
    /// How many there are before each layer.
    layers: Vec<u64>,
    pushed: Course,
}

impl Places {
    /// The layer that the last of so many commands is in; 0 before the first.
    pub fn layer(&self, commands: u64) -> usize {
        self.layers.partition_point(|before| *before < commands)
    }

    /// mm of filament that so many commands push, as `Course` knows it.
    pub fn pushed(&self, commands: u64) -> f64 {
        self.pushed.until(commands)
    }
}

/// Fed with the whole file in chunks of any size, which was read once for its layers and lines.
#[derive(Debug)]
pub struct Placing {
    of: Arc<Analysis>,
    lexer: Lexer,
    layers: Vec<u64>,
    commands: u64,
    /// Where filament is looked at.
    looked: Vec<u64>,
    pushing: Pushing,
}

impl Placing {
    pub fn new(of: Arc<Analysis>) -> Self {
        let looked = Course::places(of.lines);
        let pushing = Pushing::new(Options::default(), looked.clone());
        Self { of, lexer: Lexer::new(), layers: Vec::new(), commands: 0, looked, pushing }
    }

    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), LexError> {
        let Self { of, lexer, layers, commands, pushing, .. } = self;
        lexer.feed(chunk, &mut |command| place(of, layers, commands, command))?;
        pushing.feed(chunk)
    }

    /// The end of the file.
    pub fn finish(self) -> Result<Places, LexError> {
        let Self { of, mut lexer, mut layers, mut commands, looked, pushing } = self;
        lexer.finish(&mut |command| place(&of, &mut layers, &mut commands, command))?;
        layers.resize(of.layers.len(), commands);
        let pushed = Course::new(&looked, &pushing.finish()?, commands);
        Ok(Places { layers, pushed })
    }
}

fn place(of: &Analysis, layers: &mut Vec<u64>, commands: &mut u64, command: Command<'_>) {
    while of.layers.get(layers.len()).is_some_and(|layer| layer.line <= command.line) {
        layers.push(*commands);
    }
    *commands = command.index;
}
