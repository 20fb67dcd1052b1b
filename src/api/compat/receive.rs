//! A form as slicers send it: one file, streamed to the spool, and a few short fields before or after it.

use axum::extract::Request;
use axum::extract::multipart::{Field, MultipartRejection};
use axum::http::{HeaderMap, header};
use futures_util::StreamExt as _;
use std::collections::BTreeMap;
use tokio::time::timeout;

use super::super::AppState;
use super::super::files::{Around, SILENCE, multipart, not_a_piece, not_too_long, of_config, pour, silent};
use super::super::given::BODY_MAX;
use super::super::problem::Problem;
use super::super::uploads::Said;
use crate::domain::ids::{CaseToken, IdError};
use crate::domain::queue::upload::Carried;
use crate::io::spool::Incoming;

/// More fields than these no program sends.
const FIELDS_MAX: usize = 32;
/// The longest field beside the file, in bytes.
const FIELD_MAX: usize = 4_096;
/// The longest name of one.
const FIELD_NAME_MAX: usize = 64;

/// What a form held. The file is in the spool's folder, and nowhere else until it is accepted.
#[derive(Debug)]
pub struct Form {
    pub incoming: Incoming,
    /// What the program calls the file, as it came.
    pub name: String,
    pub fields: BTreeMap<String, String>,
}

impl Form {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// `true`, `yes`, `y` or `1`, as OctoPrint reads it.
    pub fn is_set(&self, name: &str) -> bool {
        self.field(name).is_some_and(is_yes)
    }

    /// Folder and name, as the program wants to see the file again.
    pub fn path(&self) -> String {
        let folder = self.field("path").unwrap_or_default().replace('\\', "/");
        let folder = folder.trim_matches('/');
        if folder.is_empty() { self.name.clone() } else { format!("{folder}/{}", self.name) }
    }

    /// The case that came along: in the path of the request, in `userdata`, or in the name of the folder or the file.
    pub fn carried(&self, place: Option<&Carried>) -> Said {
        let in_userdata = self.field("userdata").map(carried_in_userdata).unwrap_or_default();
        first_said([place.cloned().into(), in_userdata, carried_in_path(&self.path())])
    }
}

/// The first case that is said, with its part, which may be said only later. What is no case and comes first
/// counts too: another one behind it may be a mistake as well.
pub fn first_said(all: impl IntoIterator<Item = Said>) -> Said {
    let mut said = all.into_iter().filter(|said| *said != Said::Nothing);
    let Carried { case, part } = match said.next().unwrap_or_default() {
        Said::Case(carried) => carried,
        other => return other,
    };
    let of_it = |other: Said| match other {
        Said::Case(other) if other.case == case => other.part,
        _ => None,
    };
    let part = part.or_else(|| said.find_map(of_it));
    Said::Case(Carried { case, part })
}

pub fn is_yes(text: &str) -> bool {
    matches!(text.trim().to_ascii_lowercase().as_str(), "true" | "yes" | "y" | "1")
}

/// `{"case": "<token>", "part": 1}`, among whatever else is in it.
pub fn carried_in_userdata(text: &str) -> Said {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let given = ["case", "case_id"].map(|key| value.get(key).filter(|given| !is_empty(given)));
    let Some(case) = given.iter().flatten().find_map(|given| given.as_str()?.trim().parse().ok()) else {
        return if given.iter().any(Option::is_some) { Said::NoCase } else { Said::Nothing };
    };
    let part = value.get("part").and_then(|part| match part {
        serde_json::Value::Number(number) => part_number(&number.to_string()).or(Some(u16::MAX)),
        serde_json::Value::String(text) => part_number(text.trim()),
        _ => None,
    });
    Said::Case(Carried { case, part })
}

/// Programs that have no case to give may give an empty one.
fn is_empty(given: &serde_json::Value) -> bool {
    given.is_null() || given.as_str().is_some_and(|text| text.trim().is_empty())
}

/// `<token>/<part>/heart.gcode`, `<token>-1_heart.gcode`, and the like: a token is too long and has a check character,
/// so that no other word is taken for one. A folder that is one but for its check character is mistyped.
pub fn carried_in_path(path: &str) -> Said {
    let is_between = |c: char| !c.is_ascii_alphanumeric();
    let mut at = 0;
    for piece in path.split_inclusive(is_between) {
        let word = piece.trim_end_matches(is_between);
        if let Ok(case) = word.parse() {
            let behind = path.get(at + word.len()..).unwrap_or_default();
            return Said::Case(Carried { case, part: part_behind(behind) });
        }
        at += piece.len();
    }
    let folders = path.rsplit_once('/').map(|(folders, _)| folders).unwrap_or_default();
    if folders.split('/').any(is_mistyped) { Said::NoCase } else { Said::Nothing }
}

