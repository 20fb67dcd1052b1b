//! How a file comes onto the stick that a board prints from, before the board is told anything.
//!
//! ```text
//!  UsbGadget: Place ─▶ Present ─┐
//!  Operator:  Ask ──────────────┼─▶ Verify ─▶ Ready
//!  UartM28:   Upload ───────────┘      └─ missing, wrong size ─▶ Failed (says what to do; `again` begins anew)
//! ```
//! Verified is what the board itself says of name and size (`M23`, `M20`): a stick that the host believes to
//! be there proves nothing.

use super::blocks::UploadError;
use super::command::FileName;
use super::state::NotStarted;

/// The ways to a board's stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The board's USB port leads to a host that plays a stick (Linux `g_mass_storage`).
    UsbGadget,
    /// A person carries a stick.
    Operator,
    /// Over the line itself, 11 kB/s; most boards make an empty file of it.
    UartM28,
}

/// What has to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub name: FileName,
    /// Bytes.
    pub size: u64,
}

/// What has to happen next, and who does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The host writes the file into the root of the stick that it plays, and nothing else of that name.
    Place,
    /// The host takes its stick off the bus and puts it back: a board reads a stick only when it is put in.
    Present,
    /// A person does this; then `done`.
    Ask {
        words: String,
    },
    /// `Session::upload`
    Upload,
    /// `Session::select`
    Verify,
    /// The board has it. `Session::start` looks again all the same.
    Ready,
    Failed(DeliveryError),
}

/// Why a file is not where it must be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    #[error("a file of {0} bytes does not fit a FAT stick: 1 to {max} bytes do", max = u32::MAX)]
    Size(u64),
    #[error("the stick that this host plays could not be filled: {0}")]
    Gadget(String),
    #[error(transparent)]
    Upload(#[from] UploadError),
    #[error(transparent)]
    Board(NotStarted),
    #[error("it was called off")]
    CalledOff,
}

/// Something was told that is not the answer to the step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} does not belong to this step of the delivery: {step:?}")]
pub struct OutOfTurn {
    pub what: &'static str,
    pub step: Step,
}

/// One file on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deliverer {
    by: Delivery,
    wanted: Wanted,
    step: Step,
}

impl Deliverer {
    /// # Errors
    /// For a size that no FAT stick holds.
    pub fn new(by: Delivery, wanted: Wanted) -> Result<Self, DeliveryError> {
        if wanted.size == 0 || wanted.size > u64::from(u32::MAX) {
            return Err(DeliveryError::Size(wanted.size));
        }
        let step = Self::first(by, &wanted);
        Ok(Self { by, wanted, step })
    }

    fn first(by: Delivery, wanted: &Wanted) -> Step {
        match by {
            Delivery::UsbGadget => Step::Place,
            Delivery::UartM28 => Step::Upload,
            Delivery::Operator => Step::Ask {
                words: format!(
                    "Copy the file to the printer's USB stick as {}, directly in its root and under exactly this name. \
                     It must have {} bytes there. Remove the stick safely, put it into the printer, and confirm.",
                    wanted.name, wanted.size
                ),
            },
        }
    }

    #[must_use]
    pub fn by(&self) -> Delivery {
        self.by
    }

    #[must_use]
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    #[must_use]
    pub fn step(&self) -> &Step {
        &self.step
    }

    /// What `Place`, `Present`, `Ask` or `Upload` want has happened.
    ///
    /// # Errors
    /// Where none of them is due.
    pub fn done(&mut self) -> Result<(), OutOfTurn> {
        self.step = match self.step {
            Step::Place => Step::Present,
            Step::Present | Step::Ask { .. } | Step::Upload => Step::Verify,
            Step::Verify | Step::Ready | Step::Failed(_) => return Err(self.out_of_turn("done")),
        };
        Ok(())
    }

    /// `Place` or `Present` could not be done; the host's words.
    ///
    /// # Errors
    /// Where neither is due.
    pub fn gadget_failed(&mut self, why: String) -> Result<(), OutOfTurn> {
        if !matches!(self.step, Step::Place | Step::Present) {
            return Err(self.out_of_turn("a failure of the gadget"));
        }
        self.step = Step::Failed(DeliveryError::Gadget(why));
        Ok(())
    }

