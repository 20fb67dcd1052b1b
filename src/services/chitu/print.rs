//! One job of a ChiTu board: what its file says of layers and light, and how far the board has shown itself to be.

use ::resin::chitu::command::{Command, Extension, FileName};
use ::resin::chitu::deliver::Deliverer;
use ::resin::chitu::layers::Layers;
use ::resin::chitu::state;
use ::resin::file::{Format, MaskAccess, ResinFile};
use ::resin::layer::LayerIndex;
use sha2::{Digest, Sha256};

use crate::control::light::MasksDigest;
use crate::domain::ids::{FileHash, JobId};
use crate::domain::job::{BoardFault, Progress};
use crate::domain::lab::Lab;
use crate::domain::moment::Moment;
use crate::domain::resin::need::Need;
use crate::domain::resin::odd::Odd;
use crate::domain::resin::wear::Lit;
use crate::domain::units::Microlitres;

/// Where a job is.
#[derive(Debug)]
pub(super) enum Stage {
    /// The board has not been told to begin.
    Delivering(Deliverer),
    /// It looks at the file once more, and begins.
    Starting,
    /// It prints, or did when it was heard last.
    OnBoard,
}

/// What a job's file is, as far as a board's progress is told by it.
#[derive(Debug)]
struct Planned {
    /// Light up to the end of each layer, ms. Empty where nobody but the board reads the file.
    light_ms: Vec<u64>,
    need: Option<Need>,
    /// Of the file, as the journal counts it: layers, or bytes where nobody but the board reads it.
    total: u64,
    digest: FileHash,
}

#[derive(Debug)]
pub(super) struct Print {
    pub(super) job: JobId,
    pub(super) on_stick: state::Job,
    pub(super) stage: Stage,
    /// The board may have been told to begin.
    pub(super) told: bool,
    pub(super) began: Moment,
    /// The journal has it as paused.
    pub(super) paused: bool,
    pub(super) cancelled_by: Option<String>,
    /// The board has named it, with its size.
    pub(super) verified: bool,
    /// Something was seen that keeps it from being known to be the file, the whole file, and nothing else.
    pub(super) doubted: bool,
    planned: Planned,
    layer: Option<LayerIndex>,
    bytes: u64,
    /// Since when it may be in light, and until when that was looked at.
    in_light: Option<[Moment; 2]>,
    refills: Vec<u32>,
}

/// A file that no such board prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this board prints .ctb, .cbddlp and .goo files, and this is {}; slice it for this printer", .0.name())]
pub(super) struct NotForBoards(pub(super) Format);

/// The name of a job's file on a stick. It comes from the job's id, which is random: nothing has to be kept, and it
/// says nothing of anybody.
pub(super) fn name_of(job: &JobId, extension: Extension) -> FileName {
    let digest: [u8; 32] =
        Sha256::new_with_prefix("on a stick ").chain_update(job.as_str()).finalize().into();
    let mut chance = [0; 8];
    chance.copy_from_slice(&digest[..8]);
    FileName::random(chance, extension)
}

fn extension(format: Format) -> Result<Extension, NotForBoards> {
    match format {
        Format::Ctb | Format::EncryptedCtb => Ok(Extension::Ctb),
        Format::Cbddlp => Ok(Extension::Cbddlp),
        Format::Goo => Ok(Extension::Goo),
        Format::Sl1 | Format::NanoDlp => Err(NotForBoards(format)),
    }
}

impl Print {
    /// A job of the journal, with what stands in its file of `bytes` bytes.
    pub(super) fn new(
        lab: &Lab,
        job: &JobId,
        bytes: u64,
        read: &ResinFile,
        stage: Stage,
        began: Moment,
    ) -> Result<Self, NotForBoards> {
        let known = lab.jobs.get(job);
        let need = lab.resin.needs.get(job).cloned();
        let mut light = 0_u64;
        let light_ms = read.layers.iter().map(|layer| {
            light = light.saturating_add(layer.exposure.0);
            light
        });
        let layers = match read.masks {
            MaskAccess::Opaque { ends_at, .. } => Layers::opaque_to(ends_at),
            MaskAccess::Readable { .. } => Layers::of(&read.layers, bytes),
        };
        Ok(Self {
            job: job.clone(),
            on_stick: state::Job { name: name_of(job, extension(read.format)?), size: bytes, layers },
            stage,
            told: false,
            began,
            paused: false,
            cancelled_by: known.and_then(|job| job.cancelling.clone()),
            verified: false,
            doubted: false,
            refills: need.iter().flat_map(|need| &need.refills).map(|refill| refill.before_layer).collect(),
            planned: Planned {
                light_ms: light_ms.collect(),
                need,
                total: known.map_or(0, |job| job.commands),
                digest: known.map_or_else(nothing, |job| job.digest.clone()),
            },
            layer: None,
            bytes: 0,
            in_light: None,
        })
    }

