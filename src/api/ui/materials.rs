//! The page at `/materials`: lots by material, and above them those that need something first.
//!
//! What is typed to find a lot goes into no address: `materials.js` looks on the page alone.

use maud::{Markup, html};
use serde_json::json;
use std::collections::BTreeMap;

use super::kit::{self, Field, Sends};
use super::pages::{Answer, Ask, Content};
use super::pieces::Piece;
use super::viewer::Viewer;
use super::words::{common, materials as words};
use crate::api::quality::{DENSITY, GRAMS};
use crate::domain::day::Day;
use crate::domain::lab::Lab;
use crate::domain::people::name::fold;
use crate::domain::people::roles::Permission;
use crate::domain::quality::lot::{Lot, LotState, SLOTS};
use crate::domain::quality::words::{Label, Line};

/// The highest number of a place for material.
pub(super) const LAST_SLOT: u32 = SLOTS as u32 - 1;
/// More lots than this are counted, and found by filters.
const LOTS_MAX: usize = 400;
/// What expires within so many days is used first.
const EXPIRES_SOON: u16 = 30;
/// The same of what is open.
const USE_UP_SOON: u16 = 7;
/// From here on a tenth of a gram does not matter.
const WHOLE_GRAMS: u64 = 100_000;

/// The states that a filter takes, as addresses have them.
const STATES: [(&str, &str); 4] = [
    ("quarantine", "in quarantine"),
    ("released", "released"),
    ("blocked", "blocked"),
    ("consumed", "consumed"),
];

/// A lot, and where it is loaded now: printer and slot.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub lot: Lot,
    pub loaded: Vec<(String, u8)>,
}

impl Kept {
    pub fn of(lab: &Lab, lot: &Lot) -> Self {
        let now = lab.quality.loads.values().filter(|load| load.to.is_none() && load.lot == lot.id);
        Self { lot: lot.clone(), loaded: now.map(|load| (load.printer.to_string(), load.slot)).collect() }
    }
}

/// What a lot needs. Those that do harm come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    TakeOff,
    Recalled,
    Blocked,
    Expired(Day),
    OpenTooLong(Day),
    Certificate,
    Expires(Day),
    UseUp(Day),
    Empty,
    Low,
}

impl Need {
    /// As styles have it.
    const fn state(self) -> &'static str {
        match self {
            Self::TakeOff | Self::Recalled | Self::Blocked | Self::Expired(_) | Self::OpenTooLong(_) => "bad",
            Self::Certificate | Self::Expires(_) | Self::UseUp(_) | Self::Empty | Self::Low => "wants",
        }
    }

    fn says(self, viewer: &Viewer, kept: &Kept) -> String {
        let on = |text, day: Day| viewer.fill(text, &[("day", &viewer.day(&day.to_string()))]);
        match self {
            Self::TakeOff => {
                let printers: Vec<&str> = kept.loaded.iter().map(|(printer, _)| printer.as_str()).collect();
                viewer.fill(words::TAKE_OFF, &[("printers", &printers.join(", "))])
            }
            Self::Recalled => viewer.say(words::NEED_RECALLED).into(),
            Self::Blocked => viewer.say(words::NEED_BLOCKED).into(),
            // What was never released is not noted as used up either.
            Self::Expired(day) if kept.lot.state == LotState::Quarantine => on(words::NEED_EXPIRED_HELD, day),
            Self::Expired(day) => on(words::NEED_EXPIRED, day),
            Self::OpenTooLong(day) => on(words::NEED_OPEN_LONG, day),
            Self::Certificate => viewer.say(words::NEED_CERTIFICATE).into(),
            Self::Expires(day) => on(words::NEED_EXPIRES, day),
            Self::UseUp(day) => on(words::NEED_USE_UP, day),
            Self::Empty => viewer.say(words::NEED_EMPTY).into(),
            Self::Low => viewer.say(words::NEED_LOW).into(),
        }
    }
}

