//! The programme value report: what a lab does and what it is worth over a period, each figure with n and what is
//! missing. How each is computed stands in docs/reports.md and at its type in `counting`. Takes a period.

use serde::Serialize;
use std::collections::BTreeMap;

use super::case::money;
use super::sheet::{Section, Table};
use super::words::{grams, long, percent, plain};
use super::{Parameters, ReportError, Sources, facts};
use crate::counting::codes::CodeNumber;
use crate::counting::costs::CostSummary;
use crate::counting::effort::{BenchmarkOf, EffortReport, Minutes};
use crate::counting::metrics::printing::{PrintSuccess, Reprints, Scrap, first_pass_yield};
use crate::counting::metrics::quality::Quality;
use crate::counting::metrics::turnaround::Turnaround;
use crate::counting::metrics::utilisation::Utilisation;
use crate::counting::metrics::value::{
    BREAK_EVEN_PIECES_A_YEAR, LITERATURE_USD, MinutesSaved, OverallImpact, PlanImpact, Worth,
};
use crate::counting::metrics::volume::Volume;
use crate::counting::money::{Currency, Money, TooLarge};
use crate::counting::stats::{Share, Spread};
use crate::counting::units::review::{CodeTotal, Confirmation, totals};
use crate::counting::units::{Proposal, propose};
use crate::domain::ids::CaseToken;
use crate::domain::moment::WallTime;
use crate::domain::part::PartRef;
use crate::domain::quality::cost::{self, CostKind};
use crate::domain::quality::part::PartKind;

/// What the delivered cases of the period cost; absent where the site has no rates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Costs {
    pub currency: Currency,
    /// The versions of the rates that were used.
    pub versions: Vec<String>,
    pub cases: CostSummary,
    /// Of each component and each guide with all its prints; people's hours are for the case as a whole.
    pub components: CostSummary,
    pub guides: CostSummary,
    pub direct: Money,
    pub scrap: Money,
    pub overhead: Money,
}

/// What people noted as costs of the delivered cases; in none of the sums by rates.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NotedCosts {
    pub entries: u64,
    /// Of the delivered cases, those of which a cost was noted.
    pub cases: u64,
    pub by_kind: BTreeMap<CostKind, Money>,
    pub sum: Money,
    /// With what the rates tell; absent where the site has none.
    pub with_rates: Option<Money>,
}

/// Minutes of operating room in money, by rates of the literature: an estimate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorthOf {
    pub currency: &'static str,
    pub source: &'static str,
    #[serde(flatten)]
    pub worth: Worth,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Value {
    pub from: String,
    pub to: String,
    pub volume: Volume,
    pub pieces_a_year_tenths: Option<u64>,
    pub break_even_pieces_a_year: u32,
    pub turnaround: Turnaround,
    pub first_pass_yield: Share,
    pub success: PrintSuccess,
    pub reprints: Reprints,
    pub scrap: Scrap,
    pub utilisation: Utilisation,
    pub effort: EffortReport,
    pub minutes_saved: MinutesSaved,
    pub worth: WorthOf,
    pub overall: OverallImpact,
    pub plan: PlanImpact,
    pub costs: Option<Costs>,
    pub noted_costs: NotedCosts,
    /// Units of the cases that were delivered in the period, by code: proposed, and confirmed by a coder.
    pub units: BTreeMap<CodeNumber, CodeTotal>,
    pub quality: Quality,
}

