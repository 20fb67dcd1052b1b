//! Charts read back as text: what is drawn where, what is left out, and that a text stays a text.

use super::*;

const SIZE: Size = Size { width: 960, height: 320 };
/// 2026-12-01 08:00 UTC.
const BEGIN: u64 = 1_796_112_000_000;
const WINDOW: Window = Window { from: BEGIN, to: BEGIN + 1_800_000 };

fn clock(at: u64) -> String {
    let minutes = at / 60_000 % 1_440;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

fn celsius(value: f64) -> String {
    format!("{value:.0} °C")
}

fn labels() -> Labels<'static> {
    let (title, description) = ("Temperatures", "Hotend 20 to 215 °C, now 215 °C");
    Labels { title, description, nothing: "nothing was heard yet", x: &clock, y: &celsius }
}

fn points(values: &[Option<f64>]) -> Vec<Point> {
    let each = values.iter().enumerate();
    each.map(|(second, value)| Point { at: BEGIN + second as u64 * 1_000, value: *value }).collect()
}

fn hotend(values: &[Option<f64>]) -> String {
    let points = points(values);
    temperatures(&[Series { kind: Kind::Hotend, name: "", points: &points }], WINDOW, SIZE, &labels())
}

/// What stands between `<` and `>`. No text and no attribute holds either.
fn tags(svg: &str) -> Vec<&str> {
    svg.split('<').skip(1).map(|rest| rest.split_once('>').unwrap().0).collect()
}

/// How many lines, and how many single points, there are of a class.
fn drawn(svg: &str, class: &str) -> (usize, usize) {
    let class = format!("class=\"{class}\"");
    let of =
        |kind: &str| tags(svg).iter().filter(|tag| tag.starts_with(kind) && tag.contains(&class)).count();
    (of("polyline"), of("circle"))
}

fn is_well_formed(svg: &str) {
    let mut open = Vec::new();
    for tag in tags(svg) {
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{svg}");
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap());
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
    }
    assert!(open.is_empty(), "{svg}");
    for no in ["NaN", "inf", MARK, "width=\"960\""] {
        assert!(!svg.contains(no), "{no}: {svg}");
    }
}

#[test]
fn whatever_is_known_is_drawn_and_what_is_not_is_a_gap() {
    /// What it is, its readings, and the lines and dots that are drawn of them.
    type Drawn<'r> = (&'r str, &'r [Option<f64>], (usize, usize));
    let many: Vec<_> = (0..1_800).map(|second| Some(f64::from(second % 97) + 100.0)).collect();
    let (none, one) = (Vec::new(), vec![Some(20.0)]);
    #[rustfmt::skip]
    let table: [Drawn<'_>; 9] = [
        ("nothing at all", &none, (0, 0)),
        ("nothing known", &[None, None], (0, 0)),
        ("one point", &one, (0, 1)),
        ("all equal", &[Some(60.0); 30], (1, 0)),
        ("zero", &[Some(0.0); 30], (1, 0)),
        ("below zero", &[Some(-20.0), Some(-5.0)], (1, 0)),
        ("a gap", &[Some(1.0), Some(2.0), None, Some(3.0), Some(4.0), None, Some(5.0)], (2, 1)),
        ("what is no number", &[Some(1.0), Some(2.0), Some(f64::NAN), Some(f64::INFINITY), Some(-1e300), Some(3.0)], (1, 1)),
        ("half an hour", &many, (1, 0)),
    ];
    for (what, values, wanted) in table {
        let svg = hotend(values);
        is_well_formed(&svg);
        assert_eq!(drawn(&svg, "series-hotend"), wanted, "{what}: {svg}");
        assert_eq!(svg.contains("nothing was heard yet"), wanted == (0, 0), "{what}");
        assert!(svg.contains("08:00") && svg.contains("08:30") && svg.contains("0 °C"), "{what}: {svg}");
    }
}

#[test]
fn what_lies_outside_of_the_window_is_not_drawn_and_no_window_is_too_odd() {
    let points = [BEGIN - 1, BEGIN, BEGIN + 1_000, WINDOW.to + 1].map(|at| Point { at, value: Some(50.0) });
    let series = [Series { kind: Kind::Bed, name: "Bed", points: &points }];
    let svg = temperatures(&series, WINDOW, SIZE, &labels());
    assert_eq!(drawn(&svg, "series-bed"), (2, 0), "the line and its sample in the legend");
    let odd = [(0, 0), (9, 3), (0, u64::MAX), (u64::MAX, u64::MAX), (BEGIN, BEGIN + 400 * 86_400_000)];
    for (from, to) in odd {
        for (width, height) in [(0, 0), (1, 60_000), (u16::MAX, u16::MAX)] {
            is_well_formed(&temperatures(&series, Window { from, to }, Size { width, height }, &labels()));
        }
    }
}

