//! The same figures once more, counted from the ledger by plain code of the test's own: nothing of platen's counting, and
//! nothing of its reports, is used here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::script::{DAY, Ended, LCase, LPart, LPiece, Ledger, PRINTERS, St, date, days};

/// One version of the rates: what a kilogram, an hour of a machine and an hour of people cost, in cents; and overhead in
/// thousandths.
pub struct Rates {
    pub version: &'static str,
    pub from: &'static str,
    pub material: &'static [(&'static str, u64)],
    pub machine: &'static [(&'static str, u64)],
    pub clinician: u64,
    pub other: u64,
    pub overhead: u64,
}

/// TPU has no rate before July, and one printer model none from then on.
pub const RATES: [Rates; 2] = [
    Rates {
        version: "winter",
        from: "2026-01-01",
        material: &[("PLA", 2_500), ("PETG", 3_050)],
        machine: &[("prusa-mk3s", 150), ("generic-220", 95)],
        clinician: 18_000,
        other: 6_000,
        overhead: 150,
    },
    Rates {
        version: "summer",
        from: "2026-07-01",
        material: &[("PLA", 2_690), ("PETG", 3_110), ("TPU", 5_200)],
        machine: &[("prusa-mk3s", 163)],
        clinician: 18_550,
        other: 6_130,
        overhead: 125,
    },
];

fn rates(at: u64) -> &'static Rates {
    let day = date(days(at));
    if day.as_str() < RATES[1].from { &RATES[0] } else { &RATES[1] }
}

fn price(of: &[(&str, u64)], name: &str) -> Option<u64> {
    of.iter().find(|(known, _)| *known == name).map(|(_, price)| *price)
}

/// To the next whole, a half upwards.
fn rounded(amount: u64, times: u64, per: u64) -> u64 {
    let product = u128::from(amount) * u128::from(times) * 2 + u128::from(per);
    (product / (2 * u128::from(per))) as u64
}

/// The value that so many of a hundred do not exceed.
fn rank<T: Copy + Ord>(values: &[T], percent: usize) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    // The smallest one that is not exceeded by enough of them.
    sorted.iter().copied().find(|value| {
        let up_to = values.iter().filter(|other| **other <= *value).count();
        up_to * 100 >= percent * values.len()
    })
}

fn spread(values: &[Option<u64>]) -> Value {
    let known: Vec<u64> = values.iter().flatten().copied().collect();
    json!({
        "n": known.len(),
        "missing": values.len() - known.len(),
        "p50": rank(&known, 50),
        "p90": rank(&known, 90),
        "sum": known.iter().sum::<u64>(),
    })
}

fn share(of: &[Option<bool>]) -> Value {
    let hits = of.iter().filter(|hit| **hit == Some(true)).count();
    json!({ "hits": hits, "n": of.len(), "missing": of.iter().filter(|hit| hit.is_none()).count() })
}

fn shares<K: ToString>(of: &BTreeMap<K, Vec<Option<bool>>>) -> Value {
    Value::Object(of.iter().map(|(key, hits)| (key.to_string(), share(hits))).collect())
}

fn counts<K: ToString + Ord>(of: impl IntoIterator<Item = K>) -> Value {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for key in of {
        *counts.entry(key.to_string()).or_default() += 1;
    }
    json!(counts)
}

pub fn released(piece: &LPiece) -> bool {
    matches!(piece.state, St::Released | St::Packed | St::Delivered)
}

/// What a piece was before it was put apart.
fn before(state: &St) -> &St {
    match state {
        St::Quarantined(from) => before(from),
        other => other,
    }
}

pub fn word(state: &St) -> &'static str {
    match state {
        St::Planned => "planned",
        St::Queued => "queued",
        St::Printing => "printing",
        St::Interrupted => "interrupted",
        St::Printed => "printed",
        St::Suspect => "suspect",
        St::Post => "in post-processing",
        St::Awaiting => "awaiting inspection",
        St::Accepted => "accepted",
        St::Rejected => "rejected",
        St::Released => "released",
        St::Packed => "packed",
        St::Delivered => "delivered",
        St::Scrapped => "scrapped",
        St::Failed(_) => "failed",
        St::Withdrawn => "withdrawn",
        St::Quarantined(_) => "in quarantine",
        St::Recalled => "recalled",
    }
}

const WORKS: [&str; 4] = ["consultation", "segmentation", "cad", "prep_post"];

fn who(clinician: bool) -> &'static str {
    if clinician { "clinician" } else { "non_clinician" }
}

/// What is known of one of the eight times: nothing, a sum, or that it is not known.
#[derive(Clone, Copy, PartialEq)]
enum Time {
    Nothing,
    Minutes(u64),
    Unknown,
}

