//! The files that are printed, kept in a real spool: small, and no line is there twice.

use hw_sim::canonical::spelled;
use std::sync::Arc;

use platen::domain::ids::FileHash;
use platen::io::spool::Spool;
use platen::services::intake::Intake;

use crate::schedule::FILES;

#[derive(Debug)]
pub(crate) struct File {
    pub(crate) lines: Vec<String>,
    pub(crate) hash: FileHash,
    pub(crate) commands: u64,
    pub(crate) digest: FileHash,
}

#[derive(Debug)]
pub(crate) struct Library {
    pub(crate) files: Vec<File>,
    pub(crate) spool: Arc<Spool>,
    _folder: tempfile::TempDir,
}

/// Moves of a second each, so that a fault finds the printer in the middle of some.
fn lines(file: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if file == 4 {
        lines.extend(["M140 S45", "M104 S190", "M190 S45", "M109 S190"].map(str::to_owned));
    }
    lines.extend(["G28", "G90", "M83", "G1 Z0.2 F600"].map(str::to_owned));
    for n in 0..[12, 25, 40, 60, 30][file] {
        let (tenths, y) = (n % 2 * 200 + n + 400, 50 + file * 10);
        let (x, rest) = (tenths / 10, tenths % 10);
        let feed = if n == 0 { " F1500" } else { "" };
        lines.push(format!("G1 X{x}.{rest} Y{y} E0.5{feed}"));
        if file == 2 && n == 20 {
            lines.push("M0".into());
        }
    }
    lines.iter().map(|line| spelled(line)).collect()
}

/// A folder in memory, where there is one: trails and files are written often.
pub(crate) fn folder() -> tempfile::TempDir {
    let shm = std::path::Path::new("/dev/shm");
    let made = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    made.unwrap()
}

impl Library {
    pub(crate) fn new() -> Self {
        let folder = folder();
        let spool = Arc::new(Spool::open(folder.path()).unwrap().with_floor(0));
        let intake = Intake::new(Arc::clone(&spool));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let files = runtime.block_on(async {
            let mut files = Vec::new();
            for file in 0..FILES as usize {
                let lines = lines(file);
                let mut incoming = intake.begin().await.unwrap();
                incoming.write((lines.join("\n") + "\n").as_bytes()).await.unwrap();
                let accepted = intake.accept(incoming).await.unwrap();
                let (commands, digest) = (accepted.survey.commands, accepted.survey.digest);
                files.push(File { lines, hash: accepted.file, commands, digest });
            }
            files
        });
        Self { files, spool, _folder: folder }
    }
}
