//! Charts over time as SVG: temperatures, how far a job is, a control chart of a printer's phantoms.
//!
//! `plotters` lays them out in marked colours, of which classes are made, so that a page's light and dark colour them:
//! whatever stands in a chart is drawn in `currentColor`, and its class has only to set `color`. Dashes and shapes say
//! the same as the colours. Nothing in a chart is a style, a script or an address; every text is escaped.

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::fmt;

/// A value at a wall time in milliseconds; absent where it is not known, and the line is broken there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub at: u64,
    pub value: Option<f64>,
}

/// What a line of temperatures is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Hotend,
    HotendTarget,
    Bed,
    BedTarget,
    Chamber,
    ChamberTarget,
}

impl Kind {
    pub const ALL: [Self; 6] =
        [Self::Hotend, Self::HotendTarget, Self::Bed, Self::BedTarget, Self::Chamber, Self::ChamberTarget];

    /// What should be, and not what is.
    pub fn is_target(self) -> bool {
        matches!(self, Self::HotendTarget | Self::BedTarget | Self::ChamberTarget)
    }

    fn ink(self) -> Ink {
        match self {
            Self::Hotend => Ink::HOTEND,
            Self::HotendTarget => Ink::HOTEND_TARGET,
            Self::Bed => Ink::BED,
            Self::BedTarget => Ink::BED_TARGET,
            Self::Chamber => Ink::CHAMBER,
            Self::ChamberTarget => Ink::CHAMBER_TARGET,
        }
    }
}

/// One line of a chart; points in the order of time.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    pub kind: Kind,
    /// Stands in the legend, unless it is empty.
    pub name: &'a str,
    pub points: &'a [Point],
}

/// From when to when, in milliseconds of wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: u64,
    pub to: u64,
}

/// The proportions, and how large text is within them: the picture scales to any width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub width: u16,
    pub height: u16,
}

/// Everything that is said, in the reader's language and at the site's clock.
#[derive(Clone, Copy)]
pub struct Labels<'a> {
    pub title: &'a str,
    /// Lowest, highest and latest in words, for whoever does not see it.
    pub description: &'a str,
    /// Stands there instead of lines where there are none.
    pub nothing: &'a str,
    /// A wall time below the chart.
    pub x: &'a dyn Fn(u64) -> String,
    /// A value beside it, with its unit.
    pub y: &'a dyn Fn(f64) -> String,
}

impl fmt::Debug for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Labels").field("title", &self.title).finish_non_exhaustive()
    }
}

/// Where a control chart's lines are; lowest and highest.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    pub centre: Option<f64>,
    pub warning: Option<(f64, f64)>,
    pub action: Option<(f64, f64)>,
}

/// What a description says of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub lowest: f64,
    pub highest: f64,
    pub latest: f64,
}

/// Nothing where no value is known.
pub fn range(points: &[Point]) -> Option<Range> {
    let mut range: Option<Range> = None;
    for value in points.iter().filter_map(drawable) {
        let known = range.get_or_insert(Range { lowest: value, highest: value, latest: value });
        known.lowest = known.lowest.min(value);
        known.highest = known.highest.max(value);
        known.latest = value;
    }
    range
}

