//! Uploads: streamed to the spool, read once, and named by their hash when they are durable.

use axum::Json;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::multipart::{MultipartError, MultipartRejection};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::timeout;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::answers::{Read, Told, Uploaded};
use super::given::{Asked, BODY_MAX, Named, header_text};
use super::problem::Problem;
use super::shapes::{FileView, ModelView};
use crate::domain::ids::FileHash;
use crate::domain::moment::Moment;
use crate::io::clock::Clock;
use crate::io::spool::Incoming;
use crate::model::Hint;
use crate::model::scale::Unit;

/// An upload that sends nothing for this long is given up, so that dead ones hold no files open.
pub(super) const SILENCE: Duration = Duration::from_secs(30);
/// So long an upload may be as slow as it is.
const GRACE: Duration = Duration::from_secs(60);
/// From then on it has brought, on average, as many bytes a second as any network does.
const RATE_MIN: u64 = 8 << 10;
/// What is around a file in a form, in bytes: boundaries, headers, and whatever stands before the first of them.
const AROUND_MAX: u64 = BODY_MAX as u64;
/// Turns without anything found in what is held already: the reader looks twice in one of them.
const TURNS_MAX: u8 = 2;

pub fn routes() -> OpenApiRouter<AppState> {
    // The limit is counted here, since it is the operator's and has a message of its own.
    OpenApiRouter::new()
        .routes(routes!(upload))
        .routes(routes!(upload_model))
        .layer(DefaultBodyLimit::disable())
        .routes(routes!(file))
}

/// Takes in a file. The answer comes when it is on the disk and was read to its end.
#[utoipa::path(post, path = "/v1/files", tag = "files", operation_id = "upload",
    request_body(content = String, content_type = "application/octet-stream",
        description = "The file itself, or multipart/form-data with one field `file`."),
    responses((status = 201, description = "The file as it was read", body = FileView), Uploaded))]
async fn upload(State(app): State<AppState>, request: Request) -> Result<Response, Problem> {
    let accepted = app.intake.accept(received(&app, request, of_config(&app)).await?).await?;
    let view = FileView::from(accepted);
    let place = format!("/v1/files/{}", view.file);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(view)).into_response())
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct AsModel {
    /// What its name says it is, where its content does not: stl, obj or 3mf.
    kind: Option<String>,
    /// What it counts in: mm, inch, m, um, cm or ft. A 3MF says it itself.
    units: Option<String>,
}

/// Takes in a model (STL, 3MF, OBJ) that is to be sliced. The answer comes when it is on the disk and was read.
#[utoipa::path(post, path = "/v1/models", tag = "files", operation_id = "upload_model", params(AsModel),
    request_body(content = String, content_type = "application/octet-stream",
        description = "The model itself, or multipart/form-data with one field `file`."),
    responses((status = 201, description = "The model as it was read", body = ModelView), Uploaded))]
async fn upload_model(
    State(app): State<AppState>,
    Asked(of): Asked<AsModel>,
    request: Request,
) -> Result<Response, Problem> {
    let units: Option<Unit> = of
        .units
        .map(|units| units.parse())
        .transpose()
        .map_err(|error: String| Problem::unreadable(error, "name the unit, or leave it out"))?;
    let hint = of.kind.as_deref().and_then(Hint::of);
    let incoming = received(&app, request, of_config(&app)).await?;
    let view = ModelView::from(app.intake.accept_model(incoming, hint, units).await?);
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// How large an upload may be, and what to do with a larger one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub max: u64,
    pub help: &'static str,
}

pub(super) fn of_config(app: &AppState) -> Bound {
    let help = "split the print, or raise upload_max_mb in the section [http] of the configuration";
    Bound { max: app.config.http.upload_max, help }
}

/// An upload to its last byte, within its bound.
pub(super) async fn received(app: &AppState, request: Request, bound: Bound) -> Result<Incoming, Problem> {
    let multipart = header_text(request.headers(), &header::CONTENT_TYPE)?
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data"));
    // A form has its boundaries around the file; a few kilobytes of them are not the file's.
    let around = if multipart { AROUND_MAX } else { 0 };
    not_too_long(&request, bound, around)?;
    not_a_piece(&request)?;
    let room = app.streams.upload()?;
    let incoming =
        if multipart { from_form(app, request, bound).await } else { raw(app, request, bound).await }?;
    Ok(incoming.in_room(room))
}

