//! Slicing with the real PrusaSlicer, and with programs that pretend to be one and do what no slicer should.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use platen::domain::case::IntendedUse;
use platen::gcode::preflight::PrinterLimits;
use platen::model::scale::Declared;
use platen::services::slicing::{SliceError, Sliced, Slicing, Task};
use platen::slicing::Step;
use platen::slicing::failure::Failure;
use platen::slicing::limits::{LIMITS, Limits};
use platen::slicing::process::{Process, ProcessError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

fn profiles() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/slicing")
}

/// A box as binary STL, not where a printer has its plate.
fn brick([x, y, z]: [f32; 3]) -> Vec<u8> {
    let at = |corner: u8| [0, 1, 2].map(|axis| f32::from(corner >> axis & 1) * [x, y, z][axis] - 500.0);
    let faces = [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]];
    let triangles = faces.iter().flat_map(|[a, b, c, d]| [[*a, *b, *c], [*a, *c, *d]]);
    let mut file = vec![b' '; 80];
    file.extend(12_u32.to_le_bytes());
    for triangle in triangles {
        file.extend([0; 12]);
        file.extend(triangle.into_iter().flat_map(at).flat_map(f32::to_le_bytes));
        file.extend([0, 0]);
    }
    file
}

struct Desk {
    folder: tempfile::TempDir,
    limits: Limits,
    program: Option<PathBuf>,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("scratch")).unwrap();
        Self { folder, limits: Limits { floor: 0, ..LIMITS }, program: None }
    }

    /// A slicer that says its version, and else does what `script` says.
    fn with(script: &str) -> Self {
        let mut desk = Self::new();
        let path = desk.folder.path().join("slicer");
        let text = format!(
            "#!/bin/sh\ncase \"$*\" in --help) echo 'PrusaSlicer-2.5.0+TEST based on nothing'; exit 0;; esac\n{script}\n"
        );
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        desk.program = Some(path);
        desk
    }

    fn scratch(&self) -> PathBuf {
        self.folder.path().join("scratch")
    }

    fn slicing(&self) -> Arc<Slicing> {
        Arc::new(Slicing::new(&profiles(), self.program.clone(), self.limits, &self.scratch(), 1))
    }

    fn model(&self, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join("-o; rm -rf $HOME .stl");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn process(&self, name: &str) -> Process {
        self.slicing().catalogue().unwrap().find(name, None, None).unwrap().clone()
    }

    fn task(&self, process: &str, model: PathBuf) -> Task {
        Task {
            model,
            hint: None,
            declared: Declared::default(),
            process: self.process(process),
            printer: PrinterLimits::default(),
            intended_use: Some(IntendedUse::Education),
            accepted: Vec::new(),
            allowed: Vec::new(),
        }
    }

    fn slice(&self, process: &str, bytes: &[u8]) -> Result<(Sliced, Vec<Step>), SliceError> {
        let task = self.task(process, self.model(bytes));
        let mut steps = Vec::new();
        let done = self.slicing().slice_here(&task, &CancellationToken::new(), |step| steps.push(step));
        done.map(|sliced| (sliced, steps))
    }

    /// What is told of a slicing that does not work; nothing of it is left.
    fn refusal(&self, process: &str, bytes: &[u8]) -> String {
        let told = self.slice(process, bytes).unwrap_err().to_string();
        assert_eq!(std::fs::read_dir(self.scratch()).unwrap().count(), 0, "something was left: {told}");
        told
    }
}

