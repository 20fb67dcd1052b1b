//! What a backup is made from: the journal as lines of JSON, and the files as they were uploaded.
//!
//! The journal only grows, so that its first so many entries are a whole copy, whatever happens
//! meanwhile. A stream that cannot be whole breaks off, and has no last line then.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::collections::BTreeMap;
use std::io;
use tokio_util::io::ReaderStream;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::answers::{Kept, Streamed, Told};
use super::given::Named;
use super::problem::Problem;
use crate::domain::ids::FileHash;
use crate::services::archive::Archiver;
use crate::services::notices;
use crate::services::recorder::Recorder;

/// Entries that are read from the store at once.
const PAGE: usize = 512;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(journal)).routes(routes!(files)).routes(routes!(content))
}

struct Export {
    recorder: Recorder,
    /// Absent when the last line is out.
    archiver: Option<Archiver>,
    next: u64,
    last: u64,
}

impl Export {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let Some(archiver) = &mut self.archiver else { return Ok(None) };
        if self.next > self.last {
            return Ok(self.archiver.take().map(|archiver| archiver.end().into()));
        }
        let limit = usize::try_from(self.last + 1 - self.next).unwrap_or(PAGE).min(PAGE);
        let page = self.recorder.records(self.next, limit).await.map_err(io::Error::other)?;
        if page.len() != limit {
            return Err(io::Error::other("entries of the journal are missing"));
        }
        self.next += limit as u64;
        Ok(Some(page.iter().flat_map(|record| archiver.entry(record)).collect::<Vec<_>>().into()))
    }
}

/// The whole journal as it is now, one line of JSON an entry; the last line proves that it is whole.
#[utoipa::path(get, path = "/v1/journal", tag = "state", operation_id = "journal",
    responses((status = 200, description = "The journal", content_type = "application/x-ndjson", body = String),
        Told, Streamed))]
async fn journal(State(app): State<AppState>) -> Result<Response, Problem> {
    let place = app.streams.place()?;
    // The readers' places first: none of them is beyond an end that is read after them.
    let mut cursors: BTreeMap<_, _> = app.recorder.cursors();
    let last = app.recorder.read(|lab| lab.counters.seq);
    // A day that notices have looked at is no place of this journal.
    cursors.retain(|name, _| !notices::is_day(name));
    let (archiver, first) = Archiver::begin(last, cursors);
    let export = Export { recorder: app.recorder.clone(), archiver: Some(archiver), next: 1, last };
    let rest = stream::unfold((export, place, false), |(mut export, place, broken)| async move {
        if broken {
            return None;
        }
        match export.next().await {
            Ok(lines) => Some((Ok(lines?), (export, place, false))),
            Err(error) => {
                tracing::error!(%error, "an export of the journal breaks off");
                Some((Err(error), (export, place, true)))
            }
        }
    });
    let all = futures_util::StreamExt::chain(stream::iter([Ok(Bytes::from(first))]), rest);
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(all)).into_response())
}

/// The hashes of all files that are kept.
#[utoipa::path(get, path = "/v1/files", tag = "files", operation_id = "list_files",
    responses((status = 200, description = "The files' names", body = Vec<String>), Told, Kept))]
async fn files(State(app): State<AppState>) -> Result<Json<Vec<String>>, Problem> {
    let files = app.intake.spool().list().await?;
    Ok(Json(files.iter().map(ToString::to_string).collect()))
}

/// A file, byte for byte as it lies on the disk: hold it against its name.
#[utoipa::path(get, path = "/v1/files/{hash}/content", tag = "files", operation_id = "file_content",
    params(("hash" = String, Path, description = "SHA-256 in hexadecimal")),
    responses((status = 200, description = "The file", content_type = "application/octet-stream", body = String),
        Told, Kept, super::answers::Gone))]
async fn content(State(app): State<AppState>, Named(hash): Named<FileHash>) -> Result<Response, Problem> {
    let (file, _) = app.intake.spool().reader(&hash).await?;
    let body = Body::from_stream(ReaderStream::with_capacity(file, 64 * 1024));
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], body).into_response())
}
