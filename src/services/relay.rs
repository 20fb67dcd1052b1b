//! What takes a printer's power when its firmware does not obey: a command, an HTTP call or an MQTT message.
//!
//! ```text
//! printer's task ──off──▶ a thread that stands by ──▶ three tries ──▶ outcome, to the journal
//!        └──may hold──▶ the lease's thread ──renew, every so often──▶ a relay that else switches off by itself
//! ```
//! Its threads are its own and stand by from the start, so that neither a busy pool, nor the journal, nor a lack
//! of anything at the worst moment lies before the switch; and it never holds the printer's task up.

use std::io;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::time::Instant;

use crate::config::{Mqtt, Relay as Settings, RenewWhen, Switch};
use crate::domain::ids::PrinterName;
use crate::domain::printer::RelayOutcome;
use crate::io::mqtt::{Delivery, Dial, Dialler, Message, News};

/// How often the relay is told to switch off before that counts as failed, and how long between.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);
/// How often a command is looked at until it ends.
const LOOK: Duration = Duration::from_millis(5);

/// Why a relay did not take an order; for the log.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    #[error("{program} cannot be run: {error}; correct relay_off or relay_renew, or make it executable")]
    NotRun { program: String, error: io::Error },
    #[error("{program} ended with {status}")]
    Ended { program: String, status: String },
    #[error("{program} was not done after {seconds} s and was killed; see relay_timeout_s")]
    TooLong { program: String, seconds: u64 },
    #[error("{url} cannot be called: {error}")]
    Http { url: String, error: String },
    #[error("MQTT: {0}")]
    Mqtt(String),
    #[error("platen itself failed at it; please report this")]
    Panicked,
}

type Tell = Box<dyn FnOnce(RelayOutcome) + Send>;

/// A printer's switch; clones are the same one.
#[derive(Clone)]
pub struct Relay {
    off: Option<Sender<Tell>>,
    lease: Option<Lease>,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("is_there", &self.is_there()).finish_non_exhaustive()
    }
}

/// The right to renew: given by the printer's task again and again, or it is over.
#[derive(Clone)]
struct Lease {
    only_while_hot: bool,
    held: Arc<Held>,
    _ends: Sender<()>,
}

/// When the printer was last said to be looked after, without a lock.
struct Held {
    origin: Instant,
    /// Milliseconds since then, and one more; 0 is never.
    at: AtomicU64,
}

impl Held {
    fn new() -> Self {
        Self { origin: Instant::now(), at: AtomicU64::new(0) }
    }

    fn millis(&self) -> u64 {
        1 + u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    fn set(&self, held: bool) {
        self.at.store(if held { self.millis() } else { 0 }, Ordering::Relaxed);
    }

    fn is_fresh(&self, within: Duration) -> bool {
        let at = self.at.load(Ordering::Relaxed);
        at > 0 && Duration::from_millis(self.millis().saturating_sub(at)) <= within
    }
}

/// How to reach one relay.
#[derive(Clone)]
struct Way {
    printer: PrinterName,
    timeout: Duration,
    broker: Option<Dialler>,
}

impl Relay {
    /// A printer without a relay.
    pub fn absent() -> Self {
        Self { off: None, lease: None }
    }

    /// Starts its threads, which end with the last clone. `broker` is for relays that hear MQTT.
    pub fn start(
        printer: &PrinterName,
        settings: &Settings,
        broker: Option<(&Mqtt, String)>,
    ) -> io::Result<Self> {
        let broker = broker
            .map(|(settings, node)| Dialler::new(settings.clone(), format!("platen-{node}-relay-{printer}")));
        let way = Way { printer: printer.clone(), timeout: settings.timeout, broker };
        let (off, orders) = channel();
        let (switch, ready) = (settings.off.clone(), way.clone());
        std::thread::Builder::new()
            .name(format!("relay-{printer}"))
            .spawn(move || ready.stand_by(&switch, &orders))?;
        let lease = settings.lease.as_ref().map(|lease| {
            let held = Arc::new(Held::new());
            let (ends, ended) = channel();
            let (renew, every, mine) = (lease.renew.clone(), lease.every, Arc::clone(&held));
            std::thread::Builder::new()
                .name(format!("lease-{printer}"))
                .spawn(move || way.renew(&renew, every, &mine, &ended))?;
            Ok::<_, io::Error>(Lease { only_while_hot: lease.when == RenewWhen::Hot, held, _ends: ends })
        });
        Ok(Self { off: Some(off), lease: lease.transpose()? })
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        self.off.is_some()
    }

