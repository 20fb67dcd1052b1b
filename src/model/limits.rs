//! What reading a model may cost, as one table with reasons, and the errors of all readers.

/// Bounds on a file and on what it unfolds to. None of them depends on what the file claims of itself:
/// a claim beyond a bound is refused before anything is held for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub bytes: u64,
    /// Triangles of all objects, each counted once. 24 bytes are held for each while its object is read.
    pub triangles: u64,
    /// Vertices of all objects together. 12 bytes are held for each.
    pub vertices: u64,
    /// Objects of a 3MF.
    pub objects: u64,
    /// Components of all objects of a 3MF, and items of its build.
    pub components: u64,
    /// Times that an object of a 3MF stands on the plate or in another one.
    pub placements: u64,
    /// Vertices of all objects times how often each is placed.
    pub placed_vertices: u64,
    /// Components in components.
    pub component_depth: usize,
    /// Files in a 3MF.
    pub entries: u64,
    /// Bytes of the table of contents of a 3MF.
    pub directory: u64,
    /// Bytes that the files in a 3MF unfold to, together.
    pub expanded: u64,
    /// How many times larger than itself a file in a 3MF may become.
    pub ratio: u64,
    /// Bytes that a file in a 3MF may unfold to at any ratio.
    pub ratio_free: u64,
    /// Bytes of one line of text.
    pub line: usize,
    /// Bytes of one tag, comment or piece of text in XML.
    pub piece: usize,
    /// Elements in elements.
    pub xml_depth: usize,
    /// Attributes of one element.
    pub attributes: usize,
}

impl Limits {
    /// What of it is an archive's.
    pub(super) fn archive(&self) -> ::archive::Limits {
        let Self { entries, directory, expanded, ratio, ratio_free, .. } = *self;
        ::archive::Limits { entries, directory, expanded, ratio, ratio_free }
    }
}

/// What holds everywhere; only tests use others. Together they keep a reader below 320 MB.
pub const LIMITS: Limits = Limits {
    // 8 million triangles are 400 MB as binary STL. Larger files are scans nobody has reduced:
    // finer than any printer here, and more than a slicer takes within its own memory.
    bytes: 512 << 20,
    // 192 MB of edges. A heart from CT at full resolution has 1 to 3 million.
    triangles: 8_000_000,
    // A closed surface has half as many vertices as triangles: 48 MB; 96 MB allows for doubled ones.
    vertices: 8_000_000,
    objects: 10_000,
    components: 10_000,
    // A full plate of small parts is some hundred. Without it, sixteen levels of ten are 10^16 objects.
    placements: 10_000,
    // Time: each is multiplied by one matrix, a second or so in all.
    placed_vertices: 100_000_000,
    // Assemblies by hand have two or three levels.
    component_depth: 16,
    // Slicers write some dozens; one picture for each of a hundred plates is the most that was seen.
    entries: 4_096,
    directory: 1 << 20,
    // 8 million triangles in XML are 600 MB.
    expanded: 1 << 30,
    // Meshes as XML shrink to a tenth, regular ones to a fiftieth; a bomb's zeros to a thousandth.
    ratio: 200,
    // What is small may shrink as it likes.
    ratio_free: 1 << 20,
    // A polygon of some thousand corners.
    line: 64 << 10,
    // A description in HTML, with room; a vertex takes 60 bytes.
    piece: 256 << 10,
    // 3MF itself nests seven deep.
    xml_depth: 32,
    attributes: 64,
};

