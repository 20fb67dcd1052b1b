use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::pack::{Order, Panel, PixelFormat, Rotation, Size, Subpixels};

/// Far enough that only a fault gets there.
const LONG: Duration = Duration::from_secs(60);

fn packer() -> Packer {
    let panel = Panel {
        mode: Size::new(2, 2),
        subpixels: Subpixels::One,
        order: Order::Rgb,
        bits: [8; 3],
        mirror_x: false,
        mirror_y: false,
        rotate: Rotation::None,
    };
    Packer::new(panel, panel.mode, PixelFormat::XRGB8888, false).unwrap()
}

fn late() -> Monotonic {
    Monotonic::now().after(LONG)
}

fn grey(picture: &Picture) -> u8 {
    packer().unpack(picture.packed().unwrap())[0]
}

/// A decoder that says which layer it is at, and goes on when it is let to.
fn gated() -> (impl Decode + 'static, Receiver<u32>, Sender<Result<(), DecodeError>>) {
    let ((at, seen), (gate, wait)) = (channel(), channel::<Result<(), DecodeError>>());
    let decode = move |layer: u32, picture: &mut [u8]| {
        at.send(layer).map_err(|_| DecodeError("nobody looks".into()))?;
        wait.recv().map_err(|_| DecodeError("the gate is gone".into()))??;
        picture.fill(u8::try_from(layer).unwrap_or(u8::MAX));
        Ok(())
    };
    (decode, seen, gate)
}

fn plain(layer: u32, picture: &mut [u8]) -> Result<(), DecodeError> {
    picture.fill(u8::try_from(layer).unwrap_or(u8::MAX));
    Ok(())
}

#[test]
fn layers_come_in_turn_and_each_with_its_own_picture() {
    let ahead = Ahead::start(plain, packer(), 3..20, 2).unwrap();
    for layer in 3..20 {
        let picture = ahead.take(layer, late(), || false).unwrap();
        assert_eq!(u32::from(grey(&picture)), layer);
        assert_eq!(picture.time().layer, layer);
    }
    let times: Vec<u32> = ahead.times().iter().map(|time| time.layer).collect();
    assert_eq!(times, (3..20).collect::<Vec<_>>());
    assert_eq!(ahead.times(), []);
    assert!(ahead.stop(LONG));
}

#[test]
fn as_many_layers_as_wanted_are_decoded_ahead_and_no_more() {
    let (decode, seen, gate) = gated();
    let ahead = Ahead::start(decode, packer(), 0..100, 2).unwrap();
    let next = |layer| {
        assert_eq!(seen.recv_timeout(LONG), Ok(layer));
        gate.send(Ok(())).unwrap();
    };
    next(0);
    next(1);
    let lit = ahead.take(0, late(), || false).unwrap();
    // While 0 is lit, 1 is ready and 2 is decoded; then nothing begins, though a gate is open.
    next(2);
    drop(lit);
    let one = ahead.take(1, late(), || false).unwrap();
    assert_eq!(seen.recv_timeout(LONG), Ok(3));
    assert_eq!(ahead.ready(), [2]);
    gate.send(Ok(())).unwrap();
    drop(ahead.take(2, late(), || false).unwrap());
    assert_eq!(seen.recv_timeout(LONG), Ok(4));
    drop(one);
    drop(gate);
    assert!(ahead.stop(LONG));
}

#[test]
fn a_picture_that_is_not_there_in_time_is_late_and_still_comes() {
    let (decode, seen, gate) = gated();
    let ahead = Ahead::start(decode, packer(), 0..2, 1).unwrap();
    assert_eq!(seen.recv_timeout(LONG), Ok(0));
    assert_eq!(ahead.take(0, Monotonic::now(), || false).unwrap_err(), AheadError::TooLate { layer: 0 });
    gate.send(Ok(())).unwrap();
    assert_eq!(grey(&ahead.take(0, late(), || false).unwrap()), 0);
}

#[test]
fn the_error_of_a_layer_stays_with_it_until_it_is_tried_anew() {
    let mut broken = true;
    let decode = move |layer: u32, picture: &mut [u8]| {
        if layer == 1 && std::mem::take(&mut broken) {
            return Err(DecodeError("cut in row 7".into()));
        }
        plain(layer, picture)
    };
    let ahead = Ahead::start(decode, packer(), 0..4, 2).unwrap();
    drop(ahead.take(0, late(), || false).unwrap());
    for _ in 0..2 {
        let error = ahead.take(1, late(), || false).unwrap_err().to_string();
        assert!(error.contains("layer 1") && error.contains("cut in row 7"), "{error}");
    }
    assert_eq!(grey(&ahead.take(2, late(), || false).unwrap()), 2);
    ahead.jump(1);
    assert_eq!(grey(&ahead.take(1, late(), || false).unwrap()), 1);
    assert_eq!(grey(&ahead.take(2, late(), || false).unwrap()), 2);
}