#[test]
fn targets_are_dashed_and_classes_colour_everything() {
    let points = points(&[Some(1.0), Some(20.0)]);
    let series = Kind::ALL.map(|kind| Series { kind, name: "x", points: &points });
    let svg = temperatures(&series, WINDOW, SIZE, &labels());
    is_well_formed(&svg);
    for tag in tags(&svg).into_iter().filter(|tag| tag.starts_with("polyline")) {
        assert!(tag.contains("stroke=\"currentColor\" class=\""), "{tag}");
        assert_eq!(tag.contains("series-target"), tag.contains("stroke-dasharray"), "{tag}");
    }
    for class in ["series-hotend", "series-bed series-target", "series-chamber series-target"] {
        assert_eq!(drawn(&svg, class), (2, 0), "{class}: the line and its sample in the legend");
    }
    assert!(!svg.contains('#') && !svg.contains("font-family"), "{svg}");
}

#[test]
fn it_scales_and_says_what_it_shows() {
    let svg = hotend(&[Some(20.0), Some(215.0)]);
    let root = tags(&svg)[0];
    assert!(root.contains("viewBox=\"0 0 960 320\"") && root.contains("role=\"img\""), "{root}");
    assert!(!root.contains(" width=") && !root.contains(" height="), "{root}");
    assert!(svg.contains("<title>Temperatures</title><desc>Hotend 20 to 215 °C, now 215 °C</desc>"), "{svg}");
}

#[test]
fn whatever_a_label_says_it_stays_text() {
    let evil =
        "</title><script>x()</script>\" style=\"color:red\" onload='x()' stroke=\"#F0ED03\" &\u{0}\n<svg";
    let (x, y) = (|_: u64| evil.to_owned(), |_: f64| evil.to_owned());
    let labels = Labels { title: evil, description: evil, nothing: evil, x: &x, y: &y };
    let points = points(&[Some(1.0), Some(f64::NAN), Some(9.0)]);
    let limits = Limits { centre: Some(2.0), warning: Some((0.0, 4.0)), action: Some((-1.0, 5.0)) };
    let series = [Series { kind: Kind::Hotend, name: evil, points: &points }];
    for svg in [
        temperatures(&series, WINDOW, SIZE, &labels),
        temperatures(&[], WINDOW, SIZE, &labels),
        progress(&points, Some(BEGIN + 9_000), SIZE, &labels),
        control_chart(&points, limits, SIZE, &labels),
    ] {
        is_well_formed(&svg);
        assert!(!svg.contains("<script") && !svg.contains('\u{0}'), "{svg}");
        for tag in tags(&svg) {
            let name = tag.trim_start_matches('/').split(' ').next().unwrap();
            let known = ["svg", "title", "desc", "polyline", "circle", "polygon", "text", "rect", "line"];
            assert!(known.contains(&name), "{tag}");
            for attribute in tag.split('"').step_by(2) {
                let attribute = attribute.trim().trim_end_matches('=');
                assert!(attribute != "style" && !attribute.starts_with("on"), "{tag}");
                assert!(!attribute.ends_with(" style"), "{tag}");
            }
        }
    }
    assert!(!hotend(&[Some(1.0)]).contains("style="));
}

#[test]
fn a_line_has_no_more_points_than_can_be_seen_and_keeps_its_peaks() {
    let mut values: Vec<_> = (0..1_800).map(|second| Some(200.0 + f64::from(second % 2))).collect();
    values[901] = Some(290.0);
    let points = points(&values);
    let series = Kind::ALL.map(|kind| Series { kind, name: "", points: &points });
    let svg = temperatures(&series, WINDOW, SIZE, &labels());
    assert!(svg.len() < 120_000, "{}", svg.len());
    let level = reduced(&[(0.0, 5.0), (1.0, 5.0), (2.0, 5.01), (3.0, 5.0), (4.0, 9.0)], 1.0, 1.0);
    assert_eq!(level, Some(vec![(0.0, 5.0), (3.0, 5.0), (4.0, 9.0)]));
    let column: Vec<_> =
        [1.0, 7.0, -3.0, 2.0, 4.0].into_iter().zip(0..).map(|(y, x)| (f64::from(x), y)).collect();
    assert_eq!(reduced(&column, 100.0, 0.1), Some(vec![(0.0, 1.0), (1.0, 7.0), (2.0, -3.0), (4.0, 4.0)]));
    assert_eq!(reduced(&[], 1.0, 1.0), None);
}