#[test]
fn every_process_that_we_ship_slices_a_part_whole_with_its_own_profile_and_nothing_speaks_against_it() {
    let desk = Desk::new();
    let all = desk.slicing().catalogue().unwrap();
    let models: std::collections::BTreeSet<_> =
        all.all().iter().map(|process| &process.printer_model).collect();
    assert!(models.len() >= 3, "two printers for filament and one for resin: {models:?}");
    for process in all.all() {
        let (sliced, steps) = desk.slice(&process.name, &brick([20.0, 15.0, 6.0])).unwrap();
        let chain = &sliced.chain;
        assert!(sliced.findings.is_empty(), "{}: {:?}", process.name, sliced.findings);
        assert_eq!((&chain.process, &chain.profile.hash), (&process.name, &process.profile_sha256));
        assert_eq!((chain.slicer.name.as_str(), chain.slicer.version.as_str()), ("prusa-slicer", "2.5.0"));
        assert_eq!(chain.model.size.map(|length| length.mm()), [20.0, 15.0, 6.0]);
        assert!(chain.layers >= 20 && chain.height.is_some(), "{chain:?}");
        assert_eq!(std::fs::metadata(&sliced.path).unwrap().len(), chain.bytes);
        // Told while it worked, not all at once at its end.
        assert!(steps.len() >= 5 && steps.iter().any(|step| step.percent >= 85), "{steps:?}");
        let folder = sliced.path.parent().unwrap().to_owned();
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        drop(sliced);
        assert!(!folder.exists());
    }
}

/// Cones, since their overhang wants supports and their tip is thinner than a line.
fn cones() -> Vec<u8> {
    let ring = |radius: f32, z: f32| -> Vec<[f32; 3]> {
        let at = |n: u8| f32::from(n) * std::f32::consts::TAU / 48.0;
        (0..48).map(|n| [radius * at(n).cos(), radius * at(n).sin(), z]).collect()
    };
    let (foot, wide, tip) = (ring(4.0, 0.0), ring(15.0, 8.0), [0.0, 0.0, 23.0]);
    let mut triangles: Vec<[[f32; 3]; 3]> = Vec::new();
    for (n, next) in (0..48).map(|n| (n, (n + 1) % 48)) {
        triangles.push([[0.0, 0.0, 0.0], foot[next], foot[n]]);
        triangles.push([foot[n], foot[next], wide[next]]);
        triangles.push([foot[n], wide[next], wide[n]]);
        triangles.push([wide[n], wide[next], tip]);
    }
    let mut file = vec![b' '; 80];
    file.extend(u32::try_from(triangles.len()).unwrap().to_le_bytes());
    for triangle in triangles {
        file.extend([0; 12]);
        file.extend(triangle.into_iter().flatten().flat_map(f32::to_le_bytes));
        file.extend([0, 0]);
    }
    file
}

#[test]
fn an_overhanging_part_with_a_thin_tip_is_measured_without_its_supports_and_skirt() {
    let (desk, file) = (Desk::new(), cones());
    for process in ["prusa-mk3s-pla-fine", "generic-220-pla-draft"] {
        let (sliced, _) = desk.slice(process, &file).unwrap();
        let text = std::fs::read_to_string(&sliced.path).unwrap();
        assert!(text.contains(";TYPE:Support material"), "the part wants supports");
        let all = sliced.analysis.unwrap().extrusion.size();
        assert!(all[0].unwrap() > 33.0, "and a skirt around it: {all:?}");
    }
    // Of resin the supports are in the same pictures, beside the part.
    let (sliced, _) = desk.slice("msla-2k-clear-draft", &file).unwrap();
    assert!(sliced.findings.is_empty(), "{:?}", sliced.findings);
}

