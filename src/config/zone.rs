//! The zone of the site's clock: by its name, or as a distance from UTC that stays the same all year.

use toml::de::DeValue;

use super::reader::{Found, Reader, Section, nearest};
use crate::domain::zone::Zone;

/// UTC where nothing is said.
pub(super) fn zone(reader: &mut Reader<'_>, top: &Section<'_>) -> Zone {
    let named = reader.text(top, "zone");
    // Whoever reads the whole section says what is wrong with it.
    let counting = match top.table.get("counting").map(toml::Spanned::get_ref) {
        Some(DeValue::Table(table)) => Some(Section { name: "counting".into(), table }),
        _ => None,
    };
    let ahead = counting.and_then(|section| reader.text(&section, "utc_offset"));
    let named = named.map(|found| (by_name(reader, &found), found));
    match (named, ahead) {
        (None, None) => Zone::utc(),
        (Some((zone, _)), None) => zone.unwrap_or_default(),
        (None, Some(ahead)) => fixed(reader, &ahead),
        (Some((zone, named)), Some(ahead)) => {
            let reason = format!("zone = {} says that already, and of summer time too", named.at.written);
            reader.wrong(&ahead.at, reason, "take utc_offset away");
            zone.unwrap_or_default()
        }
    }
}

fn by_name(reader: &mut Reader<'_>, found: &Found<String>) -> Option<Zone> {
    if let Ok(zone) = found.value.parse() {
        return Some(zone);
    }
    let instead = match (offset(&found.value), near(&found.value)) {
        (Some(_), _) => format!("write utc_offset = \"{}\" in [counting], or the zone's name", found.value),
        (None, Some(near)) => format!("did you mean \"{near}\"?"),
        (None, None) => "write continent and city, as in zone = \"Europe/Berlin\"".into(),
    };
    reader.wrong(&found.at, "there is no zone of this name", instead);
    None
}

/// By letters, or by the city alone.
fn near(given: &str) -> Option<String> {
    let given = given.trim().replace(' ', "_").to_ascii_lowercase();
    let names = Zone::names();
    let small: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    let city = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let as_known = |place: usize| names.get(place).cloned();
    let whole: Vec<&str> = small.iter().map(String::as_str).collect();
    if let Some(near) = nearest(&given, &whole) {
        return small.iter().position(|name| name == near).and_then(as_known);
    }
    let (cities, wanted): (Vec<String>, _) = (small.iter().map(|name| city(name)).collect(), city(&given));
    let of_city: Vec<&str> = cities.iter().map(String::as_str).collect();
    let near = nearest(&wanted, &of_city).filter(|_| wanted.len() > 3)?;
    cities.iter().position(|name| name == near).and_then(as_known)
}

fn fixed(reader: &mut Reader<'_>, found: &Found<String>) -> Zone {
    match offset(&found.value) {
        Some(minutes) => Zone::fixed(minutes),
        None => {
            let instead = "write utc_offset = \"+01:00\", and at most 14 hours";
            reader.wrong(&found.at, "this is no distance from UTC", instead);
            Zone::utc()
        }
    }
}

/// Minutes of `+01:00`.
fn offset(text: &str) -> Option<i16> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<i16>().ok()).flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}
