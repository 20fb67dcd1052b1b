//! A sliced file without the filament that lies beside the part (skirt, brim, supports), to measure the part itself.
//!
//! PrusaSlicer says before each stretch what it is (`;TYPE:`). Beside the part, moves stay and their filament goes.

/// Stretches that are not the part.
const BESIDE: [&[u8]; 7] = [
    b"Skirt",
    b"Skirt/Brim",
    b"Brim",
    b"Support material",
    b"Support material interface",
    b"Wipe tower",
    b"Custom",
];

const MOVES: [&[u8]; 4] = [b"G0 ", b"G1 ", b"G2 ", b"G3 "];

/// Takes a file block by block and gives its lines on.
#[derive(Clone, Debug, Default)]
pub struct PartOnly {
    /// A line whose end is not there yet.
    held: Vec<u8>,
    beside: bool,
}

impl PartOnly {
    /// Whole lines are added to `out`.
    pub fn feed(&mut self, block: &[u8], out: &mut Vec<u8>) {
        let mut rest = block;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line;
            (line, rest) = rest.split_at(end + 1);
            if self.held.is_empty() {
                self.line(line, out);
            } else {
                let mut whole = std::mem::take(&mut self.held);
                whole.extend_from_slice(line);
                self.line(&whole, out);
            }
        }
        self.held.extend_from_slice(rest);
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        if let Some(kind) = line.strip_prefix(b";TYPE:") {
            self.beside = BESIDE.contains(&kind.trim_ascii());
        }
        // `G92 E0` without its word would be another command.
        if !self.beside || !MOVES.iter().any(|code| line.starts_with(code)) {
            return out.extend_from_slice(line);
        }
        for word in line.split_inclusive(|byte| *byte == b' ') {
            match word.first() {
                Some(b'E') if word.ends_with(b"\n") => out.push(b'\n'),
                Some(b'E') => {}
                _ => out.extend_from_slice(word),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_the_part_moves_stay_and_their_filament_goes_however_the_file_is_cut_into_blocks() {
        let file = b"G1 X1 E1\n;TYPE:Skirt/Brim\nG1 X2 Y3 E.5\nG1 X3 E4 F600\nG92 E0\nM104 S200\n;TYPE:Perimeter\nG1 X4 E1\n\
                     ;TYPE:Support material interface\nG1 X5 E1\n;TYPE:External perimeter\nG1 X6 E2\n";
        let wanted =
            b"G1 X1 E1\n;TYPE:Skirt/Brim\nG1 X2 Y3 \nG1 X3 F600\nG92 E0\nM104 S200\n;TYPE:Perimeter\nG1 X4 E1\n\
                     ;TYPE:Support material interface\nG1 X5 \n;TYPE:External perimeter\nG1 X6 E2\n";
        for size in [1, 7, 4_096] {
            let (mut part, mut out) = (PartOnly::default(), Vec::new());
            file.chunks(size).for_each(|block| part.feed(block, &mut out));
            assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(wanted), "{size}");
        }
    }
}