/// Everything that a lot needs, the worst first. One that is used up needs nothing, unless it is still on a
/// printer.
pub(super) fn needs(kept: &Kept, today: Day) -> Vec<Need> {
    let (lot, mut needs) = (&kept.lot, Vec::new());
    if !kept.loaded.is_empty() && !lot.unusable(today).is_empty() {
        needs.push(Need::TakeOff);
    }
    match (&lot.state, &lot.recalled) {
        (LotState::Consumed, _) => return needs,
        (LotState::Blocked { .. }, Some(_)) => needs.push(Need::Recalled),
        (LotState::Blocked { .. }, None) => needs.push(Need::Blocked),
        (LotState::Quarantine, _) if may_be_released(lot, today) => needs.push(Need::Certificate),
        (LotState::Quarantine | LotState::Released, _) => {}
    }
    let expires = lot.about.expires;
    if today > expires {
        needs.push(Need::Expired(expires));
    } else if today.after(EXPIRES_SOON) >= expires {
        needs.push(Need::Expires(expires));
    }
    match lot.open_until() {
        Some(until) if today > until => needs.push(Need::OpenTooLong(until)),
        Some(until) if today.after(USE_UP_SOON) >= until => needs.push(Need::UseUp(until)),
        _ => {}
    }
    if lot.left_mg == 0 {
        needs.push(Need::Empty);
    } else if lot.is_low() {
        needs.push(Need::Low);
    }
    needs.sort_unstable();
    needs
}

/// One that has expired is not released any more.
pub(super) fn may_be_released(lot: &Lot, today: Day) -> bool {
    lot.state.release().is_ok() && today <= lot.about.expires
}

/// The day by which material is judged, as the rest of platen has it.
pub(super) fn today(viewer: &Viewer) -> Day {
    Day::in_utc(viewer.now())
}

/// `985`, and of little `12.5` or `12,5`.
pub(super) fn grams(viewer: &Viewer, milligrams: u64) -> String {
    if milligrams >= WHOLE_GRAMS || milligrams.is_multiple_of(1_000) {
        return viewer.grouped(milligrams.saturating_add(500) / 1_000);
    }
    let tenths = milligrams.saturating_add(50) / 100;
    viewer.number(tenths as f64 / 10.0, 1)
}

/// How much is left, as a bar and in words.
pub(super) fn left(viewer: &Viewer, lot: &Lot) -> Markup {
    let whole = lot.about.milligrams;
    let percent = lot.left_mg.saturating_mul(100).checked_div(whole).unwrap_or(0).min(100);
    let holes = (grams(viewer, lot.left_mg), grams(viewer, whole));
    let says = viewer.fill(words::LEFT_OF, &[("left", &holes.0), ("whole", &holes.1)]);
    html! {
        div.progress.left data-state=[lot.is_low().then_some("wants")] {
            progress max="100" value=(percent) aria-label=(viewer.say(words::LEFT)) {}
            small { (says) }
        }
    }
}

/// What a lot needs, in chips.
pub(super) fn pills(viewer: &Viewer, kept: &Kept, needs: &[Need]) -> Markup {
    html! {
        ul.pills {
            @for need in needs { li.chip data-state=(need.state()) { (need.says(viewer, kept)) } }
        }
    }
}

/// A button by which a lot's certificate is said to have been looked at.
pub(super) fn release(viewer: &Viewer, lot: &Lot, id: &str) -> Markup {
    let to = format!("POST /v1/lots/{}/steps", lot.id);
    let ask = viewer.fill(words::RELEASE_SURE, &[("lot", &lot.id)]);
    Sends {
        fixed: json!({"is": "released"}),
        ask: Some(&ask),
        done: Some(viewer.say(words::RELEASED)),
        ..Sends::new(id, &to, viewer.say(words::RELEASE))
    }
    .button(viewer)
}

/// What is asked for.
#[derive(Debug, Default)]
struct Wanted {
    material: Option<String>,
    /// A state's word in addresses, or `all`; else all that are not used up.
    state: Option<String>,
}

