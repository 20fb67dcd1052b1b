//! Reading and writing the wire's format, in nanoseconds a line: replies, line ends, frames, G-code.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by a panic")]

mod support;

use platen::gcode::lexer::Lexer;
use platen::protocol::frame;
use platen::protocol::lines::Lines;
use platen::protocol::reply::Reply;
use std::hint::black_box;
use support::counting::{Counting, allocations, thread_cpu};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a board says in a print: many `ok`s, some temperatures, little else.
const MIX: [&str; 10] = [
    "ok N12345 P15 B3",
    "ok N12346 P15 B3",
    "ok N12347 P14 B2",
    "ok",
    "ok",
    "ok P15 B3",
    "ok T:210.02 /210.00 B:60.01 /60.00 @:64 B@:27",
    " T:210.02 /210.00 B:60.01 /60.00 @:64 B@:27",
    "echo:busy: processing",
    "Error:checksum mismatch, Last Line: 12347",
];

/// Runs `work`, which does `lines` lines, until it has taken long enough to be measured; the best of ten.
fn row(what: &str, lines: u64, mut work: impl FnMut()) {
    let mut best = f64::MAX;
    let before = allocations();
    let (mut rounds, rounds_each) = (0, 100_000 / lines + 1);
    for _ in 0..10 {
        let began = thread_cpu();
        for _ in 0..rounds_each {
            work();
        }
        rounds += rounds_each;
        best = best.min((thread_cpu() - began).as_secs_f64() * 1e9 / (rounds_each * lines) as f64);
    }
    let each = (allocations() - before) as f64 / (rounds * lines) as f64;
    println!("{what:<46} {best:>9.0} {each:>17.2}");
}

fn main() {
    if !support::asked() {
        return;
    }
    println!("{:<46} {:>9} {:>17}", "", "ns/line", "allocations/line");
    row("Reply::parse, the mix of a print", MIX.len() as u64, || {
        for line in MIX {
            black_box(Reply::parse(black_box(line.as_bytes())));
        }
    });
    for line in ["ok", "ok N12345 P15 B3", MIX[7], "echo:busy: processing", "Resend: 12348"] {
        let what = format!("Reply::parse, `{}`", line.trim_start().get(..20).unwrap_or(line));
        row(&what, 1, || {
            black_box(Reply::parse(black_box(line.as_bytes())));
        });
    }
    let said = MIX.join("\n") + "\n";
    let mut lines = Lines::new();
    row("Lines::feed, the mix in one read", MIX.len() as u64, || {
        lines.feed(black_box(said.as_bytes()), |line| {
            black_box(line);
        });
    });
    let file = support::curve(1_000);
    let mut out = Vec::with_capacity(64 * 1024);
    row("frame::write_numbered, short segments", file.len() as u64, || {
        out.clear();
        for (number, line) in (10_000..).zip(&file) {
            frame::write_numbered(&mut out, number, black_box(line.as_bytes()));
        }
        black_box(&out);
    });
    let text = file.join("\n") + "\n";
    row("Lexer::feed, short segments", file.len() as u64, || {
        let mut lexer = Lexer::new();
        lexer
            .feed(black_box(text.as_bytes()), &mut |command| {
                black_box(command.text);
            })
            .unwrap();
    });
}
