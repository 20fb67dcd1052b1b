use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::ahead::DecodeError;
use crate::pack::{Order, Packed, PixelFormat, Rotation, Subpixels};
use crate::sink::Latch;

/// Far enough that only a fault gets there.
const LONG: Duration = Duration::from_secs(60);
/// For displays that hang: what goes well takes less, on a busy machine too.
const SHORT: Duration = Duration::from_millis(400);

#[derive(Debug, PartialEq, Eq)]
enum Call {
    Show(u8, String),
    Blank,
    LetGo,
}

enum Manner {
    Fine,
    Fails,
    Panics,
    /// Until the other end says something, or is gone.
    Hangs(Receiver<()>),
}

type Script = Arc<Mutex<VecDeque<Manner>>>;

/// Each call takes the next manner of its list; without one it goes well.
struct Fake {
    calls: Sender<Call>,
    shows: Script,
    blanks: Script,
}

fn play(script: &Script) -> Result<Shown, SinkError> {
    let manner = script.lock().unwrap().pop_front().unwrap_or(Manner::Fine);
    match manner {
        Manner::Fine => {}
        Manner::Fails => {
            let error = io::Error::other("no light in it");
            return Err(SinkError::Failed { path: PathBuf::from("fake"), doing: "shining", error });
        }
        Manner::Panics => panic!("the driver fell over"),
        Manner::Hangs(until) => {
            let _gone = until.recv();
        }
    }
    Ok(Shown { at: Monotonic::now(), latch: Latch::Flipped })
}

impl MaskSink for Fake {
    fn geometry(&self) -> Geometry {
        Geometry { mode: Size::new(2, 1), format: PixelFormat::XRGB8888, sha256: false }
    }

    fn show(&mut self, picture: &Packed, label: &Label) -> Result<Shown, SinkError> {
        self.geometry().check(picture)?;
        let _nobody = self.calls.send(Call::Show(picture.bytes()[0], label.to_string()));
        play(&self.shows)
    }

    fn blank(&mut self) -> Result<Shown, SinkError> {
        let _nobody = self.calls.send(Call::Blank);
        play(&self.blanks)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _nobody = self.calls.send(Call::LetGo);
    }
}

struct Rig {
    shower: Shower,
    calls: Receiver<Call>,
    answers: Receiver<Answer>,
    shows: Script,
    blanks: Script,
}

fn panel() -> Panel {
    Panel {
        mode: Size::new(2, 1),
        subpixels: Subpixels::One,
        order: Order::Rgb,
        bits: [8; 3],
        mirror_x: false,
        mirror_y: false,
        rotate: Rotation::None,
    }
}

impl Rig {
    /// A display that became dark.
    fn new(bound: Duration) -> Self {
        let rig = Self::unseen(bound, []);
        assert_eq!(rig.call(), Call::Blank);
        assert!(matches!(rig.answer(), Answer::Blanked { sequence: Sequence(0), .. }));
        rig
    }

    fn unseen(bound: Duration, blanks: impl IntoIterator<Item = Manner>) -> Self {
        let ((calls, called), (answer, answers)) = (channel(), channel());
        let (shows, blanks): (Script, Script) =
            (Script::default(), Arc::new(Mutex::new(blanks.into_iter().collect())));
        let sink = Fake { calls, shows: Arc::clone(&shows), blanks: Arc::clone(&blanks) };
        let bounds = Bounds { display: bound, depth: 2 };
        let tell = move |told| {
            let _nobody = answer.send(told);
        };
        let shower = Shower::start(sink, panel(), bounds, tell).unwrap();
        Self { shower, calls: called, answers, shows, blanks }
    }

    fn loaded(bound: Duration) -> Self {
        let rig = Self::new(bound);
        rig.shower.load(0..100, plain).unwrap();
        rig
    }

    fn show(&self, layer: u32, within: Duration) -> Sequence {
        self.shower.show(layer, label(layer), within).unwrap()
    }

    fn call(&self) -> Call {
        self.calls.recv_timeout(LONG).unwrap()
    }

    fn answer(&self) -> Answer {
        self.answers.recv_timeout(LONG).unwrap()
    }

    fn failed(&self) -> (Sequence, Failure, bool) {
        match self.answer() {
            Answer::Failed { sequence, why, dark } => (sequence, why, dark),
            other => panic!("{other:?}"),
        }
    }
}

fn label(layer: u32) -> Label {
    Label::new(&format!("job/{layer}")).unwrap()
}

fn plain(layer: u32, picture: &mut [u8]) -> Result<(), DecodeError> {
    picture.fill(u8::try_from(layer + 1).unwrap_or(u8::MAX));
    Ok(())
}

