//! The five changes worth making first. `score = benefit × 6 / cost`, with cost 6, 9 and 12 for effort S, M and L; the benefit
//! of each kind is in `candidates`, by kind. The weights are our judgement and order only: what a change says of
//! itself are the measured figures. Two changes of a kind, more only where others would be missing; one per place, none below
//! [`MIN_SCORE`].

mod candidates;
mod title;

use std::collections::BTreeSet;

use agentd_syntax::Language;
use serde::{Deserialize, Serialize};

use crate::{
    duplicates::Duplicates, hotspots::Hotspots, lockfiles::LockReport, measured::Measured, project::Source,
    structure::Cycle, survey::Manifest, text,
};

/// Changes that are given.
const CHANGES: usize = 5;

/// Changes of one kind, as long as there are others.
const PER_KIND: usize = 2;

/// Places of a change beside the first that are named.
const ALSO_KEPT: usize = 5;

/// What scores less is not worth being put before other work.
pub const MIN_SCORE: u32 = 20;

/// How much is touched, counted in what the evidence names; callers and tests come on top.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Effort {
    /// One file and at most 50 lines.
    #[default]
    S,
    /// At most 5 files and 200 lines.
    M,
    /// More.
    L,
}

impl Effort {
    /// The class for so many files and lines.
    #[must_use]
    pub const fn of(files: u32, lines: u32) -> Self {
        match (files, lines) {
            (0..=1, 0..=50) => Self::S,
            (0..=5, 0..=200) => Self::M,
            _ => Self::L,
        }
    }

    /// The letter.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::M => "M",
            Self::L => "L",
        }
    }

    const fn cost(self) -> u32 {
        match self {
            Self::S => 6,
            Self::M => 9,
            Self::L => 12,
        }
    }
}

/// What a change is about; in the order that decides between equals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Lock files and manifests.
    #[default]
    Dependencies,
    /// A complex function in a file that changes often.
    HotSpot,
    /// Something that costs more time than it must.
    Performance,
    /// A block that stands in several places.
    Duplicate,
    /// Files that need each other.
    Cycle,
    /// A complex function elsewhere.
    HeavyFunction,
}

/// One change. All text is safe to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What it is about.
    pub kind: ChangeKind,
    /// What to do, as a sentence without full stop.
    pub what: String,
    /// Where to begin.
    pub place: Source,
    /// Other places that it touches, at most 5.
    pub also: Vec<Source>,
    /// How many places it touches, the first one and those in no list included; 0 in a report of an older agentd.
    #[serde(default)]
    pub place_count: u64,
    /// `place_count` is not all of them: how many more there are is not known.
    #[serde(default)]
    pub more_places: bool,
    /// Why: measured figures only.
    pub why: String,
    /// How much is touched.
    pub effort: Effort,
    /// Files that the evidence names.
    pub files: u32,
    /// Lines that it names.
    pub lines: u32,
    /// What it was ranked by.
    pub score: u32,
}

/// The changes, best first: five, or fewer when there is nothing worth it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// The changes.
    pub changes: Vec<Change>,
    /// How many were considered.
    pub considered: u64,
}

/// Files that need each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleSeen {
    /// How many.
    pub files: u32,
    /// The imports of a shortest way around.
    pub around: Vec<Source>,
}

/// A complex function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeavySeen {
    /// Its qualified name, safe to show.
    pub name: String,
    /// Where its name stands.
    pub place: Source,
    /// Lines from name to end.
    pub length: u32,
    /// `McCabe`'s complexity.
    pub cyclomatic: u32,
    /// Cognitive complexity.
    pub cognitive: u32,
}

/// A place that costs more time than it must.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerformanceSeen {
    /// The rule's name; what to do is told in its words.
    pub rule: String,
    /// What was seen there, safe to show.
    pub why: String,
    /// Where.
    pub place: Source,
    /// Further places in the same file where the same rule found something.
    pub also: Vec<Source>,
    /// Not all places that the rule found are known here, so that there may be more of them.
    pub is_cut: bool,
    /// 0 to 99: cost times certainty, as [`crate::findings::rank`] has it.
    pub rank: u8,
}

