//! However a file is cut into chunks, its commands are the same, and no bytes make the lexer panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use platen::gcode::lexer::{Command, LexError, Lexer};

fn commands(chunks: &[&[u8]]) -> Result<Vec<(u64, Vec<u8>)>, LexError> {
    let (mut lexer, mut out) = (Lexer::new(), Vec::new());
    let mut sink = |command: Command<'_>| out.push((command.line, command.text.to_vec()));
    for chunk in chunks {
        lexer.feed(chunk, &mut sink)?;
    }
    lexer.finish(&mut sink)?;
    Ok(out)
}

fuzz_target!(|bytes: &[u8]| {
    let at = bytes.first().map_or(0, |first| usize::from(*first) % (bytes.len() + 1));
    let (one, other) = bytes.split_at(at);
    assert_eq!(commands(&[one, other]), commands(&[bytes]));
});