    /// Has the power switched off and says what became of it, from another thread. Returns at once.
    /// The lease ends with it.
    pub fn switch_off(&self, tell: impl FnOnce(RelayOutcome) + Send + 'static) {
        self.let_go();
        match &self.off {
            None => tell(RelayOutcome::Absent),
            Some(off) => {
                if let Err(lost) = off.send(Box::new(tell)) {
                    lost.0(RelayOutcome::Failed);
                }
            }
        }
    }

    /// The printer is looked after at this moment; without this, said again and again, the lease is not renewed.
    pub fn hold(&self, may_be_hot: bool) {
        if let Some(lease) = &self.lease {
            lease.held.set(may_be_hot || !lease.only_while_hot);
        }
    }

    /// Nobody looks after the printer any more: the relay switches off when its time is over.
    pub fn let_go(&self) {
        if let Some(lease) = &self.lease {
            lease.held.set(false);
        }
    }
}

impl Way {
    fn stand_by(&self, switch: &Switch, orders: &Receiver<Tell>) {
        while let Ok(tell) = orders.recv() {
            let mut outcome = RelayOutcome::Failed;
            for again in 0..TRIES {
                if again > 0 {
                    pause(PAUSE);
                }
                match self.order(switch, "off") {
                    Ok(()) => {
                        tracing::warn!(printer = %self.printer, "the relay was told to switch off");
                        outcome = RelayOutcome::Switched;
                        break;
                    }
                    Err(error) => {
                        tracing::error!(printer = %self.printer, %error, "THE RELAY DID NOT SWITCH OFF");
                    }
                }
            }
            tell(outcome);
        }
    }

    fn renew(&self, switch: &Switch, every: Duration, held: &Held, ended: &Receiver<()>) {
        let mut failing = false;
        while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            // A task that has not said so since the last time hangs, or is gone.
            if !held.is_fresh(every) {
                continue;
            }
            match self.order(switch, "renew") {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(printer = %self.printer, %error, "the relay's lease is not renewed: it will switch off");
                }
                Err(_) => {}
            }
        }
    }

    /// Nothing that goes wrong in a library may end the thread that stands by.
    fn order(&self, switch: &Switch, what: &str) -> Result<(), RelayError> {
        let ordered = AssertUnwindSafe(|| match switch {
            Switch::Command(argv) => run(argv, &self.printer, what, self.timeout),
            Switch::Http { method, url } => call(method, url, self.timeout),
            Switch::Mqtt { topic, payload } => self.publish(topic, payload),
        });
        catch_unwind(ordered).unwrap_or(Err(RelayError::Panicked))
    }

    fn publish(&self, topic: &str, payload: &str) -> Result<(), RelayError> {
        let Some(broker) = &self.broker else { return Err(RelayError::Mqtt("there is no [mqtt]".into())) };
        let failed = |error: String| RelayError::Mqtt(error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| failed(error.to_string()))?;
        let message = || Message {
            topic: topic.to_owned(),
            payload: payload.as_bytes().to_vec(),
            delivery: Delivery::AtLeastOnce,
            retain: false,
        };
        let talk = async {
            // A last will must be something: the same once more does no harm.
            let mut connection = broker.connect(message()).await.map_err(|error| error.to_string())?;
            connection.send(message(), ());
            loop {
                match connection.next().await {
                    News::Connected => {}
                    News::Acknowledged(()) => {
                        connection.disconnect();
                        while !matches!(connection.next().await, News::Closed | News::Gone(_)) {}
                        return Ok(());
                    }
                    News::Closed => return Err("closed".to_owned()),
                    News::Gone(error) => return Err(error.to_string()),
                }
            }
        };
        // The timer wants to be made inside.
        let sent = runtime.block_on(async { tokio::time::timeout(self.timeout, talk).await });
        // What it still has to do it need not: nobody waits for it.
        runtime.shutdown_background();
        match sent {
            Ok(outcome) => outcome.map_err(failed),
            Err(_) => Err(failed(format!("no acknowledgement within {} s", self.timeout.as_secs()))),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a thread of its own with nothing else to do")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Runs a program without a shell, in a process group of its own; all of it is killed when it takes too long.
fn run(argv: &[String], printer: &PrinterName, what: &str, timeout: Duration) -> Result<(), RelayError> {
    let Some((program, arguments)) = argv.split_first() else {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "no program");
        return Err(RelayError::NotRun { program: String::new(), error });
    };
    let named = || program.clone();
    let child = Command::new(program)
        .args(arguments)
        .env("PLATEN_PRINTER", printer.as_str())
        .env("PLATEN_RELAY", what)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    let mut child = child.map_err(|error| RelayError::NotRun { program: named(), error })?;
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => {
                return Err(RelayError::Ended { program: named(), status: status.to_string() });
            }
            Ok(None) if began.elapsed() < timeout => pause(LOOK),
            Ok(None) => {
                // Its group has its number; a number of ours fits.
                if let Ok(group) = i32::try_from(child.id()) {
                    let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
                }
                let _ = child.wait();
                return Err(RelayError::TooLong { program: named(), seconds: timeout.as_secs() });
            }
            Err(error) => return Err(RelayError::NotRun { program: named(), error }),
        }
    }
}