#[test]
fn the_same_model_and_process_give_the_same_file_but_for_its_date() {
    let desk = Desk::new();
    let lines = || {
        let (sliced, _) = desk.slice("generic-220-pla-draft", &brick([20.0, 20.0, 5.0])).unwrap();
        let text = std::fs::read_to_string(&sliced.path).unwrap();
        text.lines().filter(|line| !line.starts_with("; generated by")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(), lines());
}

/// A real 3MF, written by PrusaSlicer, with settings as its window would save them beside the model; one of them is a
/// program that is to run.
fn hostile_3mf(folder: &Path, script: &Path) -> Vec<u8> {
    let (stl, out) = (folder.join("plain.stl"), folder.join("plain.3mf"));
    std::fs::write(&stl, brick([20.0, 20.0, 5.0])).unwrap();
    let made = Command::new("prusa-slicer")
        .args(["--datadir", "none", "--export-3mf", "--output"])
        .arg(&out)
        .arg(&stl)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    // `notes` is a key that no profile of ours sets: left alone, the model's own would count.
    let settings = format!(
        "; generated by PrusaSlicer 2.5.0\n\n; fill_density = 100%\n; layer_height = 0.35\n; notes = from the model\n; post_process = {}\n",
        script.display()
    );
    with_entry(&std::fs::read(out).unwrap(), "Metadata/Slic3r_PE.config", settings.as_bytes())
}

/// An archive with one more file in it.
fn with_entry(zip: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    let end = zip.windows(4).rposition(|four| four == b"PK\x05\x06").unwrap();
    let two = |at: usize| u16::from_le_bytes([zip[end + at], zip[end + at + 1]]);
    let four = |at: usize| {
        u32::from_le_bytes([zip[end + at], zip[end + at + 1], zip[end + at + 2], zip[end + at + 3]])
    };
    let (count, length, begin) = (two(10) + 1, four(12) as usize, four(16) as usize);
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let size = u32::try_from(content.len()).unwrap().to_le_bytes();
    let named = u16::try_from(name.len()).unwrap().to_le_bytes();
    // Version, flags, method (stored), time, date; checksum and both sizes; name and no extra field.
    let common =
        [&[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x5b][..], &crc.sum().to_le_bytes(), &size, &size, &named, &[0, 0]]
            .concat();
    let mut out = zip[..begin].to_vec();
    out.extend([b"PK\x03\x04", &common[..], name.as_bytes(), content].concat());
    let directory = u32::try_from(out.len()).unwrap();
    out.extend(&zip[begin..begin + length]);
    let entry =
        [b"PK\x01\x02", &[20, 0][..], &common, &[0; 10], &u32::try_from(begin).unwrap().to_le_bytes()];
    out.extend([&entry.concat(), name.as_bytes()].concat());
    let long = u32::try_from(out.len()).unwrap() - directory;
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
    out.extend([long.to_le_bytes(), directory.to_le_bytes()].concat());
    out.extend([0, 0]);
    out
}

#[test]
fn the_settings_that_a_real_3mf_brings_with_it_neither_run_nor_count() {
    let desk = Desk::new();
    let proof = desk.folder.path().join("it-ran");
    let script = desk.folder.path().join("evil.sh");
    std::fs::write(&script, format!("#!/bin/sh\ntouch {}\n", proof.display())).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let file = hostile_3mf(desk.folder.path(), &script);
    let bait = desk.folder.path().join("evil.3mf");
    std::fs::write(&bait, &file).unwrap();

    // The bait is good: the slicer itself, given the 3MF and our profile, runs it.
    let out = desk.folder.path().join("bait.gcode");
    let made = Command::new("prusa-slicer")
        .args(["--datadir", "none", "--load"])
        .arg(profiles().join("generic-220-pla-draft.ini"))
        .args(["--export-gcode", "--output"])
        .arg(&out)
        .arg(&bait)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let with_bait = std::fs::read_to_string(&out).unwrap();
    assert!(with_bait.contains("; notes = from the model"), "the 3MF's settings count for the slicer itself");
    assert!(proof.exists(), "and it runs their program");
    std::fs::remove_file(&proof).unwrap();

    let mut task = desk.task("generic-220-pla-draft", desk.model(&file));
    let told = desk.slicing().slice_here(&task, &CancellationToken::new(), |_| {}).unwrap_err().to_string();
    assert!(told.contains("3mf.settings"), "a person is told that they are there: {told}");
    task.accepted = vec!["3mf.settings".into()];
    let sliced = desk.slicing().slice_here(&task, &CancellationToken::new(), |_| {}).unwrap();
    assert_eq!(sliced.chain.accepted, ["3mf.settings"]);
    let text = std::fs::read_to_string(&sliced.path).unwrap();
    assert!(!text.contains("evil") && !text.contains("from the model"));
    assert!(text.contains("; layer_height = 0.28\n") && text.contains("; fill_density = 10%\n"));
    assert!(!proof.exists(), "a program ran that came with the model");
}

#[test]
fn a_part_that_is_too_large_and_a_use_that_is_not_validated_are_refused_before_anything_runs() {
    let desk = Desk::with("echo it ran >&2; exit 9");
    let told = desk.refusal("prusa-mk3s-pla-fine", &brick([20.0, 20.0, 260.0]));
    assert!(told.contains("volume.large") && told.contains("larger printer"), "{told}");
    let mut task = desk.task("generic-220-pla-draft", desk.model(&brick([20.0, 20.0, 5.0])));
    task.intended_use = Some(IntendedUse::Guide);
    let told = desk.slicing().slice_here(&task, &CancellationToken::new(), |_| {}).unwrap_err();
    assert!(matches!(told, SliceError::Process(ProcessError::Use { .. })), "{told}");
}

#[test]
fn another_version_of_the_slicer_and_a_changed_profile_are_other_processes() {
    let desk = Desk::with("exit 0");
    let program = desk.program.clone().unwrap();
    let text = std::fs::read_to_string(&program).unwrap().replace("2.5.0", "2.7.4");
    std::fs::write(&program, text).unwrap();
    let told = desk.refusal("generic-220-pla-draft", &brick([20.0, 20.0, 5.0]));
    assert!(told.contains("was validated with prusa-slicer 2.5.0, and 2.7.4 is installed"), "{told}");

    let changed = desk.folder.path().join("profiles");
    std::fs::create_dir(&changed).unwrap();
    for entry in std::fs::read_dir(profiles()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), changed.join(entry.file_name())).unwrap();
    }
    let profile = changed.join("generic-220-pla-draft.ini");
    let text = std::fs::read_to_string(&profile).unwrap().replace("temperature = 205", "temperature = 206");
    std::fs::write(&profile, text).unwrap();
    let slicing = Slicing::new(&changed, None, desk.limits, &desk.scratch(), 1);
    let task = desk.task("generic-220-pla-draft", desk.model(&brick([20.0, 20.0, 5.0])));
    let told = slicing.slice_here(&task, &CancellationToken::new(), |_| {}).unwrap_err().to_string();
    assert!(told.contains("validated with another content of generic-220-pla-draft.ini"), "{told}");
}