impl Wanted {
    fn of(ask: &Ask) -> Self {
        let known = |word: &&str| *word == "all" || STATES.iter().any(|(state, _)| state == word);
        Self {
            material: ask.query("material").map(str::to_owned),
            state: ask.query("state").filter(known).map(str::to_owned),
        }
    }

    const fn is_filtered(&self) -> bool {
        self.material.is_some() || self.state.is_some()
    }

    fn takes(&self, lot: &Lot) -> bool {
        let of_state = match self.state.as_deref() {
            None => lot.state != LotState::Consumed,
            Some("all") => true,
            Some(wanted) => STATES.contains(&(wanted, lot.state.word())),
        };
        of_state && self.material.as_deref().is_none_or(|material| lot.is_of(material))
    }
}

/// What the page shows.
#[derive(Debug)]
struct Shown {
    lots: Vec<Kept>,
    more: usize,
    /// What needs something, whatever the filters say.
    needing: Vec<(Vec<Need>, Kept)>,
    /// All materials that lots or processes are of, each once.
    materials: Vec<String>,
    any: bool,
}

fn gather(viewer: &Viewer, wanted: &Wanted) -> Shown {
    let today = today(viewer);
    viewer.app.recorder.read(|lab| {
        let mut loaded: BTreeMap<_, Vec<(String, u8)>> = BTreeMap::new();
        for load in lab.quality.loads.values().filter(|load| load.to.is_none()) {
            loaded.entry(&load.lot).or_default().push((load.printer.to_string(), load.slot));
        }
        let kept =
            |lot: &Lot| Kept { lot: lot.clone(), loaded: loaded.get(&lot.id).cloned().unwrap_or_default() };
        let mut materials: BTreeMap<String, String> = BTreeMap::new();
        let of_lots = lab.quality.lots.values().map(|lot| lot.about.material.as_str());
        let of_processes = lab.quality.processes.values().filter(|known| known.gone.is_none());
        for material in of_lots.chain(of_processes.map(|known| known.process.material.as_str())) {
            materials.entry(fold(material)).or_insert_with(|| material.trim().to_owned());
        }
        let mut taken: Vec<&Lot> = lab.quality.lots.values().filter(|lot| wanted.takes(lot)).collect();
        taken.sort_by_key(|lot| (lot.about.expires, &lot.id));
        let more = taken.len().saturating_sub(LOTS_MAX);
        let candidates = lab.quality.lots.values();
        let candidates =
            candidates.filter(|lot| lot.state != LotState::Consumed || loaded.contains_key(&lot.id));
        let needing = candidates.map(&kept).map(|kept| (needs(&kept, today), kept));
        let mut needing: Vec<_> = needing.filter(|(needs, _)| !needs.is_empty()).collect();
        needing.sort_by(|one, other| (&one.0, &one.1.lot.id).cmp(&(&other.0, &other.1.lot.id)));
        Shown {
            lots: taken.into_iter().take(LOTS_MAX).map(kept).collect(),
            more,
            needing,
            materials: materials.into_values().collect(),
            any: !lab.quality.lots.is_empty(),
        }
    })
}

pub(super) fn content(viewer: Viewer, ask: Ask) -> Answer {
    Box::pin(async move {
        let wanted = Wanted::of(&ask);
        let shown = gather(&viewer, &wanted);
        let mut pieces = vec![head(&viewer)];
        if viewer.may(Permission::KeepMaterial) {
            pieces.push(receive(&viewer, &shown));
        }
        if shown.any {
            pieces.push(needing(&viewer, &shown));
            pieces.push(filters(&viewer, &wanted, &shown));
        }
        pieces.push(lots(&viewer, &wanted, &shown));
        Ok(Content::new(viewer.say(words::TITLE), pieces))
    })
}

fn head(viewer: &Viewer) -> Piece {
    let scan = html! { a.button href="/hands" { (viewer.say(words::SCAN_IT)) } };
    Piece::new(
        "head",
        html! {
            div.head id="head" {
                h1 { (viewer.say(words::TITLE)) }
                @if viewer.may(Permission::LoadMaterial) { div.end { (scan) } }
            }
        },
    )
}

