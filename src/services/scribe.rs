//! What a printer's task tells is written down in order, by somebody of its own, so that a slow disk never holds a wire.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::fleet::{NotDone, Outlives};
use super::recorder::{NotRecorded, Recorder};
use crate::domain::event::Actor;
use crate::domain::ids::PrinterName;
use crate::domain::lab::Request;
use crate::io::store::StoreError;

/// Between two tries of what the disk did not take.
const RETRY_MIN: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// So long somebody waits to hear that it is on the disk.
const ANSWER: Duration = Duration::from_secs(5);

/// Whether a note is tried again when the disk did not take it.
fn is_worth_waiting(request: &Request, ending: bool) -> bool {
    match request {
        Request::NoteProgress { .. } => false,
        // Found out again whenever the port is opened.
        Request::NoteIdentified { .. } | Request::NoteQuarantined { .. } | Request::NoteRecognised { .. } => {
            !ending
        }
        _ => true,
    }
}

/// Whether a note goes before those that the disk does not take: what bars the printer, and what became of its
/// stop, is kept beside the journal, and is not to wait for them. A quarantine waits: it may come behind the end of
/// another one.
fn goes_first(request: &Request) -> bool {
    matches!(
        request,
        Request::NoteStopped { .. }
            | Request::NoteStopVerified { .. }
            | Request::NoteStopUnverified { .. }
            | Request::NoteFaulted { .. }
            | Request::NoteHeatAlarm { .. }
            | Request::NoteCancelling { .. }
            | Request::NoteTrailLost { .. }
    )
}

/// What is to be written down, and who waits for that.
pub(super) struct Note {
    pub(super) request: Request,
    /// Who did it; absent: the printer.
    pub(super) actor: Option<Actor>,
    told: Option<Told>,
}

/// Who waits for a note, and what is done already, in words, whether the disk takes the note or not.
struct Told {
    done: String,
    answer: oneshot::Sender<Result<(), NotDone>>,
}

impl Note {
    pub(super) fn by(request: Request, actor: Option<Actor>) -> Self {
        Self { request, actor, told: None }
    }
}

impl From<Request> for Note {
    fn from(request: Request) -> Self {
        Self { request, actor: None, told: None }
    }
}

/// Notes in the order in which they are written down.
struct Notes {
    inbox: mpsc::UnboundedReceiver<Note>,
    /// Taken out of the inbox while the disk did not take the first of them.
    waiting: VecDeque<Note>,
}

impl Notes {
    async fn next(&mut self) -> Option<Note> {
        match self.waiting.pop_front() {
            Some(note) => Some(note),
            None => self.inbox.recv().await,
        }
    }

    /// The disk has not taken this one: it is the next again after `pause`, or behind one that goes first.
    /// Whoever waits for one behind it hears that now.
    async fn again(&mut self, note: Note, error: &Arc<StoreError>, pause: Duration) {
        self.waiting.push_front(note);
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                biased;
                () = sleep_until(until) => return,
                Some(mut note) = self.inbox.recv() => {
                    if goes_first(&note.request) {
                        let first = |note: &Note| goes_first(&note.request);
                        let behind = self.waiting.iter().take_while(|note| first(note)).count();
                        self.waiting.insert(behind, note);
                        return;
                    }
                    if let Some(Told { done, answer }) = note.told.take() {
                        let error = NotRecorded::Store(Arc::clone(error));
                        let _ = answer.send(Err(NotDone::not_yet_recorded(done, &error)));
                    }
                    self.waiting.push_back(note);
                }
            }
        }
    }
}

/// Writes down what a printer's task tells, in order, for as long as it takes.
pub(super) struct Scribe {
    pub(super) queue: mpsc::UnboundedSender<Note>,
    pub(super) done: tokio::task::JoinHandle<()>,
}

impl Scribe {
    pub(super) fn spawn(recorder: Recorder, printer: PrinterName) -> Self {
        // Unbounded, because what it holds is bounded: one progress a second, and a handful of facts a job.
        let (queue, inbox) = mpsc::unbounded_channel::<Note>();
        let done = tokio::spawn(async move {
            let mut notes = Notes { inbox, waiting: VecDeque::new() };
            let mut pause = RETRY_MIN;
            while let Some(Note { request, actor, told }) = notes.next().await {
                let by = actor.clone().unwrap_or_else(|| Actor::Printer(printer.clone()));
                let noted = recorder.submit(request.clone(), by).await;
                if let Some(Told { done, answer }) = told {
                    // Whoever asked may have gone. What the disk does not take now is tried again all the same.
                    let _ = answer.send(match &noted {
                        Ok(_) => Ok(()),
                        Err(error) => Err(NotDone::not_yet_recorded(done, error)),
                    });
                }
                match noted {
                    Ok(_) => pause = RETRY_MIN,
                    Err(NotRecorded::Store(error)) if is_worth_waiting(&request, notes.inbox.is_closed()) => {
                        tracing::error!(%printer, %error, "cannot write down what the printer did; trying again");
                        notes.again(Note { request, actor, told: None }, &error, pause).await;
                        pause = (pause * 2).min(RETRY_MAX);
                    }
                    Err(NotRecorded::Kept(error)) => {
                        tracing::error!(%printer, %error, "kept beside the journal, and written down as soon as that takes it");
                    }
                    Err(error) => tracing::warn!(%printer, %error, "not written down"),
                }
            }
        });
        Self { queue, done }
    }

    pub(super) fn note(&self, request: Request) {
        self.note_by(request, None);
    }

    pub(super) fn note_by(&self, request: Request, actor: Option<Actor>) {
        // The scribe ends only after its queue.
        let _ = self.queue.send(Note { request, actor, told: None });
    }

    /// The same of what is `done` already; the answer is given when it is on the disk, or when that takes too long.
    pub(super) fn note_and_answer(
        &self,
        note: Note,
        done: String,
        answer: oneshot::Sender<Result<(), NotDone>>,
    ) {
        let (told, noted) = oneshot::channel();
        let _ = self.queue.send(Note { told: Some(Told { done: done.clone(), answer: told }), ..note });
        tokio::spawn(async move {
            let noted = match tokio::time::timeout(ANSWER, noted).await {
                Ok(noted) => noted.unwrap_or(Err(NotDone::Closed)),
                Err(_) => {
                    let why = format!("its disk has not taken it within {} s", ANSWER.as_secs());
                    Err(NotDone::NotYetRecorded { done, why, full: false, outlives: Outlives::No })
                }
            };
            // Whoever asked may have gone.
            let _ = answer.send(noted);
        });
    }
}
