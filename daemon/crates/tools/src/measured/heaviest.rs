//! The heaviest functions of files that come in any order, in bounded memory: more of them than a report lists, because only the
//! last file tells which of them are for tests.

use std::{borrow::Borrow, cmp::Ordering};

use agentd_syntax::FunctionFacts;

use super::{HEAVIEST, HeavyFunction, Measure, by_place, cognitive, cyclomatic};

/// Functions kept by each measure until it is known which are for tests: so many more than are listed may be in modules of tests,
/// and take no place of the program's own however heavy they are.
const KEPT: usize = 5 * HEAVIEST;

/// So many are there before they are cut, with which each of them costs little.
const MOST: usize = 4 * KEPT;

/// The heaviest functions so far; those that are kept in the end do not depend on the order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pool {
    functions: Vec<HeavyFunction>,
    /// What is below both, by the measures, is not among those that are kept.
    floors: (u32, u32),
}

impl Pool {
    /// Adds the functions of a file that can still come among the heaviest.
    pub(super) fn add(&mut self, file: u32, functions: Vec<FunctionFacts>) {
        let (least_cyclomatic, least_cognitive) = self.floors;
        let can_come = |function: &FunctionFacts| {
            cyclomatic(function) >= least_cyclomatic || cognitive(function) >= least_cognitive
        };
        let functions = functions.into_iter().filter(can_come);
        self.functions.extend(functions.map(|function| HeavyFunction { file, function }));
        if self.functions.len() >= MOST {
            self.cut();
        }
    }

    /// Leaves the heaviest by one measure and, of the others, the heaviest by the other one.
    fn cut(&mut self) {
        let (_, rest) = split(&mut self.functions, KEPT, cyclomatic);
        split(rest, KEPT, cognitive);
        self.functions.truncate(2 * KEPT);
        let (first, rest) = self.functions.split_at(KEPT);
        let first = first.iter().map(|heavy| cyclomatic(&heavy.function)).min();
        let rest = rest.iter().map(|heavy| cognitive(&heavy.function)).min();
        self.floors = (first.unwrap_or(0), rest.unwrap_or(0));
    }

    /// The heaviest by one measure, in no order: as many as are listed if all of them are, else as many as are kept.
    pub(super) fn by(&mut self, measure: impl Measure, all_are_listed: bool) -> &[HeavyFunction] {
        split(&mut self.functions, if all_are_listed { HEAVIEST } else { KEPT }, measure).0
    }
}

/// The heaviest of these, heaviest first. What is not above 1 is never worth a place: no branch, or a single one for a reader.
pub(super) fn listed(mut functions: Vec<&HeavyFunction>, measure: impl Measure) -> impl Iterator<Item = HeavyFunction> {
    functions.retain(|heavy| measure(&heavy.function) > 1);
    let (first, _) = split(&mut functions, HEAVIEST, measure);
    first.sort_unstable_by(|a, b| order(measure, a, b));
    functions.truncate(HEAVIEST);
    functions.into_iter().cloned()
}

/// The heaviest `count`, in no order, and the rest.
fn split<T: Borrow<HeavyFunction>>(functions: &mut [T], count: usize, measure: impl Measure) -> (&mut [T], &mut [T]) {
    if count < functions.len() {
        functions.select_nth_unstable_by(count, |a, b| order(measure, a.borrow(), b.borrow()));
    }
    functions.split_at_mut(count.min(functions.len()))
}

/// Heaviest first; equals by file and place, so that the order does not depend on who came first.
fn order(measure: impl Measure, a: &HeavyFunction, b: &HeavyFunction) -> Ordering {
    let by_weight = measure(&b.function).cmp(&measure(&a.function));
    by_weight.then(a.file.cmp(&b.file)).then_with(|| by_place(&a.function, &b.function))
}
