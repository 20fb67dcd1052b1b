//! What may be asked of the board, and when.

use std::time::Duration;

use super::greet::Greeting;
use super::start::{Selecting, Then};
use super::stop::Stopping;
use super::watch::{Doing, Watch};
use super::{Phase, Session};
use crate::chitu::blocks::Upload;
use crate::chitu::command::{Command, FileName};
use crate::chitu::state::{Doubt, Event, Health, Job, NotStarted, Refused, State};
use crate::units::{Micrometres, MicrometresPerSecond};

impl Session {
    /// A print of this job may be running since before we came: it is looked for, and watched on if it is.
    ///
    /// # Errors
    /// Where the board is known to do something of ours, or another job is looked for.
    pub fn attach(&mut self, now: Duration, job: Job) -> Result<(), Refused> {
        let idle = matches!(self.phase, Phase::Unknown | Phase::Greeting(_) | Phase::Idle | Phase::Ended(_));
        if !idle && self.told != State::Foreign {
            return Err(Refused::NotNow(self.told));
        }
        if self.expected.is_some() {
            return Err(Refused::Pending);
        }
        self.expected = Some(Watch::new(Some(job), now));
        if !matches!(self.phase, Phase::Unknown | Phase::Greeting(_)) {
            self.phase = Phase::Greeting(Greeting::new());
            self.tell_state();
        }
        Ok(())
    }

    /// Selects the file and holds its name and size against the job: `Verified` or `NotStarted` tells.
    ///
    /// # Errors
    /// Where the board does not answer, or does something else.
    pub fn select(&mut self, job: Job) -> Result<(), Refused> {
        self.must_rest()?;
        self.phase = Phase::Selecting(Selecting::new(job, Then::Tell));
        self.tell_state();
        Ok(())
    }

    /// Selects, verifies and starts. Started is what the board says is printing; else `NotStarted` tells why.
    ///
    /// # Errors
    /// As `select`.
    pub fn start(&mut self, job: Job) -> Result<(), Refused> {
        self.must_rest()?;
        if !self.dialect.tells_printing() {
            self.push(Event::NotStarted(NotStarted::TellsNothing));
            return Ok(());
        }
        let way = self.dialect.start_way(self.config.start);
        self.phase = Phase::Selecting(Selecting::new(job, Then::Start { way, tried_other: false }));
        self.tell_state();
        Ok(())
    }

    /// # Errors
    /// Where no print of ours is running.
    pub fn pause(&mut self) -> Result<(), Refused> {
        match &mut self.phase {
            Phase::Watching(watch)
                if watch.job.is_some() && matches!(watch.doing, Doing::Starting | Doing::Printing) =>
            {
                watch.doing = Doing::Pausing { sent: None };
            }
            _ => return Err(Refused::NotNow(self.told)),
        }
        self.tell_state();
        Ok(())
    }

    /// Goes on, once the board has said that it is paused: `M24` starts a file anew where nothing prints.
    ///
    /// # Errors
    /// Where no print of ours is paused.
    pub fn resume(&mut self) -> Result<(), Refused> {
        match &mut self.phase {
            // A board that does not tell its pauses is never seen to be paused.
            Phase::Watching(watch)
                if watch.job.is_some() && matches!(watch.doing, Doing::Paused | Doing::Pausing { .. }) =>
            {
                watch.doing = Doing::LookBeforeResume;
                self.poll_at = Duration::ZERO;
            }
            _ => return Err(Refused::NotNow(self.told)),
        }
        self.tell_state();
        Ok(())
    }

    /// Stops whatever is printed, also what is not ours, and an upload; `Ended(Stopped)` follows when it is
    /// proven, also where nothing was printed.
    ///
    /// # Errors
    /// Where the port is not open.
    pub fn stop(&mut self) -> Result<(), Refused> {
        let z = self.z;
        self.phase = match std::mem::replace(&mut self.phase, Phase::Unknown) {
            Phase::Unknown => return Err(Refused::NotOpen),
            Phase::Uploading(mut upload) => {
                upload.call_off();
                Phase::Uploading(upload)
            }
            Phase::Stopping(stopping) => Phase::Stopping(stopping),
            Phase::Watching(watch) => Phase::Stopping(Stopping::new(Some(watch), z)),
            Phase::Starting(starting) => {
                Phase::Stopping(Stopping::new(Some(Watch::new(Some(starting.job), Duration::ZERO)), z))
            }
            Phase::Selecting(_) => {
                self.push(Event::NotStarted(NotStarted::CalledOff));
                Phase::Stopping(Stopping::new(None, z))
            }
            Phase::Greeting(_) => Phase::Stopping(Stopping::new(self.expected.take(), z)),
            Phase::Idle | Phase::Ended(_) => Phase::Stopping(Stopping::new(None, z)),
        };
        self.tell_state();
        Ok(())
    }

