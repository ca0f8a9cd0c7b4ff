//! Sorting, in each round of a loop, a collection that lives outside of it. n rounds over m elements cost n · m · log m. Write: sort
//! once before or after the loop; keep a heap or a sorted map if the order is needed while it grows. Wrong if the loop changes
//! the order's key in each round and needs it.

use tree_sitter::Node;

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Shape, Site, hit},
    rules::{On, Only, Rule, SCRIPT, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-sort",
    version: 3,
    title: "the same collection sorted in each round",
    languages: &[
        Language::Python,
        Language::Rust,
        Language::JavaScript,
        Language::TypeScript,
        Language::Tsx,
        Language::Go,
        Language::Cpp,
        Language::Java,
        Language::Swift,
    ],
    severity: Severity::High,
    why: "each round sorts the whole collection again, which costs its length times the logarithm of it",
    instead: "sort once outside of the loop; use a heap or a sorted map if it grows while its order is needed",
    wrong_when: "the keys change in each round, so that the order is a new one",
    example_bad: "def f(xs, ys):\n    best = list(xs)\n    for y in ys:\n        best.append(y)\n        best.sort()\n    return best\n",
    example_good: "def f(xs, ys):\n    best = list(xs)\n    for y in ys:\n        best.append(y)\n    best.sort()\n    return best\n",
    watches: &[
        Watch { languages: &[Language::Python], on: On::Calls(&["sort", "sorted"]), only: Only::InLoop, check },
        Watch {
            languages: &[Language::Rust],
            on: On::Calls(&[
                "sort",
                "sort_unstable",
                "sort_by",
                "sort_by_key",
                "sort_unstable_by",
                "sort_unstable_by_key",
            ]),
            only: Only::InLoop,
            check,
        },
        Watch { languages: SCRIPT, on: On::Calls(&["sort", "toSorted"]), only: Only::InLoop, check },
        Watch {
            languages: &[Language::Go],
            on: On::Calls(&["Slice", "SliceStable", "Strings", "Ints", "Sort", "SortFunc"]),
            only: Only::InLoop,
            check,
        },
        Watch { languages: &[Language::Cpp], on: On::Calls(&["sort", "stable_sort"]), only: Only::InLoop, check },
        Watch { languages: &[Language::Java], on: On::Calls(&["sort"]), only: Only::InLoop, check },
        Watch { languages: &[Language::Swift], on: On::Calls(&["sort", "sorted"]), only: Only::InLoop, check },
    ],
};

/// Methods that change a list.
const CHANGES: [&str; 17] = [
    "append",
    "push",
    "push_back",
    "add",
    "insert",
    "extend",
    "[]=",
    "pop",
    "remove",
    "clear",
    "shift",
    "extend_from_slice",
    "splice",
    "truncate",
    "drain",
    "resize",
    "fill",
];

/// Those that begin a list anew.
const CLEARS: [&str; 5] = ["clear", "truncate", "drain", "resize", "fill"];

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let in_place = !matches!(site.call?.name, "sorted" | "toSorted");
    let name = site.name_of(sorted(site, in_place)?)?;
    if !site.outlives_loop(name) || !site.runs_each_round() {
        return None;
    }
    let range = site.innermost()?.node.byte_range();
    let changed = site.calls_on(name, &CHANGES, false).into_iter().any(|at| range.contains(&at));
    if site.calls_on(name, &CLEARS, false).into_iter().any(|at| range.contains(&at)) {
        return None;
    }
    let list = site.shape_of_name(name) == Shape::List;
    let confidence = match (changed, in_place) {
        // Nothing in sight changes it: a sorted copy of the same each time. One loop alone may have a few rounds only.
        (false, false) if site.loops().count() > 1 || site.has_many_rounds() => Confidence::High,
        (false, false) => Confidence::Medium,
        _ if list => Confidence::Medium,
        _ => Confidence::Low,
    };
    let message = if changed {
        format!("`{name}` lives longer than the loop, and each round sorts all of it")
    } else {
        format!("`{name}` is not changed in the loop, yet each round sorts it")
    };
    Some(hit(site.node, confidence, message))
}

/// What the call sorts.
fn sorted<'t>(site: &Site<'_, '_, 't>, in_place: bool) -> Option<Node<'t>> {
    let call = site.call?;
    let first = site.arguments().first().copied();
    match site.language {
        Language::Python if !in_place => first.filter(|_| call.receiver.is_none()),
        Language::Go => first.filter(|_| call.path.starts_with("sort.") || call.path.starts_with("slices.")),
        Language::Java if matches!(call.path, "sort") && site.receiver_name() == Some("Collections") => first,
        Language::Java if site.receiver_name() == Some("Arrays") => first,
        Language::Cpp => {
            let begin = first.and_then(|first| site.as_call(first)).filter(|call| call.name == "begin")?;
            begin.receiver.filter(|_| call.path.starts_with("std::"))
        }
        _ => call.receiver,
    }
}