#[test]
fn times_stand_at_round_minutes_and_values_at_round_numbers() {
    #[rustfmt::skip]
    let table: [(u64, u64, &[u64]); 4] = [
        (0, 1_800, &[0, 300, 600, 900, 1_200, 1_500, 1_800]),
        (61, 361, &[120, 180, 240, 300, 360]),
        (0, 5, &[0, 1, 2, 3, 4, 5]),
        (100, 36_000, &[7_200, 14_400, 21_600, 28_800, 36_000]),
    ];
    for (from, to, wanted) in table {
        let window = Window { from: BEGIN + from * 1_000, to: BEGIN + to * 1_000 };
        let ticks: Vec<_> =
            window.ticks(SIZE).into_iter().map(|at| (window.at(at) - BEGIN) / 1_000).collect();
        assert_eq!(ticks, wanted, "{from} to {to}");
    }
    assert_eq!(nice((0.0, 228.0), 6), [0.0, 50.0, 100.0, 150.0, 200.0]);
    assert_eq!(nice((-1.0, 1.0), 4), [-1.0, -0.5, 0.0, 0.5, 1.0]);
}

#[test]
fn a_job_goes_on_dashed_to_its_expected_end_if_there_is_one_ahead() {
    /// What is known, its expected end, the lines and dots of it, and the dashed ones.
    type Going<'p> = (&'p [Point], Option<u64>, (usize, usize), usize);
    let some = points(&[Some(0.0), Some(1.0), Some(2.0), None]);
    let table: [Going<'_>; 5] = [
        (&[], Some(BEGIN), (0, 0), 0),
        (&some, None, (1, 0), 0),
        (&some, Some(BEGIN), (1, 0), 0),
        (&some, Some(BEGIN + 60_000), (1, 0), 1),
        (&some[..1], Some(BEGIN + 60_000), (0, 1), 1),
    ];
    for (points, end, line, expected) in table {
        let svg = progress(points, end, SIZE, &labels());
        is_well_formed(&svg);
        assert_eq!(drawn(&svg, "series-progress"), line, "{end:?}");
        assert_eq!(drawn(&svg, "series-expected").0, expected, "{end:?}");
    }
}

#[test]
fn a_control_chart_has_its_limits_and_another_shape_for_what_is_beyond_them() {
    let limits = Limits { centre: Some(0.0), warning: Some((-2.0, 2.0)), action: Some((-3.0, 3.0)) };
    let some = points(&[Some(0.5), Some(2.5), None, Some(-9.0), Some(3.0)]);
    let svg = control_chart(&some, limits, SIZE, &labels());
    is_well_formed(&svg);
    for (class, wanted) in [
        ("limit-centre", (1, 0)),
        ("limit-warning", (2, 0)),
        ("limit-action", (2, 0)),
        ("control-line", (2, 0)),
        ("control-point", (0, 3)),
    ] {
        assert_eq!(drawn(&svg, class), wanted, "{class}: {svg}");
    }
    assert_eq!(svg.matches("class=\"control-out\"").count(), 1);
    for (points, limits) in [
        (&some[..0], limits),
        (&some[..1], Limits::default()),
        (&some[2..3], limits),
        (
            &some[..2],
            Limits { centre: Some(f64::NAN), warning: Some((f64::NEG_INFINITY, 1.0)), action: None },
        ),
    ] {
        is_well_formed(&control_chart(points, limits, SIZE, &labels()));
    }
}

#[test]
fn a_time_stands_once_below_a_chart_however_many_ticks_say_it() {
    let points = points(&[Some(20.0); 90]);
    let series = [Series { kind: Kind::Bed, name: "", points: &points }];
    let short = Window { from: BEGIN, to: BEGIN + 90_000 };
    let control = control_chart(&points[..9], Limits::default(), SIZE, &labels());
    for svg in [temperatures(&series, short, SIZE, &labels()), control] {
        assert_eq!(svg.matches("08:00").count(), 1, "{svg}");
    }
}

#[test]
fn a_range_is_of_what_is_known() {
    assert_eq!(range(&points(&[None, Some(f64::NAN)])), None);
    let wanted = Range { lowest: 1.0, highest: 9.0, latest: 3.0 };
    assert_eq!(range(&points(&[Some(1.0), Some(9.0), Some(3.0), None])), Some(wanted));
}