    /// The board prints this layer now, or is past it.
    pub(super) fn reached(&mut self, layer: LayerIndex) {
        self.layer = self.layer.max(Some(layer));
    }

    pub(super) fn read(&mut self, bytes: u64) {
        self.bytes = self.bytes.max(bytes);
    }

    /// The board was told to begin, or prints: so it is at this time.
    pub(super) fn is_on_at(&mut self, now: Moment) {
        // A print that an earlier platen began is in light since then.
        let since = if matches!(self.stage, Stage::OnBoard) { self.began } else { now };
        let [since, _] = self.in_light.unwrap_or([since, now]);
        self.in_light = Some([since, now]);
    }

    /// A layer before which the vat is refilled comes next; told once.
    pub(super) fn wants_refill(&mut self) -> bool {
        let Some(LayerIndex(layer)) = self.layer else { return false };
        let before = self.refills.len();
        self.refills.retain(|refill| *refill > layer.saturating_add(1));
        self.refills.len() < before
    }

    /// Layers that are done: the one that is printed is not.
    pub(super) fn progress(&self) -> Progress {
        let total = self.planned.total;
        let confirmed = match self.layer {
            Some(LayerIndex(layer)) => u64::from(layer),
            None if self.on_stick.layers.why_opaque().is_some() => {
                share(total, self.bytes, self.on_stick.size).min(total.saturating_sub(1))
            }
            None => 0,
        };
        Progress { confirmed: confirmed.min(total), total }
    }

    pub(super) fn whole(&self) -> Progress {
        Progress { confirmed: self.planned.total, total: self.planned.total }
    }

    /// What was lit, with the layer that is printed: it is lit, or will be before anybody can stop it.
    /// Of an opaque file its layers are not known: its light is at most the time for which it was printed, and its resin the
    /// share of what a person has said.
    pub(super) fn lit(&self) -> Option<Lit> {
        if let Some(need) = self.opaque_need() {
            return self.lit_of_bytes(need, self.bytes);
        }
        match (self.layer, &self.planned.need) {
            (Some(LayerIndex(layer)), _) => self.lit_to(layer.saturating_add(1)),
            (None, Some(need)) if self.on_stick.layers.why_opaque().is_some() => {
                let layers = share(u64::from(need.layers), self.bytes, self.on_stick.size);
                self.lit_to(u32::try_from(layers).unwrap_or(need.layers))
            }
            (None, _) => None,
        }
    }

    /// All that the file has.
    pub(super) fn lit_whole(&self) -> Option<Lit> {
        if let Some(need) = self.opaque_need() {
            return self.lit_of_bytes(need, self.on_stick.size);
        }
        let of_need = || self.planned.need.as_ref().map(|need| need.layers);
        let of_file = u32::try_from(self.planned.light_ms.len()).ok().filter(|layers| *layers > 0);
        self.lit_to(of_file.or_else(of_need)?)
    }

    /// Whether nobody but the board reads its file.
    pub(super) fn is_opaque(&self) -> bool {
        self.opaque_need().is_some()
    }

    fn opaque_need(&self) -> Option<&Need> {
        self.planned.need.as_ref().filter(|need| need.opaque.is_some())
    }

    fn lit_of_bytes(&self, need: &Need, bytes: u64) -> Option<Lit> {
        let [since, until] = self.in_light?;
        let light_ms = u64::try_from((until - since).as_millis()).unwrap_or(u64::MAX);
        let resin = Microlitres(share(need.resin.0, bytes, self.on_stick.size));
        Some(Lit { layers: 0, light_ms, resin })
    }

    fn lit_to(&self, layers: u32) -> Option<Lit> {
        let need = self.planned.need.as_ref();
        if layers == 0 {
            return None;
        }
        let of_need = |all: u64| need.map_or(0, |need| share(all, u64::from(layers), u64::from(need.layers)));
        let last = usize::try_from(layers - 1).ok()?;
        let light_ms = match self.planned.light_ms.get(last) {
            Some(light_ms) => *light_ms,
            None => of_need(need.map_or(0, |need| need.light_ms)),
        };
        let resin = Microlitres(of_need(need.map_or(0, |need| need.resin.0)));
        Some(Lit { layers, light_ms, resin })
    }

