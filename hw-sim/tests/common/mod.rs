//! A plain host for the tests of the simulator: one line at a time, numbered, sent again when asked or unanswered.

use hw_sim::rig::Rig;

/// Silence after which the host sends its line again, µs.
const PATIENCE_US: u64 = 4_000_000;

pub struct Host {
    pub heard: Vec<String>,
    pub longest_queue: u64,
    partial: Vec<u8>,
}

impl Host {
    pub fn new() -> Self {
        Self { heard: Vec::new(), longest_queue: 0, partial: Vec::new() }
    }

    /// Streams the lines from number 1 on; gives the time at the end, or nothing if it takes too long.
    pub fn stream(&mut self, rig: &mut Rig, lines: &[&str], give_up_us: u64) -> Option<u64> {
        let mut now_us = rig.now_us();
        let numbered = |at: usize| {
            let text = if at == 0 { "N0 M110 N0".to_owned() } else { format!("N{at} {}", lines[at - 1]) };
            let sum = text.bytes().fold(0, |sum, byte| sum ^ byte);
            format!("{text}*{sum}\n")
        };
        let mut at = 0;
        while at <= lines.len() {
            rig.host_write(now_us, numbered(at).as_bytes());
            self.longest_queue = self.longest_queue.max(rig.queued_bytes());
            let mut deadline_us = now_us + PATIENCE_US;
            loop {
                now_us = rig.run_until_output(deadline_us);
                if now_us > give_up_us {
                    return None;
                }
                let said = self.hear(rig, now_us);
                if said.iter().any(|line| line.starts_with("echo:busy") || line.starts_with(" T:")) {
                    deadline_us = now_us + PATIENCE_US;
                }
                let wanted = format!("ok N{at} ");
                if said.iter().any(|line| line.starts_with(&wanted)) {
                    at += 1;
                    break;
                }
                // The board names the line it wants: this one again, or the next if only our `ok` was lost.
                let asked =
                    said.iter().rev().find_map(|line| line.strip_prefix("Resend: ")?.parse::<usize>().ok());
                if let Some(asked) = asked.filter(|asked| *asked == at || *asked == at + 1) {
                    at = asked;
                    break;
                }
                if now_us >= deadline_us {
                    // A number far ahead makes the board say where it stands, and harms nothing.
                    let probe = "\nN999999 M105*23\n";
                    rig.host_write(now_us, probe.as_bytes());
                    deadline_us = now_us + PATIENCE_US;
                }
            }
        }
        Some(now_us)
    }

    pub fn hear(&mut self, rig: &mut Rig, now_us: u64) -> Vec<String> {
        let mut said = Vec::new();
        for byte in rig.host_read(now_us) {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.partial);
                said.push(String::from_utf8_lossy(&line).into_owned());
            } else {
                self.partial.push(byte);
            }
        }
        self.heard.extend(said.iter().cloned());
        said
    }
}