    /// `M112`, before anything else: the motors stop. It does not promise that the light is off, and does not
    /// end a print; `stop` does.
    ///
    /// # Errors
    /// Where the port is not open, or while a file is sent: it would be data.
    pub fn halt_motors(&mut self) -> Result<(), Refused> {
        match self.phase {
            Phase::Unknown => Err(Refused::NotOpen),
            Phase::Uploading(_) => Err(Refused::NotNow(self.told)),
            _ => {
                self.halt = true;
                Ok(())
            }
        }
    }

    /// What is in the root of the stick; `Listed` tells.
    ///
    /// # Errors
    /// As `select`.
    pub fn list(&mut self) -> Result<(), Refused> {
        self.must_rest()?;
        self.errand = Some(Command::List);
        Ok(())
    }

    /// Raises the plate of a board that prints nothing.
    ///
    /// # Errors
    /// Where it prints, where its height is not known, and above what it can reach.
    pub fn raise(&mut self, by: Micrometres, speed: MicrometresPerSecond) -> Result<(), Refused> {
        self.must_rest()?;
        if !(1..=1_000_000).contains(&by.0) || !(1..=100_000).contains(&speed.0) {
            return Err(Refused::NoRaise);
        }
        let (Some(from), Some(reach)) = (self.z, self.dialect.height()) else {
            return Err(Refused::HeightNotKnown);
        };
        if from.0.saturating_add(by.0) > reach.0 {
            return Err(Refused::TooHigh { by, from, reach });
        }
        self.errand = Some(Command::Raise { by, speed });
        Ok(())
    }

    /// `M4003`: the board switches itself off when the print of ours that runs has ended.
    ///
    /// # Errors
    /// Where none runs.
    pub fn power_off_after_print(&mut self) -> Result<(), Refused> {
        if !self.may_run(&Command::PowerOffAfterPrint) {
            return Err(Refused::NotNow(self.told));
        }
        if self.errand.is_some() {
            return Err(Refused::Pending);
        }
        self.errand = Some(Command::PowerOffAfterPrint);
        Ok(())
    }

    /// Sends a file to the stick over the line: `poll_need` and `give` bring its bytes, `Uploaded` or
    /// `NotUploaded` tells the end.
    ///
    /// # Errors
    /// As `select`, and for a size that cannot be.
    pub fn upload(&mut self, name: FileName, size: u64) -> Result<(), Refused> {
        self.must_rest()?;
        self.phase = Phase::Uploading(Upload::new(name, size).map_err(Refused::File)?);
        self.tell_state();
        Ok(())
    }

    /// What `poll_need` wants, read from the file.
    ///
    /// # Errors
    /// Where it is anything else.
    pub fn give(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Refused> {
        match &mut self.phase {
            Phase::Uploading(upload) => upload.give(offset, bytes).map_err(Refused::File),
            _ => Err(Refused::NotNow(self.told)),
        }
    }

    fn must_rest(&self) -> Result<(), Refused> {
        match self.phase {
            Phase::Unknown => Err(Refused::NotOpen),
            Phase::Idle | Phase::Ended(_) if self.health != Health::Well => Err(Refused::NotWell),
            Phase::Idle | Phase::Ended(_) if self.errand.is_some() => Err(Refused::Pending),
            Phase::Idle | Phase::Ended(_) => Ok(()),
            _ => Err(Refused::NotNow(self.told)),
        }
    }

    pub(super) fn may_run(&self, errand: &Command) -> bool {
        match &self.phase {
            Phase::Idle | Phase::Ended(_) => *errand != Command::PowerOffAfterPrint,
            Phase::Watching(watch) => watch.job.is_some() && *errand == Command::PowerOffAfterPrint,
            _ => false,
        }
    }

    pub(super) fn drop_errand(&mut self, why: &str) {
        if let Some(errand) = self.errand.take() {
            self.push(Event::Doubt(Doubt::NotTaken { code: errand.code(), said: why.to_owned() }));
        }
    }
}
