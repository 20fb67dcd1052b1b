//! How long a printer waits for us: from its `ok` to the first byte of the next line, over a real pty.
//!
//! Measured from the printer's end, so the kernel's two wake-ups are in it; the limit beside it is a thread that
//! only reads and writes on the same kind of pty.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by a panic")]

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use platen::control::session::{Profile, Session, SessionEvent};
use platen::domain::ids::{BootId, JobId};
use platen::domain::units::Baud;
use platen::io::clock::{Clock, entropy};
use platen::io::serial::SerialDial;
use platen::protocol::window::Capacity;
use platen::services::drive::{Drive, FileSupply, Turn, dial};
use support::pty::{Pty, printer, pty, row};

const LINES: usize = 4_000;
/// What a line of a print takes at 115200 baud.
const LINE_TIME: Duration = Duration::from_micros(3_000);

/// Prints with one line in flight, so that each `ok` is answered by exactly one line.
async fn print(path: &str) {
    let way = Arc::new(SerialDial { path: path.into(), baud: Baud(115_200) });
    let wire = dial(way).await.unwrap();
    let clock = Clock::start(BootId::from_entropy(entropy()));
    let capacity = Capacity { receive_bytes: 0, queue_slots: 0 };
    let session = Session::new("bench".parse().unwrap(), Profile::new(Baud(115_200), capacity));
    let mut drive = Drive::new(session, wire, clock.clone());
    while !drive.session.is_ready() {
        turn(&mut drive).await;
    }
    while drive.session.poll_event().is_some() {}
    drive.session.start(clock.now(), JobId::from_entropy(entropy()), LINES as u64).unwrap();
    drive.set_supply(Some(FileSupply::read(support::curve_file(LINES).unwrap())));
    loop {
        turn(&mut drive).await;
        match drive.session.poll_event() {
            Some(SessionEvent::Printed { .. }) => return,
            Some(SessionEvent::Interrupted { why, .. }) => panic!("interrupted: {}", why.in_words()),
            _ => {}
        }
    }
}

async fn turn(drive: &mut Drive) {
    if let Turn::Gone(reason) = drive.turn().await {
        panic!("{reason}");
    }
}

/// The limit: a thread that answers every read by a write of one line.
fn echo(mut slave: File) {
    let mut bytes = [0; 4096];
    let mut line = Vec::new();
    for number in (10_000..).take(LINES + 1) {
        line.clear();
        platen::protocol::frame::write_numbered(&mut line, number, b"G1 X100.123 Y100.123 E0.01234");
        slave.write_all(&line).unwrap();
        if !slave.read(&mut bytes).is_ok_and(|count| count > 0) {
            return;
        }
    }
}

fn main() {
    if !support::asked() {
        return;
    }
    println!("µs from the printer's `ok` to the first byte of the next line, one line in flight");
    println!("{:<46} {:>8} {:>8} {:>8} {:>8}", "", "lines", "p50", "p99", "max");
    for (pace, pause) in [("back to back", Duration::ZERO), ("a line each 3 ms", LINE_TIME)] {
        let Pty { master, slave, .. } = pty();
        let waiting = thread::spawn(move || printer(master, pause));
        // Its end closes the last slave, which ends the printer.
        let cpu = thread::spawn(move || {
            echo(slave);
            support::counting::thread_cpu()
        });
        let each = cpu.join().unwrap().as_secs_f64() * 1e6 / LINES as f64;
        println!("limit: {each:.1} µs of CPU for a read and a write that are waited for");
        row(&format!("limit: read and write, {pace}"), waiting.join().unwrap());
        let Pty { master, slave, path } = pty();
        let waiting = thread::spawn(move || printer(master, pause));
        // As in the daemon: `cli::runtime`.
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async { tokio::spawn(async move { print(&path).await }).await.unwrap() });
        drop((runtime, slave));
        row(&format!("platen: Session and Drive, {pace}"), waiting.join().unwrap());
    }
}
