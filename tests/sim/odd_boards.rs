//! Boards that are none of the known firmwares, played by a few lines each: they are printed on exactly, or
//! told apart in words.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use platen::control::run::FileLine;
use platen::control::session::{Profile, Session, SessionEvent};
use platen::domain::ids::JobId;
use platen::domain::moment::Moment;
use platen::domain::units::Baud;

use crate::world::{SAFE, curve};

/// What a board makes of a line: `N`, the command, whether the checksum is right.
struct Heard<'a> {
    number: Option<u32>,
    command: &'a str,
    whole: bool,
}

fn heard(line: &str) -> Heard<'_> {
    let (text, sum) = line.rsplit_once('*').unwrap_or((line, ""));
    let xor = text.bytes().fold(0, |sum, byte| sum ^ byte);
    let numbered = text.strip_prefix('N').map(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        (rest[..digits].parse().unwrap(), rest[digits..].trim_start())
    });
    Heard {
        number: numbered.map(|(number, _)| number),
        command: numbered.map_or(text, |(_, command)| command),
        whole: sum.parse() == Ok(xor),
    }
}

/// Prints a file on a board that answers each line at once; tells what the board has run of it, and the end.
fn print(mut answer: impl FnMut(&Heard<'_>, &mut Vec<String>) -> String) -> (Vec<String>, SessionEvent) {
    let file = curve(300);
    let mut session = Session::new("odd".parse().unwrap(), Profile::new(Baud(115_200), SAFE));
    let mut now = 0;
    session.handle_opened(Moment(now));
    let (mut ran, mut supplied, mut started) = (Vec::new(), false, false);
    while now < 3_600_000_000 {
        let bytes = session.transmit().to_vec();
        session.transmitted(bytes.len());
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // The setting of an unpacker is no text.
        for line in text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_alphabetic())) {
            now += 1_000;
            let reply = answer(&heard(line), &mut ran);
            session.handle_bytes(Moment(now), reply.as_bytes());
        }
        if session.is_ready() && !started {
            started = true;
            session.start(Moment(now), JobId::from_entropy([7; 16]), file.len() as u64).unwrap();
        }
        if started && session.wants() >= file.len().min(256) && !supplied {
            supplied = true;
            let lines = |range: std::ops::Range<usize>| {
                let file = &file;
                range.map(move |at| FileLine { index: at as u64 + 1, text: file[at].as_bytes().into() })
            };
            session.supply(Moment(now), lines(0..256).collect::<Vec<_>>());
        } else if supplied && session.wants() >= 44 {
            let rest = (256..file.len())
                .map(|at| FileLine { index: at as u64 + 1, text: file[at].as_bytes().into() });
            session.supply(Moment(now), rest.collect::<Vec<_>>());
            session.supply_ended(Moment(now));
        }
        while let Some(event) = session.poll_event() {
            let over = matches!(
                event,
                SessionEvent::Printed { .. } | SessionEvent::Interrupted { .. } | SessionEvent::Close { .. }
            );
            if over {
                return (ran, event);
            }
        }
        if session.transmit().is_empty() {
            now = session.poll_timeout().map_or(now + 1_000_000, |at| at.micros().max(now));
            session.handle_timeout(Moment(now));
        }
    }
    panic!("no end in an hour: {:?}", session.activity());
}

/// A numbered answer of Marlin's kind; `None` where the line is to be run.
fn refuse(last: &mut u32, line: &Heard<'_>) -> Option<String> {
    let number = line.number?;
    if line.command.starts_with("M110") {
        *last = number;
        return Some("ok\n".into());
    }
    if number != *last + 1 || !line.whole {
        return Some(format!(
            "Error:Line Number is not Last Line Number+1, Last Line: {last}\nResend: {}\nok\n",
            *last + 1
        ));
    }
    *last = number;
    None
}

fn run(command: &str, ran: &mut Vec<String>) -> String {
    match &command[..command.len().min(4)] {
        "M115" => "FIRMWARE_NAME:Marlin 2.1.2 PROTOCOL_VERSION:1.0\nok\n".into(),
        "M105" => "ok T:20.0 /0.0 B:20.0 /0.0\n".into(),
        "M114" => "X:0.00 Y:0.00 Z:0.00 E:0.00 Count X:0 Y:0 Z:0\nok\n".into(),
        _ => {
            if command.starts_with("G1") {
                ran.push(command.to_owned());
            }
            "ok\n".into()
        }
    }
}

