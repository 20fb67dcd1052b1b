//! Archives made by hand, for tests and for the demo's files: small ones, held as a whole, some of them lying.

use std::io::Read;

use flate2::Compression;
use flate2::bufread::DeflateEncoder;

/// An archive that is being written, file by file.
#[derive(Clone, Debug)]
pub struct Zip {
    deflate: bool,
    wide: bool,
    claims: Option<u32>,
    begin: Vec<u8>,
    table: Vec<u8>,
    count: u16,
}

impl Default for Zip {
    fn default() -> Self {
        Self { deflate: true, wide: false, claims: None, begin: Vec::new(), table: Vec::new(), count: 0 }
    }
}

impl Zip {
    /// Whether the files that follow are deflated, or stored as they are.
    #[must_use]
    pub fn deflated(self, deflate: bool) -> Self {
        Self { deflate, ..self }
    }

    /// With sizes in 64 bits, as some writers have them always.
    #[must_use]
    pub fn wide(self) -> Self {
        Self { wide: true, ..self }
    }

    /// How large each file that follows says that it is, in place of what it is.
    #[must_use]
    pub fn claiming(self, bytes: u32) -> Self {
        Self { claims: Some(bytes), ..self }
    }

    /// Adds a file.
    ///
    /// # Panics
    /// Above 65,535 files, names of 65,535 bytes or 4 GB in all: it writes no such archives.
    #[must_use]
    pub fn file(mut self, name: &str, content: &[u8]) -> Self {
        let packed = if self.deflate { deflated(content) } else { content.to_vec() };
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let at = narrow(self.begin.len());
        let (packed_size, size) =
            (narrow(packed.len()), self.claims.unwrap_or_else(|| narrow(content.len())));
        let mut common = vec![20, 0, 0, 0, if self.deflate { 8 } else { 0 }, 0, 0, 0, 0, 0];
        common.extend(crc.sum().to_le_bytes());
        let wide = self.wide;
        let short = |size: u32| if wide { [255; 4] } else { size.to_le_bytes() };
        let Ok(name_size) = u16::try_from(name.len()) else { panic!("a name of {} bytes", name.len()) };
        self.begin.extend(b"PK\x03\x04");
        self.begin.extend(&common);
        self.begin.extend([packed_size.to_le_bytes(), size.to_le_bytes()].concat());
        self.begin.extend(name_size.to_le_bytes());
        self.begin.extend([0, 0]);
        self.begin.extend(name.as_bytes());
        self.begin.extend(packed);
        self.table.extend(b"PK\x01\x02\x14\x00");
        self.table.extend(&common);
        self.table.extend([short(packed_size), short(size)].concat());
        self.table.extend(name_size.to_le_bytes());
        self.table.extend([if wide { 28 } else { 0 }, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        self.table.extend(short(at));
        self.table.extend(name.as_bytes());
        if wide {
            self.table.extend([1, 0, 24, 0]);
            self.table.extend([size, packed_size, at].iter().flat_map(|size| u64::from(*size).to_le_bytes()));
        }
        let Some(count) = self.count.checked_add(1) else { panic!("more than {} files", self.count) };
        self.count = count;
        self
    }

    /// All of it, with its table at the end.
    ///
    /// # Panics
    /// Above 4 GB.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        let mut file = self.begin;
        let (begin, length) = (narrow(file.len()), narrow(self.table.len()));
        file.extend(self.table);
        let (mut count, mut place) =
            (self.count.to_le_bytes(), [length.to_le_bytes(), begin.to_le_bytes()].concat());
        if self.wide {
            let at = file.len() as u64;
            file.extend(b"PK\x06\x06");
            file.extend(44_u64.to_le_bytes());
            file.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            let count_64 = u64::from(self.count);
            for number in [count_64, count_64, u64::from(length), u64::from(begin)] {
                file.extend(number.to_le_bytes());
            }
            file.extend(b"PK\x06\x07\x00\x00\x00\x00");
            file.extend(at.to_le_bytes());
            file.extend([1, 0, 0, 0]);
            (count, place) = ([255; 2], vec![255; 8]);
        }
        file.extend(b"PK\x05\x06\x00\x00\x00\x00");
        file.extend(count);
        file.extend(count);
        file.extend(place);
        file.extend([0, 0]);
        file
    }
}

fn narrow(size: usize) -> u32 {
    let Ok(size) = u32::try_from(size) else { panic!("{size} bytes, which want an archive in 64 bits") };
    size
}

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let done = DeflateEncoder::new(content, Compression::default()).read_to_end(&mut packed);
    // Both ends of it are memory.
    assert!(done.is_ok(), "deflating from memory to memory");
    packed
}
