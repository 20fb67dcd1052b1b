//! A question of the firmware to whoever stands there, as its host actions spell it line by line.
//!
//! ```text
//!  (none) ──prompt_begin──▶ told ──prompt_show──▶ shown ──prompt_end, or the job goes on──▶ (none)
//! ```
//! Marlin never ends its notes (`Resuming`, with a button to dismiss it): a host is to take them away.
//! Its words are hostile: bounded, printable, and shown as what the firmware says, never taken as a state.

use crate::domain::printer::Prompt;
use crate::protocol::reply::PromptLine;

/// Marlin shows two buttons at most; a person can tell no more apart.
pub const BUTTONS_MAX: usize = 8;

#[derive(Clone, Debug, Default)]
pub struct Prompter {
    told: Option<Prompt>,
    /// Lines that were done when it was shown.
    shown: Option<u32>,
}

impl Prompter {
    /// `acked` lines are done by now.
    pub fn handle(&mut self, line: PromptLine, acked: u32) {
        match line {
            PromptLine::Begin(text) => {
                self.told = Some(Prompt { text, buttons: Vec::new() });
                self.shown = None;
            }
            PromptLine::Button(label) => {
                if let Some(prompt) = self.told.as_mut().filter(|prompt| prompt.buttons.len() < BUTTONS_MAX) {
                    prompt.buttons.push(label);
                }
            }
            PromptLine::Show => self.shown = self.told.is_some().then_some(acked),
            PromptLine::End => self.clear(),
        }
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// A board that has done something since it asked, and is not paused, waits for no answer.
    pub fn goes_on(&mut self, acked: u32) {
        if self.shown.is_some_and(|shown| acked > shown) {
            self.clear();
        }
    }

    /// What is asked now.
    pub fn shown(&self) -> Option<&Prompt> {
        self.told.as_ref().filter(|_| self.shown.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::reply::Reply;

    fn told(lines: &[&str]) -> Option<Prompt> {
        let mut prompter = Prompter::default();
        for line in lines {
            if let Reply::Prompt(line) = Reply::parse(line.as_bytes()) {
                prompter.handle(line, 0);
            }
        }
        prompter.shown().cloned()
    }

    const BEGIN: &str = "//action:prompt_begin Paused";

    #[test]
    fn a_prompt_is_shown_with_its_buttons_in_order_until_it_ends() {
        let lines = [BEGIN, "//action:prompt_button PurgeMore", "// action:prompt_button Continue"];
        assert_eq!(told(&lines), None, "not shown yet");
        let shown = told(&[lines[0], lines[1], lines[2], "//action:prompt_show"]).unwrap();
        assert_eq!(
            (shown.text.as_str(), shown.buttons),
            ("Paused", vec!["PurgeMore".into(), "Continue".into()])
        );
        assert_eq!(told(&[BEGIN, "//action:prompt_show", "//action:prompt_end"]), None);
        assert_eq!(told(&["//action:prompt_show"]), None);
    }

    #[test]
    fn hostile_words_of_a_prompt_are_bounded_and_plain() {
        let long = format!("//action:prompt_begin {}", "A".repeat(10_000));
        assert!(told(&[&long, "//action:prompt_show"]).unwrap().text.len() <= 60);
        let escapes = "//action:prompt_begin \u{1b}[2J\u{7}\u{202e}gnp.exe<script>alert(1)</script>";
        let text = told(&[escapes, "//action:prompt_show"]).unwrap().text;
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{text:?}");
        let mut lines = vec![BEGIN];
        lines.extend(["//action:prompt_button x"; 500]);
        lines.push("//action:prompt_show");
        assert_eq!(told(&lines).unwrap().buttons.len(), BUTTONS_MAX);
    }
}
