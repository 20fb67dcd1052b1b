//! The console of one printer: what its level lets through, for who may send commands at all.

use maud::{Markup, html};

use super::{Shown, farm, kit, prints_alone};
use crate::api::ui::viewer::Viewer;
use crate::api::ui::words::{common, printer as words};
use crate::domain::people::roles::Permission;
use crate::gcode::commands::{CONSOLE_MAX, Code, Level, OnConsole, TABLE};

/// What can be typed there: the code, what it does, and what it needs.
fn taken(level: Level, allowed: &[Code]) -> Vec<(Code, &'static str, OnConsole)> {
    let goes = |console: OnConsole, code: Code| match console {
        OnConsole::Read | OnConsole::ReadIdle => level >= Level::Read,
        OnConsole::Service | OnConsole::ServiceBedClear | OnConsole::ServiceHeat(_) => {
            level == Level::Service
        }
        OnConsole::IfAllowed => level == Level::Service && allowed.contains(&code),
        OnConsole::Never => false,
    };
    let rules = TABLE.iter().filter(|rule| goes(rule.console, rule.code));
    rules.map(|rule| (rule.code, rule.does, rule.console)).collect()
}

fn needs(viewer: &Viewer, console: OnConsole) -> String {
    match console {
        OnConsole::Read => viewer.say(words::CONSOLE_ALWAYS).to_owned(),
        OnConsole::ServiceBedClear => viewer.say(words::CONSOLE_BED_CLEAR).to_owned(),
        OnConsole::ServiceHeat(max) => viewer.fill(words::CONSOLE_HEAT, &[("n", &max)]),
        OnConsole::ReadIdle | OnConsole::Service | OnConsole::IfAllowed | OnConsole::Never => {
            viewer.say(words::CONSOLE_IDLE).to_owned()
        }
    }
}

/// Nothing where it may not be used by who looks.
pub(super) fn section(viewer: &Viewer, shown: &Shown) -> Markup {
    let name = &shown.printer.name;
    let (level, allowed) = viewer
        .app
        .config
        .printer(&shown.name)
        .map_or((Level::Off, &[][..]), |printer| (printer.console, printer.allow_commands.as_slice()));
    let taken = taken(level, allowed);
    let is_deaf = farm::deaf_for(&shown.printer).is_some();
    let prints_alone = prints_alone(viewer, &shown.name);
    html! {
        @if !viewer.may(Permission::Console) { div id="console" hidden {} }
        @else if prints_alone {
            section.card id="console" aria-labelledby="console-head" {
                (kit::heading("console-head", viewer, words::CONSOLE, ""))
                p.quiet { (viewer.say(words::CONSOLE_NONE)) }
            }
        }
        @else if level == Level::Off {
            section.card id="console" aria-labelledby="console-head" {
                (kit::heading("console-head", viewer, words::CONSOLE, ""))
                p.quiet { (viewer.say(words::CONSOLE_OFF)) }
            }
        }
        @else {
            section.card.stack id="console" aria-labelledby="console-head" data-use="console"
                data-printer=(name) data-nothing=(viewer.say(words::CONSOLE_NOTHING)) data-cut=(viewer.say(words::CONSOLE_CUT))
                data-open=(viewer.say(words::CONSOLE_NOT_DONE)) {
                (kit::heading("console-head", viewer, words::CONSOLE, viewer.say(match level {
                    Level::Service => words::CONSOLE_SERVICE,
                    Level::Read | Level::Off => words::CONSOLE_READ,
                })))
                div.console-log id="console-log" data-keep role="log" tabindex="0"
                    aria-label=(viewer.say(words::CONSOLE_LOG)) {}
                @if is_deaf { p.note data-state="bad" { (viewer.say(words::CONSOLE_DEAF)) } }
                form.named[viewer.signs()] id="console-form" method="post" action=(viewer.to("/do/console")) {
                    input type="hidden" name="printer" value=(name);
                    @if viewer.signs() {
                        label {
                            (viewer.say(common::NAME)) " "
                            input name="by" id="by-console" required maxlength="40" autocomplete="name";
                        }
                    }
                    label.field.grows {
                        span { (viewer.say(words::COMMAND)) }
                        input name="command" id="console-command" disabled[is_deaf] required maxlength=(CONSOLE_MAX) autocomplete="off"
                            autocapitalize="characters" spellcheck="false" list="console-codes";
                    }
                    datalist id="console-codes" {
                        @for (code, does, _) in &taken { option value=(code) { (viewer.told(does)) } }
                    }
                    button id="console-send" disabled[is_deaf] { (viewer.say(words::SEND)) }
                }
                details id="console-takes" {
                    summary { (viewer.say(words::CONSOLE_TAKES)) }
                    div.scroll tabindex="0" {
                        table {
                            thead { tr {
                                th scope="col" { (viewer.say(words::COMMAND)) }
                                th scope="col" { (viewer.say(words::DOES)) }
                                th scope="col" { (viewer.say(words::WHEN)) }
                            } }
                            tbody {
                                @for (code, does, console) in &taken {
                                    tr {
                                        th scope="row" { code { (code) } }
                                        td { (viewer.told(does)) }
                                        td { (needs(viewer, *console)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gcode::commands::on_console;

    #[test]
    fn what_is_offered_is_what_goes_through() {
        let allowed = [Code::new(b'M', 92)];
        for level in [Level::Read, Level::Service] {
            for (code, _, console) in taken(level, &allowed) {
                let heat = if matches!(console, OnConsole::ServiceHeat(_)) { " S40" } else { "" };
                let text = format!("{code}{heat}");
                assert!(on_console(text.as_bytes(), level, &allowed).is_ok(), "{text} at {level:?}");
            }
        }
        assert!(taken(Level::Off, &allowed).is_empty());
        let codes: Vec<_> = taken(Level::Service, &allowed).into_iter().map(|(code, ..)| code).collect();
        assert!(codes.contains(&Code::new(b'M', 92)) && !codes.contains(&Code::new(b'M', 112)));
        assert!(!taken(Level::Service, &[]).iter().any(|(code, ..)| *code == Code::new(b'M', 92)));
    }
}