/// What advice is made of.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// Files that are large and often changed.
    pub hotspots: &'a Hotspots,
    /// Duplicated blocks.
    pub duplicates: &'a Duplicates,
    /// Lock files and manifests.
    pub locks: &'a LockReport,
    /// Cycles of files, largest first: [`cycles`].
    pub cycles: &'a [CycleSeen],
    /// Complex functions: [`heavy`].
    pub heavy: &'a [HeavySeen],
    /// Findings of performance rules.
    pub performance: &'a [PerformanceSeen],
}

/// The changes worth making first. The same evidence gives the same advice.
#[must_use]
pub fn advise(evidence: &Evidence<'_>) -> Advice {
    let mut all = candidates::candidates(evidence);
    let considered = all.len() as u64;
    all.sort_by(order);
    all.retain(|change| change.score >= MIN_SCORE);
    let mut places = BTreeSet::new();
    all.retain(|change| places.insert((change.place.file.clone(), change.place.line)));
    let mut changes: Vec<Change> = Vec::new();
    let mut rest: Vec<Change> = Vec::new();
    for change in all {
        let of_kind = changes.iter().filter(|other| other.kind == change.kind).count();
        if of_kind < PER_KIND { changes.push(change) } else { rest.push(change) }
    }
    // Where there is too little of other kinds, more of the same is better than nothing.
    changes.truncate(CHANGES);
    let room = CHANGES - changes.len();
    changes.extend(rest.into_iter().take(room));
    changes.sort_by(order);
    Advice { changes, considered }
}

/// Best first; equals by kind and place, so that the order does not depend on that of the evidence.
fn order(a: &Change, b: &Change) -> std::cmp::Ordering {
    b.score.cmp(&a.score).then_with(|| (a.kind, &a.place, &a.what).cmp(&(b.kind, &b.place, &b.what)))
}

fn place(manifest: &Manifest, file: u32, line: u32) -> Option<Source> {
    let path = &manifest.files.get(file as usize)?.path;
    Some(Source { file: text::shown(path).into_owned(), line })
}

/// Cycles of files as evidence, without those of Rust alone: modules of one crate may name each other, and are compiled as one.
#[must_use]
pub fn cycles(manifest: &Manifest, cycles: &[&Cycle]) -> Vec<CycleSeen> {
    let language = |file: &u32| manifest.files.get(*file as usize).and_then(|file| file.language);
    let counts = cycles.iter().filter(|cycle| !cycle.files.iter().all(|file| language(file) == Some(Language::Rust)));
    let seen = counts.map(|cycle| CycleSeen {
        files: u32::try_from(cycle.files.len()).unwrap_or(u32::MAX),
        around: cycle.around.iter().filter_map(|hop| place(manifest, hop.file, hop.line)).collect(),
    });
    seen.filter(|cycle| !cycle.around.is_empty()).collect()
}

/// The heaviest functions by both measures as evidence, each once, by place.
#[must_use]
pub fn heavy(manifest: &Manifest, measured: &Measured) -> Vec<HeavySeen> {
    let both = measured.by_cognitive.iter().chain(&measured.by_cyclomatic);
    let seen = both.filter_map(|heavy| {
        let function = &heavy.function;
        Some(HeavySeen {
            name: text::shown(&function.name).into_owned(),
            place: place(manifest, heavy.file, function.line)?,
            length: function.end_line.saturating_sub(function.line) + 1,
            cyclomatic: function.cyclomatic,
            cognitive: function.cognitive,
        })
    });
    let mut seen: Vec<HeavySeen> = seen.collect();
    seen.sort_by(|a, b| (&a.place, &a.name).cmp(&(&b.place, &b.name)));
    seen.dedup();
    seen
}