// ---- a slicer that is killed, hangs, runs out of memory, fills the disk, is not there ------------------------

#[test]
fn a_slicer_that_is_killed_is_told_as_killed_from_outside() {
    let desk = Desk::with("kill -KILL $$");
    let told = desk.refusal("generic-220-pla-draft", &brick([20.0, 20.0, 5.0]));
    assert!(told.starts_with("the slicer was killed from outside (SIGKILL)"), "{told}");
    assert!(told.contains("slice again"), "{told}");
}

#[test]
fn a_slicer_that_hangs_is_stopped_when_its_time_is_up() {
    let mut desk = Desk::with("echo '20 => Generating perimeters'; exec sleep 600");
    desk.limits.wall = Duration::from_millis(1_500);
    let told = desk.refusal("generic-220-pla-draft", &brick([20.0, 20.0, 5.0]));
    assert!(told.starts_with("the slicer was stopped after 1 min: it hung"), "{told}");
}

#[test]
fn the_real_slicer_out_of_memory_is_told_with_how_much_it_may_have() {
    let mut desk = Desk::new();
    // Enough to start and to say its version, not enough for a plate full of layers.
    desk.limits.memory = 260 << 20;
    let told = desk.refusal("prusa-mk3s-pla-fine", &brick([150.0, 150.0, 150.0]));
    assert!(told.starts_with("the slicer ran out of memory; it may have 260 MiB"), "{told}");
    // Not enough for its libraries, or for its threads.
    for mebibytes in [128, 200] {
        desk.limits.memory = mebibytes << 20;
        let told = desk.refusal("prusa-mk3s-pla-fine", &brick([20.0, 15.0, 6.0]));
        let wanted = format!("the slicer ran out of memory; it may have {mebibytes} MiB");
        assert!(told.starts_with(&wanted), "{told}");
    }
}

