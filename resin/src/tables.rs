//! Tables of fixed width: nothing is read past the file's end, and no number is taken that is none.

use std::io::{Read, Seek, SeekFrom};

use crate::file::{FileError, Mask};
use crate::units::{Micrometres, MicrometresPerSecond, Milliseconds};

/// A file of tables that point at each other.
#[derive(Debug)]
pub(crate) struct Tables<'a, R> {
    source: &'a mut R,
    pub(crate) bytes: u64,
    format: &'static str,
}

/// A disk that does not give what it has.
pub(crate) fn unreadable(error: &std::io::Error) -> FileError {
    FileError::Unreadable(error.to_string())
}

impl<'a, R: Read + Seek> Tables<'a, R> {
    pub(crate) fn new(source: &'a mut R, format: &'static str) -> Result<Self, FileError> {
        let bytes = source.seek(SeekFrom::End(0)).map_err(|error| unreadable(&error))?;
        Ok(Self { source, bytes, format })
    }

    pub(crate) fn format(&self) -> &'static str {
        self.format
    }

    /// Whether `length` bytes are there.
    pub(crate) fn holds(&self, at: u64, length: u64) -> bool {
        at.checked_add(length).is_some_and(|end| end <= self.bytes)
    }

    /// `length` bytes, of which the caller knows that they are few.
    pub(crate) fn piece(&mut self, at: u64, length: usize, what: &'static str) -> Result<Vec<u8>, FileError> {
        if !self.holds(at, u64::try_from(length).unwrap_or(u64::MAX)) {
            return Err(FileError::Cut { format: self.format, what });
        }
        self.source.seek(SeekFrom::Start(at)).map_err(|error| unreadable(&error))?;
        let mut bytes = vec![0; length];
        self.source.read_exact(&mut bytes).map_err(|error| unreadable(&error))?;
        Ok(bytes)
    }

    pub(crate) fn record(
        &mut self,
        at: u64,
        length: usize,
        name: &'static str,
        order: Order,
    ) -> Result<Record, FileError> {
        let bytes = self.piece(at, length, name)?;
        Ok(Record { bytes, order, format: self.format, name: name.to_owned() })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

/// One record. A field behind its end is zero: offsets are constants, and a test reads each of them.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) bytes: Vec<u8>,
    pub(crate) order: Order,
    pub(crate) format: &'static str,
    /// For errors: `header`, `layer 12`.
    pub(crate) name: String,
}

impl Record {
    fn take<const N: usize>(&self, at: usize) -> [u8; N] {
        let field = at.checked_add(N).and_then(|end| self.bytes.get(at..end));
        field.and_then(|field| field.try_into().ok()).unwrap_or([0; N])
    }

    pub(crate) fn byte(&self, at: usize) -> u8 {
        let [byte] = self.take(at);
        byte
    }

    pub(crate) fn half(&self, at: usize) -> u16 {
        match self.order {
            Order::Little => u16::from_le_bytes(self.take(at)),
            Order::Big => u16::from_be_bytes(self.take(at)),
        }
    }

    pub(crate) fn word(&self, at: usize) -> u32 {
        match self.order {
            Order::Little => u32::from_le_bytes(self.take(at)),
            Order::Big => u32::from_be_bytes(self.take(at)),
        }
    }

    /// A text of `length` bytes that zeros end, without what no screen shows.
    pub(crate) fn text(&self, at: usize, length: usize) -> Option<String> {
        let bytes = self.bytes.get(at..at.checked_add(length)?)?;
        text(bytes)
    }

    pub(crate) fn wrong(&self, field: &str, what: impl Into<String>) -> FileError {
        FileError::Value { format: self.format, place: format!("{}, {field}", self.name), what: what.into() }
    }

    /// A number that is none, or below zero, is refused: no field of these tables may be.
    pub(crate) fn number(&self, at: usize, field: &str) -> Result<f64, FileError> {
        let number = f64::from(f32::from_bits(self.word(at)));
        if number.is_finite() && number >= 0.0 {
            return Ok(number);
        }
        Err(self.wrong(field, format!("{number}")))
    }

    pub(crate) fn length(&self, at: usize, field: &str) -> Result<Micrometres, FileError> {
        let millimetres = self.number(at, field)?;
        Micrometres::of_millimetres(millimetres)
            .ok_or_else(|| self.wrong(field, format!("{millimetres} mm is longer than any printer")))
    }

    pub(crate) fn time(&self, at: usize, field: &str) -> Result<Milliseconds, FileError> {
        let seconds = self.number(at, field)?;
        Milliseconds::of_seconds(seconds)
            .ok_or_else(|| self.wrong(field, format!("{seconds} s is longer than a day")))
    }

    /// In mm/min. Zero is not said.
    pub(crate) fn speed(&self, at: usize, field: &str) -> Result<Option<MicrometresPerSecond>, FileError> {
        let speed = self.number(at, field)?;
        if speed == 0.0 {
            return Ok(None);
        }
        MicrometresPerSecond::of_millimetres_per_minute(speed)
            .map(Some)
            .ok_or_else(|| self.wrong(field, format!("nothing moves at {speed} mm/min")))
    }

    /// A brightness, of 255.
    pub(crate) fn light(&self, at: usize, field: &str) -> Result<u8, FileError> {
        let light = self.half(at);
        u8::try_from(light).map_err(|_| self.wrong(field, format!("{light} of 255")))
    }
}

/// What a person may read of bytes that a zero ends; nothing where there is nothing.
pub(crate) fn text(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let text: String =
        String::from_utf8_lossy(bytes.get(..end)?).chars().filter(|c| !c.is_control()).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A mask that runs fill from its first point to its last.
#[derive(Debug)]
pub(crate) struct Fill<'a> {
    left: &'a mut [u8],
    points: u64,
}

impl<'a> Fill<'a> {
    /// All of it dark. `points` were held to the limit by the reader of the tables.
    pub(crate) fn new(mask: &'a mut Mask, [width, height]: [u32; 2]) -> Result<Self, String> {
        let points = u64::from(width) * u64::from(height);
        let length = usize::try_from(points).map_err(|_| "has more points than memory".to_owned())?;
        mask.width = width;
        mask.height = height;
        mask.grey.clear();
        mask.grey.resize(length, 0);
        Ok(Self { left: &mut mask.grey, points })
    }

    /// Over the same points once more.
    pub(crate) fn again(grey: &'a mut [u8]) -> Self {
        Self { points: u64::try_from(grey.len()).unwrap_or(u64::MAX), left: grey }
    }

    /// The next `length` points, by what they become of what they were.
    pub(crate) fn run(&mut self, length: u64, change: impl Fn(u8) -> u8) -> Result<(), String> {
        let run = usize::try_from(length).ok().and_then(|length| {
            let (run, left) = std::mem::take(&mut self.left).split_at_mut_checked(length)?;
            self.left = left;
            Some(run)
        });
        let Some(run) = run else {
            return Err(format!("has more than the {} points of its display", self.points));
        };
        run.iter_mut().for_each(|point| *point = change(*point));
        Ok(())
    }

    /// A board may print what was in its memory where a picture ends early, so all of it has to be said.
    pub(crate) fn end(self) -> Result<(), String> {
        match self.left.len() {
            0 => Ok(()),
            left => Err(format!("ends {left} points before the last of {}", self.points)),
        }
    }
}