/// Refuses a piece of a file, which would be kept as if it were the whole (RFC 9110 §14.4).
pub(super) fn not_a_piece(request: &Request) -> Result<(), Problem> {
    if request.headers().contains_key(header::CONTENT_RANGE) {
        let what = "only a piece of a file is sent (Content-Range), and pieces are not put together here";
        return Err(Problem::unreadable(what, "send the whole file in one request"));
    }
    Ok(())
}

/// Refuses before anything is sent what says itself that it is too long.
pub(super) fn not_too_long(request: &Request, bound: Bound, around: u64) -> Result<(), Problem> {
    let length = header_text(request.headers(), &header::CONTENT_LENGTH)?;
    let declared: Option<u64> = length.and_then(|length| length.parse().ok());
    if declared.is_some_and(|length| length > bound.max.saturating_add(around)) {
        return Err(too_large(bound));
    }
    Ok(())
}

async fn raw(app: &AppState, request: Request, bound: Bound) -> Result<Incoming, Problem> {
    let body: Body = request.into_body();
    let mut incoming = app.intake.begin().await?;
    let mut pace = Pace::of(&app.clock);
    let chunks = body.into_data_stream().map(|chunk| {
        let chunk = chunk.map_err(|_| cut())?;
        pace.took(chunk.len() as u64)?;
        Ok::<Bytes, Problem>(chunk)
    });
    match pour(&mut incoming, chunks, bound).await {
        Ok(()) => Ok(incoming),
        Err(problem) => {
            incoming.discard().await;
            Err(problem)
        }
    }
}

async fn from_form(app: &AppState, request: Request, bound: Bound) -> Result<Incoming, Problem> {
    const FORM: &str = "send multipart/form-data with one field `file`, or the file alone as the body";
    let (mut form, around) = multipart(app, request, bound).await.map_err(|error| {
        Problem::unreadable(format!("the form cannot be read: {}", error.body_text()), FORM)
    })?;
    let next = timeout(SILENCE, form.next_field()).await.map_err(|_| silent())?;
    let Some(field) = next.map_err(|_| around.why())? else {
        return Err(Problem::unreadable("the form has no field", FORM));
    };
    around.went_on(0);
    if field.name() != Some("file") {
        return Err(Problem::unreadable("the form's first field is not `file`", FORM));
    }
    let mut incoming = app.intake.begin().await?;
    let mut poured = pour(&mut incoming, field.map(|chunk| around.given(chunk)), bound).await;
    if poured.is_ok() {
        // The closing boundary is part of the promise that the upload is whole.
        poured = match timeout(SILENCE, form.next_field()).await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(_))) => Err(Problem::unreadable("the form has a second field", FORM)),
            Ok(Err(_)) => Err(around.why()),
            Err(_) => Err(silent()),
        };
    }
    match poured {
        Ok(()) => Ok(incoming),
        Err(problem) => {
            incoming.discard().await;
            Err(problem)
        }
    }
}

/// The form of a request, of which never more is held than its bound around the file and one chunk.
pub(super) async fn multipart(
    app: &AppState,
    request: Request,
    bound: Bound,
) -> Result<(Multipart, Around), MultipartRejection> {
    let around = Around::default();
    let (parts, body) = request.into_parts();
    let stream = Bounded {
        body: body.into_data_stream(),
        around: around.clone(),
        bound,
        left: bound.max.saturating_add(AROUND_MAX),
        pace: Pace::of(&app.clock),
        waited: (0, 0),
    };
    let request = Request::from_parts(parts, Body::from_stream(stream));
    Ok((Multipart::from_request(request, &()).await?, around))
}

/// What of a form came in and did not go on yet, which its reader holds in memory. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Around(Arc<Held>);

#[derive(Debug, Default)]
struct Held {
    bytes: AtomicU64,
    /// How often something went on.
    steps: AtomicU64,
    refused: OnceLock<Problem>,
}