/// Temperatures over time: what is drawn through, what should be dashed.
pub fn temperatures(series: &[Series<'_>], window: Window, size: Size, labels: &Labels<'_>) -> String {
    let size = size.bounded();
    let window = window.bounded();
    let seen = |point: &&Point| (window.from..=window.to).contains(&point.at);
    let values = series.iter().flat_map(|one| one.points).filter(seen).filter_map(drawable);
    let (low, high) =
        values.fold((0.0_f64, 40.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    let names = series.iter().map(|one| (one.kind.ink(), one.name));
    let legend = Legend::new(names, size);
    let room = (high - low) * 0.06;
    let y = (if low < 0.0 { low - room } else { 0.0 }, high + room);
    let mut sheet = Sheet::new("chart-temperatures", size, legend, (0.0, window.seconds(window.to)), y);
    sheet.x_ticks = window.ticks(size);
    // What is lies over what should be.
    let mut ordered: Vec<_> = series.iter().collect();
    ordered.sort_by_key(|one| !one.kind.is_target());
    for one in ordered {
        sheet.follow(one.kind.ink(), one.points.iter().filter(seen).map(|point| placed(window, point)));
    }
    sheet.draw(labels, &|x| (labels.x)(window.at(x)))
}

/// How far a job is, in percent over time, and dashed from there to when it should be done.
pub fn progress(points: &[Point], expected_end: Option<u64>, size: Size, labels: &Labels<'_>) -> String {
    let size = size.bounded();
    let latest = points.iter().rev().find_map(|point| Some((point.at, drawable(point)?)));
    let from = points.first().map_or(0, |point| point.at);
    let end = expected_end.filter(|end| latest.is_some_and(|(at, _)| *end > at));
    let to = points.last().map_or(0, |point| point.at).max(end.unwrap_or(0));
    let window = Window { from, to }.bounded();
    let legend = Legend::new([], size);
    let mut sheet =
        Sheet::new("chart-progress", size, legend, (0.0, window.seconds(window.to)), (0.0, 100.0));
    sheet.x_ticks = if points.is_empty() { Vec::new() } else { window.ticks(size) };
    sheet.y_ticks = vec![0.0, 25.0, 50.0, 75.0, 100.0];
    if let (Some(end), Some((at, percent))) = (end, latest) {
        let way = [(window.seconds(at), Some(percent.clamp(0.0, 100.0))), (window.seconds(end), Some(100.0))];
        sheet.follow(Ink::EXPECTED, way.into_iter());
    }
    let held =
        |point: &Point| (window.seconds(point.at), drawable(point).map(|value| value.clamp(0.0, 100.0)));
    sheet.follow(Ink::PROGRESS, points.iter().map(held));
    sheet.draw(labels, &|x| (labels.x)(window.at(x)))
}

/// Values in their order, equally far apart, between their limits. What is beyond an action limit is a triangle.
pub fn control_chart(points: &[Point], limits: Limits, size: Size, labels: &Labels<'_>) -> String {
    let size = size.bounded();
    let (action, warning) = (ends(limits.action), ends(limits.warning));
    let each = [(Ink::ACTION, action[0]), (Ink::ACTION, action[1]), (Ink::CENTRE, limits.centre)];
    let each = each.into_iter().chain(warning.map(|at| (Ink::WARNING, at)));
    let lines: Vec<_> = each.filter_map(|(ink, at)| Some((ink, at.filter(|at| is_drawable(*at))?))).collect();
    let values = points.iter().filter_map(drawable).chain(lines.iter().map(|(_, at)| *at));
    let ends = values.fold(None, |ends: Option<(f64, f64)>, value| {
        Some(ends.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
    });
    let (low, high) = ends.unwrap_or((0.0, 1.0));
    let room = if high > low { (high - low) * 0.1 } else { (high.abs() * 0.1).max(1.0) };
    let across = (-0.5, points.len().max(1) as f64 - 0.5);
    let legend = Legend::new([], size);
    let mut sheet = Sheet::new("chart-control", size, legend, across, (low - room, high + room));
    let most = size.labels_across();
    sheet.x_ticks =
        (0..points.len()).step_by(points.len().div_ceil(most).max(1)).map(|place| place as f64).collect();
    // Beside nothing that was measured they would say nothing.
    if points.iter().any(|point| drawable(point).is_some()) {
        for (ink, at) in lines {
            sheet.follow(ink, [(across.0, Some(at)), (across.1, Some(at))].into_iter());
            sheet.beside.push((ink, at));
        }
    }
    let placed = || points.iter().enumerate().map(|(place, point)| (place as f64, drawable(point)));
    sheet.follow(Ink::CONTROL_LINE, placed());
    let is_out = |value: f64| limits.action.is_some_and(|(low, high)| value < low || value > high);
    for (x, value) in placed() {
        let Some(value) = value else { continue };
        let ink = if is_out(value) { Ink::CONTROL_OUT } else { Ink::CONTROL_POINT };
        sheet.marks.push((ink, (x, value)));
    }
    sheet.draw(labels, &|x| {
        let at = points.get(usize::try_from(pixel(x)).unwrap_or(usize::MAX));
        at.map(|point| (labels.x)(point.at)).unwrap_or_default()
    })
}

fn ends(limits: Option<(f64, f64)>) -> [Option<f64>; 2] {
    [limits.map(|(low, _)| low), limits.map(|(_, high)| high)]
}

/// Beyond it a chart would be no chart any more.
fn is_drawable(value: f64) -> bool {
    value.is_finite() && value.abs() < 1e9
}

fn drawable(point: &Point) -> Option<f64> {
    point.value.filter(|value| is_drawable(*value))
}

fn placed(window: Window, point: &Point) -> (f64, Option<f64>) {
    (window.seconds(point.at), drawable(point))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` keeps within bounds, and makes 0 of what is no number"
)]
fn pixel(value: f64) -> i32 {
    value.round() as i32
}

impl Window {
    /// A second at least.
    fn bounded(self) -> Self {
        let from = self.from.min(u64::MAX - 1_000);
        Self { from, to: self.to.max(from + 1_000) }
    }

    /// Since its beginning.
    fn seconds(self, at: u64) -> f64 {
        at.saturating_sub(self.from) as f64 / 1_000.0
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the window")]
    fn at(self, seconds: f64) -> u64 {
        self.from.saturating_add((seconds * 1_000.0).round() as u64)
    }

    /// At full minutes, quarters and hours.
    fn ticks(self, size: Size) -> Vec<f64> {
        const STEPS: [u64; 19] = [
            1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400,
            604_800,
        ];
        let most = size.labels_across() as u64;
        let span = (self.to - self.from) / 1_000;
        let step = STEPS.into_iter().find(|step| span / step <= most);
        let step = step.unwrap_or_else(|| span / most).saturating_mul(1_000);
        let first = self.from.div_ceil(step).saturating_mul(step);
        let ticks = (0..=most + 1).map(|count| first.saturating_add(count.saturating_mul(step)));
        let mut ticks: Vec<_> = ticks.take_while(|at| *at <= self.to).map(|at| self.seconds(at)).collect();
        ticks.dedup();
        ticks
    }
}

impl Size {
    fn bounded(self) -> Self {
        Self { width: self.width.clamp(240, 4_096), height: self.height.clamp(120, 4_096) }
    }

    fn labels_across(self) -> usize {
        usize::from(self.width / 110).max(2)
    }
}

/// A colour that stands for a class until the picture is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ink(u8);

/// Of every ink its classes, and what shows it without colour.
const INKS: [(&str, &str); 17] = [
    ("chart-text", ""),
    ("chart-axis", ""),
    ("chart-grid", r#" stroke-opacity="0.2""#),
    ("series-hotend", ""),
    ("series-hotend series-target", r#" stroke-dasharray="6 4""#),
    ("series-bed", ""),
    ("series-bed series-target", r#" stroke-dasharray="6 4""#),
    ("series-chamber", ""),
    ("series-chamber series-target", r#" stroke-dasharray="6 4""#),
    ("series-progress", ""),
    ("series-expected", r#" stroke-dasharray="8 6""#),
    ("limit-centre", ""),
    ("limit-warning", r#" stroke-dasharray="2 4""#),
    ("limit-action", r#" stroke-dasharray="10 4""#),
    ("control-line", r#" stroke-opacity="0.5""#),
    ("control-point", ""),
    ("control-out", ""),
];

impl Ink {
    const TEXT: Self = Self(0);
    const AXIS: Self = Self(1);
    const GRID: Self = Self(2);
    const HOTEND: Self = Self(3);
    const HOTEND_TARGET: Self = Self(4);
    const BED: Self = Self(5);
    const BED_TARGET: Self = Self(6);
    const CHAMBER: Self = Self(7);
    const CHAMBER_TARGET: Self = Self(8);
    const PROGRESS: Self = Self(9);
    const EXPECTED: Self = Self(10);
    const CENTRE: Self = Self(11);
    const WARNING: Self = Self(12);
    const ACTION: Self = Self(13);
    const CONTROL_LINE: Self = Self(14);
    const CONTROL_POINT: Self = Self(15);
    const CONTROL_OUT: Self = Self(16);

    fn colour(self) -> RGBColor {
        RGBColor(0xF0, 0xED, self.0)
    }
}

/// How plotters writes such a colour; no text can hold it, whose quotes are escaped.
const MARK: &str = "=\"#F0ED";

/// Every marked colour as its class.
fn classed(svg: &str) -> String {
    let mut out = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some((before, found)) = rest.split_once(MARK) {
        out.push_str(before);
        let (number, after) = found.split_at_checked(2).unwrap_or((found, ""));
        let number = usize::from_str_radix(number, 16).unwrap_or(0);
        let (class, more) = INKS.get(number).copied().unwrap_or(INKS[0]);
        let more = if before.ends_with("stroke") { more } else { "" };
        out += &format!("=\"currentColor\" class=\"{class}\"{more}");
        rest = after.strip_prefix('"').unwrap_or(after);
    }
    out.push_str(rest);
    out.replace(" opacity=\"1\"", "").replace(" font-family=\"sans-serif\"", "")
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_control()).take(1_000) {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            other => out.push(other),
        }
    }
    out
}

/// One line that fits; plotters escapes it.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

/// Names of lines over the chart, in as many rows as they need.
#[derive(Debug)]
struct Legend {
    entries: Vec<(Ink, String, (i32, i32))>,
    height: i32,
}

impl Legend {
    const ROW: i32 = 24;
    const SAMPLE: i32 = 26;

    fn new<'a>(names: impl IntoIterator<Item = (Ink, &'a str)>, size: Size) -> Self {
        let (mut x, mut y) = (LEFT, Self::ROW / 2);
        let mut entries = Vec::new();
        for (ink, name) in names {
            let name = short(name);
            if name.is_empty() {
                continue;
            }
            let wide = i32::try_from(name.chars().count()).unwrap_or(60) * 9 + Self::SAMPLE + 24;
            if x > LEFT && x + wide > i32::from(size.width) {
                (x, y) = (LEFT, y + Self::ROW);
            }
            entries.push((ink, name, (x, y)));
            x += wide;
        }
        let height = if entries.is_empty() { 12 } else { y + Self::ROW / 2 + 6 };
        Self { entries, height }
    }
}

/// Room for the values beside a chart, for the times below it, and right of it.
const LEFT: i32 = 72;
const BELOW: i32 = 30;
const RIGHT: i32 = 64;
/// Where nothing is written right of it: half of the last time.
const NARROW: i32 = 28;
const FONT: f64 = 16.0;

/// A chart before it is drawn, in its own units.
struct Sheet {
    class: &'static str,
    size: Size,
    legend: Legend,
    x: (f64, f64),
    y: (f64, f64),
    x_ticks: Vec<f64>,
    y_ticks: Vec<f64>,
    lines: Vec<(Ink, Vec<(f64, f64)>)>,
    marks: Vec<(Ink, (f64, f64))>,
    /// Values that are written right of the chart, the most important first.
    beside: Vec<(Ink, f64)>,
}

/// From one end to the other, with what is written beside it.
struct Axis {
    ends: (f64, f64),
    ticks: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let (low, high) = self.ends;
        from + pixel((value - low) / (high - low) * f64::from(to - from))
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // There are no lines of less weight.
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.ends.0..self.ends.1
    }
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

impl Sheet {
    fn new(class: &'static str, size: Size, legend: Legend, x: (f64, f64), y: (f64, f64)) -> Self {
        let y_ticks = nice(y, usize::from(size.height / 50).clamp(2, 10));
        let (x_ticks, lines, marks, beside) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { class, size, legend, x, y, x_ticks, y_ticks, lines, marks, beside }
    }

    fn right(&self) -> i32 {
        if self.beside.is_empty() { NARROW } else { RIGHT }
    }

    /// Width and height of what lies between the axes, in pixels.
    fn inner(&self) -> (f64, f64) {
        let wide = i32::from(self.size.width) - LEFT - self.right();
        let high = i32::from(self.size.height) - BELOW - self.legend.height;
        (f64::from(wide.max(1)), f64::from(high.max(1)))
    }

    /// A line through what is known, broken where nothing is, with as many points as can be seen.
    fn follow(&mut self, ink: Ink, points: impl Iterator<Item = (f64, Option<f64>)>) {
        let (wide, high) = self.inner();
        let (column, row) = ((self.x.1 - self.x.0) / wide, (self.y.1 - self.y.0) / high);
        let mut piece: Vec<(f64, f64)> = Vec::new();
        for (x, value) in points {
            match value {
                // Time does not run back.
                Some(_) if piece.last().is_some_and(|(before, _)| *before >= x) => {}
                Some(value) => piece.push((x, value)),
                None => {
                    self.lines.extend(reduced(&std::mem::take(&mut piece), column, row).map(|one| (ink, one)))
                }
            }
        }
        self.lines.extend(reduced(&piece, column, row).map(|one| (ink, one)));
    }

    fn draw(mut self, labels: &Labels<'_>, at: &dyn Fn(f64) -> String) -> String {
        let mut svg = String::new();
        // What a label says once it does not say again beside it: a minute has several ticks, a day several phantoms.
        let mut said = None;
        self.x_ticks.retain(|x| {
            let says = Some(at(*x));
            let is_new = says != said;
            said = says;
            is_new
        });
        // Text is all that is written, so that nothing can fail but a size that is none.
        let drawn = self.sketch(&mut svg, labels, at);
        let body = match &drawn {
            Ok(()) => svg.split_once('>').map_or("", |(_, body)| body),
            Err(_) => "</svg>",
        };
        let Size { width, height } = self.size;
        let (title, description) = (escaped(labels.title), escaped(labels.description));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             class=\"chart {}\"><title>{title}</title><desc>{description}</desc>{}",
            self.class,
            classed(body)
        )
    }

    fn sketch(&self, svg: &mut String, labels: &Labels<'_>, at: &dyn Fn(f64) -> String) -> Drawn {
        let Size { width, height } = self.size;
        let root = SVGBackend::with_string(svg, (width.into(), height.into())).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin_top(self.legend.height)
            .margin_right(self.right())
            .x_label_area_size(BELOW)
            .y_label_area_size(LEFT)
            .build_cartesian_2d(
                Axis { ends: self.x, ticks: self.x_ticks.clone() },
                Axis { ends: self.y, ticks: self.y_ticks.clone() },
            )?;
        let (below, beside) = (|x: &f64| short(&at(*x)), |y: &f64| short(&(labels.y)(*y)));
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(Ink::GRID.colour())
            .axis_style(Ink::AXIS.colour())
            .label_style(text(Ink::TEXT, HPos::Left))
            .x_label_formatter(&below)
            .y_label_formatter(&beside)
            .draw()?;
        for (ink, points) in &self.lines {
            let style = ink.colour().stroke_width(2);
            match points.as_slice() {
                [one] => {
                    chart.draw_series([Circle::new(*one, 2, style.filled())])?;
                }
                points => {
                    chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
                }
            }
        }
        for (ink, place) in &self.marks {
            let style = ink.colour().filled();
            match *ink {
                Ink::CONTROL_OUT => {
                    chart.draw_series([TriangleMarker::new(*place, 9, style)])?;
                }
                _ => {
                    chart.draw_series([Circle::new(*place, 4, style)])?;
                }
            }
        }
        self.write_beside(&root, labels)?;
        for (ink, name, (x, y)) in &self.legend.entries {
            let sample = vec![(*x, *y), (x + Legend::SAMPLE, *y)];
            root.draw(&PathElement::new(sample, ink.colour().stroke_width(2)))?;
            root.draw_text(name, &text(Ink::TEXT, HPos::Left), (x + Legend::SAMPLE + 6, *y))?;
        }
        if self.lines.is_empty() && self.marks.is_empty() {
            let (wide, high) = self.inner();
            let middle = (LEFT + pixel(wide / 2.0), self.legend.height + pixel(high / 2.0));
            root.draw_text(&short(labels.nothing), &text(Ink::TEXT, HPos::Center), middle)?;
        }
        root.present()?;
        Ok(())
    }

    /// Where two would lie over each other, the first stays.
    fn write_beside(
        &self,
        root: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
        labels: &Labels<'_>,
    ) -> Drawn {
        let (wide, high) = self.inner();
        let mut taken: Vec<i32> = Vec::new();
        for (ink, value) in &self.beside {
            let down = (self.y.1 - value) / (self.y.1 - self.y.0) * high;
            let y = self.legend.height + pixel(down);
            if taken.iter().any(|other| (other - y).abs() < 16) {
                continue;
            }
            taken.push(y);
            root.draw_text(
                &short(&(labels.y)(*value)),
                &text(*ink, HPos::Left),
                (LEFT + pixel(wide) + 4, y),
            )?;
        }
        Ok(())
    }
}

fn text(ink: Ink, side: HPos) -> TextStyle<'static> {
    let font = FontDesc::new(FontFamily::SansSerif, FONT, FontStyle::Normal);
    font.color(&ink.colour()).pos(Pos::new(side, VPos::Center))
}

/// Of each column of pixels the first, lowest, highest and last, and of what is level its ends. Nothing of nothing.
fn reduced(piece: &[(f64, f64)], column: f64, row: f64) -> Option<Vec<(f64, f64)>> {
    let level = |(_, value): &(f64, f64)| (value / row).round();
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for same in piece.chunk_by(|one, other| (one.0 / column).floor() == (other.0 / column).floor()) {
        for place in extremes(same) {
            let point = same[place];
            let is_level = match kept.as_slice() {
                [.., before, last] => level(before) == level(last) && level(last) == level(&point),
                _ => false,
            };
            if is_level {
                kept.pop();
            }
            kept.push(point);
        }
    }
    (!kept.is_empty()).then_some(kept)
}

fn extremes(same: &[(f64, f64)]) -> Vec<usize> {
    let by_value = |one: &usize, other: &usize| same[*one].1.total_cmp(&same[*other].1);
    let (lowest, highest) = ((0..same.len()).min_by(by_value), (0..same.len()).max_by(by_value));
    let mut places: Vec<_> =
        [Some(0), lowest, highest, same.len().checked_sub(1)].into_iter().flatten().collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// Round values between two others, at most about so many.
fn nice((low, high): (f64, f64), most: usize) -> Vec<f64> {
    let rough = (high - low) / most as f64;
    let ten = 10.0_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|times| times * ten).into_iter().find(|step| *step >= rough);
    let Some(step) = step.filter(|step| step.is_normal()) else { return vec![low, high] };
    let first = (low / step).ceil();
    let ticks = (0..=most + 1).map(|count| (first + count as f64) * step);
    ticks.take_while(|value| *value <= high + step * 1e-9).collect()
}

#[cfg(test)]
mod tests;