/// A decoder that says when it is asked, and goes on when it is let to.
fn gated() -> (impl Decode + 'static, Receiver<u32>, Sender<()>) {
    let ((at, seen), (gate, wait)) = (channel(), channel());
    let decode = move |layer: u32, picture: &mut [u8]| {
        let _nobody = at.send(layer);
        wait.recv().map_err(|_| DecodeError("the gate is gone".into()))?;
        plain(layer, picture)
    };
    (decode, seen, gate)
}

#[test]
fn what_was_asked_for_is_shown_and_each_answer_has_its_requests_number() {
    let rig = Rig::loaded(LONG);
    for layer in 0..5 {
        let asked = rig.show(layer, LONG);
        assert_eq!(rig.call(), Call::Show(u8::try_from(layer + 1).unwrap(), format!("job/{layer}")));
        match rig.answer() {
            Answer::Shown { sequence, layer: shown, label: its, logical, prepared, .. } => {
                assert_eq!((sequence, shown, prepared.layer), (asked, layer, layer));
                assert_eq!(its, label(layer));
                assert_eq!(logical, LogicalHash::of(&[u8::try_from(layer + 1).unwrap(); 2], false));
            }
            other => panic!("{other:?}"),
        }
        let asked = rig.shower.blank().unwrap();
        assert_eq!(rig.call(), Call::Blank);
        assert!(matches!(rig.answer(), Answer::Blanked { sequence, .. } if sequence == asked));
    }
    assert!(rig.shower.times().len() >= 5);
    assert!(rig.shower.end(LONG));
    assert_eq!([rig.call(), rig.call()], [Call::Blank, Call::LetGo]);
    assert!(matches!(rig.answer(), Answer::Stopped { dark: true, .. }));
}

#[test]
fn a_picture_that_is_late_is_a_failure_and_dark_and_never_the_picture_before() {
    let rig = Rig::new(LONG);
    let (decode, seen, gate) = gated();
    rig.shower.load(0..9, decode).unwrap();
    gate.send(()).unwrap();
    rig.show(0, LONG);
    assert!(matches!(rig.answer(), Answer::Shown { .. }));
    assert_eq!(rig.call(), Call::Show(1, "job/0".into()));
    assert_eq!([seen.recv(), seen.recv()], [Ok(0), Ok(1)]);
    let asked = rig.show(1, Duration::from_millis(1));
    let (sequence, why, dark) = rig.failed();
    assert!(sequence == asked && dark && matches!(why, Failure::TooLate { layer: 1, .. }), "{why}");
    assert_eq!(rig.call(), Call::Blank);
    // Once it is there, it is shown to whoever asks again.
    gate.send(()).unwrap();
    rig.show(1, LONG);
    assert_eq!(rig.call(), Call::Show(2, "job/1".into()));
}

#[test]
fn a_layer_without_a_picture_fails_with_the_decoders_words_and_is_dark() {
    let rig = Rig::new(LONG);
    rig.shower.load(0..9, |_: u32, _: &mut [u8]| Err(DecodeError("cut in row 7".into()))).unwrap();
    rig.show(4, LONG);
    let (_, why, dark) = rig.failed();
    assert!(dark && why.to_string().contains("layer 4 has no picture: cut in row 7"), "{why}");
    assert_eq!(rig.call(), Call::Blank);
    rig.show(9, LONG);
    let (_, why, _) = rig.failed();
    assert!(matches!(why, Failure::Picture(AheadError::NoSuchLayer { layer: 9, .. })), "{why}");
}

#[test]
fn a_blank_overtakes_a_show_that_waits_for_its_picture_and_those_behind_it() {
    let rig = Rig::new(LONG);
    let (decode, seen, gate) = gated();
    rig.shower.load(0..9, decode).unwrap();
    assert_eq!(seen.recv_timeout(LONG), Ok(0));
    let shows = [rig.show(0, LONG), rig.show(1, LONG), rig.show(2, LONG)];
    // Another job does not hide the one in which it waits.
    rig.shower.load(0..9, plain).unwrap();
    let blank = rig.shower.blank().unwrap();
    let mut overtaken = Vec::new();
    let blanked = loop {
        match rig.answer() {
            Answer::Failed { sequence, why: Failure::Overtaken, .. } => overtaken.push(sequence),
            Answer::Blanked { sequence, .. } => break sequence,
            other => panic!("{other:?}"),
        }
    };
    overtaken.sort_unstable();
    assert_eq!((blanked, overtaken.as_slice()), (blank, shows.as_slice()));
    // Nothing was shown, then or later.
    drop(gate);
    assert!(rig.shower.end(LONG));
    assert!(rig.calls.iter().all(|call| matches!(call, Call::Blank | Call::LetGo)));
}