#[test]
fn a_slicer_without_memory_is_told_with_how_much_it_may_have() {
    let desk = Desk::with(
        "echo \"terminate called after throwing an instance of 'std::bad_alloc'\" >&2; echo '  what():  std::bad_alloc' >&2; kill -ABRT $$",
    );
    let told = desk.refusal("generic-220-pla-draft", &brick([20.0, 20.0, 5.0]));
    assert!(told.starts_with("the slicer ran out of memory; it may have 4096 MiB"), "{told}");
}

#[test]
fn a_slicer_that_fills_the_disk_is_stopped_while_there_is_still_room() {
    let mut desk = Desk::with("while :; do head -c 1048576 /dev/zero >> out.gcode; done");
    // A disk of which 24 MB may be used, whatever else is on it.
    let space = nix::sys::statvfs::statvfs(desk.folder.path()).unwrap();
    desk.limits.floor = space.blocks_available() * space.fragment_size() - (24 << 20);
    let told = desk.refusal("generic-220-pla-draft", &brick([20.0, 20.0, 5.0]));
    assert!(told.starts_with("the slicer filled the disk:") && told.contains("free some space"), "{told}");

    // So fast that nobody looks meanwhile.
    let mut desk = Desk::with("exec head -c 40000000 /dev/zero > out.gcode");
    let space = nix::sys::statvfs::statvfs(desk.folder.path()).unwrap();
    desk.limits.floor = space.blocks_available() * space.fragment_size() - (24 << 20);
    let told = desk.refusal("generic-220-pla-draft", &brick([20.0, 20.0, 5.0]));
    assert!(told.starts_with("the slicer filled the disk:") && told.contains("free some space"), "{told}");

    let mut desk = Desk::with("exec cat /dev/zero > out.gcode");
    desk.limits.file = 8 << 20;
    let told = desk.refusal("generic-220-pla-draft", &brick([20.0, 20.0, 5.0]));
    assert!(told.starts_with("the slicer wrote a file of more than 8 MiB"), "{told}");
}

#[test]
fn a_slicer_that_is_not_there_is_told_with_how_to_install_it() {
    let mut desk = Desk::new();
    desk.program = Some("/nowhere/prusa-slicer".into());
    let told = desk.refusal("generic-220-pla-draft", &brick([20.0, 20.0, 5.0]));
    assert!(told.starts_with("there is no /nowhere/prusa-slicer here: install it with"), "{told}");
    assert!(told.contains("G-code that was sliced elsewhere is still taken"), "{told}");
    let file = desk.folder.path().join("no-program");
    std::fs::write(&file, "no program").unwrap();
    desk.program = Some(file);
    let told = desk.refusal("generic-220-pla-draft", &brick([20.0, 20.0, 5.0]));
    assert!(told.contains("cannot be started"), "{told}");
}

// ---- what it leaves ------------------------------------------------------------------------------------------

#[test]
fn a_slicer_that_says_it_is_done_is_not_believed_without_a_whole_file() {
    let done = "echo '100 => Slicing done'";
    for (script, wanted) in [
        (done.to_owned(), "its file is not whole: it is not there"),
        (
            format!("{done}; : > out.gcode"),
            "its file is not whole: the slicer's settings at its end are missing",
        ),
        (format!("{done}; ln -s /etc/passwd out.gcode"), "out.gcode"),
        ("prusa-slicer \"$@\"; truncate -s -9 out.gcode".to_owned(), "settings at its end are missing"),
    ] {
        let told = Desk::with(&script).refusal("generic-220-pla-draft", &brick([20.0, 20.0, 5.0]));
        assert!(told.contains(wanted), "{told:?} has no {wanted:?}");
    }
    let cut = Desk::with("prusa-slicer \"$@\"; truncate -s -200 out.sl1");
    let told = cut.refusal("msla-2k-clear-draft", &brick([10.0, 10.0, 2.0]));
    assert!(told.contains("its file is not whole"), "{told}");
}