#[test]
fn a_jump_throws_away_what_was_begun_before_it() {
    let (decode, seen, gate) = gated();
    let ahead = Ahead::start(decode, packer(), 0..100, 2).unwrap();
    assert_eq!(seen.recv_timeout(LONG), Ok(0));
    ahead.jump(50);
    gate.send(Ok(())).unwrap();
    for layer in [50, 51] {
        assert_eq!(seen.recv_timeout(LONG), Ok(layer));
        gate.send(Ok(())).unwrap();
    }
    assert_eq!(grey(&ahead.take(50, late(), || false).unwrap()), 50);
    // And back, without a word.
    for layer in [52, 7, 8] {
        assert_eq!(seen.recv_timeout(LONG), Ok(layer));
        gate.send(Ok(())).unwrap();
        if layer == 52 {
            assert!(matches!(ahead.take(7, Monotonic::now(), || false), Err(AheadError::TooLate { .. })));
        }
    }
    assert_eq!(grey(&ahead.take(7, late(), || false).unwrap()), 7);
}

#[test]
fn a_picture_that_is_kept_lets_no_later_layer_take_the_wanted_ones_place() {
    let ahead = Ahead::start(plain, packer(), 0..100, 2).unwrap();
    let zero = ahead.take(0, late(), || false).unwrap();
    let one = ahead.take(1, late(), || false).unwrap();
    // Three buffers are all there are.
    for layer in [2, 1, 0, 40] {
        assert_eq!(u32::from(grey(&ahead.take(layer, late(), || false).unwrap())), layer);
    }
    assert_eq!((grey(&zero), grey(&one)), (0, 1));
}

#[test]
fn a_layer_that_the_job_has_not_is_said_to_be_missing() {
    let ahead = Ahead::start(plain, packer(), 5..9, 1).unwrap();
    for layer in [0, 4, 9, u32::MAX] {
        let error = ahead.take(layer, late(), || false).unwrap_err();
        assert_eq!(error, AheadError::NoSuchLayer { layer, layers: 5..9 });
    }
    drop(ahead.take(8, late(), || false).unwrap());
    ahead.jump(u32::MAX);
    drop(ahead.take(5, late(), || false).unwrap());
    let none = Ahead::start(plain, packer(), 5..5, 1).unwrap();
    assert!(none.take(5, late(), || false).unwrap_err().to_string().contains("5 to 4"));
    for depth in [0, 9] {
        assert_eq!(Ahead::start(plain, packer(), 0..1, depth).unwrap_err(), AheadError::Depth { depth });
    }
}

#[test]
fn whoever_waits_can_be_called_away() {
    let (decode, seen, gate) = gated();
    let ahead = Arc::new(Ahead::start(decode, packer(), 0..2, 1).unwrap());
    assert_eq!(seen.recv_timeout(LONG), Ok(0));
    let away = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (asked, waits) = channel();
    let waiter = {
        let (ahead, away) = (Arc::clone(&ahead), Arc::clone(&away));
        thread::spawn(move || {
            ahead.take(0, late(), || {
                asked.send(()).unwrap();
                away.load(std::sync::atomic::Ordering::SeqCst)
            })
        })
    };
    waits.recv_timeout(LONG).unwrap();
    away.store(true, std::sync::atomic::Ordering::SeqCst);
    ahead.nudge();
    assert_eq!(waiter.join().unwrap().unwrap_err(), AheadError::Interrupted { layer: 0 });
    drop(gate);
}

struct Told<Inner>(Inner, Sender<()>);

impl<Inner: Decode> Decode for Told<Inner> {
    fn decode(&mut self, layer: u32, picture: &mut [u8]) -> Result<(), DecodeError> {
        self.0.decode(layer, picture)
    }
}

impl<Inner> Drop for Told<Inner> {
    fn drop(&mut self) {
        let _nobody = self.1.send(());
    }
}

#[test]
fn the_decoder_is_let_go_of_at_the_end_even_if_it_hung_meanwhile() {
    let (decode, seen, gate) = gated();
    let (told, gone) = channel();
    let ahead = Ahead::start(Told(decode, told), packer(), 0..100, 2).unwrap();
    assert_eq!(seen.recv_timeout(LONG), Ok(0));
    assert!(!ahead.stop(Duration::ZERO));
    assert!(gone.try_recv().is_err());
    gate.send(Ok(())).unwrap();
    assert_eq!(gone.recv_timeout(LONG), Ok(()));

    // The same without a word, with all layers decoded and a picture outside.
    let (told, gone) = channel();
    let ahead = Ahead::start(Told(plain, told), packer(), 0..3, 2).unwrap();
    let picture = ahead.take(0, late(), || false).unwrap();
    drop(ahead);
    assert_eq!(gone.recv_timeout(LONG), Ok(()));
    assert_eq!(grey(&picture), 0);
}

#[test]
fn a_decoder_that_panics_ends_the_job_with_its_words() {
    let decode = |layer: u32, picture: &mut [u8]| {
        assert!(layer != 1, "no layer {layer} for you");
        plain(layer, picture)
    };
    let ahead = Ahead::start(decode, packer(), 0..9, 3).unwrap();
    drop(ahead.take(0, late(), || false).unwrap());
    for layer in [1, 2, 1] {
        let error = ahead.take(layer, late(), || false).unwrap_err().to_string();
        assert!(error.contains("at layer 1") && error.contains("no layer 1 for you"), "{error}");
    }
    assert!(ahead.stop(LONG));
}
