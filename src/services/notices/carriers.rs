//! The ways by which a parcel goes: mail and webhook each on a thread of its own, which may wait for as long as it
//! likes and which nobody waits for at the end, and MQTT by way of the publisher.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::parcel::Parcel;
use crate::domain::people::notices::Way;
use crate::io::mail::{Mailer, NotSent};
use crate::io::webhook::Poster;
use crate::services::telemetry::Post;

/// One way to people.
pub trait Carry: Send + Sync + 'static {
    fn way(&self) -> Way;
    /// `Ok` when somebody else has taken it over for good.
    fn carry(&self, parcel: Arc<Parcel>) -> impl Future<Output = Result<(), NotSent>> + Send;
}

struct Load {
    parcel: Arc<Parcel>,
    done: oneshot::Sender<Result<(), NotSent>>,
}

/// A way that blocks, on a thread of its own.
#[derive(Debug)]
pub struct Threaded {
    way: Way,
    loads: mpsc::Sender<Load>,
}

impl Threaded {
    fn start(
        way: Way,
        send: impl Fn(&Parcel) -> Result<(), NotSent> + Send + 'static,
    ) -> std::io::Result<Self> {
        // One at a time: whoever waits behind a slow server waits in the journal.
        let (loads, mut inbox) = mpsc::channel::<Load>(1);
        std::thread::Builder::new().name(format!("notices by {}", way.word())).spawn(move || {
            while let Some(Load { parcel, done }) = inbox.blocking_recv() {
                // Nobody waits for it any more: it was not begun, so it comes again.
                if !done.is_closed() {
                    let _ = done.send(send(&parcel));
                }
            }
        })?;
        Ok(Self { way, loads })
    }

    pub fn mail(mailer: Mailer) -> std::io::Result<Self> {
        Self::start(Way::Mail, move |parcel| match parcel.letter() {
            Some(letter) => mailer.send(&letter),
            None => Err(NotSent::Refused("there is no address any more".into())),
        })
    }

    pub fn webhook(poster: Poster) -> std::io::Result<Self> {
        Self::start(Way::Webhook, move |parcel| poster.send(&parcel.id, &parcel.message.payload))
    }
}

impl Carry for Threaded {
    fn way(&self) -> Way {
        self.way
    }

    async fn carry(&self, parcel: Arc<Parcel>) -> Result<(), NotSent> {
        let (done, told) = oneshot::channel();
        let gone = || NotSent::Away(format!("the thread of notices by {} has ended", self.way.word()));
        self.loads.send(Load { parcel, done }).await.map_err(|_| gone())?;
        told.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// Over the publisher's connection.
#[derive(Debug)]
pub struct OverMqtt(pub mpsc::Sender<Post>);

impl Carry for OverMqtt {
    fn way(&self) -> Way {
        Way::Mqtt
    }

    async fn carry(&self, parcel: Arc<Parcel>) -> Result<(), NotSent> {
        let (acknowledged, told) = oneshot::channel();
        let post = Post { message: parcel.message.clone(), acknowledged };
        let away = || NotSent::Away("the MQTT broker is away".into());
        self.0.send(post).await.map_err(|_| away())?;
        told.await.map_err(|_| away())
    }
}