    /// What may be said of what was printed, when the board came to its end: the digest of the file's masks where the
    /// board named the file and its size, and came by every layer of it. Else the digest of no mask.
    pub(super) fn digest(&self) -> FileHash {
        let seen = self.verified
            && !self.doubted
            && self.layer.is_some()
            && self.layer == self.on_stick.layers.last();
        if seen { self.planned.digest.clone() } else { nothing() }
    }
}

/// `part` of `whole`, upward, of `all`.
fn share(all: u64, part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    let share = (u128::from(all) * u128::from(part)).div_ceil(u128::from(whole));
    u64::try_from(share).unwrap_or(all).min(all)
}

fn nothing() -> FileHash {
    MasksDigest::default().finish()
}

/// Why a print that was not started is over.
pub(super) fn not_started(why: &state::NotStarted) -> BoardFault {
    use state::NotStarted as N;
    match why {
        N::Missing { .. } | N::OtherName { .. } => BoardFault::FileMissing,
        N::WrongSize { .. } => BoardFault::WrongSize,
        N::SizeNotTold { .. } | N::TellsNothing => BoardFault::TellsNothing,
        N::NoMedium => BoardFault::NoStick,
        N::AlreadyPrinting | N::OtherFilePrints { .. } => BoardFault::OtherFile,
        N::NotPrinting { .. } | N::NoAnswer | N::CalledOff => BoardFault::RefusedStart,
    }
}

pub(super) fn unproven(why: state::Unproven) -> BoardFault {
    use state::Unproven as U;
    match why {
        U::OpaqueFile => BoardFault::EndedEarly,
        U::Unwatched(_) => BoardFault::SilentAtEnd,
        U::EndedWithoutUs => BoardFault::EndedAway,
        U::OtherFile => BoardFault::OtherFile,
        U::NotTold => BoardFault::TellsNothing,
    }
}