#[test]
fn a_display_that_fails_is_made_dark_and_takes_the_next_picture() {
    let rig = Rig::loaded(LONG);
    rig.shows.lock().unwrap().push_back(Manner::Fails);
    rig.show(0, LONG);
    let (_, why, dark) = rig.failed();
    assert!(dark && why.to_string().contains("no light in it"), "{why}");
    rig.show(1, LONG);
    assert!(matches!(rig.answer(), Answer::Shown { layer: 1, .. }));

    rig.shows.lock().unwrap().push_back(Manner::Fails);
    rig.blanks.lock().unwrap().push_back(Manner::Fails);
    rig.show(2, LONG);
    assert!(!rig.failed().2, "nobody knows whether it is dark");
    rig.blanks.lock().unwrap().push_back(Manner::Fails);
    let asked = rig.shower.blank().unwrap();
    let (sequence, why, dark) = rig.failed();
    assert!(sequence == asked && !dark && matches!(why, Failure::Display(_)), "{why}");
}

#[test]
fn a_display_that_hangs_is_told_of_in_time_and_is_dark_once_it_is_back() {
    let rig = Rig::loaded(SHORT);
    let (back, until) = channel();
    rig.shows.lock().unwrap().push_back(Manner::Hangs(until));
    let hanging = rig.show(0, LONG);
    assert_eq!(rig.call(), Call::Show(1, "job/0".into()));
    let (sequence, why, dark) = rig.failed();
    assert!(sequence == hanging && !dark && matches!(why, Failure::Hung { bound: SHORT }), "{why}");
    // Whoever asks meanwhile is told at once.
    assert_eq!(rig.shower.blank(), Err(Refused::Hung));
    assert_eq!(rig.shower.show(1, label(1), LONG), Err(Refused::Hung));
    back.send(()).unwrap();
    // Its late success is nobody's answer: it is made dark, and serves on.
    assert_eq!(rig.call(), Call::Blank);
    let asked = loop {
        match rig.shower.show(1, label(1), LONG) {
            Ok(asked) => break asked,
            Err(refused) => assert_eq!(refused, Refused::Hung),
        }
    };
    assert!(asked > hanging);
    assert_eq!(rig.call(), Call::Show(2, "job/1".into()));
    assert!(matches!(rig.answer(), Answer::Shown { sequence, layer: 1, .. } if sequence == asked));
}

#[test]
fn requests_that_wait_behind_a_display_that_hangs_have_failed_too() {
    let (back, until) = channel();
    let rig = Rig::unseen(SHORT, [Manner::Hangs(until)]);
    assert_eq!(rig.call(), Call::Blank);
    // Behind the first blank, or refused because it counts as hung already.
    let asked = [rig.shower.blank(), rig.shower.blank()];
    let (sequence, why, _) = rig.failed();
    assert!(sequence == Sequence(0) && matches!(why, Failure::Hung { .. }), "{why}");
    for sequence in asked.into_iter().flatten() {
        let (failed, why, _) = rig.failed();
        assert!(failed == sequence && matches!(why, Failure::Hung { .. }), "{why}");
    }
    // It is given up, and ends dark when it is back.
    assert_eq!(rig.shower.stop(), Err(Refused::Hung));
    assert_eq!(rig.shower.blank(), Err(Refused::Ended));
    let Rig { shower, calls, .. } = rig;
    assert!(!shower.end(Duration::ZERO));
    drop(back);
    let last: Vec<Call> = calls.iter().collect();
    assert_eq!(last[last.len() - 2..], [Call::Blank, Call::LetGo]);
}

#[test]
fn a_display_that_panics_is_made_dark_let_go_of_and_takes_nothing_more() {
    let rig = Rig::loaded(LONG);
    rig.shows.lock().unwrap().push_back(Manner::Panics);
    let asked = rig.show(0, LONG);
    let (sequence, why, dark) = rig.failed();
    assert!(sequence == asked && dark, "{why}");
    assert!(why.to_string().contains("the driver fell over"), "{why}");
    assert_eq!(rig.call(), Call::Show(1, "job/0".into()));
    assert_eq!([rig.call(), rig.call()], [Call::Blank, Call::LetGo]);
    assert_eq!(rig.shower.blank(), Err(Refused::Ended));
    assert!(rig.shower.end(LONG), "it was dark when it was let go of");
}

