//! Sorting a collection to take its first or last element: `sorted(xs)[0]`, `xs.sort(…)[0]`, `.sorted().first`. Sorting costs
//! n · log n and a copy where one look at each element would do. Write: `min`, `max`, `heapq.nsmallest`, a loop. Wrong if the sorted
//! list is needed beside (then it has a name).

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, SCRIPT, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "sort-for-extreme",
    version: 2,
    title: "sorted to take the first or last",
    languages: &[
        Language::Python,
        Language::JavaScript,
        Language::TypeScript,
        Language::Tsx,
        Language::Java,
        Language::Swift,
    ],
    severity: Severity::Low,
    why: "sorting compares each element about log n times and copies the list, where one look at each would do",
    instead: "take the minimum or maximum: `min()`, `max()`, a reduce, `Stream.min`",
    wrong_when: "the sort has a side effect that is wanted, such as the order of the array itself",
    example_bad: "def f(xs):\n    return sorted(xs)[0]\n",
    example_good: "def f(xs):\n    return min(xs)\n",
    watches: &[
        Watch { languages: &[Language::Python], on: On::Kinds(&["subscript"]), only: Only::Anywhere, check: python },
        Watch { languages: SCRIPT, on: On::Kinds(&["subscript_expression"]), only: Only::Anywhere, check: script },
        Watch { languages: &[Language::Java], on: On::Calls(&["findFirst"]), only: Only::Anywhere, check: java },
        Watch {
            languages: &[Language::Swift],
            on: On::Kinds(&["navigation_expression"]),
            only: Only::Anywhere,
            check: swift,
        },
    ],
};

fn python<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let index = site.text(site.field("subscript")?);
    let sorted = site.as_call(site.field("value")?)?;
    if !matches!(index, "0" | "-1") || sorted.path != "sorted" {
        return None;
    }
    Some(hit(site.node, Confidence::Medium, format!("`sorted()` for the element [{index}] alone")))
}

fn script<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let index = site.text(site.field("index")?);
    let object = site.field("object").filter(|_| index == "0")?;
    let sorted =
        site.as_call(object).filter(|call| matches!(call.name, "sort" | "toSorted") && call.receiver.is_some())?;
    // A name that is sorted in place may be wanted in order.
    let kept = sorted.receiver.is_some_and(|of| !of.kind().contains("call"));
    let confidence = if kept && sorted.name == "sort" { Confidence::Low } else { Confidence::Medium };
    Some(hit(site.node, confidence, format!("`{}()` for the first element alone", sorted.name)))
}

fn java<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let sorted = site.as_call(site.call?.receiver?).filter(|call| call.name == "sorted")?;
    Some(hit(site.node, Confidence::Medium, format!("`{}()` for the first element alone", sorted.name)))
}

fn swift<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let suffix = site.field("suffix").map(|suffix| site.text(suffix))?;
    let sorted =
        site.field("target").filter(|_| matches!(suffix, ".first" | ".last")).and_then(|of| site.as_call(of))?;
    let all = sorted.name == "sorted" && sorted.receiver.is_some();
    all.then(|| hit(site.node, Confidence::Medium, format!("`sorted()` for {suffix} alone")))
}
