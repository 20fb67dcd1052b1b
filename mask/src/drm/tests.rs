use std::collections::VecDeque;

use super::*;

fn mode(width: u32, height: u32, refresh: u32) -> ModeFacts {
    ModeFacts { size: Size::new(width, height), refresh, preferred: false, interlaced: false }
}

fn plug(name: &str, connected: bool, modes: &[ModeFacts]) -> Plug {
    Plug { name: name.into(), connected, modes: modes.to_vec() }
}

#[test]
fn the_connector_is_the_named_one_or_the_only_one_that_is_connected() {
    let (hdmi, dsi) = (plug("HDMI-A-1", true, &[]), plug("DSI-1", true, &[]));
    let off = |plug: &Plug| Plug { connected: false, ..plug.clone() };
    type Row<'a> = (&'a [Plug], Option<&'a str>, Result<usize, &'a str>);
    let table: [Row; 8] = [
        (&[off(&hdmi), dsi.clone()], None, Ok(1)),
        (&[hdmi.clone(), dsi.clone()], Some("DSI-1"), Ok(1)),
        (&[hdmi.clone(), off(&dsi)], Some("HDMI-A-1"), Ok(0)),
        (&[], None, Err("no connector for a display")),
        (&[off(&hdmi), off(&dsi)], None, Err("HDMI-A-1 (nothing there), DSI-1 (nothing there)")),
        (&[hdmi.clone(), dsi.clone()], None, Err("more than one display is connected")),
        (&[hdmi.clone(), dsi.clone()], Some("DP-1"), Err("HDMI-A-1 (connected), DSI-1 (connected)")),
        (&[hdmi.clone(), off(&dsi)], Some("DSI-1"), Err("no display is connected to DSI-1")),
    ];
    for (plugs, name, expected) in table {
        match (choose_plug(plugs, name), expected) {
            (Ok(place), Ok(expected)) => assert_eq!(place, expected),
            (Err(error), Err(words)) => assert!(error.contains(words), "{error}"),
            (got, expected) => panic!("{got:?} for {expected:?}"),
        }
    }
}

#[test]
fn the_mode_is_of_the_panels_size_preferred_before_fast_and_never_interlaced() {
    let preferred = |mode: ModeFacts| ModeFacts { preferred: true, ..mode };
    let interlaced = ModeFacts { interlaced: true, ..mode(10, 20, 90) };
    let modes = [mode(10, 20, 30), interlaced, mode(10, 20, 60), preferred(mode(20, 10, 60))];
    let few = plug("HDMI-A-1", true, &modes);
    let many = plug("HDMI-A-1", true, &[modes.as_slice(), &[preferred(mode(10, 20, 24))]].concat());
    let size = Size::new(10, 20);
    assert_eq!(choose_mode(&few, size, None), Ok(2));
    assert_eq!(choose_mode(&many, size, None), Ok(4));
    assert_eq!(choose_mode(&few, size, Some(30)), Ok(0));
    assert_eq!(choose_mode(&plug("A", true, &[mode(1, 1, 60); 3]), Size::new(1, 1), None), Ok(0));
    for (plug, size, refresh, words) in [
        (&few, size, Some(90), "no mode 10x20@90, and has 10x20@30, 10x20@90 interlaced, "),
        (&few, Size::new(6480, 3600), None, "no mode 6480x3600, and has"),
        (&plug("B", true, &[]), size, None, "none at all"),
        (&plug("B", true, &[mode(1, 1, 1); 40]), size, None, "and 28 more"),
    ] {
        let error = choose_mode(plug, size, refresh).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn the_controller_is_the_one_it_has_or_one_that_drives_nothing() {
    assert_eq!(choose_controller(Some(3), &[1, 3], &[]), Some(3));
    assert_eq!(choose_controller(Some(3), &[], &[]), Some(3));
    assert_eq!(choose_controller(None, &[1, 2], &[1]), Some(2));
    assert_eq!(choose_controller(Some(9), &[1, 2], &[1]), Some(2));
    assert_eq!(choose_controller(None, &[1, 2], &[1, 2]), None);
    assert_eq!(choose_controller::<u32>(None, &[], &[]), None);
}

/// A card that has these events, each in answer to one question; then none.
struct Fake {
    answers: VecDeque<io::Result<Vec<Flip>>>,
    asked: Vec<Duration>,
}

impl Events for Fake {
    fn flips(&mut self, within: Duration) -> io::Result<Vec<Flip>> {
        self.asked.push(within);
        self.answers.pop_front().unwrap_or_else(|| Ok(Vec::new()))
    }
}

fn asked(
    answers: impl IntoIterator<Item = io::Result<Vec<Flip>>>,
    within: Duration,
) -> (io::Result<Option<Duration>>, Fake) {
    let mut card = Fake { answers: answers.into_iter().collect(), asked: Vec::new() };
    let got = await_flip(&mut card, 7, Monotonic::now().after(within));
    (got, card)
}

#[test]
fn a_flip_is_waited_for_past_events_that_are_not_its_own_and_no_longer_than_its_bound() {
    let long = Duration::from_secs(60);
    let flip = |controller, millis| Flip { controller, at: Duration::from_millis(millis) };
    let (got, card) = asked([Ok(vec![]), Ok(vec![flip(8, 1)]), Ok(vec![flip(8, 2), flip(7, 3)])], long);
    assert_eq!((got.unwrap(), card.asked.len()), (Some(Duration::from_millis(3)), 3));
    assert!(card.asked.iter().all(|within| *within > Duration::ZERO && *within <= long));

    // What came in time counts, though time is up when it is looked at.
    assert_eq!(asked([Ok(vec![flip(7, 3)])], Duration::ZERO).0.unwrap(), Some(Duration::from_millis(3)));
    let (got, card) = asked([Ok(vec![flip(8, 3)])], Duration::ZERO);
    assert_eq!((got.unwrap(), card.asked), (None, vec![Duration::ZERO]));
    assert!(asked([Err(io::Error::other("gone"))], long).0.is_err());
}

#[test]
fn the_hidden_buffer_is_the_one_that_is_not_seen_and_not_about_to_be() {
    assert_eq!(Flipping::Idle { visible: 0 }.hidden(), 1);
    assert_eq!(Flipping::Idle { visible: 1 }.hidden(), 0);
    assert_eq!(Flipping::To { frame: 1 }.hidden(), 0);
}

#[test]
fn what_is_no_card_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plain");
    std::fs::write(&file, "kept").unwrap();
    let config = |path: PathBuf, bits| DrmConfig {
        path,
        connector: None,
        mode: Size::new(2160, 3600),
        refresh: None,
        bits,
        flip_within: Duration::from_millis(200),
    };
    for (path, bits, words) in [
        (file.clone(), [8; 3], "no device"),
        (PathBuf::from("/dev/null"), [8; 3], "no graphics card"),
        (folder.path().join("card9"), [8; 3], "cannot be opened"),
        (file.clone(), [6; 3], "[8, 8, 8] or [5, 6, 5]"),
    ] {
        let error = Drm::open(&config(path.clone(), bits)).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains(&*path.to_string_lossy()), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
}
