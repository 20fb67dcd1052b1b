//! What differs between firmwares, as data: found from `M115` and from how the board behaves.

/// What a host may rely on. Begins with the least and learns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dialect {
    /// `ok N…` was seen: acknowledgements name their line. There is no capability for it.
    pub advanced_ok: bool,
    /// `Cap:AUTOREPORT_TEMP:1`: `M155 S<s>` reports by itself.
    pub autoreport_temperature: bool,
    /// `Cap:EMERGENCY_PARSER:1`: `M112` and `M108` act even when the queue is full.
    pub emergency_parser: bool,
    /// `Cap:PROMPT_SUPPORT:1`
    pub prompts: bool,
    /// `Cap:ARCS:1`
    pub arcs: bool,
    /// Seen `busy:`: the board says so while it works, so silence means something.
    pub says_busy: bool,
}

impl Dialect {
    /// Takes in one `Cap:` line.
    pub fn learn(&mut self, capability: &str, able: bool) {
        match capability {
            "AUTOREPORT_TEMP" => self.autoreport_temperature = able,
            "EMERGENCY_PARSER" => self.emergency_parser = able,
            "PROMPT_SUPPORT" => self.prompts = able,
            "ARCS" => self.arcs = able,
            _ => {}
        }
    }
}