fn time(case: &LCase, clinician: bool, work: usize) -> Time {
    let of: Vec<Option<u64>> = case
        .efforts
        .iter()
        .filter(|(who, what, ..)| *who == clinician && *what == work)
        .map(|(_, _, minutes, _)| *minutes)
        .collect();
    match of.iter().copied().sum::<Option<u64>>() {
        _ if of.is_empty() => Time::Nothing,
        Some(minutes) => Time::Minutes(minutes),
        None => Time::Unknown,
    }
}

/// What a case, or a part of it, costs.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    direct: u64,
    scrap: u64,
    overhead: u64,
    missing: u64,
    /// What its overhead is taken of, by version.
    bases: BTreeMap<&'static str, (u64, u64)>,
}

impl Cost {
    fn add(&mut self, version: &'static Rates, amount: Option<u64>, lost: bool) {
        match amount {
            Some(amount) => {
                self.direct += amount;
                self.scrap += if lost { amount } else { 0 };
                self.bases.entry(version.version).or_insert((0, version.overhead)).0 += amount;
            }
            None => self.missing += 1,
        }
    }

    fn close(&mut self) {
        self.overhead = self.bases.values().map(|(base, permille)| rounded(*base, *permille, 1_000)).sum();
    }

    fn total(&self) -> u64 {
        self.direct + self.overhead
    }
}

fn summary(costs: &[(u64, bool)]) -> Value {
    let amounts: Vec<u64> = costs.iter().map(|(amount, _)| *amount).collect();
    let (n, sum) = (costs.len() as u64, amounts.iter().sum::<u64>());
    json!({
        "n": n,
        "incomplete": costs.iter().filter(|(_, whole)| !whole).count(),
        "sum": sum,
        "mean": (n > 0).then(|| rounded(sum, 1, n.max(1))),
        "p50": rank(&amounts, 50),
        "p90": rank(&amounts, 90),
    })
}

/// A ledger over a time: from its first moment to the one behind its last.
#[derive(Clone, Copy)]
pub struct Counted<'a> {
    pub of: &'a Ledger,
    pub from: u64,
    pub to: u64,
}

/// A piece whose print has begun, with its place among those of its part.
struct Begun<'a> {
    case: usize,
    part: usize,
    piece: &'a LPiece,
    place: usize,
    before: Option<&'a LPiece>,
    again: bool,
}

/// The pieces of a part whose print began, in the order in which they did.
fn begun_of(part: &LPart) -> Vec<&LPiece> {
    let mut begun: Vec<&LPiece> = part.pieces.iter().filter(|piece| piece.started.is_some()).collect();
    begun.sort_by_key(|piece| piece.began);
    begun
}

/// Which attempt each of the begun pieces of a part is, bed by bed: those of the first bed are the first attempt, since
/// no order of the year says how many; those of a later bed share the number after all the pieces before it.
fn places(pieces: &[&LPiece]) -> Vec<usize> {
    let mut places = Vec::new();
    let mut next = 1;
    for bed in pieces.chunk_by(|one, other| one.began == other.began) {
        places.extend(bed.iter().map(|_| next));
        next = if next == 1 { 2 } else { next + bed.len() };
    }
    places
}

impl<'a> Counted<'a> {
    fn has(&self, at: u64) -> bool {
        self.from <= at && at < self.to
    }

    fn had(&self, at: Option<u64>) -> bool {
        at.is_some_and(|at| self.has(at))
    }

    /// How much of a time lies in it.
    fn within(&self, from: u64, to: u64) -> u64 {
        to.min(self.to).saturating_sub(from.max(self.from))
    }

