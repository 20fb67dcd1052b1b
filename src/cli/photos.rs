//! `platen photos`: photos for inspections, there and back.

use clap::{Args, Subcommand};
use std::convert::Infallible;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::report::keep_or_print;
use super::{Client, Failed, Global, show};
use crate::api::shapes::PhotoView;
use crate::domain::ids::FileHash;

#[derive(Debug, Args)]
pub struct Photos {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Upload a photo (JPEG or PNG). What it says beside its picture (place, time, owner) is not kept.
    #[command(after_help = "Example: platen photos upload femur.jpg")]
    Upload { file: PathBuf },
    /// Fetch a photo as it is kept.
    #[command(after_help = "Example: platen photos get HASH -o femur.jpg")]
    Get {
        /// As the inspection names it.
        photo: FileHash,
        /// The file to make; it must not be there yet. - prints it.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
}

impl Photos {
    pub fn run(self, global: &Global) -> Result<(), Failed> {
        let client = Client::new(global)?;
        match self.what {
            What::Upload { file } => {
                let kept = upload(&client, &file)?;
                if global.json {
                    return show::json(&kept);
                }
                let PhotoView { photo, bytes, format, width, height } = kept;
                show::line(&format!("photo {photo}: {format}, {width} by {height} pixels, {bytes} bytes"));
                Ok(())
            }
            What::Get { photo, output } => {
                let mut body = client.open(&format!("/v1/photos/{photo}"))?;
                let into = Some(output.as_path()).filter(|path| *path != Path::new("-"));
                keep_or_print(&mut body, into)
            }
        }
    }
}

/// A photo as it is named on the command line.
#[derive(Clone, Debug)]
pub enum Photo {
    Kept(FileHash),
    File(PathBuf),
}

impl FromStr for Photo {
    type Err = Infallible;

    fn from_str(given: &str) -> Result<Self, Infallible> {
        Ok(given.parse().map_or_else(|_| Self::File(given.into()), Self::Kept))
    }
}

impl Photo {
    /// Its hash, once the daemon has it.
    pub fn kept(self, client: &Client) -> Result<FileHash, Failed> {
        let path = match self {
            Self::Kept(photo) => return Ok(photo),
            Self::File(path) => path,
        };
        let kept = upload(client, &path)?;
        kept.photo.parse().map_err(|_| {
            Failed::Finding("the daemon has not said which photo it keeps; look at its log".into())
        })
    }
}

fn upload(client: &Client, path: &Path) -> Result<PhotoView, Failed> {
    let unread = |error| Failed::File { path: path.display().to_string(), error };
    let mut file = File::open(path).map_err(unread)?;
    let bytes = file.metadata().map_err(unread)?.len();
    client.upload("/v1/photos", bytes, &mut file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_hash_is_one_and_all_else_is_a_file() {
        let hash = "a".repeat(64);
        assert!(matches!(hash.parse::<Photo>(), Ok(Photo::Kept(kept)) if kept.as_str() == hash));
        for file in ["femur.jpg", "./a", &"a".repeat(63), &format!("{hash}.jpg")] {
            assert!(
                matches!(file.parse::<Photo>(), Ok(Photo::File(path)) if path == Path::new(file)),
                "{file}"
            );
        }
    }
}
