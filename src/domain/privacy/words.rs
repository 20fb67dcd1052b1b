//! Words as they are compared, and the words that a file's name may keep.

use std::fmt;
use std::ops::Range;

use zeroize::Zeroizing;

use super::pieces::plain;

/// How an umlaut is written where there is none to write.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Umlaut {
    /// Müller is Muller.
    Bare,
    /// Müller is Mueller.
    Spelt,
}

/// A word without case and accents.
pub(super) fn canonical(word: &str, umlaut: Umlaut) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(word.len() * 3));
    for c in word.chars().map(plain).flat_map(char::to_lowercase) {
        let bare = match c {
            'à'..='å' | 'ā' | 'ă' | 'ą' | 'æ' => 'a',
            'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => 'c',
            'ď' | 'đ' | 'ð' => 'd',
            'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => 'e',
            'ĝ' | 'ğ' | 'ġ' | 'ģ' => 'g',
            'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => 'i',
            'ł' | 'ĺ' | 'ļ' | 'ľ' => 'l',
            'ñ' | 'ń' | 'ņ' | 'ň' => 'n',
            'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' | 'œ' => 'o',
            'ŕ' | 'ŗ' | 'ř' => 'r',
            'ś' | 'ŝ' | 'ş' | 'š' | 'ș' | 'ß' => 's',
            'ţ' | 'ť' | 'ŧ' | 'ț' | 'þ' => 't',
            'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => 'u',
            'ý' | 'ÿ' => 'y',
            'ź' | 'ż' | 'ž' => 'z',
            // A combining accent, or a sign that nobody sees.
            c if !c.is_alphabetic() => continue,
            c => c,
        };
        out.push(bare);
        match c {
            'ß' => out.push('s'),
            'þ' => out.push('h'),
            'ä' | 'ö' | 'ü' | 'æ' | 'ø' | 'œ' if umlaut == Umlaut::Spelt => out.push('e'),
            _ => {}
        }
    }
    out
}

/// The Latin letter that one of Cyrillic or Greek is drawn like.
pub(super) fn drawn_like(c: char) -> char {
    match c {
        '\u{391}' | '\u{410}' => 'A',
        '\u{392}' | '\u{412}' => 'B',
        '\u{421}' => 'C',
        '\u{395}' | '\u{415}' => 'E',
        '\u{397}' | '\u{41d}' => 'H',
        '\u{399}' | '\u{406}' => 'I',
        '\u{408}' => 'J',
        '\u{39a}' | '\u{41a}' => 'K',
        '\u{39c}' | '\u{41c}' => 'M',
        '\u{39d}' => 'N',
        '\u{39f}' | '\u{41e}' => 'O',
        '\u{3a1}' | '\u{420}' => 'P',
        '\u{405}' => 'S',
        '\u{3a4}' | '\u{422}' => 'T',
        '\u{3a7}' | '\u{425}' => 'X',
        '\u{3a5}' | '\u{423}' => 'Y',
        '\u{396}' => 'Z',
        '\u{3b1}' | '\u{430}' => 'a',
        '\u{432}' => 'b',
        '\u{441}' => 'c',
        '\u{501}' => 'd',
        '\u{435}' => 'e',
        '\u{43d}' | '\u{4bb}' => 'h',
        '\u{3b9}' | '\u{456}' => 'i',
        '\u{458}' => 'j',
        '\u{3ba}' | '\u{43a}' => 'k',
        '\u{43c}' => 'm',
        '\u{3bf}' | '\u{43e}' => 'o',
        '\u{3c1}' | '\u{440}' => 'p',
        '\u{455}' => 's',
        '\u{442}' => 't',
        '\u{3bd}' => 'v',
        '\u{445}' => 'x',
        '\u{443}' => 'y',
        c => c,
    }
}

/// The words of `DoeJane` and `JDoe`, told apart where a capital follows a small letter or begins a word.
pub(super) fn split_case(run: &str) -> Vec<Range<usize>> {
    let chars: Vec<(usize, char)> = run.char_indices().collect();
    let mut cuts = vec![0];
    for n in 1..chars.len() {
        let (before, (at, here)) = (chars[n - 1].1, chars[n]);
        let after = chars.get(n + 1).map(|(_, c)| *c);
        let begins = here.is_uppercase() && (before.is_lowercase() || after.is_some_and(char::is_lowercase));
        if begins {
            cuts.push(at);
        }
    }
    cuts.push(run.len());
    cuts.windows(2).map(|cut| cut[0]..cut[1]).collect()
}

/// The words that a file's name may keep: of bodies, of labs, of files. None of them says who somebody is.
const HARMLESS: [&str; 127] = [
    "abdomen",
    "airway",
    "anatomy",
    "aneurysm",
    "ankle",
    "anterior",
    "aorta",
    "arch",
    "artery",
    "assembly",
    "atrium",
    "base",
    "biomodel",
    "bone",
    "brace",
    "bracket",
    "brain",
    "bronchus",
    "calcaneus",
    "cardiac",
    "carpal",
    "cartilage",
    "cast",
    "clavicle",
    "coil",
    "component",
    "condyle",
    "coronary",
    "coupon",
    "cranial",
    "cranium",
    "cut",
    "cutting",
    "cylinder",
    "dental",
    "disc",
    "distal",
    "drill",
    "elbow",
    "face",
    "femoral",
    "femur",
    "fibula",
    "final",
    "fixture",
    "foot",
    "forearm",
    "fracture",
    "frontal",
    "full",
    "guide",
    "hand",
    "handle",
    "heart",
    "hip",
    "holder",
    "humerus",
    "implant",
    "inferior",
    "jaw",
    "jig",
    "joint",
    "kidney",
    "knee",
    "lateral",
    "left",
    "liver",
    "lower",
    "lumbar",
    "lung",
    "mandible",
    "marker",
    "mask",
    "maxilla",
    "medial",
    "mirrored",
    "model",
    "mold",
    "mould",
    "nasal",
    "orbit",
    "pancreas",
    "part",
    "patella",
    "pelvis",
    "phantom",
    "plan",
    "plate",
    "posterior",
    "prostate",
    "proximal",
    "radius",
    "resection",
    "rib",
    "right",
    "sacrum",
    "saw",
    "scapula",
    "septum",
    "shoulder",
    "sinus",
    "skull",
    "sleeve",
    "sling",
    "spine",
    "spleen",
    "splint",
    "stand",
    "sternum",
    "stomach",
    "superior",
    "support",
    "talus",
    "template",
    "test",
    "thorax",
    "tibia",
    "trachea",
    "tray",
    "tumor",
    "tumour",
    "ulna",
    "upper",
    "valve",
    "vein",
    "ventricle",
    "vertebra",
];