impl Value {
    pub fn of(of: Sources<'_>, parameters: &Parameters) -> Result<Self, ReportError> {
        let Sources { lab, past, site } = of;
        let (window, zone) = (of.window(parameters)?, &site.zone);
        let attempts = facts::attempts(lab, &site.models, site.rates.as_ref(), zone);
        let delivered: Vec<CaseToken> =
            lab.cases.keys().filter(|case| window.has_some(facts::delivered(lab, case))).cloned().collect();
        let assessments = facts::assessments(lab);
        let minutes_saved = MinutesSaved::of(window, &assessments);
        let worth = minutes_saved.worth(LITERATURE_USD)?;
        let volume = Volume::of(window, &facts::pieces(lab));
        let asked = facts::counted_by(&site.tables, of.today()?);
        let inspections = facts::Inspections::of(lab);
        let proposals: Vec<Proposal> = delivered
            .iter()
            .filter_map(|case| facts::case(lab, &inspections, case, zone))
            .map(|case| propose(&case, &site.tables, site.service_date, asked))
            .collect();
        let costs = costs(of, &delivered)?;
        let confirmed: BTreeMap<&CaseToken, Confirmation> =
            delivered.iter().filter_map(|case| Some((case, facts::confirmation(lab, case)?))).collect();
        let printed = attempts.iter().filter(|attempt| window.has_some(attempt.ended)).count() as u64;
        Ok(Self {
            from: window.from.to_string(),
            to: WallTime(window.to.0.saturating_sub(1)).to_string(),
            pieces_a_year_tenths: volume.a_year_tenths(),
            break_even_pieces_a_year: BREAK_EVEN_PIECES_A_YEAR,
            volume,
            turnaround: Turnaround::of(window, &facts::times(lab, past, zone)),
            first_pass_yield: first_pass_yield(window, &facts::parts(lab)),
            success: PrintSuccess::of(window, &attempts),
            reprints: Reprints::of(window, &attempts),
            scrap: Scrap::of(window, &attempts)?,
            utilisation: Utilisation::of(window, &facts::printers(past, &site.models), &facts::runs(lab)),
            effort: EffortReport::of(&delivered, &facts::efforts(lab)),
            minutes_saved,
            worth: WorthOf { currency: "USD", source: "62 a minute, 22 to 133 (Ballard et al. 2020)", worth },
            overall: OverallImpact::of(window, &assessments),
            plan: PlanImpact::of(window, &assessments),
            noted_costs: noted_costs(of, &delivered, costs.as_ref())?,
            costs,
            units: totals(proposals.iter().map(|of| (of, confirmed.get(&of.case)))),
            quality: Quality::of(
                window,
                printed,
                &facts::nonconformities(lab),
                &[],
                &facts::calibrations(lab, &site.models, zone),
            ),
        })
    }
}

fn costs(of: Sources<'_>, delivered: &[CaseToken]) -> Result<Option<Costs>, ReportError> {
    let Some(rates) = &of.site.rates else { return Ok(None) };
    let jobs = facts::jobs(of.lab);
    let mut all = Vec::new();
    for case in delivered {
        let events = facts::costs(of.lab, &jobs, case, &of.site.models, &of.site.zone);
        all.push(rates.cost(case, &events)?);
    }
    let mut parts = (Vec::new(), Vec::new());
    for cost in &all {
        for part in &cost.parts {
            let record = part
                .part
                .and_then(|number| of.lab.find_part(&cost.case, &PartRef::Number(number)).ok())
                .and_then(|part| of.lab.quality.parts.get(&part.id));
            let one = (part.total()?, part.missing == 0);
            match record.map(|record| record.about.kind) {
                Some(PartKind::Component) => parts.0.push(one),
                Some(PartKind::Guide) => parts.1.push(one),
                Some(PartKind::Holder | PartKind::Coupon) | None => {}
            }
        }
    }
    let mut sums = (Money::ZERO, Money::ZERO, Money::ZERO);
    let mut versions: Vec<String> = all.iter().flat_map(|cost| cost.versions.iter().cloned()).collect();
    versions.sort();
    versions.dedup();
    for cost in &all {
        sums = (sums.0.plus(cost.direct)?, sums.1.plus(cost.scrap)?, sums.2.plus(cost.overhead)?);
    }
    Ok(Some(Costs {
        currency: rates.currency().clone(),
        versions,
        cases: CostSummary::of(all.iter().map(|cost| (cost.total, cost.missing.is_empty())))?,
        components: CostSummary::of(parts.0)?,
        guides: CostSummary::of(parts.1)?,
        direct: sums.0,
        scrap: sums.1,
        overhead: sums.2,
    }))
}

