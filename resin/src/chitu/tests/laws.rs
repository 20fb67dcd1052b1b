//! What holds whatever the board says.

use std::time::Duration;

use proptest::prelude::*;

use super::toy::{NAME, Rig, SIZE, Toy, job, ms, name};
use crate::chitu::command::ALLOWED;
use crate::chitu::session::Session;
use crate::chitu::state::{Config, Ending, Event, Timing};
use crate::units::{Micrometres, MicrometresPerSecond};

/// Pieces of what boards say, and anything.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known = [
        "ok N:0\r\n",
        "ok V4.3.4_LCDC\n",
        "ok V4.4.3_LCDC\r\n",
        "ok B:0/0 X:0.000 Y:0.000 Z:151.900 F:0/0 D:31540/0/1 ",
        "ok B:0/0 Z:-33.421 D:0/5200/0\r\n",
        "ok B:0/0 Z:3.000 D:2000/5200/0\r\n",
        "ok B:0/0 Z:3.000 D:2000/5200/1\r\n",
        "ok B:0/0 Z:3.000 D:5/77/0\r\n",
        "ok X:0.0 T:0/0/0/155/1 U:'GBK' B:1\r\n",
        "Error:It's not printing now!\r\nok N:0\r\n",
        "SD printing byte 3100/5200\r\nok N:0\r\n",
        "File opened:P7K3QX2A.CTB Size:5200\r\nFile selected\r\nok N:0\r\n",
        "ok '/P7K3QX2A.CTB'\r\n",
        "Begin file list\r\n",
        "P7K3QX2A.CTB 5200\r\nEnd file list\r\nok N:1\r\n",
        "//Disk init fail!\r\n",
        "End read\r\n",
        "wait\r\n",
        "resend 1280, error:1\r\n",
        "Error:write dat\r\n",
        "Done saving file!\r\n",
        "ok 5/6\r\n",
        "\0\0\0",
    ];
    prop_oneof![
        6 => prop::sample::select(known.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

#[derive(Clone, Debug)]
enum Act {
    Bytes(Vec<u8>),
    Wait(u64),
    Call(u8),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => piece().prop_map(Act::Bytes),
        4 => (1..7000_u64).prop_map(Act::Wait),
        1 => (0..14_u8).prop_map(Act::Call),
    ]
}

fn call(session: &mut Session, now: Duration, which: u8) {
    // Refusals are answers too.
    let _ = match which {
        0 | 1 => session.start(job()),
        2 => session.stop(),
        3 => session.pause(),
        4 => session.resume(),
        5 => session.attach(now, job()),
        6 => session.select(job()),
        7 => session.list(),
        8 => session.raise(Micrometres(1000), MicrometresPerSecond(1000)),
        9 => session.power_off_after_print(),
        10 => session.upload(name(), SIZE),
        11 => session.halt_motors(),
        12 => {
            session.handle_closed(now);
            Ok(())
        }
        _ => {
            session.handle_opened(now);
            Ok(())
        }
    };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_nothing_panics_and_one_command_at_most_is_on_the_wire(
        acts in prop::collection::vec(act(), 1..150),
    ) {
        let mut session = Session::new(Config::default()).unwrap();
        let mut now = Duration::from_secs(1);
        session.handle_opened(now);
        let mut sent_at: Option<Duration> = None;
        let mut events = 0;
        for act in acts {
            match act {
                Act::Bytes(bytes) => session.handle_bytes(now, &bytes),
                Act::Wait(span) => {
                    now += Duration::from_millis(span);
                    session.handle_timeout(now);
                }
                Act::Call(which) => call(&mut session, now, which),
            }
            if let Some(need) = session.poll_need() {
                session.give(need.offset, &vec![7; need.length]).unwrap();
            }
            let was_free = session.in_flight().is_none();
            if let Some(bytes) = session.poll_transmit(now) {
                prop_assert!(was_free, "two at once");
                if let Some(before) = sent_at {
                    prop_assert!(now >= before + Duration::from_millis(100), "too close");
                }
                sent_at = Some(now);
                if bytes.last() != Some(&0x83) {
                    let line = String::from_utf8(bytes).unwrap();
                    let code = line.trim_end().split(' ').next().unwrap();
                    prop_assert!(ALLOWED.contains(&code), "{line}");
                    prop_assert_eq!(line.matches('\n').count(), 1);
                }
            }
            prop_assert!(session.poll_transmit(now).is_none(), "two at once");
            while let Some(event) = session.poll_event() {
                events += 1;
                prop_assert!(events < 100_000);
                if let Event::Doubt(doubt) = event {
                    prop_assert!(!doubt.to_string().is_empty());
                }
            }
        }
    }

    #[test]
    fn in_whatever_pieces_a_board_speaks_a_print_is_the_same(cut in 1..9_usize, mars_pro in any::<bool>()) {
        let toy = if mars_pro { Toy::mars_pro() } else { Toy::default() };
        let mut rig = Rig::idle(toy);
        rig.piece = cut;
        rig.session.start(job()).unwrap();
        prop_assert_eq!(rig.ended(), Ending::Completed);
        prop_assert_eq!(rig.said(&format!("M23 /{NAME}")), 1);
    }
}

#[test]
fn settings_of_a_board_can_be_neither_saved_nor_changed_nor_dumped() {
    for code in ["M8500", "M8510", "M8512", "M30", "M6040", "M6045", "M6046"] {
        assert!(!ALLOWED.contains(&code));
    }
}

#[test]
fn a_flood_of_text_takes_no_memory() {
    let mut session = Session::new(Config::default()).unwrap();
    session.handle_opened(Duration::ZERO);
    for _ in 0..20_000 {
        session.handle_bytes(Duration::ZERO, b"what is this?\r\n//Disk init fail!\r\nEnd read\r\n");
    }
    let mut events = 0;
    while session.poll_event().is_some() {
        events += 1;
    }
    assert!(events <= 256, "{events}");
}

#[test]
fn a_simulated_board_is_looked_at_as_often_by_its_own_time_and_no_closer_than_the_gap() {
    let by_a_clock = Timing::default();
    assert_eq!(by_a_clock.for_board_speed(1), by_a_clock);
    assert_eq!(by_a_clock.for_board_speed(0), by_a_clock);
    let of = |speed| by_a_clock.for_board_speed(speed);
    assert_eq!([of(4).poll, of(20).poll, of(200).poll], [ms(500), ms(100), ms(100)]);
    assert_eq!((of(20).gap, of(20).reply), (by_a_clock.gap, by_a_clock.reply), "a wire is no faster by that");
    for speed in [1, 4, 20, 200] {
        assert!(Session::new(Config { timing: of(speed), start: None }).is_ok(), "{speed}");
    }
    let hasty = Timing { poll: ms(500), ..by_a_clock };
    assert!(Session::new(Config { timing: hasty, start: None }).is_err(), "a real one is not asked so often");
}