    /// # Errors
    /// Where nothing is uploaded.
    pub fn not_uploaded(&mut self, why: UploadError) -> Result<(), OutOfTurn> {
        if self.step != Step::Upload {
            return Err(self.out_of_turn("a failed upload"));
        }
        self.step = Step::Failed(why.into());
        Ok(())
    }

    /// The board says that it has a file of this name and size.
    ///
    /// # Errors
    /// Where nothing is verified, or it is another file.
    pub fn verified(&mut self, name: &FileName, size: u64) -> Result<(), OutOfTurn> {
        if self.step != Step::Verify || *name != self.wanted.name || size != self.wanted.size {
            return Err(self.out_of_turn("a verified file"));
        }
        self.step = Step::Ready;
        Ok(())
    }

    /// The board has it not, or another.
    ///
    /// # Errors
    /// Where nothing is verified, nor was.
    pub fn not_verified(&mut self, why: NotStarted) -> Result<(), OutOfTurn> {
        // A stick can be pulled between the look and the start.
        if !matches!(self.step, Step::Verify | Step::Ready) {
            return Err(self.out_of_turn("a file that is not there"));
        }
        self.step = Step::Failed(DeliveryError::Board(why));
        Ok(())
    }

    pub fn call_off(&mut self) {
        self.step = Step::Failed(DeliveryError::CalledOff);
    }

    /// From the begin, whatever has happened.
    pub fn again(&mut self) {
        self.step = Self::first(self.by, &self.wanted);
    }

    fn out_of_turn(&self, what: &'static str) -> OutOfTurn {
        OutOfTurn { what, step: self.step.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chitu::command::Extension;

    fn wanted() -> Wanted {
        Wanted { name: FileName::random([7; 8], Extension::Ctb), size: 26_058_253 }
    }

    #[test]
    fn every_way_ends_with_the_board_itself_seeing_the_file() {
        for (by, steps) in [(Delivery::UsbGadget, 2), (Delivery::Operator, 1), (Delivery::UartM28, 1)] {
            let mut deliverer = Deliverer::new(by, wanted()).unwrap();
            for _ in 0..steps {
                assert_ne!(deliverer.step(), &Step::Verify);
                deliverer.done().unwrap();
            }
            assert_eq!(deliverer.step(), &Step::Verify);
            deliverer.done().unwrap_err();
            deliverer.verified(&wanted().name, 5).unwrap_err();
            deliverer.verified(&wanted().name, wanted().size).unwrap();
            assert_eq!(deliverer.step(), &Step::Ready);
        }
    }

    #[test]
    fn a_person_is_told_name_and_size_and_nothing_of_anybody() {
        let deliverer = Deliverer::new(Delivery::Operator, wanted()).unwrap();
        let Step::Ask { words } = deliverer.step() else { panic!("{:?}", deliverer.step()) };
        assert!(words.contains(wanted().name.text()) && words.contains("26058253"), "{words}");
    }

    #[test]
    fn a_file_that_is_missing_or_has_another_size_says_so_and_can_be_brought_again() {
        let name = wanted().name;
        let wrong = NotStarted::WrongSize { name: name.clone(), on_board: 0, wanted: 26_058_253 };
        let missing = NotStarted::Missing { name, said: "open failed".into() };
        for why in [wrong, missing] {
            let mut deliverer = Deliverer::new(Delivery::Operator, wanted()).unwrap();
            deliverer.not_verified(why.clone()).unwrap_err();
            deliverer.done().unwrap();
            deliverer.not_verified(why.clone()).unwrap();
            let Step::Failed(error) = deliverer.step() else { panic!("{:?}", deliverer.step()) };
            assert!(error.to_string().contains(wanted().name.text()), "{error}");
            deliverer.again();
            assert!(matches!(deliverer.step(), Step::Ask { .. }));
        }
    }

    #[test]
    fn a_file_that_no_stick_holds_is_refused() {
        for size in [0, u64::from(u32::MAX) + 1] {
            let wanted = Wanted { size, ..wanted() };
            assert_eq!(Deliverer::new(Delivery::UsbGadget, wanted), Err(DeliveryError::Size(size)));
        }
    }
}