/// Words have no digits in them, and dates few letters.
fn is_mistyped(folder: &str) -> bool {
    let letters = folder.bytes().filter(u8::is_ascii_alphabetic).count();
    let digits = folder.bytes().filter(u8::is_ascii_digit).count();
    let wrong = || matches!(folder.parse::<CaseToken>(), Err(IdError::Check { .. }));
    letters >= 2 && digits > 0 && wrong()
}

/// The part in `/1/…`, `-1_…`, `-1.gcode` or `_p1…`. Slicers put layer heights and dates there too: `_0.2mm` is none.
fn part_behind(behind: &str) -> Option<u16> {
    let (between, rest) = (behind.chars().next()?, behind.get(1..)?);
    let marked = rest.strip_prefix(['p', 'P']);
    let rest = marked.unwrap_or(rest);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, after) = rest.split_at(digits);
    let is_part = match between {
        '/' => after.starts_with('/'),
        '-' => is_end(after),
        '_' => marked.is_some() && is_end(after),
        _ => false,
    };
    is_part.then(|| part_number(number)).flatten()
}

/// A number that no part can have is told as one that none has, so that the file waits: it was not left out.
fn part_number(number: &str) -> Option<u16> {
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number.parse().unwrap_or(u16::MAX))
}

/// Whether a number is over here: at the end of the name, before its ending, or before a `_`.
fn is_end(after: &str) -> bool {
    let is_ending = |ending: &str| {
        ending.starts_with(|c: char| c.is_ascii_alphabetic())
            && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    after.is_empty() || after.starts_with(['/', '_']) || after.strip_prefix('.').is_some_and(is_ending)
}

/// No name is longer, with each of its bytes written as three.
const DISPOSITION_MAX: usize = 3_072;

/// What a form calls its file, also where it says so only as RFC 5987 does: `filename*=utf-8''heart%20a.gcode`.
fn file_name(field: &Field<'_>) -> String {
    field.file_name().map(str::to_owned).or_else(|| extended_name(field.headers())).unwrap_or_default()
}

fn extended_name(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_DISPOSITION)?.to_str().ok()?;
    let text = text.get(..DISPOSITION_MAX).unwrap_or(text);
    let value = |wanted: &str| {
        text.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"'))
        })
    };
    let extended = value("filename*").and_then(|value| {
        let (charset, rest) = value.split_once('\'')?;
        let (_, name) = rest.split_once('\'')?;
        charset.eq_ignore_ascii_case("utf-8").then(|| percent_decoded(name))?
    });
    extended.or_else(|| value("filename").map(str::to_owned))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (high, low) = (digit()?, digit()?);
        bytes.push(high * 16 + low);
    }
    String::from_utf8(bytes).ok()
}

const FORM: &str = "send multipart/form-data with one field `file`";

/// What came in a form.
#[derive(Debug)]
pub enum Sent {
    File(Box<Form>),
    /// And no file: a folder is to be made, or it was forgotten.
    Fields(BTreeMap<String, String>),
}

/// Reads a form to its end. The file's bytes are in the spool's folder when this returns, and the form was whole.
pub async fn form(app: &AppState, request: Request) -> Result<Form, Problem> {
    match sent(app, request).await? {
        Sent::File(form) => Ok(*form),
        Sent::Fields(_) => Err(no_file()),
    }
}

pub fn no_file() -> Problem {
    Problem::unreadable("the form has no field `file`", FORM)
}