    /// Every piece whose print has begun at all; only those count as attempts at a part.
    fn begun(&self) -> Vec<Begun<'a>> {
        let mut all = Vec::new();
        for (c, case) in self.of.cases.iter().enumerate() {
            for (p, part) in case.parts.iter().enumerate() {
                let pieces = begun_of(part);
                let places = places(&pieces);
                // As many were printed again as there are reprints: what lay on a bed before the last, the lost first.
                let reprints = places.iter().filter(|place| **place > 1).count();
                let before_the_last = (0..pieces.len()).filter(|n| Some(&places[*n]) != places.last());
                let (lost, kept): (Vec<_>, Vec<_>) = before_the_last.partition(|n| self.lost(pieces[*n]));
                let again: Vec<usize> = lost.into_iter().chain(kept).take(reprints).collect();
                for (n, piece) in pieces.iter().enumerate() {
                    let earlier: Vec<&LPiece> =
                        pieces.iter().filter(|of| of.began < piece.began).copied().collect();
                    let gone = earlier.iter().rev().find(|of| self.lost(of));
                    all.push(Begun {
                        case: c,
                        part: p,
                        piece,
                        place: places[n],
                        // What somebody said that it replaces, else the last of earlier beds that was lost, else the
                        // last of those.
                        before: part
                            .pieces
                            .iter()
                            .find(|other| Some(other.attempt) == piece.replaces)
                            .or_else(|| gone.or_else(|| earlier.last()).copied()),
                        again: again.contains(&n),
                    });
                }
            }
        }
        all
    }

    fn material(&self, piece: &LPiece) -> &'static str {
        let lot = piece.used.first().map(|(lot, _)| lot).or_else(|| piece.lots.first());
        self.of.lots[*lot.unwrap_or(&0)].material
    }

    fn ended(&self, piece: &LPiece) -> Option<Ended> {
        self.of.jobs[piece.job?].ended.map(|(_, how)| how)
    }

    fn outcome(&self, piece: &LPiece) -> &'static str {
        match before(&piece.state) {
            St::Printing => "running",
            St::Interrupted => "unknown",
            St::Failed(true) => "cancelled",
            St::Failed(false) => "failed",
            _ if !piece.whole && self.ended(piece) == Some(Ended::Cancelled) => "cancelled",
            _ if !piece.whole => "failed",
            _ if piece.odd => "suspect",
            _ => "completed",
        }
    }

    fn came_out(&self, piece: &LPiece) -> Option<bool> {
        match self.outcome(piece) {
            "running" | "unknown" => None,
            outcome => Some(outcome == "completed"),
        }
    }

    fn lost(&self, piece: &LPiece) -> bool {
        matches!(self.outcome(piece), "failed" | "cancelled") || piece.state == St::Scrapped
    }

    /// What a piece took, into a part's cost.
    fn of_piece(&self, piece: &LPiece, cost: &mut Cost) {
        let Some(started) = piece.started else { return };
        let version = rates(started);
        let lost = matches!(piece.state, St::Scrapped | St::Failed(_));
        if piece.used.is_empty() {
            cost.add(version, None, lost);
        }
        for (lot, milligrams) in &piece.used {
            let rate = price(version.material, self.of.lots[*lot].material);
            cost.add(version, rate.map(|rate| rounded(rate, *milligrams, 1_000_000)), lost);
        }
        let job = &self.of.jobs[piece.job.unwrap_or_default()];
        let rate = price(version.machine, PRINTERS[job.printer].1);
        let seconds = job.ended.map(|(at, _)| {
            let (whole, pieces) = ((at - started) / 1_000, job.pieces());
            let first = pieces.first().is_some_and(|(c, p, n)| {
                std::ptr::eq(&raw const self.of.cases[*c].parts[*p].pieces[*n], piece)
            });
            let each = whole / pieces.len() as u64;
            if first { whole - each * (pieces.len() as u64 - 1) } else { each }
        });
        cost.add(version, rate.zip(seconds).map(|(rate, seconds)| rounded(rate, seconds, 3_600)), lost);
    }

    /// By part; without one, what is for the case as a whole.
    fn costs(&self, case: &LCase) -> BTreeMap<Option<usize>, Cost> {
        let mut costs: BTreeMap<Option<usize>, Cost> = BTreeMap::new();
        for (p, part) in case.parts.iter().enumerate() {
            for piece in part.pieces.iter().filter(|piece| piece.started.is_some()) {
                self.of_piece(piece, costs.entry(Some(p)).or_default());
            }
        }
        for (clinician, _, minutes, at) in &case.efforts {
            let version = rates(*at);
            let rate = if *clinician { version.clinician } else { version.other };
            let amount = minutes.map(|minutes| rounded(rate, minutes, 60));
            costs.entry(None).or_default().add(version, amount, false);
        }
        costs.values_mut().for_each(Cost::close);
        costs
    }

    fn delivered(&self) -> Vec<&'a LCase> {
        let out = |case: &&LCase| self.had(case.reached.get("delivered").copied());
        self.of.cases.iter().filter(out).collect()
    }

    pub fn volume(&self) -> Value {
        let mut pieces: Vec<BTreeMap<&str, &str>> = Vec::new();
        for case in self.delivered() {
            let out: Vec<&LPart> =
                case.parts.iter().filter(|part| part.pieces.iter().any(released)).collect();
            let mut ordered = out.clone();
            ordered.sort_by_key(|part| !part.dominant);
            let region = ordered.iter().find_map(|part| part.region);
            let models = usize::from(out.iter().any(|part| part.kind == "component"));
            let guides = out.iter().filter(|part| part.kind == "guide").count();
            let kinds = std::iter::repeat_n("model", models).chain(std::iter::repeat_n("guide", guides));
            for kind in kinds {
                let mut of = BTreeMap::from([("kind", kind), ("service", case.service)]);
                of.extend(case.modality.map(|modality| ("modality", modality)));
                of.extend(region.map(|region| ("organ_system", region)));
                pieces.push(of);
            }
        }
        let dimensions = ["service", "organ_system", "modality", "technology", "kind"];
        let mix: serde_json::Map<String, Value> = dimensions
            .iter()
            .map(|dimension| {
                let words = pieces.iter().filter_map(|piece| piece.get(dimension).copied());
                let missing = pieces.iter().filter(|piece| !piece.contains_key(dimension)).count();
                ((*dimension).to_owned(), json!({ "counts": counts(words), "missing": missing }))
            })
            .collect();
        json!({ "n": pieces.len(), "mix": mix })
    }

    pub fn turnaround(&self) -> Value {
        const STAGES: [(&str, &str); 10] = [
            ("requested", "requested"),
            ("accepted", "accepted"),
            ("being designed", "designing"),
            ("awaiting approval", "awaiting_approval"),
            ("approved", "approved"),
            ("in production", "in_production"),
            ("in quality control", "in_qc"),
            ("in rework", "rework"),
            ("released", "released"),
            ("on hold", "on_hold"),
        ];
        let delivered = self.delivered();
        let at = |case: &LCase, state: &str| case.reached.get(state).copied();
        let whole: Vec<Option<u64>> =
            delivered.iter().map(|case| Some(at(case, "delivered")? - at(case, "requested")?)).collect();
        let on_time: Vec<Option<bool>> = delivered
            .iter()
            .map(|case| Some(at(case, "delivered")? < (case.needed as u64 + 1) * DAY))
            .collect();
        let mut stages = serde_json::Map::new();
        for (state, stage) in STAGES {
            let (mut longs, mut touches, mut waits) = (Vec::new(), Vec::new(), Vec::new());
            for case in &delivered {
                let stays: Vec<(u64, u64)> = case
                    .stays
                    .iter()
                    .filter(|(of, ..)| *of == state)
                    .map(|(_, from, to)| (*from, to.unwrap_or(*from)))
                    .collect();
                if stays.is_empty() {
                    continue;
                }
                let long: u64 = stays.iter().map(|(from, to)| to - from).sum();
                let touch = (state == "in production").then(|| {
                    stays.iter().map(|(from, to)| self.printed_within(case, *from, *to)).sum::<u64>()
                });
                longs.push(Some(long));
                touches.push(touch);
                waits.push(touch.map(|touch| long - touch));
            }
            if !longs.is_empty() {
                let of = json!({
                    "whole": spread(&longs), "touch": spread(&touches), "wait": spread(&waits), "impossible": 0,
                });
                stages.insert(stage.to_owned(), of);
            }
        }
        json!({ "whole": spread(&whole), "on_time": share(&on_time), "stages": stages })
    }

    /// Milliseconds of a stay in which at least one of the case's jobs was on a printer: counted by its edges.
    fn printed_within(&self, case: &LCase, from: u64, to: u64) -> u64 {
        let mut edges: Vec<(u64, i64)> = Vec::new();
        for piece in case.parts.iter().flat_map(|part| &part.pieces) {
            let job = piece.job.map(|job| &self.of.jobs[job]);
            let Some((Some(began), Some((ended, _)))) = job.map(|job| (job.started, job.ended)) else {
                continue;
            };
            let (began, ended) = (began.max(from), ended.min(to));
            if began < ended {
                edges.extend([(began, 1), (ended, -1)]);
            }
        }
        edges.sort_unstable();
        let (mut sum, mut depth, mut last) = (0, 0, 0);
        for (at, step) in edges {
            if depth > 0 {
                sum += at - last;
            }
            (depth, last) = (depth + step, at);
        }
        sum
    }

    pub fn first_pass_yield(&self) -> Value {
        let mut hits = Vec::new();
        for case in &self.of.cases {
            for part in &case.parts {
                let begun = begun_of(part);
                let Some(first) = begun.iter().filter_map(|piece| piece.started).min() else { continue };
                if !self.has(first) {
                    continue;
                }
                let (places, place) = (places(&begun), begun.iter().position(|piece| released(piece)));
                let reworked = begun.iter().any(|piece| piece.reworks > 0);
                hits.push(match place {
                    Some(place) => Some(places[place] == 1 && !reworked),
                    None if case.state == "cancelled"
                        || reworked
                        || places.iter().any(|place| *place > 1) =>
                    {
                        Some(false)
                    }
                    None => None,
                });
            }
        }
        share(&hits)
    }

    pub fn success(&self) -> Value {
        let begun: Vec<_> = self.begun().into_iter().filter(|of| self.had(of.piece.started)).collect();
        let mut by_printer: BTreeMap<&str, Vec<Option<bool>>> = BTreeMap::new();
        for of in &begun {
            by_printer.entry(name(of.piece)).or_default().push(self.came_out(of.piece));
        }
        let all: Vec<_> = begun.iter().map(|of| self.came_out(of.piece)).collect();
        json!({
            "all": share(&all),
            "by_outcome": counts(begun.iter().map(|of| self.outcome(of.piece))),
            "by_printer": shares(&by_printer),
        })
    }

    /// Why a piece was printed in place of the one before.
    fn cause(&self, before: &LPiece) -> Option<&'static str> {
        let newest = before.faults.iter().max_by_key(|(at, _)| *at);
        newest.map(|(_, cause)| *cause).or_else(|| match self.ended(before)? {
            Ended::Cancelled => Some("cancelled"),
            Ended::Interrupted(why) => Some(why),
            Ended::Exact | Ended::Inexact => None,
        })
    }

    pub fn reprints(&self) -> Value {
        let begun: Vec<_> = self.begun().into_iter().filter(|of| self.had(of.piece.started)).collect();
        let all: Vec<_> = begun.iter().map(|of| Some(of.place > 1)).collect();
        let again: Vec<_> = begun.iter().filter(|of| of.place > 1).collect();
        let causes: Vec<_> = again.iter().map(|of| self.cause(of.before.unwrap_or(of.piece))).collect();
        let (mut by_printer, mut by_material) =
            (BTreeMap::<&str, Vec<_>>::new(), BTreeMap::<&str, Vec<_>>::new());
        for of in &begun {
            by_printer.entry(name(of.piece)).or_default().push(Some(of.again));
            by_material.entry(self.material(of.piece)).or_default().push(Some(of.again));
        }
        json!({
            "all": share(&all),
            "by_cause": counts(causes.iter().flatten()),
            "without_cause": causes.iter().filter(|cause| cause.is_none()).count(),
            "by_printer": shares(&by_printer),
            "by_material": shares(&by_material),
            "without_material": 0,
            "by_profile": {},
            "without_profile": begun.len(),
        })
    }

    pub fn scrap(&self) -> Value {
        let mut sums = [0u64; 5];
        let (mut attempts, mut cost, mut without_weight, mut without_cost) = (0, 0, 0, 0);
        for of in self.begun() {
            let (piece, Some(ended)) = (of.piece, of.piece.ended) else { continue };
            if !self.lost(piece) || !self.has(ended) {
                continue;
            }
            attempts += 1;
            without_weight += u64::from(piece.used.is_empty());
            sums[0] += piece.used.iter().map(|(_, milligrams)| milligrams).sum::<u64>();
            let together = self.of.jobs[piece.job.unwrap_or_default()].pieces().len() as u64;
            sums[1] += (ended - piece.started.unwrap_or(ended)) / together;
            let mut own = Cost::default();
            self.of_piece(piece, &mut own);
            match own.missing {
                0 => cost += own.direct,
                _ => without_cost += 1,
            }
        }
        json!({
            "attempts": attempts, "milligrams": sums[0], "without_weight": without_weight,
            "lost_ms": sums[1], "without_time": 0, "cost": cost, "without_cost": without_cost,
        })
    }

    pub fn use_of(&self, place: usize) -> Value {
        let jobs: Vec<_> =
            self.of.jobs.iter().filter(|job| job.printer == place && job.started.is_some()).collect();
        let first = jobs.iter().filter_map(|job| job.started).min().unwrap_or(self.to);
        let (mut printing, mut failed, mut attempts) = (0, 0, 0);
        for job in &jobs {
            let began = job.started.unwrap_or_default();
            let long = self.within(began, job.ended.map_or(self.to, |(at, _)| at));
            if long == 0 && !self.has(began) {
                continue;
            }
            attempts += 1;
            printing += long;
            let pieces = job.pieces();
            let mut pieces = pieces.iter().map(|(c, p, n)| &self.of.cases[*c].parts[*p].pieces[*n]);
            let scrapped = pieces.all(|piece| piece.state == St::Scrapped);
            let broken = matches!(job.ended, Some((_, Ended::Cancelled | Ended::Interrupted(_))));
            failed += if scrapped || broken { long } else { 0 };
        }
        let known = &self.of.printers[place];
        let open = known.occupied().map(|since| (since, self.to));
        let waits: u64 =
            known.waits.iter().copied().chain(open).map(|(from, to)| self.within(from, to)).sum();
        json!({
            "available": self.within(first, self.to), "printing": printing, "failed": failed,
            "waiting_for_bed": waits, "attempts": attempts, "missing": 0,
        })
    }

    pub fn utilisation(&self) -> Value {
        let printers = (0..PRINTERS.len()).map(|place| (PRINTERS[place].0.to_owned(), self.use_of(place)));
        json!({ "printers": printers.collect::<serde_json::Map<_, _>>(), "on_other_printers": 0 })
    }

    pub fn effort(&self) -> Value {
        let delivered = self.delivered();
        let known = |time: Time| if let Time::Minutes(minutes) = time { Some(minutes) } else { None };
        let (mut buckets, mut groups) = (Vec::new(), Vec::new());
        for clinician in [true, false] {
            for (work, name) in WORKS.iter().enumerate() {
                let times: Vec<Time> = delivered.iter().map(|case| time(case, clinician, work)).collect();
                let values: Vec<_> = times.iter().map(|time| known(*time)).collect();
                let unknown = times.iter().filter(|time| **time == Time::Unknown).count();
                let of = json!({ "who": who(clinician), "work": name });
                buckets.push(json!([of, { "spread": spread(&values), "unknown": unknown }]));
            }
            let four = |case: &&&LCase| (0..4).map(|work| time(case, clinician, work)).collect::<Vec<_>>();
            let times: Vec<Vec<Time>> = delivered.iter().map(|case| four(&case)).collect();
            let values: Vec<Option<u64>> =
                times.iter().map(|four| four.iter().map(|time| known(*time)).sum()).collect();
            let unknown = times.iter().filter(|four| four.contains(&Time::Unknown)).count();
            groups.push(json!([who(clinician), { "spread": spread(&values), "unknown": unknown }]));
        }
        json!({ "cases": delivered.len(), "buckets": buckets, "groups": groups })
    }

    /// Delivered cases by the time of their assessment, or of their delivery where there is none.
    fn assessed(&self) -> Vec<&'a LCase> {
        let at = |case: &LCase| {
            let delivered = case.reached.get("delivered").copied()?;
            Some(case.answers.map_or(delivered, |(_, at)| at))
        };
        self.of.cases.iter().filter(|case| self.had(at(case))).collect()
    }

    /// Without the mean, which is compared by itself.
    pub fn minutes_saved(&self) -> (Value, Option<(f64, f64)>) {
        let used = |case: &LCase| match case.answers {
            Some((answers, _)) => Some(answers.used),
            None => case.reached.contains_key("used").then_some(true),
        };
        let cases = self.assessed();
        let in_use: Vec<&&LCase> = cases.iter().filter(|case| used(case) == Some(true)).collect();
        let saved: Vec<(i16, bool)> =
            in_use.iter().filter_map(|case| case.answers.and_then(|(answers, _)| answers.saved)).collect();
        let minutes: Vec<i64> = saved.iter().map(|(minutes, _)| i64::from(*minutes)).collect();
        let told = json!({
            "answered": minutes.len(),
            "used": in_use.len(),
            "use_unknown": cases.iter().filter(|case| used(case).is_none()).count(),
            "measured": saved.iter().filter(|(_, measured)| *measured).count(),
            "sum": minutes.iter().sum::<i64>(),
            "median": rank(&minutes, 50),
        });
        (told, mean(&minutes))
    }

    pub fn worth(&self, sum: i64) -> Value {
        json!({ "low": sum * 2_200, "middle": sum * 6_200, "high": sum * 13_300 })
    }

    pub fn plan(&self) -> (Value, Option<(f64, f64)>) {
        let cases = self.assessed();
        let altered: Vec<_> =
            cases.iter().map(|case| case.answers.and_then(|(of, _)| of.seven).map(|of| of[2] >= 4)).collect();
        let changes: Vec<i64> = cases
            .iter()
            .filter_map(|case| {
                let seven = case.answers.and_then(|(answers, _)| answers.seven)?;
                Some(i64::from(seven[6]) - i64::from(seven[5]))
            })
            .collect();
        let unpaired =
            cases.iter().filter(|case| case.answers.and_then(|(of, _)| of.seven).is_none()).count();
        (json!({ "altered": share(&altered), "unpaired": unpaired }), mean(&changes))
    }

    pub fn overall(&self) -> Value {
        let cases = self.assessed();
        let said = |word: Option<&str>| {
            cases.iter().filter(|case| case.answers.and_then(|(answers, _)| answers.overall) == word).count()
        };
        json!({
            "helped": said(Some("helped")), "no_difference": said(Some("no_difference")),
            "hindered": said(Some("hindered")), "missing": said(None),
        })
    }

    pub fn cost(&self) -> Value {
        let (mut cases, mut components, mut guides) = (Vec::new(), Vec::new(), Vec::new());
        let (mut direct, mut scrap, mut overhead) = (0, 0, 0);
        let mut versions = BTreeSet::new();
        for case in self.delivered() {
            let costs = self.costs(case);
            let total = costs.values().map(Cost::total).sum::<u64>();
            cases.push((total, costs.values().all(|cost| cost.missing == 0)));
            for (part, cost) in &costs {
                direct += cost.direct;
                scrap += cost.scrap;
                overhead += cost.overhead;
                versions.extend(cost.bases.keys().copied());
                match part.map(|part| case.parts[part].kind) {
                    Some("component") => components.push((cost.total(), cost.missing == 0)),
                    Some("guide") => guides.push((cost.total(), cost.missing == 0)),
                    _ => {}
                }
            }
        }
        json!({
            "currency": { "code": "USD", "digits": 2 },
            "versions": versions,
            "cases": summary(&cases),
            "components": summary(&components),
            "guides": summary(&guides),
            "direct": direct, "scrap": scrap, "overhead": overhead,
        })
    }

    /// The parts that count, by place: components, and guides.
    pub fn parts_that_count(case: &LCase) -> [Vec<usize>; 2] {
        let mut found = [Vec::new(), Vec::new()];
        let mut meshes = BTreeSet::new();
        for (p, part) in case.parts.iter().enumerate() {
            if !part.pieces.iter().any(released) {
                continue;
            }
            match part.kind {
                "component"
                    if part.segmented && part.processed && meshes.insert(part.copy_of.unwrap_or(p)) =>
                {
                    found[0].push(p);
                }
                "guide" => found[1].push(p),
                _ => {}
            }
        }
        found
    }

    /// Code, units, and how many of them are above the cap of that day.
    pub fn lines(case: &LCase) -> Vec<(&'static str, usize, usize)> {
        // ACR, 5 March 2026: the caps of further components and guides went from 1 and 1 to 5 and 2 on 1 April 2026.
        let april = case.reached.get("delivered").is_none_or(|at| date(days(*at)).as_str() >= "2026-04-01");
        let caps = if april { [5, 2] } else { [1, 1] };
        let [components, guides] = Self::parts_that_count(case);
        let mut lines = Vec::new();
        for (first, more, parts, cap) in
            [("0559T", "0560T", components, caps[0]), ("0561T", "0562T", guides, caps[1])]
        {
            if !parts.is_empty() {
                lines.push((first, 1, 0));
            }
            if parts.len() > 1 {
                lines.push((more, parts.len() - 1, (parts.len() - 1).saturating_sub(cap)));
            }
        }
        lines
    }

    pub fn units(&self) -> Value {
        let mut totals: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
        for case in self.delivered() {
            for (code, units, above) in Self::lines(case) {
                let of = totals.entry(code).or_default();
                *of = [of[0] + 1, of[1] + units, of[2] + above];
            }
        }
        let all = totals.into_iter().map(|(code, [cases, proposed, above])| {
            let of = json!({
                "cases": cases, "proposed": proposed, "above_cap": above, "confirmed": 0, "unreviewed": cases,
            });
            (code.to_owned(), of)
        });
        Value::Object(all.collect())
    }

    pub fn quality(&self) -> Value {
        let opened = || self.of.faults.iter().filter(|fault| self.has(fault.opened));
        let closed: Vec<Option<u64>> = self
            .of
            .faults
            .iter()
            .filter(|fault| self.had(fault.closed))
            .map(|fault| fault.closed.map(|closed| closed - fault.opened))
            .collect();
        let open =
            self.of.faults.iter().filter(|fault| {
                fault.opened < self.to && fault.closed.is_none_or(|closed| closed >= self.to)
            });
        let late = |place: &usize| {
            self.of.printers[*place].due.is_some_and(|due| (due as u64 + 1) * DAY - 1 < self.to)
        };
        let printed = self.begun().iter().filter(|of| self.had(of.piece.ended)).count();
        json!({
            "nonconformities": opened().count(),
            "parts": printed,
            "by_cause": counts(opened().map(|fault| fault.cause)),
            "without_cause": 0,
            "to_close": spread(&closed),
            "open": open.count(),
            "overdue": (0..PRINTERS.len()).filter(late).map(|place| PRINTERS[place].0).collect::<Vec<_>>(),
            "never_planned": [],
            "blocked": {},
            "near_misses": 0,
        })
    }

    /// A row of the registry's export.
    pub fn registry(&self, case: &LCase) -> Value {
        let mut parts: Vec<(usize, &LPart)> = case
            .parts
            .iter()
            .enumerate()
            .filter(|(_, part)| matches!(part.kind, "component" | "guide"))
            .collect();
        parts.sort_by_key(|(_, part)| !part.dominant);
        let anatomy: Vec<Value> = parts
            .iter()
            .map(|(p, part)| {
                json!({
                    "part": p + 1,
                    "object": if part.kind == "guide" { "anatomic_guide" } else { "anatomic_model" },
                    "region": part.region, "subregion": null, "structure": "Structure",
                    "laterality": part.laterality, "dominant": part.dominant, "guide_type": null,
                })
            })
            .collect();
        let mut models: BTreeMap<(&str, &str, &str), BTreeSet<usize>> = BTreeMap::new();
        for (p, part) in &parts {
            for piece in part.pieces.iter().filter(|piece| released(piece)) {
                let printer = PRINTERS[piece.printer.unwrap_or_default()];
                models.entry((printer.0, self.material(piece), printer.1)).or_default().insert(p + 1);
            }
        }
        let models: Vec<Value> = models
            .into_iter()
            .map(|((printer, material, model), parts)| {
                json!({
                    "printer": printer, "printer_model": model, "material": material,
                    "scale": 1_000_000, "parts": parts,
                })
            })
            .collect();
        let mut effort = Vec::new();
        for clinician in [true, false] {
            for (work, name) in WORKS.iter().enumerate() {
                let (hours, minutes, unknown) = match time(case, clinician, work) {
                    Time::Nothing => (None, None, None),
                    Time::Minutes(minutes) => (Some(minutes / 60), Some(minutes % 60), Some(false)),
                    Time::Unknown => (None, None, Some(true)),
                };
                effort.push(json!({
                    "who": who(clinician), "work": name, "hours": hours, "minutes": minutes, "unknown": unknown,
                }));
            }
        }
        let answers = case.answers.map(|(answers, _)| {
            let [easy, fits, altered, important, adequate, before, after] =
                answers.seven.map_or([None; 7], |seven| seven.map(Some));
            json!({
                "easy_to_use": easy, "fits_approach": fits, "plan_altered": altered, "important": important,
                "quality_adequate": adequate, "confident_before": before, "confident_after": after,
                "minutes_saved": answers.saved.map(|(minutes, _)| minutes),
                "measured": answers.saved.map(|(_, measured)| measured),
                "used_in_procedure": answers.used, "overall": answers.overall,
            })
        });
        json!({
            "case": case.token, "delivered_year": 2026, "intended_use": case.intended_use,
            "indication": "a defect", "modality": case.modality, "service": case.service,
            "appropriateness": case.appropriateness, "anatomy": anatomy, "models": models, "effort": effort,
            "answers": answers, "beyond_the_form": [],
        })
    }

    pub fn registered(&self) -> BTreeMap<String, Value> {
        let rows = self.delivered().into_iter();
        rows.map(|case| (case.token.to_string(), self.registry(case))).collect()
    }

    /// Of one case: what was made of it, and what became of that.
    pub fn quantities(case: &LCase) -> Value {
        let pieces: Vec<&LPiece> = case.parts.iter().flat_map(|part| &part.pieces).collect();
        let of = |is: &dyn Fn(&LPiece) -> bool| pieces.iter().filter(|piece| is(piece)).count();
        json!({
            "begun": of(&|piece| piece.started.is_some()),
            "made": of(&|piece| piece.whole),
            "released": of(&released),
            "scrapped": of(&|piece| piece.state == St::Scrapped),
            "failed": of(&|piece| matches!(piece.state, St::Failed(_))),
            "recalled": of(&|piece| piece.state == St::Recalled),
            "in_quarantine": of(&|piece| matches!(piece.state, St::Quarantined(_))),
        })
    }

    /// Prints that began, and those that had to be made again, of one printer.
    pub fn of_printer(&self, place: usize) -> Value {
        let begun: Vec<_> = self.begun();
        let own: Vec<_> =
            begun.iter().filter(|of| of.piece.printer == Some(place) && self.had(of.piece.started)).collect();
        let all: Vec<_> = own.iter().map(|of| self.came_out(of.piece)).collect();
        let again: Vec<_> = own.iter().map(|of| Some(of.again)).collect();
        json!({
            "success": share(&all),
            "by_outcome": counts(own.iter().map(|of| self.outcome(of.piece))),
            "printed_again": share(&again),
            "prints": own.len(),
        })
    }

    /// The points of one printer up to the end of the time, in its order.
    pub fn points(&self, of: &[(usize, u64, i32)], place: usize) -> Vec<i32> {
        let own = of.iter().filter(|(printer, at, _)| *printer == place && *at < self.to);
        own.map(|(_, _, deviation)| *deviation).collect()
    }

    /// Every piece that may have something of a lot in it: how much, whether it is looked back at, whether it is out.
    pub fn pieces_with(&self, lot: usize) -> BTreeMap<String, (&'static str, Option<u64>, bool, bool)> {
        let mut found = BTreeMap::new();
        for of in self.begun() {
            if !of.piece.lots.contains(&lot) {
                continue;
            }
            let used: Vec<u64> =
                of.piece.used.iter().filter(|(from, _)| *from == lot).map(|(_, mg)| *mg).collect();
            let used = (!used.is_empty()).then(|| used.iter().sum());
            let serial = self.serial(of.case, of.part, of.piece);
            let out = of.piece.state == St::Delivered;
            found.insert(serial, (word(&of.piece.state), used, of.piece.looked_back.contains(&lot), out));
        }
        found
    }

    pub fn serial(&self, case: usize, part: usize, piece: &LPiece) -> String {
        format!("{}-{}-{}", self.of.cases[case].token, part + 1, piece.attempt)
    }

    /// Entries of the journal in the time, without progress; of one case where one is named.
    pub fn entries(&self, case: Option<usize>) -> usize {
        let mut entries = 0;
        for entry in &self.of.entries {
            let of_it = case.is_none_or(|case| entry.cases.contains(&case));
            entries += usize::from(!entry.progress && self.has(entry.at) && of_it);
        }
        entries
    }
}

fn name(piece: &LPiece) -> &'static str {
    PRINTERS[piece.printer.unwrap_or_default()].0
}

/// Mean and standard deviation of a sample.
pub fn mean(values: &[i64]) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<i64>() as f64 / n;
    let squares: f64 = values.iter().map(|value| (*value as f64 - mean).powi(2)).sum();
    Some((mean, (squares / (n - 1.0)).sqrt()))
}
