//! Words that somebody may be called by, and that are said of material and machines every day.
//!
//! They tell nobody where they stand alone: among thousands of people somebody is always called White. With the rest
//! of the name beside it, it is found all the same. Words of three letters and less count as such without a list.

/// In their order, in English and German, as words are compared.
#[rustfmt::skip]
const COMMON: [&str; 840] = [
    "aber", "about", "above", "acid", "after", "again", "alles", "also", "amber", "ampere", "aorta",
    "april", "auch", "august", "autumn", "bach", "back", "bacon", "ball", "balls", "bank", "banks",
    "banner", "barn", "base", "bass", "batch", "bead", "beads", "bean", "beans", "beard", "been", "before",
    "begin", "bein", "bell", "bells", "below", "belt", "belts", "bender", "berg", "berry", "best", "better",
    "bill", "binder", "bird", "birds", "bishop", "black", "blade", "blades", "blank", "blau", "blob",
    "blobs", "blue", "board", "body", "bolt", "bolts", "bone", "bones", "both", "bowl", "bowls", "boxes",
    "brace", "branch", "brass", "braun", "bridge", "bridges", "bright", "bronze", "brook", "brooks",
    "brown", "brush", "brushes", "bubble", "bubbles", "burn", "burns", "bush", "cable", "cables", "came",
    "carbon", "card", "cards", "case", "cases", "cash", "cast", "casts", "center", "centre", "ceramic",
    "chain", "chains", "chair", "chamber", "chambers", "change", "changes", "check", "checks", "cherry",
    "chest", "chip", "chips", "church", "clamp", "clamps", "clay", "clean", "clear", "clog", "clogs",
    "close", "closed", "cloth", "cloud", "code", "coil", "cold", "come", "comes", "common", "cool",
    "cooler", "cooling", "copper", "coral", "corner", "corners", "cost", "could", "court", "crack",
    "cracks", "cream", "cross", "curer", "cutter", "cutting", "dann", "dark", "data", "date", "dates",
    "december", "defekt", "degli", "dell", "della", "delle", "desk", "dezember", "dienstag", "dirty",
    "disk", "does", "done", "donnerstag", "door", "doors", "dort", "draht", "drill", "drip", "drive",
    "driver", "drivers", "drop", "drops", "druck", "drucker", "dryer", "dust", "each", "early", "east",
    "ecke", "edge", "edges", "eight", "eine", "einen", "eleven", "else", "empty", "ende", "ending", "ends",
    "error", "errors", "even", "ever", "every", "extruder", "face", "fail", "failed", "fails", "fall",
    "false", "fans", "fast", "fault", "faults", "februar", "february", "feet", "feld", "femur", "fiber",
    "fibre", "field", "fields", "filament", "file", "files", "film", "filter", "filters", "find", "finder",
    "fine", "fire", "fires", "first", "fish", "five", "floor", "flower", "flowers", "folder", "foot",
    "ford", "forge", "form", "forms", "found", "four", "frame", "free", "freitag", "fresh", "friday",
    "friend", "frisch", "from", "front", "frost", "fruehling", "fruhling", "fuer", "full", "fuse", "fuses",
    "fuss", "gaps", "gate", "gates", "gave", "gear", "gears", "gelb", "general", "gerade", "gestern",
    "gift", "ginger", "give", "given", "glas", "glass", "glue", "goes", "gold", "golden", "gone", "good",
    "grau", "gray", "grease", "great", "green", "grey", "grinder", "gross", "gruen", "grun", "guest",
    "guide", "guides", "haben", "half", "hall", "halls", "hammer", "hand", "hands", "harbor", "hard",
    "hatte", "have", "head", "heart", "heat", "heater", "heiss", "held", "herbst", "here", "hertz", "herz",
    "heute", "hier", "high", "hill", "hills", "hoch", "hold", "holder", "holders", "hole", "holes", "holz",
    "home", "hook", "hooks", "hope", "hose", "hotend", "house", "houses", "hundred", "image", "images",
    "immer", "into", "iron", "ivory", "jack", "jade", "jams", "januar", "january", "joule", "juli", "july",
    "jumper", "june", "jung", "juni", "just", "kalt", "kante", "keep", "kein", "keine", "kelvin", "kept",
    "kette", "keys", "kind", "kinds", "king", "klein", "knife", "knight", "knives", "kopf", "krumm", "kurz",
    "label", "labels", "lady", "lager", "lake", "lamb", "lane", "lang", "large", "last", "late", "layer",
    "layers", "lead", "leaf", "leak", "leaks", "leer", "left", "legg", "level", "levels", "licht", "light",
    "lights", "like", "lime", "line", "lines", "link", "list", "lists", "little", "loader", "lock", "locks",
    "long", "look", "looked", "looks", "loose", "loss", "lots", "love", "lower", "luck", "made", "maerz",
    "make", "makes", "many", "march", "mark", "marks", "marsh", "marz", "mask", "masks", "mean", "means",
    "messer", "metal", "middle", "might", "miles", "mill", "mills", "minor", "mittwoch", "mixer", "model",
    "models", "mold", "monday", "montag", "month", "more", "morgen", "morning", "moss", "most", "motor",
    "mould", "much", "must", "nach", "nachher", "nagel", "nail", "nails", "name", "names", "neben", "neck",
    "need", "needs", "newton", "next", "nicht", "nick", "night", "nine", "noble", "noch", "noise", "noon",
    "nord", "norm", "normal", "north", "nose", "note", "notes", "november", "nozzle", "number", "nuts",
    "nutt", "nylon", "october", "oder", "offen", "ohne", "oktober", "olive", "once", "only", "open",
    "opened", "orange", "order", "orders", "other", "ours", "over", "pack", "packs", "page", "pale",
    "paper", "park", "parks", "part", "parts", "pascal", "pearl", "pelvis", "pencil", "pepper", "photo",
    "piece", "pieces", "pine", "pink", "plain", "plate", "plates", "platte", "plug", "point", "points",
    "polish", "poly", "pope", "port", "powder", "power", "powers", "price", "print", "printed", "printer",
    "prints", "private", "probe", "public", "pump", "purple", "queen", "quick", "rack", "rahmen", "rail",
    "rails", "rain", "rand", "read", "reads", "ready", "real", "rear", "reed", "reeds", "reel", "regen",
    "resin", "rice", "rich", "richter", "rider", "riemen", "right", "ring", "rings", "river", "rivers",
    "road", "roads", "rods", "roll", "rolle", "rolls", "room", "rooms", "root", "roots", "rose", "roth",
    "rough", "rubber", "ruby", "runner", "rush", "safe", "said", "salt", "same", "samstag", "sand",
    "sander", "saturday", "sauber", "save", "saws", "says", "scan", "scanner", "scans", "scar", "scars",
    "schnee", "schnell", "schon", "schwarz", "scratch", "screw", "screws", "second", "seen", "sehr", "self",
    "send", "sent", "september", "seven", "shaft", "shall", "sharp", "sheet", "sheets", "shelf", "shift",
    "shifts", "ship", "shipped", "shop", "short", "should", "shut", "side", "sides", "silber", "silver",
    "sind", "size", "sizes", "skin", "skip", "skull", "slow", "small", "smell", "smoke", "smooth", "snow",
    "socket", "soft", "some", "sonntag", "sound", "south", "special", "spiegel", "spine", "splint", "spool",
    "spot", "spots", "sprayer", "spring", "springs", "spule", "staff", "stahl", "stain", "stains", "stark",
    "start", "steel", "stein", "step", "steps", "still", "stock", "stone", "stones", "stop", "stops",
    "store", "stores", "storm", "street", "string", "strings", "strong", "such", "sued", "sugar", "summer",
    "sunday", "sure", "swift", "table", "take", "taken", "tank", "tape", "team", "teil", "tell", "temple",
    "tesla", "test", "tests", "than", "that", "their", "them", "then", "there", "these", "they", "third",
    "this", "thorax", "those", "thousand", "three", "thursday", "tibia", "tief", "tight", "time", "times",
    "today", "told", "took", "towel", "tower", "towers", "tray", "trays", "tree", "trees", "trip", "true",
    "tuesday", "turn", "turner", "turns", "twelve", "twice", "type", "types", "uber", "ueber", "under",
    "unter", "upper", "used", "user", "users", "uses", "usual", "valve", "vein", "vent", "very", "view",
    "views", "violet", "voll", "volt", "vorher", "wald", "wall", "walls", "want", "ward", "wards", "warm",
    "warp", "washer", "water", "waters", "watt", "wear", "wednesday", "week", "weeks", "weiss", "well",
    "wells", "wenn", "went", "west", "what", "when", "which", "while", "white", "whole", "wieder", "will",
    "wills", "wind", "winder", "winds", "winter", "wird", "wire", "wires", "wise", "with", "without",
    "woche", "wood", "woods", "work", "worked", "works", "worn", "would", "wright", "write", "wurde",
    "yellow", "young", "your", "zange",
];

/// Whether a word, as names are compared, is one of them.
pub(super) fn is_common(word: &str) -> bool {
    COMMON.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::privacy::words::{Umlaut, canonical};

    #[test]
    fn the_list_is_in_the_order_in_which_it_is_searched_and_written_as_words_are_compared() {
        assert!(COMMON.windows(2).all(|pair| pair[0] < pair[1]));
        for word in COMMON {
            assert_eq!(canonical(word, Umlaut::Bare).as_str(), word);
            assert!(word.len() > 3, "{word}");
        }
        assert!(is_common("white") && is_common("braun") && !is_common("quimby"));
    }
}
