//! How hot a printer was and how its job came along: as JSON for scripts, and as lines for the page's charts.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::answers::{NoSuch, Told};
use super::given::{Asked, Named};
use super::printers::known;
use super::problem::Problem;
use crate::domain::ids::{JobId, PrinterName};
use crate::domain::moment::{Moment, WallTime};
use crate::domain::printer::Reading;
use crate::preview::chart::{Kind, Point, Window};
use crate::services::history::{Course, SECONDS, Sample};
use crate::services::preview::{Known, Seen};

/// What is kept, and what is told where nothing else is asked for.
pub const MINUTES: u64 = SECONDS as u64 / 60;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(temperatures))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Past {
    /// The last so many, from 1 to 30; 30 where absent.
    minutes: Option<u64>,
}

/// One value a second, the oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct HeaterPast {
    /// In °C; null where it was not known.
    pub actual: Vec<Option<f64>>,
    /// What it should be, 0 when off; null where it was not known.
    pub target: Vec<Option<f64>>,
}

/// What of a job was confirmed when.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CoursePoint {
    pub at: String,
    /// 0 to 100; null where nobody knew for a while.
    pub percent: Option<f64>,
    /// The first is 1; absent before it, and where the file's layers are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
}

/// The job that runs, or the last one that did since the daemon began.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CourseView {
    pub job: String,
    pub points: Vec<CoursePoint>,
}

/// How hot a printer was. Kept in memory only: a restart begins anew.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TemperaturesPast {
    pub printer: String,
    /// When the first value of each list was so; absent where there is none. The next is a second later.
    pub from: Option<String>,
    /// Absent where nothing was heard of it in that time.
    pub hotend: Option<HeaterPast>,
    pub bed: Option<HeaterPast>,
    pub chamber: Option<HeaterPast>,
    pub progress: Option<CourseView>,
}

/// How hot it was, second by second for the last half hour at most, and how its job came along.
#[utoipa::path(get, path = "/v1/printers/{name}/temperatures", tag = "printers", operation_id = "printer_temperatures",
    params(("name" = String, Path, description = "The printer's name"), Past),
    responses((status = 200, description = "What was so", body = TemperaturesPast), Told, NoSuch))]
async fn temperatures(
    State(app): State<AppState>,
    Named(name): Named<PrinterName>,
    Asked(past): Asked<Past>,
) -> Result<Json<TemperaturesPast>, Problem> {
    known(&app, &name)?;
    let minutes = past.minutes.unwrap_or(MINUTES);
    if !(1..=MINUTES).contains(&minutes) {
        let help = format!("ask for 1 to {MINUTES} minutes; older temperatures are not kept");
        return Err(Problem::unreadable(format!("{minutes} minutes cannot be shown"), help));
    }
    let (now, samples) = (Now::of(&app), samples(&app, &name, minutes));
    let heater = |of: fn(&Sample) -> Option<Reading>| {
        let all = || samples.iter().map(of);
        all().any(|reading| reading.is_some()).then(|| HeaterPast {
            actual: all().map(|reading| Some(reading?.actual.0)).collect(),
            target: all().map(|reading| Some(reading?.target?.0)).collect(),
        })
    };
    Ok(Json(TemperaturesPast {
        printer: name.to_string(),
        from: samples.first().map(|sample| WallTime(now.wall_of(sample.at)).to_string()),
        hotend: heater(|sample| sample.hotend),
        bed: heater(|sample| sample.bed),
        chamber: heater(|sample| sample.chamber),
        progress: app.fleet.board().history().course(&name).map(|course| course_view(&app, &course, now)),
    }))
}

fn course_view(app: &AppState, course: &Course, now: Now) -> CourseView {
    let layers = layers(app, &course.job);
    let point = |(at, confirmed): &(Moment, Option<u64>)| CoursePoint {
        at: WallTime(now.wall_of(*at)).to_string(),
        percent: confirmed.map(|confirmed| course.percent(confirmed)),
        layer: confirmed.and_then(|confirmed| Some(layers.as_ref()?.after(confirmed)?.layer)),
    };
    CourseView { job: course.job.to_string(), points: course.points.iter().map(point).collect() }
}

/// What is known of a job's file, where it was read already.
fn layers(app: &AppState, job: &JobId) -> Option<Known> {
    let file = app.recorder.read(|lab| lab.jobs.get(job).map(|job| job.file.clone()))?;
    match app.previews.known(&file) {
        Seen::Here(known) => Some(known),
        Seen::Soon | Seen::Never(_) => None,
    }
}

/// One moment in both times: what was before is that long ago at the clock of now, however it was set meanwhile.
#[derive(Clone, Copy, Debug)]
struct Now {
    wall: u64,
    mono: Moment,
}