impl Around {
    /// Something was found: a field, or so many bytes of one.
    pub(super) fn went_on(&self, bytes: u64) {
        self.0.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.0.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// What a field gave.
    pub(super) fn given(&self, chunk: Result<Bytes, MultipartError>) -> Result<Bytes, Problem> {
        let chunk = chunk.map_err(|_| self.why())?;
        self.went_on(chunk.len() as u64);
        Ok(chunk)
    }

    /// Why the form ended before its end.
    pub(super) fn why(&self) -> Problem {
        self.0.refused.get().cloned().unwrap_or_else(cut)
    }

    fn refuse(&self, problem: Problem) -> axum::Error {
        let error = axum::Error::new(problem.detail.clone());
        // The first reason stays.
        let _ = self.0.refused.set(problem);
        error
    }
}

/// The body of a form. Its reader takes whatever there is before it looks for a boundary, so that it is given no more
/// than it has looked through.
#[derive(Debug)]
struct Bounded {
    body: BodyDataStream,
    around: Around,
    bound: Bound,
    /// Bytes that may still come.
    left: u64,
    pace: Pace,
    /// At which step it was given nothing, and how often.
    waited: (u64, u8),
}

impl Stream for Bounded {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.around.0.bytes.load(Ordering::Relaxed) > AROUND_MAX {
            let step = this.around.0.steps.load(Ordering::Relaxed);
            let before = if this.waited.0 == step { this.waited.1 } else { 0 };
            if before >= TURNS_MAX {
                return Poll::Ready(Some(Err(this.around.refuse(too_much_around()))));
            }
            this.waited = (step, before + 1);
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let chunk = match ready!(Pin::new(&mut this.body).poll_next(context)) {
            Some(Ok(chunk)) => chunk,
            other => return Poll::Ready(other),
        };
        let bytes = chunk.len() as u64;
        let refused = match this.left.checked_sub(bytes) {
            None => Some(too_large(this.bound)),
            Some(left) => {
                this.left = left;
                this.pace.took(bytes).err()
            }
        };
        if let Some(problem) = refused {
            return Poll::Ready(Some(Err(this.around.refuse(problem))));
        }
        this.around.0.bytes.fetch_add(bytes, Ordering::Relaxed);
        Poll::Ready(Some(Ok(chunk)))
    }
}

/// How fast an upload is, on average.
#[derive(Debug)]
struct Pace {
    clock: Clock,
    began: Moment,
    bytes: u64,
}

impl Pace {
    fn of(clock: &Clock) -> Self {
        Self { began: clock.now(), clock: clock.clone(), bytes: 0 }
    }

    fn took(&mut self, bytes: u64) -> Result<(), Problem> {
        self.bytes = self.bytes.saturating_add(bytes);
        if is_slow(self.bytes, self.clock.now().since(self.began)) { Err(slow()) } else { Ok(()) }
    }
}

fn is_slow(bytes: u64, took: Duration) -> bool {
    took > GRACE && bytes < took.as_secs().saturating_mul(RATE_MIN)
}

pub(super) async fn pour(
    incoming: &mut Incoming,
    mut chunks: impl Stream<Item = Result<impl AsRef<[u8]>, Problem>> + Unpin,
    bound: Bound,
) -> Result<(), Problem> {
    let mut taken = 0u64;
    while let Some(chunk) = timeout(SILENCE, chunks.next()).await.map_err(|_| silent())? {
        let chunk = chunk?;
        taken += chunk.as_ref().len() as u64;
        if taken > bound.max {
            return Err(too_large(bound));
        }
        incoming.write(chunk.as_ref()).await?;
    }
    Ok(())
}

fn too_large(bound: Bound) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        format!("the file is larger than {} MB", bound.max >> 20),
        bound.help,
    )
}

pub(super) fn cut() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "upload-cut",
        "the upload ended before its end; nothing of it was kept",
        "send the file again",
    )
}

fn slow() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "upload-slow",
        format!("the upload brought less than {RATE_MIN} bytes a second; nothing of it was kept"),
        "look at the network, then send the file again",
    )
}

fn too_much_around() -> Problem {
    Problem::unreadable(
        format!("the form has more than {AROUND_MAX} bytes that are of no field; nothing of it was kept"),
        "send multipart/form-data as browsers do: a boundary, short headers, the file",
    )
}

pub(super) fn silent() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "upload-silent",
        format!("the upload sent nothing for {} seconds; nothing of it was kept", SILENCE.as_secs()),
        "send the file again",
    )
}

/// Reads a file again that was taken in before.
#[utoipa::path(get, path = "/v1/files/{hash}", tag = "files", operation_id = "show_file",
    params(("hash" = String, Path, description = "SHA-256 in hexadecimal")),
    responses((status = 200, description = "The file as it was read", body = FileView), Told, Read))]