#[test]
fn a_slicer_that_changes_the_size_or_leaves_a_setting_out_is_found_out() {
    let larger = Desk::with("prusa-slicer --scale 1.08 \"$@\"");
    let told = larger.refusal("generic-220-pla-draft", &brick([20.0, 20.0, 5.0]));
    assert!(told.contains("size.model") && told.contains("slice the approved model again"), "{told}");
    let other =
        Desk::with("sed -i 's/^perimeters = 2$/perimeters = 1/' profile.ini; exec prusa-slicer \"$@\"");
    let told = other.refusal("generic-220-pla-draft", &brick([20.0, 20.0, 5.0]));
    assert!(told.contains("perimeters was 1 and not 2"), "{told}");
    let resin = Desk::with("prusa-slicer --scale 2 \"$@\"");
    let told = resin.refusal("msla-2k-clear-draft", &brick([10.0, 10.0, 4.0]));
    assert!(told.contains("size.model"), "{told}");
    // As high as before: that is seen in its pictures alone.
    let turned = Desk::with("prusa-slicer --rotate 90 \"$@\"");
    let told = turned.refusal("msla-2k-clear-draft", &brick([16.0, 8.0, 2.0]));
    assert!(told.contains("size.model") && told.contains("the approved model 16.0 × 8.0"), "{told}");
}

#[test]
fn what_a_printer_allows_lifts_no_command_and_no_size() {
    for (script, code) in [
        ("prusa-slicer \"$@\"; sed -i '1a M302 P1' out.gcode", "command.not_allowed"),
        ("prusa-slicer --scale 1.08 \"$@\"", "size.model"),
    ] {
        let desk = Desk::with(script);
        let mut task = desk.task("generic-220-pla-draft", desk.model(&brick([20.0, 20.0, 5.0])));
        task.printer.allowed = Some(Vec::new());
        task.allowed = vec!["command.not_allowed", "size.model"];
        let told =
            desk.slicing().slice_here(&task, &CancellationToken::new(), |_| ()).unwrap_err().to_string();
        assert!(told.contains(code), "{told}");
    }
}

#[test]
fn the_name_of_a_model_is_in_no_argument_and_no_setting() {
    let desk = Desk::with("printf '%s\\n' \"$@\" > \"$(dirname $0)/arguments\"; exec prusa-slicer \"$@\"");
    let (sliced, _) = desk.slice("generic-220-pla-draft", &brick([20.0, 20.0, 5.0])).unwrap();
    let arguments = std::fs::read_to_string(desk.folder.path().join("arguments")).unwrap();
    assert!(arguments.ends_with("model.stl\n"), "{arguments}");
    assert!(!arguments.contains("rm -rf") && !arguments.contains(&*desk.folder.path().to_string_lossy()));
    assert!(!std::fs::read_to_string(&sliced.path).unwrap().contains("rm -rf"));
}