/// What the name of a file may end with: what platen takes in.
const ENDINGS: [&str; 14] = [
    "gcode", "gco", "g", "bgcode", "stl", "obj", "3mf", "sl1", "sl1s", "ctb", "cbddlp", "photon", "goo",
    "nanodlp",
];

/// The longest name that is kept.
const LONGEST: usize = 48;

/// A file's name of which nobody can be told: words of one list, numbers of versions, a known ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafeName(String);

impl SafeName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What may be kept of the name of a file that came from outside. Names of people cannot be told from other words,
/// so what stays is what is known to be harmless: `Doe_Jane_LeftFemur_v2.STL` becomes `left-femur-v2.stl`.
pub fn strip_file_name(name: &str) -> SafeName {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) => (stem, Some(ending.to_ascii_lowercase())),
        None => (name, None),
    };
    let ending = ending.filter(|ending| ENDINGS.contains(&ending.as_str()));
    let mut kept = String::new();
    for run in stem.split(|c: char| !c.is_ascii_alphanumeric()) {
        for word in split_case(run).into_iter().map(|at| run[at].to_ascii_lowercase()) {
            let fits = kept.len() + 1 + word.len() <= LONGEST;
            if fits && (HARMLESS.binary_search(&word.as_str()).is_ok() || is_version(&word)) {
                if !kept.is_empty() {
                    kept.push('-');
                }
                kept.push_str(&word);
            }
        }
    }
    if kept.is_empty() {
        kept.push_str("file");
    }
    SafeName(match ending {
        Some(ending) => format!("{kept}.{ending}"),
        None => kept,
    })
}

/// `v2`, `r12`.
fn is_version(word: &str) -> bool {
    let digits = word.strip_prefix(['v', 'r']).unwrap_or_default();
    (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_the_order_in_which_it_is_searched() {
        assert!(HARMLESS.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn words_are_told_apart_by_their_capitals() {
        let split = |run: &'static str| split_case(run).into_iter().map(|at| &run[at]).collect::<Vec<_>>();
        assert_eq!(split("DoeJane"), ["Doe", "Jane"]);
        assert_eq!(split("leftFemur"), ["left", "Femur"]);
        assert_eq!(split("CTScan"), ["CT", "Scan"]);
        assert_eq!(split("DOE"), ["DOE"]);
        assert_eq!(split("ÄrzteÖl"), ["Ärzte", "Öl"]);
        assert_eq!(split("").len(), 1);
    }

    #[test]
    fn a_word_is_compared_without_case_and_accents() {
        let both = |word| [Umlaut::Bare, Umlaut::Spelt].map(|umlaut| canonical(word, umlaut).to_string());
        assert_eq!(both("MÜLLER"), ["muller", "mueller"]);
        assert_eq!(both("Mu\u{308}l\u{ad}ler"), ["muller", "muller"]);
        assert_eq!(both("Groß"), ["gross", "gross"]);
        assert_eq!(both("Núñez"), both("NUNEZ"));
        assert_eq!(both("Søren"), ["soren", "soeren"]);
        assert_eq!(both("O'Brien-4"), ["obrien", "obrien"]);
        assert_eq!(both("\u{ff2d}\u{fc}\u{1d425}"), ["mul", "muel"]);
    }

    #[test]
    fn letters_of_other_scripts_are_drawn_like_latin_ones() {
        let latin = |word: &str| word.chars().map(drawn_like).collect::<String>();
        assert_eq!(latin("\u{410}nn\u{430} Whit\u{435}f\u{456}eld"), "Anna Whitefield");
        assert_eq!(latin("\u{392}\u{395}\u{39d}\u{3bf}\u{3bd}"), "BENov");
        assert_eq!(latin("M\u{fc}ller \u{436}\u{3c9}"), "M\u{fc}ller \u{436}\u{3c9}");
    }

    #[test]
    fn a_file_keeps_the_harmless_words_of_its_name() {
        let cases = [
            ("Doe_Jane_LeftFemur_v2.STL", "left-femur-v2.stl"),
            ("SMITH-JOHN-4711-mandible guide.3mf", "mandible-guide.3mf"),
            ("C:\\Patients\\Doe\\skull.obj", "skull.obj"),
            ("/home/doe/1960-05-12/heart_r12.sl1", "heart-r12.sl1"),
            ("4711.gcode", "file.gcode"),
            ("..", "file"),
            ("", "file"),
            ("guide.doe", "guide"),
            ("rib\u{202e}lts.stl", "rib.stl"),
        ];
        for (given, kept) in cases {
            assert_eq!(strip_file_name(given).as_str(), kept, "{given}");
        }
        assert!(strip_file_name(&"skull-".repeat(1000)).as_str().len() <= LONGEST);
    }
}
