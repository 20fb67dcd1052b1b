//! Effort as the registry asks for it: four kinds of work by two groups of people, each in minutes or unknown.
//!
//! medical-domain.md §2.1 (5), §2.2. What nobody has entered is missing, what somebody has entered as unknown is
//! unknown, and neither is zero.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::stats::Spread;
use crate::domain::ids::CaseToken;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// Physicians, dentists, podiatrists, chiropractors, and advanced practitioners (PA, NP, CNS, CRNA, CNM).
    Clinician,
    /// Engineers, physicists, scientists, technologists.
    NonClinician,
}

impl Who {
    pub const ALL: [Self; 2] = [Self::Clinician, Self::NonClinician];

    pub fn word(self) -> &'static str {
        match self {
            Self::Clinician => "clinician",
            Self::NonClinician => "non_clinician",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    Consultation,
    Segmentation,
    Cad,
    /// Preparing the print and finishing the part.
    PrepPost,
}

impl Work {
    pub const ALL: [Self; 4] = [Self::Consultation, Self::Segmentation, Self::Cad, Self::PrepPost];

    pub fn word(self) -> &'static str {
        match self {
            Self::Consultation => "consultation",
            Self::Segmentation => "segmentation",
            Self::Cad => "cad",
            Self::PrepPost => "prep_post",
        }
    }
}

/// One of the eight times of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bucket {
    pub who: Who,
    pub work: Work,
}

impl Bucket {
    /// In the order in which a form shows them.
    pub fn all() -> impl Iterator<Item = Self> {
        Who::ALL.into_iter().flat_map(|who| Work::ALL.into_iter().map(move |work| Self { who, work }))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    Minutes(u32),
    Unknown,
}

/// What one person entered for a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffortEntry {
    pub case: CaseToken,
    pub bucket: Bucket,
    pub effort: Effort,
}

/// What is known of one bucket of a case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "known", rename_all = "snake_case")]
pub enum Known {
    /// Nobody has entered anything.
    #[default]
    Missing,
    Minutes {
        minutes: u64,
    },
    /// An entry is unknown: at least these minutes. The registry's answer is then "unknown".
    Unknown {
        at_least: u64,
    },
}

impl Known {
    fn with(self, effort: Effort) -> Self {
        let (so_far, unknown) = match self {
            Self::Missing => (0, false),
            Self::Minutes { minutes } => (minutes, false),
            Self::Unknown { at_least } => (at_least, true),
        };
        match effort {
            Effort::Minutes(more) if unknown => Self::Unknown { at_least: so_far + u64::from(more) },
            Effort::Minutes(more) => Self::Minutes { minutes: so_far + u64::from(more) },
            Effort::Unknown => Self::Unknown { at_least: so_far },
        }
    }

    pub fn minutes(self) -> Option<u64> {
        match self {
            Self::Minutes { minutes } => Some(minutes),
            Self::Missing | Self::Unknown { .. } => None,
        }
    }

    /// The registry's three fields: hours, minutes, unknown. Nothing where nobody has entered anything.
    pub fn registry_fields(self) -> Option<(u64, u64, bool)> {
        match self {
            Self::Missing => None,
            Self::Minutes { minutes } => Some((minutes / 60, minutes % 60, false)),
            Self::Unknown { .. } => Some((0, 0, true)),
        }
    }
}

/// The eight buckets of one case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseEffort {
    buckets: BTreeMap<Bucket, Known>,
}

impl CaseEffort {
    /// The effort of each case that has any, in one pass over all entries.
    pub fn by_case<'a>(entries: impl IntoIterator<Item = &'a EffortEntry>) -> BTreeMap<CaseToken, Self> {
        let mut cases: BTreeMap<CaseToken, Self> = BTreeMap::new();
        for entry in entries {
            let known = cases.entry(entry.case.clone()).or_default().buckets.entry(entry.bucket).or_default();
            *known = known.with(entry.effort);
        }
        cases
    }

    pub fn bucket(&self, bucket: Bucket) -> Known {
        self.buckets.get(&bucket).copied().unwrap_or_default()
    }

    /// The minutes of a group; nothing unless all four of its buckets are known.
    pub fn group(&self, who: Who) -> Option<u64> {
        Work::ALL.iter().map(|work| self.bucket(Bucket { who, work: *work }).minutes()).sum()
    }

    /// What was entered for a group, whatever is missing: at least this.
    pub fn group_at_least(&self, who: Who) -> u64 {
        let of = |work: &Work| match self.bucket(Bucket { who, work: *work }) {
            Known::Missing => 0,
            Known::Minutes { minutes } => minutes,
            Known::Unknown { at_least } => at_least,
        };
        Work::ALL.iter().map(of).sum()
    }
}