/// Why a model cannot be used: what, which; what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    #[error("the model has {what}: {found}, and {max} are the most that is taken; {help}")]
    TooMuch { what: &'static str, found: u64, max: u64, help: &'static str },
    #[error("the model cannot be read: {0}; try again, and look at the disk if it stays so")]
    Unreadable(String),
    #[error("this is no STL, 3MF or OBJ that can be recognised; export the model as one of them")]
    Unknown,
    #[error("this is a gzip archive; unpack it first")]
    Packed,
    #[error("the {format} has no triangles; look whether the right body was exported")]
    Empty { format: &'static str },
    /// Binary STL: bytes and count contradict each other.
    #[error(
        "the STL says {claimed} triangles, which take {wanted} bytes, and has {bytes}: it was cut or changed on its way, or is no STL; export or copy it again"
    )]
    Length { claimed: u64, wanted: u64, bytes: u64 },
    #[error("triangle {triangle} of the STL has a coordinate that is {value}; export the model again")]
    Coordinate { triangle: u64, value: String },
    /// A format of lines.
    #[error("line {line} of the {format}: {what}; look at that line, or export the model again")]
    Line { format: &'static str, line: u64, what: String },
    #[error(
        "the {format} ends before it is complete ({what}): it was cut on its way; export or copy it again"
    )]
    Cut { format: &'static str, what: &'static str },
    #[error("the 3MF is damaged as an archive: {0}; export or copy it again")]
    Archive(String),
    #[error(
        "the 3MF holds what none needs and attacks use: {0}; export it again with a program that you trust"
    )]
    Hostile(String),
    /// One file in a 3MF, and the byte in it.
    #[error("`{part}` in the 3MF, near byte {at}: {what}; export it again")]
    Part { part: String, at: u64, what: String },
    #[error("the 3MF cannot be understood as a whole: {0}; export it as plain triangles (core 3MF, or STL)")]
    Unsupported(String),
    #[error(
        "line {line} of the OBJ has a curved surface ({word}), which would be missing from the print; export it as plain triangles (or as STL)"
    )]
    Curved { line: u64, word: String },
}

impl ModelError {
    /// What is wrong, without a word or a name out of the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TooMuch { .. } => "it is larger than what is taken",
            Self::Unreadable(_) => "it cannot be read",
            Self::Packed => "it is a gzip archive",
            Self::Unknown => "its format is not known",
            Self::Empty { .. } => "it has no triangles",
            Self::Length { .. } | Self::Cut { .. } => "it was cut",
            Self::Coordinate { .. } => "a coordinate is no number",
            Self::Line { .. } => "a line of it cannot be read",
            Self::Archive(_) => "its archive is damaged",
            Self::Hostile(_) => "its archive holds what none needs",
            Self::Part { .. } => "a part of it cannot be read",
            Self::Unsupported(_) | Self::Curved { .. } => "it cannot be understood as a whole",
        }
    }

    /// Through `std::io::Read` and back: what our own readers below a decoder or parser say.
    pub(super) fn through(self) -> std::io::Error {
        std::io::Error::other(self)
    }
}

impl From<std::io::Error> for ModelError {
    fn from(error: std::io::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&std::io::Error> for ModelError {
    fn from(error: &std::io::Error) -> Self {
        let inner = error.get_ref();
        if let Some(ours) = inner.and_then(|inner| inner.downcast_ref::<Self>()) {
            return ours.clone();
        }
        match inner.and_then(|inner| inner.downcast_ref::<::archive::ArchiveError>()) {
            Some(archive) => archive.clone().into(),
            None => Self::Unreadable(error.to_string()),
        }
    }
}

/// Counts towards a bound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) used: u64,
    max: u64,
    what: &'static str,
    help: &'static str,
}

impl Budget {
    pub(super) fn new(max: u64, what: &'static str, help: &'static str) -> Self {
        Self { used: 0, max, what, help }
    }

    pub(super) fn spend(&mut self, more: u64) -> Result<(), ModelError> {
        self.used = self.used.saturating_add(more);
        if self.used > self.max {
            return Err(ModelError::TooMuch {
                what: self.what,
                found: self.used,
                max: self.max,
                help: self.help,
            });
        }
        Ok(())
    }
}

pub(super) const REDUCE: &str =
    "reduce the mesh where the model was made: a printer shows no triangle below a tenth of a millimetre";