/// A new lot, as the container and the delivery note have it.
fn receive(viewer: &Viewer, shown: &Shown) -> Piece {
    let today = viewer.app.config.zone.day(viewer.now()).to_string();
    let (done, then) = (viewer.say(words::RECEIVED), "/materials/{id}");
    let say = |text| viewer.say(text);
    let density = Field::number("density", say(words::DENSITY));
    let fields = html! {
        div.fields {
            label.field {
                span { (say(common::MATERIAL)) }
                input type="text" name="material" list="materials" required maxlength=(Label::MOST)
                    autocomplete="off";
                small { (say(words::MATERIAL_HINT)) }
            }
            (Field::text("supplier_lot", say(words::MAKERS_NUMBER)).required().most(Label::MOST).input())
            (Field::text("supplier", say(words::SUPPLIER)).most(Label::MOST).input())
            (Field::day("received", say(words::RECEIVED_ON)).required().value(&today).input())
            (Field::day("expires", say(words::LAST_DAY)).required().input())
            (Field::number("open_days", say(words::OPEN_DAYS)).whole(0, u16::MAX.into()).input())
            (Field::number("grams", say(words::GRAMS)).required().between(&GRAMS).input())
            (density.between(&DENSITY).hint(say(words::DENSITY_HINT)).input())
            (Field::text("certificate", say(words::CERTIFICATE)).most(Line::MOST).input())
        }
        datalist id="materials" { @for material in &shown.materials { option value=(material) {} } }
    };
    let sends = Sends {
        done: Some(done),
        then: Some(then),
        ..Sends::new("receive-lot", "POST /v1/lots", say(words::RECEIVE_NOW))
    };
    Piece::new(
        "receive",
        html! {
            details.card.receive id="receive" open[!shown.any] {
                summary { (say(words::RECEIVE)) }
                p.quiet { (say(words::RECEIVE_HINT)) }
                (sends.form(viewer, fields))
            }
        },
    )
}

fn needing(viewer: &Viewer, shown: &Shown) -> Piece {
    let count = match shown.needing.len() {
        0 => String::new(),
        n => n.to_string(),
    };
    Piece::new(
        "needing",
        html! {
            section id="needing" aria-labelledby="needing-title" {
                (kit::heading("needing-title", viewer, words::NEEDS, &count))
                @if shown.needing.is_empty() {
                    p.quiet { (viewer.say(words::NEED_NOTHING)) }
                } @else {
                    ul.rows.lots-needing {
                        @for (needs, kept) in shown.needing.iter().take(LOTS_MAX) {
                            (one_needing(viewer, needs, kept))
                        }
                    }
                }
            }
        },
    )
}

fn one_needing(viewer: &Viewer, needs: &[Need], kept: &Kept) -> Markup {
    let lot = &kept.lot;
    let id = format!("release-{}", lot.id);
    html! {
        li.card id=(format!("needs-{}", lot.id)) {
            p {
                a href=(format!("/materials/{}", lot.id)) data-go { code { (lot.id) } }
                " " strong { (lot.about.material) } " " small { (lot.about.supplier_lot) }
            }
            (pills(viewer, kept, needs))
            @if needs.contains(&Need::Certificate) && viewer.may(Permission::KeepMaterial) {
                (release(viewer, lot, &id))
            }
        }
    }
}