/// Minutes over several cases; `missing` are cases without an entry, `unknown` such with an unknown one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minutes {
    /// `spread.missing` counts both.
    pub spread: Spread,
    pub unknown: u64,
}

impl Minutes {
    /// Tenths of a minute, rounded half up; nothing where there is no case with a known time.
    pub fn mean_tenths(&self) -> Option<u64> {
        let doubled = self.spread.sum.saturating_mul(20).checked_div(self.spread.n)?;
        Some(doubled.div_ceil(2))
    }
}

/// The effort of a programme: each bucket, and the two groups over cases whose four buckets are all known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffortReport {
    pub cases: u64,
    pub buckets: Vec<(Bucket, Minutes)>,
    pub groups: Vec<(Who, Minutes)>,
}

impl EffortReport {
    pub fn of(cases: &[CaseToken], entries: &[EffortEntry]) -> Self {
        let known = CaseEffort::by_case(entries);
        let all: Vec<CaseEffort> =
            cases.iter().map(|case| known.get(case).cloned().unwrap_or_default()).collect();
        let buckets = Bucket::all().map(|bucket| {
            let known = || all.iter().map(|case| case.bucket(bucket));
            let unknown = known().filter(|known| matches!(known, Known::Unknown { .. })).count() as u64;
            (bucket, Minutes { spread: Spread::of(known().map(Known::minutes)), unknown })
        });
        let groups = Who::ALL.into_iter().map(|who| {
            let is_unknown = |case: &&CaseEffort| {
                Work::ALL
                    .iter()
                    .any(|work| matches!(case.bucket(Bucket { who, work: *work }), Known::Unknown { .. }))
            };
            let unknown = all.iter().filter(is_unknown).count() as u64;
            (who, Minutes { spread: Spread::of(all.iter().map(|case| case.group(who))), unknown })
        });
        Self { cases: cases.len() as u64, buckets: buckets.collect(), groups: groups.collect() }
    }

    pub fn bucket(&self, bucket: Bucket) -> Minutes {
        self.buckets.iter().find(|(of, _)| *of == bucket).map(|(_, minutes)| *minutes).unwrap_or_default()
    }

    pub fn group(&self, who: Who) -> Minutes {
        self.groups.iter().find(|(of, _)| *of == who).map(|(_, minutes)| *minutes).unwrap_or_default()
    }

