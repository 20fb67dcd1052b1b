//! In which layer each command of a file is: what is confirmed of a job is counted in commands.

use std::sync::Arc;

use crate::gcode::analysis::Analysis;
use crate::gcode::lexer::{Command, LexError, Lexer};

/// How many commands there are before each layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(Vec<u64>);

impl Places {
    /// The layer that the last of so many commands is in; 0 before the first.
    pub fn layer(&self, commands: u64) -> usize {
        self.0.partition_point(|before| *before < commands)
    }
}

/// Fed with the whole file in chunks of any size, which was read once for its layers.
#[derive(Debug)]
pub struct Placing {
    of: Arc<Analysis>,
    lexer: Lexer,
    found: Places,
    commands: u64,
}

impl Placing {
    pub fn new(of: Arc<Analysis>) -> Self {
        Self { of, lexer: Lexer::new(), found: Places::default(), commands: 0 }
    }

    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), LexError> {
        let Self { of, lexer, found, commands } = self;
        lexer.feed(chunk, &mut |command| place(of, found, commands, command))
    }

    /// The end of the file.
    pub fn finish(mut self) -> Result<Places, LexError> {
        let Self { of, lexer, found, commands } = &mut self;
        lexer.finish(&mut |command| place(of, found, commands, command))?;
        found.0.resize(of.layers.len(), *commands);
        Ok(self.found)
    }
}

fn place(of: &Analysis, found: &mut Places, commands: &mut u64, command: Command<'_>) {
    while of.layers.get(found.0.len()).is_some_and(|layer| layer.line <= command.line) {
        found.0.push(*commands);
    }
    *commands = command.index;
}