#[tokio::test]
async fn only_so_many_slicers_run_at_a_time_and_a_waiting_one_can_be_cancelled() {
    let desk = Desk::with("echo '10 => Working'; exec sleep 600");
    let slicing = desk.slicing();
    let model = desk.model(&brick([20.0, 20.0, 5.0]));
    let begin = || {
        let (slicing, task) = (Arc::clone(&slicing), desk.task("generic-220-pla-draft", model.clone()));
        let (cancel, (tells, steps)) = (CancellationToken::new(), watch::channel(Step::default()));
        let token = cancel.clone();
        (cancel, steps, tokio::spawn(async move { slicing.slice(task, &token, tells).await }))
    };
    let (first_cancel, mut first_steps, first) = begin();
    first_steps.wait_for(|step| step.percent == 10).await.unwrap();
    let (second_cancel, second_steps, second) = begin();
    second_cancel.cancel();
    let told = second.await.unwrap().unwrap_err();
    assert!(matches!(told, SliceError::Slicer(Failure::Cancelled)), "{told}");
    assert_eq!(*second_steps.borrow(), Step::default(), "it has not begun");
    first_cancel.cancel();
    let told = first.await.unwrap().unwrap_err();
    assert!(matches!(told, SliceError::Slicer(Failure::Cancelled)), "{told}");
    assert_eq!(std::fs::read_dir(desk.scratch()).unwrap().count(), 0);
}

// ---- the command line ----------------------------------------------------------------------------------------

fn platen(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_platen"))
        .current_dir(folder)
        .env("PLATEN_PROFILES", profiles())
        .args(["slice"])
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn platen_slice_writes_a_file_tells_its_chain_and_writes_over_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("--help"), brick([20.0, 20.0, 5.0])).unwrap();
    let slice = ["--json", "--process", "generic-220-pla-draft", "-o", "out.gcode", "--", "--help"];
    let output = platen(folder.path(), &slice);
    assert!(output.status.success(), "{output:?}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["ok"], &told["chain"]["process"]), (&true.into(), &"generic-220-pla-draft".into()));
    let hash = platen_hash(&folder.path().join("out.gcode"));
    assert_eq!(told["chain"]["file"], hash.as_str());
    assert_eq!(told["chain"]["model"]["hash"], platen_hash(&folder.path().join("--help")).as_str());
    let before = std::fs::metadata(folder.path().join("out.gcode")).unwrap().modified().unwrap();
    let again = platen(folder.path(), &slice);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("out.gcode is there already"), "{again:?}");
    assert_eq!(std::fs::metadata(folder.path().join("out.gcode")).unwrap().modified().unwrap(), before);
}

#[test]
fn platen_slice_lists_processes_and_refuses_what_is_unclear_or_unknown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.stl"), brick([20.0, 20.0, 5.0])).unwrap();
    let list = platen(folder.path(), &[]);
    let text = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(
        list.status.success() && text.contains("prusa-mk3s-pla-fine") && text.contains("resin"),
        "{text}"
    );
    for (arguments, code, wanted) in [
        (&["a.stl", "--process", "fine", "-o", "x"][..], 2, "fine may be"),
        (&["a.stl", "--process", "nothing", "-o", "x"], 2, "there is no process nothing; known are"),
        (&["a.stl", "-o", "x"], 2, "say which process"),
        (&["a.stl", "--process", "generic-220-pla-draft"], 2, "say which file to write"),
        (&["b.stl", "--process", "generic-220-pla-draft", "-o", "x"], 1, "b.stl: No such file"),
        (
            &["a.stl", "--profiles", "/nowhere", "--process", "fine", "-o", "x"],
            1,
            "name the folder with the processes",
        ),
        (
            &["a.stl", "--expected", "508x508x127", "--process", "generic-220-pla-draft", "-o", "x"],
            1,
            "1 finding speaks",
        ),
    ] {
        let output = platen(folder.path(), arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(wanted), "{told:?} has no {wanted:?}");
        assert!(!folder.path().join("x").exists());
    }
}

fn platen_hash(path: &Path) -> String {
    let output = Command::new("sha256sum").arg("--").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().next().unwrap().to_owned()
}

#[test]
fn a_model_that_is_cut_is_refused_before_a_slicer_is_asked() {
    let desk = Desk::with("echo it ran >&2; exit 9");
    let told = desk.refusal("generic-220-pla-draft", &brick([20.0, 20.0, 5.0])[..300]);
    assert!(told.starts_with("this model cannot be used"), "{told}");
}