#[test]
fn a_display_that_panics_when_it_is_made_dark_is_let_go_of_and_counts_as_lit() {
    let rig = Rig::loaded(LONG);
    rig.blanks.lock().unwrap().extend([Manner::Panics, Manner::Panics]);
    rig.shower.blank().unwrap();
    let (_, why, dark) = rig.failed();
    assert!(!dark && matches!(why, Failure::Panicked { .. }), "{why}");
    assert!(!rig.shower.end(LONG));
}

#[test]
fn a_shower_that_is_dropped_leaves_a_dark_display_though_a_show_waits() {
    let rig = Rig::new(LONG);
    let (decode, seen, _gate) = gated();
    rig.shower.load(0..9, decode).unwrap();
    assert_eq!(seen.recv_timeout(LONG), Ok(0));
    let asked = rig.show(0, LONG);
    let Rig { shower, calls, answers, .. } = rig;
    drop(shower);
    let called: Vec<Call> = calls.iter().collect();
    assert_eq!(called[called.len() - 2..], [Call::Blank, Call::LetGo]);
    assert!(!called.iter().any(|call| matches!(call, Call::Show(..))), "{called:?}");
    let told: Vec<Answer> = answers.iter().collect();
    let failed = |answer: &Answer| matches!(answer, Answer::Failed { why: Failure::Overtaken, .. });
    assert!(told.iter().any(|answer| answer.sequence() == asked && failed(answer)), "{told:?}");
    assert!(matches!(told.last(), Some(Answer::Stopped { dark: true, .. })), "{told:?}");
}

#[test]
fn an_answer_that_its_taker_panics_over_ends_dark() {
    let ((calls, called), (shows, blanks)) = (channel(), (Script::default(), Script::default()));
    let sink = Fake { calls, shows, blanks };
    let bounds = Bounds { display: LONG, depth: 1 };
    let shower = Shower::start(sink, panel(), bounds, |answer| {
        assert!(answer.sequence() != Sequence(0), "who takes answers fell over");
    })
    .unwrap();
    let all: Vec<Call> = called.iter().collect();
    assert_eq!(all, [Call::Blank, Call::Blank, Call::LetGo]);
    assert!(shower.end(LONG));
}

#[test]
fn more_requests_than_may_wait_are_refused_and_each_accepted_one_is_answered_once() {
    let rig = Rig::loaded(LONG);
    let (back, until) = channel();
    rig.blanks.lock().unwrap().push_back(Manner::Hangs(until));
    let mut asked = vec![rig.shower.blank().unwrap()];
    assert_eq!(rig.call(), Call::Blank);
    for layer in 0..16 {
        asked.push(rig.show(layer, LONG));
    }
    assert_eq!(rig.shower.show(16, label(16), LONG), Err(Refused::Full));
    // A blank has room, since none of those will be shown.
    asked.push(rig.shower.blank().unwrap());
    back.send(()).unwrap();
    let Rig { shower, answers, .. } = rig;
    assert!(shower.end(LONG));
    drop(shower);
    let mut told: Vec<Sequence> = answers.iter().map(|answer| answer.sequence()).collect();
    told.sort_unstable();
    asked.push(Sequence(asked.last().unwrap().0 + 1));
    assert_eq!(told, asked);
}

#[test]
fn without_a_job_nothing_can_be_shown() {
    let rig = Rig::new(LONG);
    assert_eq!(rig.shower.show(0, label(0), LONG), Err(Refused::NoJob));
    rig.shower.load(0..1, plain).unwrap();
    rig.shower.jump(0);
    rig.shower.unload();
    assert_eq!(rig.shower.show(0, label(0), LONG), Err(Refused::NoJob));
    assert_eq!(rig.shower.times(), []);
    assert_eq!(rig.shower.logical(), Size::new(2, 1));
}

#[test]
fn a_display_that_the_panel_does_not_fit_is_not_driven() {
    let start = |panel, bounds| {
        let sink = Fake { calls: channel().0, shows: Script::default(), blanks: Script::default() };
        Shower::start(sink, panel, bounds, |_| {}).unwrap_err()
    };
    let bounds = Bounds { display: LONG, depth: 2 };
    let wide = Panel { mode: Size::new(3, 1), ..panel() };
    assert!(start(wide, bounds).to_string().contains("3x1"));
    assert_eq!(start(panel(), Bounds { display: Duration::ZERO, ..bounds }), StartError::Bound);
    assert_eq!(start(panel(), Bounds { depth: 0, ..bounds }), StartError::Depth(0));
}