    /// Each benchmark beside the lab's own mean.
    pub fn compared(&self) -> Vec<(Benchmark, Option<u64>)> {
        EFFORT_BENCHMARKS
            .into_iter()
            .map(|benchmark| {
                let own = match benchmark.of {
                    BenchmarkOf::Group(who) => self.group(who),
                    BenchmarkOf::Bucket(bucket) => self.bucket(bucket),
                };
                (benchmark, own.mean_tenths())
            })
            .collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BenchmarkOf {
    Group(Who),
    Bucket(Bucket),
}

/// A published mean, in tenths of a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Benchmark {
    pub of: BenchmarkOf,
    pub tenths: u64,
    pub source: &'static str,
}

const WANG: &str =
    "ACR-RSNA registry, June 2020 to June 2023, 20 sites, 2,637 cases (Wang et al., JACR 2024)";

/// Mean effort of a case in the registry (§2.2).
pub const EFFORT_BENCHMARKS: [Benchmark; 4] = [
    Benchmark { of: BenchmarkOf::Group(Who::Clinician), tenths: 924, source: WANG },
    Benchmark {
        of: BenchmarkOf::Bucket(Bucket { who: Who::Clinician, work: Work::Consultation }),
        tenths: 336,
        source: WANG,
    },
    Benchmark { of: BenchmarkOf::Group(Who::NonClinician), tenths: 3_350, source: WANG },
    Benchmark {
        of: BenchmarkOf::Bucket(Bucket { who: Who::NonClinician, work: Work::Segmentation }),
        tenths: 1_480,
        source: WANG,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn case(number: u8) -> CaseToken {
        CaseToken::from_entropy([number; 16])
    }

    fn bucket(who: Who, work: Work) -> Bucket {
        Bucket { who, work }
    }

    fn entry(number: u8, who: Who, work: Work, effort: Effort) -> EffortEntry {
        EffortEntry { case: case(number), bucket: bucket(who, work), effort }
    }

    #[test]
    fn there_are_eight_buckets_and_none_twice() {
        let all: Vec<_> = Bucket::all().collect();
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!((all.len(), distinct.len()), (8, 8));
    }

    #[test]
    fn what_nobody_entered_is_missing_what_is_unknown_is_unknown_and_zero_is_zero() {
        use Effort::{Minutes, Unknown};
        let entries = [
            entry(1, Who::Clinician, Work::Consultation, Minutes(25)),
            entry(1, Who::Clinician, Work::Consultation, Minutes(70)),
            entry(1, Who::Clinician, Work::Cad, Minutes(0)),
            entry(1, Who::Clinician, Work::PrepPost, Unknown),
            entry(1, Who::Clinician, Work::PrepPost, Minutes(15)),
            entry(2, Who::Clinician, Work::Segmentation, Minutes(99)),
        ];
        let all = CaseEffort::by_case(&entries);
        assert_eq!(all.keys().collect::<Vec<_>>(), [&case(1), &case(2)], "each case by itself");
        let effort = &all[&case(1)];
        let fields = |work| effort.bucket(bucket(Who::Clinician, work)).registry_fields();
        assert_eq!(fields(Work::Consultation), Some((1, 35, false)));
        assert_eq!(fields(Work::Segmentation), None);
        assert_eq!(fields(Work::Cad), Some((0, 0, false)));
        assert_eq!(fields(Work::PrepPost), Some((0, 0, true)));
        assert_eq!(effort.bucket(bucket(Who::Clinician, Work::PrepPost)), Known::Unknown { at_least: 15 });
        assert_eq!(effort.group(Who::Clinician), None);
        assert_eq!(effort.group_at_least(Who::Clinician), 110);
    }

    #[test]
    fn a_group_is_compared_with_the_registry_only_by_cases_of_which_all_is_known() {
        let all = |number, minutes: [u32; 4]| {
            Work::ALL
                .into_iter()
                .zip(minutes)
                .map(move |(work, minutes)| entry(number, Who::NonClinician, work, Effort::Minutes(minutes)))
        };
        let mut entries: Vec<_> = all(1, [10, 100, 50, 40]).chain(all(2, [0, 201, 0, 0])).collect();
        entries.push(entry(3, Who::NonClinician, Work::Segmentation, Effort::Minutes(999)));
        entries.push(entry(4, Who::NonClinician, Work::Segmentation, Effort::Unknown));
        let report = EffortReport::of(&[case(1), case(2), case(3), case(4), case(5)], &entries);
        // Cases 1 and 2 are whole: 200 and 201 minutes. 3 and 5 lack entries, 4 is unknown.
        let group = report.group(Who::NonClinician);
        assert_eq!((group.spread.n, group.spread.missing, group.unknown, group.spread.sum), (2, 3, 1, 401));
        assert_eq!(group.mean_tenths(), Some(2_005));
        // Segmentation: 100, 201, 999 known; 4 unknown; 5 missing. (100 + 201 + 999) / 3 = 433.33
        let segmentation = report.bucket(bucket(Who::NonClinician, Work::Segmentation));
        assert_eq!((segmentation.spread.n, segmentation.spread.missing, segmentation.unknown), (3, 2, 1));
        assert_eq!(segmentation.mean_tenths(), Some(4_333));
        let compared: Vec<_> = report.compared().into_iter().map(|(b, own)| (b.tenths, own)).collect();
        assert_eq!(compared, [(924, None), (336, None), (3_350, Some(2_005)), (1_480, Some(4_333))]);
    }

    #[test]
    fn a_mean_is_rounded_to_the_next_tenth_with_halves_upwards() {
        // sum and n by hand: 1/3 = 0.33, 2/3 = 0.67, 1/20 = 0.05, 1/21 = 0.048
        for (sum, n, tenths) in [(1, 3, 3), (2, 3, 7), (1, 20, 1), (1, 21, 0), (0, 5, 0)] {
            let minutes = Minutes { spread: Spread { n, sum, ..Spread::default() }, unknown: 0 };
            assert_eq!(minutes.mean_tenths(), Some(tenths), "{sum}/{n}");
        }
    }
}