fn call(method: &str, url: &str, timeout: Duration) -> Result<(), RelayError> {
    let failed = |error: String| RelayError::Http { url: url.to_owned(), error };
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(timeout)).max_redirects(0).build().into();
    // A status of 300 and more is an error of its own; so is a redirect, which no relay needs.
    let called = match method {
        "POST" => agent.post(url).send_empty(),
        "PUT" => agent.put(url).send_empty(),
        _ => agent.get(url).call(),
    };
    let answer = called.map_err(|error| failed(error.to_string()))?;
    if answer.status().is_success() { Ok(()) } else { Err(failed(format!("answer {}", answer.status()))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{MqttVersion, RelayLease};
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    const SOON: Duration = Duration::from_secs(60);

    fn sh(script: &str) -> Switch {
        Switch::Command(vec!["/bin/sh".into(), "-c".into(), script.into()])
    }

    fn settings(off: Switch) -> Settings {
        Settings { off, lease: None, timeout: Duration::from_secs(1) }
    }

    fn outcome(settings: &Settings, broker: Option<(&Mqtt, String)>) -> RelayOutcome {
        let relay = Relay::start(&"mk".parse().unwrap(), settings, broker).unwrap();
        let (tell, told) = channel();
        relay.switch_off(move |outcome| tell.send(outcome).unwrap());
        told.recv_timeout(SOON).unwrap()
    }

    #[test]
    fn a_command_switches_off_or_is_known_to_have_failed() {
        let folder = tempfile::tempdir().unwrap();
        let noted = folder.path().join("noted");
        let script = format!("echo $PLATEN_PRINTER $PLATEN_RELAY > {}", noted.display());
        assert_eq!(outcome(&settings(sh(&script)), None), RelayOutcome::Switched);
        assert_eq!(std::fs::read_to_string(noted).unwrap(), "mk off\n");
        assert_eq!(outcome(&settings(sh("exit 1")), None), RelayOutcome::Failed);
        let missing = Switch::Command(vec!["/no/such/program".into()]);
        assert_eq!(outcome(&settings(missing), None), RelayOutcome::Failed);
    }

    #[test]
    fn a_relay_that_fails_once_is_told_again() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let script = format!("test -e {0} || {{ touch {0}; exit 1; }}", mark.display());
        assert_eq!(outcome(&settings(sh(&script)), None), RelayOutcome::Switched);
    }

    #[test]
    fn a_command_that_hangs_is_killed_with_all_that_it_has_started() {
        let folder = tempfile::tempdir().unwrap();
        let child = folder.path().join("child");
        let script = format!("sleep 1000 & echo $! > {}; wait", child.display());
        assert_eq!(outcome(&settings(sh(&script)), None), RelayOutcome::Failed);
        let child: i32 = std::fs::read_to_string(child).unwrap().trim().parse().unwrap();
        // Nobody may reap it here, so a zombie is as dead as it gets; the kernel kills in its own time.
        let alive = || {
            let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            !(state.is_empty() || state.contains(") Z "))
        };
        let until = Instant::now() + SOON;
        while alive() {
            assert!(Instant::now() < until, "it lives on");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_call_reaches_the_relay_and_a_refusal_is_a_failure() {
        for (answer, wanted) in [("200 OK", RelayOutcome::Switched), ("500 No", RelayOutcome::Failed)] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}/cm?cmnd=Power%20Off", listener.local_addr().unwrap());
            let (tell, asked) = channel();
            std::thread::spawn(move || {
                while let Ok((mut stream, _)) = listener.accept() {
                    let mut line = String::new();
                    BufReader::new(&stream).read_line(&mut line).unwrap();
                    let _ = tell.send(line);
                    let head = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                    stream.write_all(head.as_bytes()).unwrap();
                }
            });
            let call = Switch::Http { method: "POST".into(), url };
            assert_eq!(outcome(&settings(call), None), wanted);
            assert_eq!(asked.recv_timeout(SOON).unwrap(), "POST /cm?cmnd=Power%20Off HTTP/1.1\r\n");
        }
    }

    #[test]
    fn a_relay_without_a_broker_to_reach_has_failed() {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mqtt = Mqtt {
            host: "127.0.0.1".into(),
            port: nobody.port(),
            tls: false,
            ca_file: None,
            version: MqttVersion::V5,
            username: None,
            password_file: None,
            outbox_max: 1_000_000,
            home_assistant: None,
        };
        let message = Switch::Mqtt { topic: "cmnd/plug/Power".into(), payload: "OFF".into() };
        assert_eq!(outcome(&settings(message), Some((&mqtt, "test".into()))), RelayOutcome::Failed);
    }

    #[test]
    fn a_message_to_the_broker_is_acknowledged() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let broker = runtime.block_on(crate::io::broker::Broker::start(0, 0)).unwrap();
        let mqtt = Mqtt {
            host: broker.v311.ip().to_string(),
            port: broker.v311.port(),
            tls: false,
            ca_file: None,
            version: MqttVersion::V311,
            username: None,
            password_file: None,
            outbox_max: 1_000_000,
            home_assistant: None,
        };
        let message = Switch::Mqtt { topic: "cmnd/plug/Power".into(), payload: "OFF".into() };
        let mut settings = settings(message);
        settings.timeout = SOON;
        assert_eq!(outcome(&settings, Some((&mqtt, "test".into()))), RelayOutcome::Switched);
    }

    #[test]
    fn a_lease_is_renewed_only_while_somebody_looks_after_the_printer() {
        let folder = tempfile::tempdir().unwrap();
        let noted = folder.path().join("noted");
        let renew = sh(&format!("echo $PLATEN_RELAY >> {}", noted.display()));
        let every = Duration::from_millis(50);
        let lease = |when| Some(RelayLease { renew: renew.clone(), every, when });
        let count = || std::fs::read_to_string(&noted).unwrap_or_default().lines().count();
        let name = "mk".parse().unwrap();

        let hot = Settings { lease: lease(RenewWhen::Hot), ..settings(sh("true")) };
        let relay = Relay::start(&name, &hot, None).unwrap();
        let began = Instant::now();
        while began.elapsed() < every * 6 {
            relay.hold(false);
            pause(LOOK);
        }
        assert_eq!(count(), 0, "it is cold");
        while count() < 3 {
            assert!(began.elapsed() < SOON);
            relay.hold(true);
            pause(LOOK);
        }
        // A task that hangs says nothing more; one order may be on its way.
        pause(every * 4);
        let after = count();
        pause(every * 6);
        assert_eq!(count(), after, "nobody looks after it any more");
    }

    #[test]
    fn switching_off_ends_the_lease() {
        let held = Held::new();
        held.set(true);
        assert!(held.is_fresh(SOON));
        held.set(false);
        assert!(!held.is_fresh(SOON));
    }
}