/// What of a doubt somebody at the printer has to know; the others are looked into by themselves.
pub(super) fn odd(doubt: &state::Doubt) -> Option<Odd> {
    use state::Doubt as D;
    Some(match doubt {
        D::LightNotKnown => Odd::LightNotKnown,
        D::StillPrinting => Odd::StillPrints,
        D::StopNotTold => Odd::StopNotTold,
        D::PlateNotRising => Odd::PlateNotRising,
        D::NotPausing => Odd::NotPausing,
        D::PauseNotTold => Odd::PauseNotTold,
        D::NotResuming => Odd::NotGoingOn,
        D::KnownBySizeOnly => Odd::KnownBySize,
        D::WentBack { .. } => Odd::WentBack,
        D::MediumGone => Odd::StickGone,
        D::ChecksumsWanted => Odd::NoChituBoard,
        D::OtherBoard { .. } => Odd::OtherBoard,
        D::FileWasOpen => Odd::FileWasOpen,
        // What a print needs; another command that was not taken leaves it as it is.
        D::NotTaken { code, .. } => {
            let needed = [Command::Pause, Command::Go, Command::Stop].map(|command| command.code());
            return needed.contains(code).then_some(Odd::Refused);
        }
        D::Unanswered(_) | D::OtherWay(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::resin::file::Claims;
    use ::resin::layer::Layer;
    use ::resin::units::Milliseconds;

    /// Layers of 100 bytes and 2 s each.
    fn print(layers: u32) -> Print {
        let layer = |n: u32| Layer {
            exposure: Milliseconds(2_000),
            ends_at: Some(u64::from(n + 1) * 100),
            ..Layer::default()
        };
        let read = ResinFile {
            format: Format::Ctb,
            masks: MaskAccess::Readable { points: [48, 32] },
            point: None,
            mirrored: None,
            layer_height: None,
            layers: (0..layers).map(layer).collect(),
            claims: Claims::default(),
        };
        let (job, size) = (JobId::from_entropy([7; 16]), u64::from(layers) * 100);
        let mut print = Print::new(&Lab::default(), &job, size, &read, Stage::Starting, Moment(0)).unwrap();
        print.planned.total = u64::from(layers);
        print.planned.digest = FileHash::from_digest([5; 32]);
        print
    }

    #[test]
    fn the_name_on_a_stick_is_always_the_same_and_another_for_another_job() {
        let of = |seed| name_of(&JobId::from_entropy([seed; 16]), Extension::Ctb);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        assert_eq!(FileName::parse(of(1).text()).as_ref(), Ok(&of(1)));
    }

    #[test]
    fn a_layer_counts_as_done_when_the_next_one_begins_and_as_lit_when_it_does() {
        let mut print = print(4);
        assert_eq!((print.progress().confirmed, print.lit()), (0, None));
        print.reached(LayerIndex(1));
        print.reached(LayerIndex(0));
        assert_eq!(print.progress(), Progress { confirmed: 1, total: 4 });
        assert_eq!(print.lit().map(|lit| (lit.layers, lit.light_ms)), Some((2, 4_000)));
        assert_eq!(print.lit_whole().map(|lit| (lit.layers, lit.light_ms)), Some((4, 8_000)));
    }

    #[test]
    fn only_a_file_that_the_board_named_and_came_through_is_said_to_be_printed_as_it_is() {
        let whole = FileHash::from_digest([5; 32]);
        for (verified, doubted, last, exact) in [
            (true, false, 3, true),
            (false, false, 3, false),
            (true, true, 3, false),
            (true, false, 2, false),
        ] {
            let mut print = print(4);
            (print.verified, print.doubted) = (verified, doubted);
            print.reached(LayerIndex(last));
            assert_eq!(print.digest() == whole, exact);
        }
        let mut opaque = print(4);
        opaque.on_stick.layers = Layers::opaque();
        opaque.verified = true;
        opaque.read(opaque.on_stick.size);
        assert_ne!(opaque.digest(), whole);
        assert_eq!(opaque.progress().confirmed, 3, "the end is for the board to tell");
    }

    #[test]
    fn of_an_opaque_file_light_is_the_time_of_its_print_resin_what_was_said_and_no_layer_is_made_up() {
        use crate::domain::resin::need::Opaque;

        let ended = |bytes| {
            let mut print = print(4);
            print.on_stick.layers = Layers::opaque_to(350);
            let said = Opaque::Said { by: "kim".into(), minutes: None };
            print.planned.need = Some(Need::opaque(said, Microlitres(1_000)));
            print.planned.total = print.on_stick.size;
            print.verified = true;
            print.is_on_at(Moment(5_000_000));
            print.is_on_at(Moment(9_000_000));
            print.read(bytes);
            print
        };
        let print = ended(100);
        let lit = |resin| Some(Lit { layers: 0, light_ms: 4_000, resin: Microlitres(resin) });
        assert_eq!((print.lit(), print.lit_whole()), (lit(250), lit(1_000)));
        assert_eq!(print.progress(), Progress { confirmed: 100, total: 400 });
        let whole = ended(400);
        assert_eq!(whole.progress().confirmed, 399, "the end is for the board to tell");
        assert_eq!(whole.digest(), nothing(), "nobody has seen its layers");
    }

    #[test]
    fn what_somebody_at_the_printer_has_to_know_is_told_and_what_is_looked_into_is_not() {
        use ::resin::chitu::dialect::StartWay;
        use state::Doubt as D;

        let refused = |code| D::NotTaken { code, said: "Error:7".into() };
        for (doubt, told) in [
            (D::LightNotKnown, Some(Odd::LightNotKnown)),
            (D::StillPrinting, Some(Odd::StillPrints)),
            (D::NotPausing, Some(Odd::NotPausing)),
            (D::WentBack { before: 9, now: 4 }, Some(Odd::WentBack)),
            (D::FileWasOpen, Some(Odd::FileWasOpen)),
            (refused(Command::Pause.code()), Some(Odd::Refused)),
            (refused(Command::PowerOffAfterPrint.code()), None),
            (D::Unanswered(Command::Stop.code()), None),
            (D::OtherWay(StartWay::M6030), None),
        ] {
            assert_eq!(odd(&doubt), told, "{doubt}");
        }
    }

    #[test]
    fn a_refill_is_wanted_in_the_layer_before_it_and_once() {
        let mut print = print(4);
        print.refills = vec![1, 3];
        let mut wanted = Vec::new();
        for layer in [0, 0, 1, 2, 3] {
            print.reached(LayerIndex(layer));
            wanted.push(print.wants_refill());
        }
        assert_eq!(wanted, [true, false, false, true, false]);
    }
}
