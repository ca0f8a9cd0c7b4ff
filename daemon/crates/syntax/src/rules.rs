//! The performance rules, one file each, and the set of them that is switched on.

mod async_blocking_call;
mod async_lock_across_await;
mod boxed_accumulator;
mod case_fold_compare;
mod clone_then_borrow;
mod collect_then_measure;
mod dataframe_row_loop;
mod eager_reduction;
mod filter_then_count;
mod filter_then_first;
mod format_then_push;
mod key_list_lookup;
mod keyset_lookup;
mod loop_costly_create;
mod loop_deep_copy;
mod loop_defer;
mod loop_front_shift;
mod loop_grow_unreserved;
mod loop_index_walk;
mod loop_length_scan;
mod loop_linear_find;
mod loop_list_concat;
mod loop_list_contains;
mod loop_query;
mod loop_realloc_by_one;
mod loop_regex_compile;
mod loop_sort;
mod loop_strcat;
mod loop_stream_flush;
mod loop_string_concat;
mod loop_time_after;
mod map_double_lookup;
mod param_by_value;
mod range_copy;
mod reduce_spread;
mod regex_compile_per_call;
mod sort_for_extreme;
mod string_chain;
mod unbounded_read;

use std::fmt;

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site},
};

/// One rule. Everything in it but the texts is for machines and does not change with a new wording.
pub struct Rule {
    /// Its name, the same for ever: `loop-regex-compile`.
    pub id: &'static str,
    /// Goes up whenever the rule finds something else than before.
    pub version: u16,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// Languages it reads. The examples are in the first of them.
    pub languages: &'static [Language],
    /// What a finding costs, unless the finding says other.
    pub severity: Severity,
    /// Why it costs, with the growth in words.
    pub why: &'static str,
    /// What to write instead.
    pub instead: &'static str,
    /// When the rule is wrong about code that looks like this.
    pub wrong_when: &'static str,
    /// Code that it finds.
    pub example_bad: &'static str,
    /// The same without fault.
    pub example_good: &'static str,
    pub(crate) watches: &'static [Watch],
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("id", &self.id).field("version", &self.version).finish_non_exhaustive()
    }
}

/// What a rule wants to see, and what it does with it.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) languages: &'static [Language],
    pub(crate) on: On,
    pub(crate) only: Only,
    pub(crate) check: Check,
}

pub(crate) type Check = for<'x, 'a, 't> fn(&mut Site<'x, 'a, 't>) -> Option<Hit<'t>>;

/// What a rule wants to see.
#[derive(Debug, Clone, Copy)]
pub(crate) enum On {
    /// Calls by the last part of their name.
    Calls(&'static [&'static str]),
    /// Objects made with `new`, by the last part of their type.
    News(&'static [&'static str]),
    /// Kinds of nodes.
    Kinds(&'static [&'static str]),
}

/// Where a rule looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Only {
    Anywhere,
    /// What a loop of the same function runs more than a few times.
    InLoop,
    /// In asynchronous functions and blocks.
    InAsync,
}

/// The languages of JavaScript's family.
pub(crate) const SCRIPT: &[Language] = &[Language::JavaScript, Language::TypeScript, Language::Tsx];

static ALL: [&Rule; 39] = [
    &async_blocking_call::RULE,
    &async_lock_across_await::RULE,
    &boxed_accumulator::RULE,
    &case_fold_compare::RULE,
    &clone_then_borrow::RULE,
    &collect_then_measure::RULE,
    &dataframe_row_loop::RULE,
    &eager_reduction::RULE,
    &filter_then_count::RULE,
    &filter_then_first::RULE,
    &format_then_push::RULE,
    &key_list_lookup::RULE,
    &keyset_lookup::RULE,
    &loop_costly_create::RULE,
    &loop_deep_copy::RULE,
    &loop_defer::RULE,
    &loop_front_shift::RULE,
    &loop_grow_unreserved::RULE,
    &loop_index_walk::RULE,
    &loop_length_scan::RULE,
    &loop_linear_find::RULE,
    &loop_list_concat::RULE,
    &loop_list_contains::RULE,
    &loop_query::RULE,
    &loop_realloc_by_one::RULE,
    &loop_regex_compile::RULE,
    &loop_sort::RULE,
    &loop_strcat::RULE,
    &loop_stream_flush::RULE,
    &loop_string_concat::RULE,
    &loop_time_after::RULE,
    &map_double_lookup::RULE,
    &param_by_value::RULE,
    &range_copy::RULE,
    &reduce_spread::RULE,
    &regex_compile_per_call::RULE,
    &sort_for_extreme::RULE,
    &string_chain::RULE,
    &unbounded_read::RULE,
];

/// All rules, in the order of their ids.
#[must_use]
pub fn all() -> &'static [&'static Rule] {
    &ALL
}

/// The rule of a name.
#[must_use]
pub fn by_id(id: &str) -> Option<&'static Rule> {
    ALL.iter().find(|rule| rule.id == id).copied()
}

/// Which rules are on, and how sure they must be. Small and cheap to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleSet {
    on: u128,
    least: Confidence,
}

impl RuleSet {
    /// No rule.
    pub const NONE: Self = Self { on: 0, least: Confidence::Low };

    /// All rules, however sure.
    pub const ALL: Self = Self { on: u128::MAX >> (128 - ALL.len()), least: Confidence::Low };

    /// Findings that are less sure are left out.
    #[must_use]
    pub const fn at_least(self, least: Confidence) -> Self {
        Self { least, ..self }
    }

    /// With a rule; unchanged if there is none of that name.
    #[must_use]
    pub fn with(self, id: &str) -> Self {
        Self { on: self.on | bit(id), ..self }
    }

    /// Without a rule; unchanged if there is none of that name.
    #[must_use]
    pub fn without(self, id: &str) -> Self {
        Self { on: self.on & !bit(id), ..self }
    }

    /// Whether no rule is on.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.on == 0
    }

    /// How sure a finding must be.
    #[must_use]
    pub const fn least(self) -> Confidence {
        self.least
    }

    /// The rules that are on.
    pub fn rules(self) -> impl Iterator<Item = &'static Rule> {
        ALL.into_iter().enumerate().filter(move |(index, _)| self.has(*index)).map(|(_, rule)| rule)
    }

    pub(crate) const fn has(self, index: usize) -> bool {
        self.on >> index & 1 == 1
    }

    /// Differs if the same file may have other findings: over ids and versions of the rules that are on and the least
    /// confidence. The same on all machines and in all builds with these rules. For keys of caches.
    #[must_use]
    pub fn fingerprint(self) -> u64 {
        let mut hash = Fnv::new();
        for rule in self.rules() {
            hash.add(rule.id.as_bytes());
            hash.add(&rule.version.to_le_bytes());
        }
        hash.add(self.least.word().as_bytes());
        hash.0
    }
}

fn bit(id: &str) -> u128 {
    ALL.iter().position(|rule| rule.id == id).map_or(0, |index| 1 << index)
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo), whose values are fixed, unlike those of the standard library's hasher.
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(&[0xFF]) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
