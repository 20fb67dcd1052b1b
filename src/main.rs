//! Parse, run; what became of it is the exit code.

fn main() {}