fn noted_costs(
    of: Sources<'_>,
    delivered: &[CaseToken],
    by_rates: Option<&Costs>,
) -> Result<NotedCosts, ReportError> {
    let mut noted = NotedCosts::default();
    let costs = |case| of.lab.quality.costs_of(case);
    for (kind, amount) in cost::sums(delivered.iter().flat_map(costs)) {
        let amount = Money(i64::try_from(amount).map_err(|_| TooLarge)?);
        noted.by_kind.insert(kind, amount);
        noted.sum = noted.sum.plus(amount)?;
    }
    noted.entries = delivered.iter().flat_map(costs).count() as u64;
    noted.cases = delivered.iter().filter(|case| costs(case).next().is_some()).count() as u64;
    noted.with_rates = by_rates.map(|costs| costs.cases.sum.plus(noted.sum)).transpose()?;
    Ok(noted)
}

/// One figure in a row: what it is, its value, what it rests on.
struct Figure {
    group: &'static str,
    name: String,
    value: String,
    n: u64,
    missing: u64,
}

fn tenths(of: Option<u64>) -> String {
    of.map_or_else(|| "–".into(), |tenths| format!("{}.{}", tenths / 10, tenths % 10))
}

impl Value {
    fn figures(&self) -> Vec<Figure> {
        let mut all = Vec::new();
        let mut add = |group, name: String, value: String, n, missing| {
            all.push(Figure { group, name, value, n, missing });
        };
        let time = |of: Option<u64>| of.map_or_else(|| "–".into(), long);
        let share = |of: Share| format!("{} ({} of {})", percent(of.permille()), of.hits, of.known());
        add("Volume", "pieces delivered".into(), self.volume.n.to_string(), self.volume.n, 0);
        add(
            "Volume",
            format!(
                "pieces a year at that pace (break-even in the literature: {})",
                self.break_even_pieces_a_year
            ),
            tenths(self.pieces_a_year_tenths),
            self.volume.n,
            0,
        );
        for (dimension, mix) in &self.volume.mix {
            for (word, n) in &mix.counts {
                add(
                    "Volume",
                    format!("{}: {word}", plain(dimension)),
                    n.to_string(),
                    self.volume.n,
                    mix.missing,
                );
            }
        }
        let Spread { n, missing, p50, p90, .. } = self.turnaround.whole;
        add("Turnaround", "requested to delivered, half within".into(), time(p50), n, missing);
        add("Turnaround", "requested to delivered, nine of ten within".into(), time(p90), n, missing);
        let on_time = self.turnaround.on_time;
        add("Turnaround", "on time".into(), share(on_time), on_time.n, on_time.missing);
        for (stage, times) in &self.turnaround.stages {
            let Spread { n, missing, p50, p90, .. } = times.whole;
            let value = format!("{} / {}", time(p50), time(p90));
            add("Turnaround", format!("{}, half / nine of ten within", plain(stage)), value, n, missing);
        }
        let first = self.first_pass_yield;
        add("Printing", "first-pass yield".into(), share(first), first.n, first.missing);
        add(
            "Printing",
            "prints that came out well".into(),
            share(self.success.all),
            self.success.all.n,
            self.success.all.missing,
        );
        add(
            "Printing",
            "reprints".into(),
            share(self.reprints.all),
            self.reprints.all.n,
            self.reprints.all.missing,
        );
        let hits = self.reprints.all.hits;
        for (cause, n) in &self.reprints.by_cause {
            let name = format!("reprints because of {}", cause.replace('_', " "));
            add("Printing", name, n.to_string(), hits, self.reprints.without_cause);
        }
        for (printer, of) in &self.reprints.by_printer {
            add("Printing", format!("printed again of what {printer} printed"), share(*of), of.n, of.missing);
        }
        let scrap = &self.scrap;
        add("Scrap", "prints thrown away".into(), scrap.attempts.to_string(), scrap.attempts, 0);
        add("Scrap", "material".into(), grams(scrap.milligrams), scrap.attempts, scrap.without_weight);
        add("Scrap", "time of printers".into(), long(scrap.lost_ms), scrap.attempts, scrap.without_time);
        if let Some(costs) = &self.costs {
            let value = costs.currency.show(scrap.cost);
            add("Scrap", "material and machines".into(), value, scrap.attempts, scrap.without_cost);
        }
        for (printer, of) in &self.utilisation.printers {
            let value = format!(
                "{} ({} of {}; {} for lost prints, {} with a part on the bed)",
                percent(of.permille()),
                long(of.printing),
                long(of.available),
                long(of.failed),
                long(of.waiting_for_bed)
            );
            add("Utilisation", printer.to_string(), value, of.attempts, of.missing);
        }
        for (bucket, minutes) in &self.effort.buckets {
            let Minutes { spread, .. } = minutes;
            let name = format!("{}, {}: mean minutes a case", plain(&bucket.who), plain(&bucket.work));
            add("Effort", name, tenths(minutes.mean_tenths()), spread.n, spread.missing);
        }
        for (benchmark, own) in self.effort.compared() {
            let of = match benchmark.of {
                BenchmarkOf::Group(who) => plain(&who),
                BenchmarkOf::Bucket(bucket) => format!("{}, {}", plain(&bucket.who), plain(&bucket.work)),
            };
            let minutes = match benchmark.of {
                BenchmarkOf::Group(who) => self.effort.group(who),
                BenchmarkOf::Bucket(bucket) => self.effort.bucket(bucket),
            };
            let value = format!("{} (registry: {})", tenths(own), tenths(Some(benchmark.tenths)));
            add(
                "Effort",
                format!("{of}: mean minutes a case"),
                value,
                minutes.spread.n,
                minutes.spread.missing,
            );
        }
        let saved = &self.minutes_saved;
        let lacking = saved.used - saved.answered;
        let answered = format!("{} of {}", saved.answered, saved.used);
        add("Value", "cases with minutes saved, of those used".into(), answered, saved.used, lacking);
        add("Value", "minutes saved, sum".into(), saved.sum.to_string(), saved.answered, lacking);
        let median = saved.median.map_or_else(|| "–".into(), |minutes| minutes.to_string());
        add("Value", "minutes saved, median".into(), median, saved.answered, lacking);
        let mean = saved.mean.map_or_else(
            || "–".into(),
            |mean| match mean.interval {
                Some((low, high)) => format!("{:.1} (95 %: {low:.1} to {high:.1})", mean.mean),
                None => format!("{:.1}", mean.mean),
            },
        );
        add("Value", "minutes saved, mean".into(), mean, saved.answered, lacking);
        let usd = Currency { code: "USD".into(), digits: 2 };
        let worth = &self.worth.worth;
        let value =
            format!("{} ({} to {})", usd.show(worth.middle), usd.show(worth.low), usd.show(worth.high));
        add(
            "Value",
            format!("worth of them, an estimate by {}", self.worth.source),
            value,
            saved.answered,
            lacking,
        );
        let overall = self.overall;
        for (words, hits) in [
            ("it helped", overall.helped),
            ("it made no difference", overall.no_difference),
            ("it hindered", overall.hindered),
        ] {
            let value = format!("{hits} of {}", overall.n());
            add("Value", format!("on the whole, {words}"), value, overall.n(), overall.missing);
        }
        add(
            "Value",
            "plan altered or refined".into(),
            share(self.plan.altered),
            self.plan.altered.n,
            self.plan.altered.missing,
        );
        let paired = self.plan.confidence.map_or(0, |mean| mean.n);
        let change = self.plan.confidence.map_or_else(|| "–".into(), |mean| format!("{:+.2}", mean.mean));
        add("Value", "confidence after less before, of 5".into(), change, paired, self.plan.unpaired);
        if let Some(costs) = &self.costs {
            let show = |money: Money| costs.currency.show(money);
            let (n, lacking) = (costs.cases.n, costs.cases.incomplete);
            add("Cost", "all cases".into(), show(costs.cases.sum), n, lacking);
            let mean = costs.cases.mean.map_or_else(|| "–".into(), show);
            add("Cost", "mean of a case".into(), mean, n, lacking);
            let half = costs.cases.p50.map_or_else(|| "–".into(), show);
            add("Cost", "half of the cases within".into(), half, n, lacking);
            for (name, of) in [("mean of a component", &costs.components), ("mean of a guide", &costs.guides)]
            {
                add("Cost", name.into(), of.mean.map_or_else(|| "–".into(), show), of.n, of.incomplete);
            }
            add("Cost", "of it for what was thrown away".into(), show(costs.scrap), n, lacking);
            add("Cost", "of it overhead".into(), show(costs.overhead), n, lacking);
        }
        let noted = &self.noted_costs;
        if noted.entries > 0 {
            let currency = self.costs.as_ref().map(|costs| &costs.currency);
            let show = |amount: Money| money(currency, amount);
            for (kind, amount) in &noted.by_kind {
                let name = format!("noted by people, beside that: {}", kind.word());
                add("Cost", name, show(*amount), noted.entries, 0);
            }
            add("Cost", "noted by people, all".into(), show(noted.sum), noted.entries, 0);
            if let Some((costs, sum)) = self.costs.as_ref().zip(noted.with_rates) {
                let name = "all cases, with what people noted".into();
                add("Cost", name, show(sum), costs.cases.n, costs.cases.incomplete);
            }
        }
        for (code, total) in &self.units {
            let value = format!(
                "{} proposed, {} above the cap, {} confirmed by a coder",
                total.proposed, total.above_cap, total.confirmed
            );
            add("Units", code.to_string(), value, total.cases, total.unreviewed);
        }
        let quality = &self.quality;
        let rate =
            quality.per_hundred_parts().map_or_else(|| "–".into(), |n| format!("{}.{:02}", n / 100, n % 100));
        add(
            "Quality",
            "nonconformances".into(),
            quality.nonconformities.to_string(),
            quality.nonconformities,
            quality.without_cause,
        );
        add("Quality", "nonconformances for a hundred prints".into(), rate, quality.parts, 0);
        for (cause, n) in &quality.by_cause {
            let name = format!("nonconformances: {}", cause.replace('_', " "));
            add("Quality", name, n.to_string(), quality.nonconformities, quality.without_cause);
        }
        let Spread { n, missing, p50, .. } = quality.to_close;
        add("Quality", "time to close one, half within".into(), time(p50), n, missing);
        add("Quality", "open at the end".into(), quality.open.to_string(), quality.open, 0);
        let names = |of: &std::collections::BTreeSet<crate::domain::ids::PrinterName>| {
            if of.is_empty() {
                "none".into()
            } else {
                of.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
        };
        add(
            "Quality",
            "calibration overdue".into(),
            names(&quality.overdue),
            quality.overdue.len() as u64,
            0,
        );
        add(
            "Quality",
            "calibration never planned".into(),
            names(&quality.never_planned),
            quality.never_planned.len() as u64,
            0,
        );
        all
    }

    pub fn sections(&self) -> Vec<Section> {
        let period = format!("{} to {} UTC", super::case::short(&self.from), super::case::short(&self.to));
        let versions = self.costs.as_ref().map_or_else(
            || "none: the site has no rates, so that nothing has a cost".into(),
            |costs| costs.versions.join(", "),
        );
        let mut sections =
            vec![Section::pairs("Period", vec![("Period", period), ("Versions of the rates", versions)])];
        let mut groups: Vec<(&str, Table)> = Vec::new();
        for figure in self.figures() {
            if groups.last().is_none_or(|(group, _)| *group != figure.group) {
                groups.push((figure.group, Table::new(&["Figure", "Value", "n", "Missing"])));
            }
            if let Some((_, table)) = groups.last_mut() {
                table.row([figure.name, figure.value, figure.n.to_string(), figure.missing.to_string()]);
            }
        }
        sections.extend(groups.into_iter().map(|(group, table)| Section::table(group, table)));
        sections
    }

    pub fn table(&self) -> Table {
        let mut table = Table::new(&["group", "figure", "value", "n", "missing"]);
        for figure in self.figures() {
            table.row([
                figure.group.to_lowercase(),
                figure.name,
                figure.value,
                figure.n.to_string(),
                figure.missing.to_string(),
            ]);
        }
        table
    }
}