fn filters(viewer: &Viewer, wanted: &Wanted, shown: &Shown) -> Piece {
    let mut materials = vec![("", viewer.say(words::ALL_MATERIALS).to_owned())];
    materials.extend(shown.materials.iter().map(|material| (material.as_str(), material.clone())));
    let mut states =
        vec![("", viewer.say(words::ALL_HERE).to_owned()), ("all", viewer.say(words::ALL_STATES).to_owned())];
    states.extend(STATES.iter().map(|(word, state)| (*word, viewer.state(state))));
    let material = Field::text("material", viewer.say(common::MATERIAL));
    let state = Field::text("state", viewer.say(words::STATE));
    Piece::new(
        "filters",
        html! {
            section.filters id="filters" aria-label=(viewer.say(words::FILTERS)) {
                form.find id="find-lot" role="search" data-use="materials"
                    data-none=(viewer.say(words::FOUND_NONE)) data-some=(viewer.say(words::FOUND_SOME)) {
                    label.field {
                        span { (viewer.say(words::FIND)) }
                        input id="find-lot-words" type="search" autocomplete="off" maxlength="80"
                            aria-controls="lots";
                    }
                    p.quiet id="find-lot-said" data-keep role="status" {}
                }
                form.narrow id="narrow-lots" method="get" action="/materials" {
                    (material.value(wanted.material.as_deref().unwrap_or_default()).choice(&materials))
                    (state.value(wanted.state.as_deref().unwrap_or_default()).choice(&states))
                    button { (viewer.say(common::SHOW)) }
                    @if wanted.is_filtered() { a.button href="/materials" { (viewer.say(words::NO_FILTER)) } }
                }
            }
        },
    )
}

/// The lots by material, those that expire first before the others.
fn lots(viewer: &Viewer, wanted: &Wanted, shown: &Shown) -> Piece {
    let mut groups: BTreeMap<String, Vec<&Kept>> = BTreeMap::new();
    for kept in &shown.lots {
        groups.entry(fold(kept.lot.about.material.as_str())).or_default().push(kept);
    }
    let nothing = if !shown.any {
        let next =
            if viewer.may(Permission::KeepMaterial) { words::NO_LOT_RECEIVE } else { words::NO_LOT_ASK };
        Some(kit::empty(viewer.say(words::NO_LOT), Some(html! { (viewer.say(next)) })))
    } else if groups.is_empty() {
        let all = wanted
            .is_filtered()
            .then(|| html! { a.button href="/materials" { (viewer.say(words::NO_FILTER)) } });
        Some(kit::empty(viewer.say(words::NONE_SO), all))
    } else {
        None
    };
    Piece::new(
        "lots",
        html! {
            div.stack id="lots" {
                @if let Some(nothing) = nothing { (nothing) }
                @for (index, of_one) in groups.values().enumerate() { (group(viewer, index, of_one)) }
                @if shown.more > 0 { p { (viewer.fill(words::MORE, &[("n", &shown.more)])) } }
            }
        },
    )
}

fn group(viewer: &Viewer, index: usize, lots: &[&Kept]) -> Markup {
    let today = today(viewer);
    let usable = lots.iter().filter(|kept| kept.lot.unusable(today).is_empty());
    let usable: u64 = usable.map(|kept| kept.lot.left_mg).fold(0, u64::saturating_add);
    let count = match lots.len() {
        1 => viewer.say(words::LOT_HERE).to_owned(),
        n => viewer.fill(words::LOTS_HERE, &[("n", &n)]),
    };
    let usable = viewer.fill(words::USABLE, &[("grams", &grams(viewer, usable))]);
    let id = format!("material-{index}");
    let heads = [
        words::LOT,
        words::MAKERS_NUMBER,
        words::STATE,
        words::LEFT,
        words::USE_BY,
        words::LOADED,
        words::LABEL,
    ];
    html! {
        section.material aria-labelledby=(id) {
            h2 id=(id) {
                @if let Some(first) = lots.first() { (first.lot.about.material) }
                " " small { (count) " · " (usable) }
            }
            div.scroll {
                table {
                    thead { tr { @for text in heads { th scope="col" { (viewer.say(text)) } } } }
                    tbody { @for kept in lots { (row(viewer, kept, today)) } }
                }
            }
        }
    }
}

/// A lot's state in words, and that it was recalled where it is used up since.
pub(super) fn state(viewer: &Viewer, lot: &Lot) -> Markup {
    html! {
        (kit::state(viewer, lot.state.word()))
        @if lot.recalled.is_some() { " " span.chip data-state="recalled" { (viewer.say(words::RECALLED_TOO)) } }
    }
}