/// The same, where a form without a file means something too.
pub async fn sent(app: &AppState, request: Request) -> Result<Sent, Problem> {
    let unread = |error: MultipartRejection| {
        Problem::unreadable(format!("the form cannot be read: {}", error.body_text()), FORM)
    };
    not_too_long(&request, of_config(app), BODY_MAX as u64)?;
    not_a_piece(&request)?;
    let room = app.streams.upload()?;
    let (mut form, around) = multipart(app, request, of_config(app)).await.map_err(unread)?;
    let mut fields = BTreeMap::new();
    let mut file: Option<(Incoming, String)> = None;
    let read = async {
        // Those of the same name too.
        let mut others = 0;
        while let Some(field) =
            timeout(SILENCE, form.next_field()).await.map_err(|_| silent())?.map_err(|_| around.why())?
        {
            around.went_on(0);
            let name = field.name().unwrap_or_default().to_owned();
            if name.len() > FIELD_NAME_MAX {
                return Err(Problem::unreadable("a field's name is longer than 64 bytes", FORM));
            }
            if name == "file" {
                if file.is_some() {
                    return Err(Problem::unreadable("the form has two files", "send each file by itself"));
                }
                let called = file_name(&field);
                let (incoming, _) = file.insert((app.intake.begin().await?, called));
                let chunks = field.map(|chunk| around.given(chunk));
                pour(incoming, chunks, of_config(app)).await?;
            } else {
                others += 1;
                if others > FIELDS_MAX {
                    return Err(Problem::unreadable("the form has more than 32 fields", FORM));
                }
                let text = short(field, &around).await?;
                fields.insert(name, text);
            }
        }
        Ok(())
    }
    .await;
    match (read, file) {
        (Ok(()), Some((incoming, name))) => {
            let name = fields.get("filename").cloned().filter(|name| !name.is_empty()).unwrap_or(name);
            let incoming = incoming.in_room(room);
            Ok(Sent::File(Box::new(Form { incoming, name, fields })))
        }
        (Ok(()), None) => Ok(Sent::Fields(fields)),
        (Err(problem), file) => {
            if let Some((incoming, _)) = file {
                incoming.discard().await;
            }
            Err(problem)
        }
    }
}