#[track_caller]
fn assert_printed(ran: &[String], end: &SessionEvent) {
    let letters = |lines: &[String]| lines.iter().map(|line| line.replace(' ', "")).collect::<Vec<_>>();
    let SessionEvent::Printed { line, .. } = end else { panic!("{end:?}, ran {}", ran.len()) };
    assert_eq!((letters(ran), line.strays), (letters(&curve(300)), 0));
}

/// A board that homes nothing, and answers every move with this.
fn printed_with_moves_refused(complaint: &str) -> u64 {
    let mut last = 0;
    let (_, end) = print(|line, ran| {
        refuse(&mut last, line).unwrap_or_else(|| match line.command.starts_with("G1") {
            true => format!("{complaint}\nok\n"),
            false => run(line.command, ran),
        })
    });
    let SessionEvent::Printed { line, .. } = end else { panic!("{end:?}") };
    line.strays
}

#[test]
fn a_job_whose_moves_the_firmware_refuses_is_not_called_exact() {
    for complaint in
        ["Error: G0/G1: insufficient axes homed", "echo:Home XYZ First", "echo: cold extrusion prevented"]
    {
        assert_eq!(printed_with_moves_refused(complaint), 300, "{complaint}");
    }
    assert_eq!(printed_with_moves_refused("echo:Home is where the heart is"), 0);
}

#[test]
fn a_parser_that_needs_the_spaces_gets_them() {
    let mut last = 0;
    let (ran, end) = print(|line, ran| {
        if let Some(refusal) = refuse(&mut last, line) {
            return refusal;
        }
        let mut code = line.command.split(' ').next().unwrap().chars();
        let known = code.next().is_some_and(|c| c.is_ascii_alphabetic()) && code.all(|c| c.is_ascii_digit());
        if known {
            run(line.command, ran)
        } else {
            format!("echo:Unknown command: \"{}\"\nok\n", line.command)
        }
    });
    assert_printed(&ran, &end);
    assert!(ran.iter().all(|line| line.starts_with("G1 ")));
}

#[test]
fn a_board_that_takes_any_number_ahead_is_not_led_astray_by_the_question() {
    // Teacup: a line is refused only if its number is behind the one that is due.
    let mut due = 0;
    let (ran, end) = print(|line, ran| {
        if let Some(number) = line.number {
            if line.command.starts_with("M110") {
                due = number + 1;
                return "ok\n".into();
            }
            if number < due || !line.whole {
                return format!("rs N{due} Expected line number\n");
            }
            due = number + 1;
        }
        run(line.command, ran).replace("Marlin 2.1.2", "Teacup")
    });
    assert_printed(&ran, &end);
}

#[test]
fn a_board_without_sensors_and_without_numbers_is_printed_on() {
    let (ran, end) = print(|line, ran| {
        let reply = run(line.command, ran);
        if line.command.starts_with("M114") { reply } else { "ok\n".into() }
    });
    assert_printed(&ran, &end);
}

#[test]
fn a_board_that_acknowledges_before_it_reports_is_printed_on() {
    let (ran, end) = print(|line, ran| match &line.command[..4] {
        "M105" => "ok\nT:20.0 /0.0 B:20.0 /0.0\n".into(),
        "M115" => "ok\n".into(),
        _ => run(line.command, ran),
    });
    assert_printed(&ran, &end);
}

#[test]
fn a_board_that_has_no_position_to_tell_is_printed_on() {
    for reply in ["ok\n", "echo:Unknown command: \"M114\"\nok\n"] {
        let mut last = 0;
        let (ran, end) = print(|line, ran| {
            refuse(&mut last, line)
                .unwrap_or_else(|| if line.command == "M114" { reply.into() } else { run(line.command, ran) })
        });
        assert_printed(&ran, &end);
    }
}

#[test]
fn who_answers_but_cannot_be_made_out_is_told_so() {
    let (ran, end) = print(|line, _| if line.command.starts_with("M110") { "ok\n" } else { "hm\n" }.into());
    assert_eq!(ran, Vec::<String>::new());
    let SessionEvent::Close { reason } = end else { panic!("{end:?}") };
    assert!(reason.starts_with("it answers, but how it counts"), "{reason}");
}