fn row(viewer: &Viewer, kept: &Kept, today: Day) -> Markup {
    let lot = &kept.lot;
    let label = format!("/v1/lots/{}/label?stock=62x29&format=pdf", lot.id);
    let late = lot.state != LotState::Consumed && today > lot.about.expires;
    html! {
        tr id=(format!("lot-{}", lot.id)) data-row {
            th scope="row" { a href=(format!("/materials/{}", lot.id)) data-go { code { (lot.id) } } }
            td {
                (lot.about.supplier_lot)
                @if let Some(supplier) = &lot.about.supplier { br; small { (supplier) } }
            }
            td {
                (state(viewer, lot))
                @if let LotState::Blocked { why } = &lot.state { p.why { (why) } }
            }
            td.of-left { (left(viewer, lot)) }
            td.old[late] { time datetime=(lot.about.expires) { (viewer.day(&lot.about.expires.to_string())) } }
            td { (loaded(viewer, kept)) }
            td {
                a href=(label) aria-label=(viewer.fill(words::LABEL_OF, &[("lot", &lot.id)])) {
                    (viewer.say(words::LABEL))
                }
            }
        }
    }
}

fn loaded(viewer: &Viewer, kept: &Kept) -> Markup {
    html! {
        @if kept.loaded.is_empty() { span.quiet { (viewer.say(words::NOT_LOADED)) } }
        @for (index, (printer, slot)) in kept.loaded.iter().enumerate() {
            @if index > 0 { br; }
            a href=(format!("/printers/{printer}")) {
                (viewer.fill(words::LOADED_AT, &[("printer", printer), ("slot", slot)]))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::LotId;
    use crate::domain::quality::lot::LotAbout;

    fn lot(expires: &str) -> Lot {
        let about = LotAbout {
            material: "PLA".parse().unwrap(),
            supplier_lot: "L-1".parse().unwrap(),
            supplier: None,
            received: "2026-01-01".parse().unwrap(),
            expires: expires.parse().unwrap(),
            open_days: None,
            certificate: None,
            milligrams: 1_000_000,
            density: None,
        };
        Lot { state: LotState::Released, ..Lot::new(LotId::from_entropy([1; 16]), about) }
    }

    #[test]
    fn what_does_harm_comes_before_what_is_only_soon() {
        let today: Day = "2026-11-30".parse().unwrap();
        let on = |lot: Lot| Kept { lot, loaded: vec![("mk3-01".into(), 0)] };
        let off = |lot: Lot| Kept { lot, loaded: Vec::new() };
        assert!(needs(&off(lot("2027-11-30")), today).is_empty());
        assert_eq!(needs(&off(lot("2026-12-30")), today), [Need::Expires("2026-12-30".parse().unwrap())]);
        let expired = Need::Expired("2026-11-29".parse().unwrap());
        assert_eq!(needs(&on(lot("2026-11-29")), today), [Need::TakeOff, expired]);
        // A button that releases it would only be refused.
        let held = |expires: &str| off(Lot { state: LotState::Quarantine, ..lot(expires) });
        assert_eq!(needs(&held("2026-11-29"), today), [expired]);
        assert_eq!(needs(&held("2027-11-30"), today), [Need::Certificate]);
        let low = Lot { left_mg: 99_999, ..lot("2027-11-30") };
        assert_eq!(needs(&off(low.clone()), today), [Need::Low]);
        assert_eq!(needs(&off(Lot { left_mg: 0, ..low.clone() }), today), [Need::Empty]);
        let gone = Lot { state: LotState::Consumed, ..low };
        assert_eq!(
            (needs(&off(gone.clone()), today), needs(&on(gone), today)),
            (vec![], vec![Need::TakeOff])
        );
        let mut open = lot("2027-11-30");
        (open.opened, open.about.open_days) = (Some("2026-11-01".parse().unwrap()), Some(30));
        let until = "2026-12-01".parse().unwrap();
        assert_eq!(needs(&off(open.clone()), today), [Need::UseUp(until)]);
        assert_eq!(needs(&off(open), "2026-12-02".parse().unwrap()), [Need::OpenTooLong(until)]);
    }
}