async fn short(mut field: Field<'_>, around: &Around) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = timeout(SILENCE, field.next()).await.map_err(|_| silent())? {
        bytes.extend_from_slice(&around.given(chunk)?);
        if bytes.len() > FIELD_MAX {
            let what = "a field beside the file is longer than 4096 bytes";
            return Err(Problem::unreadable(what, "send short fields and one file"));
        }
    }
    String::from_utf8(bytes)
        .map_err(|_| Problem::unreadable("a field beside the file is not UTF-8", "send it as UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_comes_along_in_userdata_a_folder_or_a_name() {
        let case = CaseToken::from_entropy([7; 16]);
        let carried = |part| Said::Case(Carried { case: case.clone(), part });
        let in_json = |text: &str| carried_in_userdata(&text.replace("TOKEN", case.as_str()));
        assert_eq!(in_json(r#"{"case": "TOKEN", "part": 2, "else": []}"#), carried(Some(2)));
        assert_eq!(in_json(r#"{"case_id": "TOKEN", "part": "2"}"#), carried(Some(2)));
        assert_eq!(in_json(r#"{"case": "TOKEN"}"#), carried(None));
        assert_eq!(in_json(r#"{"case": "TOKEN", "part": 99999999999}"#), carried(Some(u16::MAX)));
        assert_eq!(in_json(r#"{"case": "TOKEN", "part": "70000"}"#), carried(Some(u16::MAX)));
        assert_eq!(in_json(r#"{"case": "heart", "case_id": "TOKEN"}"#), carried(None));
        for none in ["", "[]", "{}", r#"{"case": null, "case_id": " "}"#, r#"{"cases": "TOKEN"}"#] {
            assert_eq!(in_json(none), Said::Nothing, "{none}");
        }
        for wrong in [r#"{"case": 7}"#, r#"{"case": "TOKENx"}"#, r#"{"case_id": "Doe, Jane", "part": 1}"#] {
            assert_eq!(in_json(wrong), Said::NoCase, "{wrong}");
        }
        let in_path = |text: &str| carried_in_path(&text.replace("TOKEN", case.as_str()));
        for (path, part) in [
            ("TOKEN/3/heart.gcode", Some(3)),
            ("a/TOKEN/p3/heart.gcode", Some(3)),
            ("TOKEN-p3_heart.gcode", Some(3)),
            ("TOKEN_p12_0.2mm_PLA.gcode", Some(12)),
            ("TOKEN-1_0.2mm_PLA.gcode", Some(1)),
            ("TOKEN-1.gcode", Some(1)),
            ("TOKEN-2", Some(2)),
            ("TOKEN-2/heart.gcode", Some(2)),
            ("TOKEN_0.2mm_PLA.gcode", None),
            ("TOKEN_1.0mm_PLA.gcode", None),
            ("TOKEN-1.0mm_PLA.gcode", None),
            ("TOKEN_1_heart.gcode", None),
            ("TOKEN_2026-11-30_heart.gcode", None),
            ("TOKEN-2026-11-30_heart.gcode", None),
            ("TOKEN_p1.5mm.gcode", None),
            ("TOKEN/1.gcode", None),
            ("TOKEN/1h20m/heart.gcode", None),
            // No part has such a number, and it was said.
            ("TOKEN/0/heart.gcode", Some(0)),
            ("TOKEN-0.gcode", Some(0)),
            ("TOKEN-70000.gcode", Some(u16::MAX)),
            ("TOKEN-99999999999.gcode", Some(u16::MAX)),
            ("TOKEN-p_heart.gcode", None),
            ("TOKEN\u{e9}1/heart.gcode", None),
            ("prints/TOKEN/heart.gcode", None),
            ("heart_TOKEN.gcode", None),
        ] {
            assert_eq!(in_path(path), carried(part), "{path}");
        }
        for none in ["heart.gcode", "", "../../etc/passwd", "TOKENTOKEN/1/a.gcode"] {
            assert_eq!(in_path(none), Said::Nothing, "{none}");
        }
    }

    #[test]
    fn a_folder_that_is_nearly_a_token_is_mistyped_and_no_other_word_is() {
        let case = CaseToken::from_entropy([7; 16]);
        let (payload, check) = case.as_str().split_at(12);
        let wrong = format!("{payload}{}", if check == "0" { "1" } else { "0" });
        assert_eq!(carried_in_path(&format!("prints/{wrong}/1/heart.gcode")), Said::NoCase);
        let mended = carried_in_path(&format!("{wrong}/1/{case}-2.gcode"));
        assert_eq!(mended, Said::Case(Carried { case, part: Some(2) }));
        let file = format!("{wrong}.gcode");
        for none in [file.as_str(), "prostheticarm/a.gcode", "20261130T1200/a.gcode", "a/b.gcode"] {
            assert_eq!(carried_in_path(none), Said::Nothing, "{none}");
        }
    }

    #[test]
    fn a_part_that_is_said_later_is_that_of_the_case_that_is_said_first() {
        let (one, other) = (CaseToken::from_entropy([7; 16]), CaseToken::from_entropy([8; 16]));
        let of = |case: &CaseToken, part| Said::Case(Carried { case: case.clone(), part });
        assert_eq!(first_said([of(&one, None), Said::Nothing, of(&one, Some(2))]), of(&one, Some(2)));
        assert_eq!(first_said([of(&one, None), of(&other, Some(1)), of(&one, Some(2))]), of(&one, Some(2)));
        assert_eq!(first_said([of(&one, None), of(&other, Some(1))]), of(&one, None));
        assert_eq!(first_said([of(&one, Some(3)), of(&one, Some(2))]), of(&one, Some(3)));
        assert_eq!(first_said([Said::Nothing, of(&other, None)]), of(&other, None));
        assert_eq!(first_said([Said::NoCase, of(&other, None)]), Said::NoCase, "which was meant?");
        assert_eq!(first_said([of(&one, None), Said::NoCase]), of(&one, None));
        assert_eq!(first_said([Said::Nothing, Said::Nothing]), Said::Nothing);
    }

    #[test]
    fn a_name_is_read_that_is_written_only_in_the_extended_way() {
        let read = |text: &str| {
            let headers = HeaderMap::from_iter([(header::CONTENT_DISPOSITION, text.parse().unwrap())]);
            extended_name(&headers)
        };
        for (text, name) in [
            ("form-data; name=\"file\"; filename*=utf-8''heart%20%C3%A9.gcode", Some("heart \u{e9}.gcode")),
            ("form-data; filename*=UTF-8'de'a%3Bb.gcode; filename=\"c.gcode\"", Some("a;b.gcode")),
            ("form-data; filename*=utf-8''bad%zz; filename=\"c.gcode\"", Some("c.gcode")),
            ("form-data; filename*=iso-8859-1''a.gcode", None),
            ("form-data; filename*=utf-8''a%2", None),
            ("form-data; name=\"file\"", None),
        ] {
            assert_eq!(read(text).as_deref(), name, "{text}");
        }
        assert_eq!(extended_name(&HeaderMap::new()), None);
    }
}