async fn file(State(app): State<AppState>, Named(hash): Named<FileHash>) -> Result<Json<FileView>, Problem> {
    Ok(Json(app.intake.accepted(&hash).await?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::BootId;
    use futures_util::stream;

    const HEAD: &[u8] = b"--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.gcode\"\r\n\r\n";
    const PIECE: usize = 16 << 10;

    /// A form that comes in these pieces, all of which are there at once.
    async fn form(pieces: Vec<Vec<u8>>, max: u64) -> (Multipart, Around) {
        let around = Around::default();
        let pieces = pieces.into_iter().map(|piece| Ok::<Bytes, axum::Error>(Bytes::from(piece)));
        let bounded = Bounded {
            body: Body::from_stream(stream::iter(pieces)).into_data_stream(),
            around: around.clone(),
            bound: Bound { max, help: "send less" },
            left: max + AROUND_MAX,
            pace: Pace::of(&Clock::start(BootId::from_entropy([1; 16]))),
            waited: (0, 0),
        };
        let mut request = Request::new(Body::from_stream(bounded));
        let kind = header::HeaderValue::from_static("multipart/form-data; boundary=B");
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        (Multipart::from_request(request, &()).await.unwrap(), around)
    }

    /// How many bytes its fields have.
    async fn read(pieces: Vec<Vec<u8>>, max: u64) -> (Result<usize, Problem>, u64) {
        let (mut form, around) = form(pieces, max).await;
        let read = async {
            let mut bytes = 0;
            while let Some(field) = form.next_field().await.map_err(|_| around.why())? {
                around.went_on(0);
                let mut chunks = field.map(|chunk| around.given(chunk));
                while let Some(chunk) = chunks.next().await {
                    bytes += chunk?.len();
                }
            }
            Ok(bytes)
        };
        let read = read.await;
        (read, around.0.bytes.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn a_form_is_read_however_it_is_cut() {
        let whole = [HEAD, &[b'x'; 40 * PIECE], b"\r\n", HEAD, b"\r\n", HEAD, b"abc\r\n--B--\r\n"].concat();
        for piece in [whole.len(), 3 * PIECE, 1_000, 7] {
            let pieces = whole.chunks(piece).map(<[u8]>::to_vec).collect();
            assert_eq!(read(pieces, 1 << 20).await.0, Ok(40 * PIECE + 3), "{piece}");
        }
    }

    #[tokio::test]
    async fn what_is_of_no_field_is_not_held_without_a_bound() {
        let endless = |begin: &[u8]| {
            let mut pieces = vec![begin.to_vec()];
            pieces.extend(vec![vec![b'x'; PIECE]; 60]);
            pieces
        };
        let header = b"--B\r\nContent-Disposition: form-data; name=\"".as_slice();
        for begin in [b"".as_slice(), b"--C\r\n", header] {
            let (refused, held) = read(endless(begin), 1 << 20).await;
            let problem = refused.unwrap_err();
            assert_eq!(problem.status, 400);
            assert!(problem.detail.contains("of no field"), "{problem:?}");
            assert!(held <= AROUND_MAX + PIECE as u64, "{held}");
        }
        let (refused, _) = read(vec![b"--B\r\n".to_vec()], 1 << 20).await;
        assert_eq!(refused.unwrap_err().detail, cut().detail);
    }

    #[tokio::test]
    async fn a_form_that_does_not_say_how_long_it_is_has_an_end_all_the_same() {
        let mut pieces = vec![HEAD.to_vec()];
        pieces.extend(vec![vec![b'x'; PIECE]; 20]);
        let (refused, _) = read(pieces, PIECE as u64).await;
        assert_eq!(refused.unwrap_err().status, 413);
    }

    #[test]
    fn an_upload_may_be_slow_for_a_minute() {
        let seconds = Duration::from_secs;
        for (bytes, took, is) in [
            (0, seconds(60), false),
            (0, seconds(61), true),
            (61 * RATE_MIN - 1, seconds(61), true),
            (61 * RATE_MIN, seconds(61), false),
            (u64::MAX, seconds(u64::MAX), false),
        ] {
            assert_eq!(is_slow(bytes, took), is, "{bytes} in {took:?}");
        }
    }
}
