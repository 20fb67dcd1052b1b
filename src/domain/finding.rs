//! What speaks against a file or a model: a code that stays, how much it counts, what it is and what to do.

/// How much a finding counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Printed only if a person accepts it by its code.
    Warning,
    /// Not printed.
    Error,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Stays the same over versions: `volume.extrusion`.
    pub code: &'static str,
    pub severity: Severity,
    /// Where it shows first; absent where it is about the file as a whole.
    pub line: Option<u64>,
    pub what: String,
    pub help: &'static str,
}

/// What a person has still to accept, or cannot: errors, and warnings whose code is not among `accepted`.
pub fn refused<'f>(findings: &'f [Finding], accepted: &[String]) -> Vec<&'f Finding> {
    let open = |f: &&Finding| f.severity == Severity::Error || !accepted.iter().any(|code| code == f.code);
    findings.iter().filter(open).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_can_be_accepted_by_its_code_and_an_error_cannot() {
        let finding = |code, severity| Finding { code, severity, line: None, what: "x".into(), help: "y" };
        let all = [finding("a", Severity::Error), finding("b", Severity::Warning)];
        let open = |accepted: &[&str]| {
            let accepted: Vec<String> = accepted.iter().map(|code| (*code).to_owned()).collect();
            refused(&all, &accepted).iter().map(|finding| finding.code).collect::<Vec<_>>()
        };
        assert_eq!(open(&[]), ["a", "b"]);
        assert_eq!(open(&["b"]), ["a"]);
        assert_eq!(open(&["a", "b"]), ["a"]);
    }
}