impl Now {
    fn of(app: &AppState) -> Self {
        Self { wall: app.clock.wall().0, mono: app.clock.now() }
    }

    fn wall_of(self, at: Moment) -> u64 {
        self.wall.saturating_sub(u64::try_from(self.mono.since(at).as_millis()).unwrap_or(u64::MAX))
    }
}

fn samples(app: &AppState, name: &PrinterName, minutes: u64) -> Vec<Sample> {
    let seconds = usize::try_from(minutes.clamp(1, MINUTES) * 60).unwrap_or(SECONDS);
    app.fleet.board().history().temperatures(name, app.clock.now(), seconds)
}

/// What a chart of temperatures is drawn from.
#[derive(Clone, Debug)]
pub struct Lines {
    pub window: Window,
    /// Only what was heard of.
    pub lines: Vec<(Kind, Vec<Point>)>,
}

/// The last `minutes`, 30 at most. A heater that is off has no target to be drawn.
pub fn lines(app: &AppState, name: &PrinterName, minutes: u64) -> Lines {
    lines_of(Now::of(app), &samples(app, name, minutes), minutes)
}

fn lines_of(now: Now, samples: &[Sample], minutes: u64) -> Lines {
    let reading = |kind: Kind, sample: &Sample| match kind {
        Kind::Hotend | Kind::HotendTarget => sample.hotend,
        Kind::Bed | Kind::BedTarget => sample.bed,
        Kind::Chamber | Kind::ChamberTarget => sample.chamber,
    };
    let line = |kind: Kind| {
        let value = |sample: &Sample| {
            let reading = reading(kind, sample)?;
            if !kind.is_target() {
                return Some(reading.actual.0);
            }
            reading.target.map(|target| target.0).filter(|target| *target > 0.0)
        };
        let points = samples.iter().map(|sample| Point { at: now.wall_of(sample.at), value: value(sample) });
        let points: Vec<_> = points.collect();
        points.iter().any(|point| point.value.is_some()).then_some((kind, points))
    };
    let from = now.wall.saturating_sub(minutes.clamp(1, MINUTES) * 60_000);
    Lines { window: Window { from, to: now.wall }, lines: Kind::ALL.into_iter().filter_map(line).collect() }
}

/// How a job came along, for a chart.
#[derive(Clone, Debug)]
pub struct CourseSeen {
    pub job: JobId,
    /// In percent.
    pub points: Vec<Point>,
    /// Which one it is at, and of how many, where the file's layers are known.
    pub layer: Option<(usize, usize)>,
}

/// Of the job that runs, or of the last one that did since the daemon began.
pub fn course(app: &AppState, name: &PrinterName) -> Option<CourseSeen> {
    let (now, course) = (Now::of(app), app.fleet.board().history().course(name)?);
    let point = |(at, confirmed): &(Moment, Option<u64>)| Point {
        at: now.wall_of(*at),
        value: confirmed.map(|confirmed| course.percent(confirmed)),
    };
    let points = course.points.iter().map(point).collect();
    let place = course.latest().and_then(|latest| layers(app, &course.job)?.after(latest));
    Some(CourseSeen { job: course.job, points, layer: place.map(|place| (place.layer, place.layers)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Celsius;

    #[test]
    fn lines_are_of_what_was_heard_and_a_heater_that_is_off_has_no_target() {
        let sample = |second: u64, target: f64| Sample {
            at: Moment::from_millis(second * 1_000),
            hotend: Some(Reading { actual: Celsius(20.5), target: Some(Celsius(target)) }),
            bed: (second > 8).then_some(Reading { actual: Celsius(60.0), target: None }),
            chamber: None,
        };
        let now = Now { wall: 5_000_000, mono: Moment::from_millis(10_000) };
        let Lines { window, lines } = lines_of(now, &[sample(8, 0.0), sample(9, 215.0)], 1);
        assert_eq!(window, Window { from: 4_940_000, to: 5_000_000 });
        let told: Vec<_> = lines
            .iter()
            .map(|(kind, points)| {
                (*kind, points.iter().map(|point| (point.at, point.value)).collect::<Vec<_>>())
            })
            .collect();
        let line = |kind: Kind, first: Option<f64>, second: Option<f64>| {
            (kind, vec![(4_998_000, first), (4_999_000, second)])
        };
        let wanted = [
            line(Kind::Hotend, Some(20.5), Some(20.5)),
            line(Kind::HotendTarget, None, Some(215.0)),
            line(Kind::Bed, None, Some(60.0)),
        ];
        assert_eq!(told, wanted);
        assert_eq!(lines_of(now, &[], 999).window.from, 5_000_000 - MINUTES * 60_000);
    }
}
