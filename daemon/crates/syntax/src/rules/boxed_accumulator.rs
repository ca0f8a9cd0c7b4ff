//! A Java sum or counter in a boxed type (`Long`, `Integer`, `Double`) that a loop adds to. Each round unboxes, adds and allocates a
//! new box. Write: the primitive type. Wrong only if the value must be null before the loop.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "boxed-accumulator",
    version: 2,
    title: "boxed number changed in a loop",
    languages: &[Language::Java],
    severity: Severity::Medium,
    why: "each round takes the number out of its box and allocates a new one",
    instead: "use the primitive type: `long`, `int`, `double`",
    wrong_when: "the value must be able to be null",
    example_bad: "class A { long f(int[] xs) { Long sum = 0L; for (int x : xs) { sum += x; } return sum; } }",
    example_good: "class A { long f(int[] xs) { long sum = 0L; for (int x : xs) { sum += x; } return sum; } }",
    watches: &[
        Watch { languages: &[Language::Java], on: On::Kinds(&["assignment_expression"]), only: Only::InLoop, check },
        Watch { languages: &[Language::Java], on: On::Kinds(&["update_expression"]), only: Only::InLoop, check },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let left = site.field("left").or_else(|| site.node.named_child(0))?;
    let changes = site.field("operator").is_none_or(|operator| matches!(site.text(operator), "+=" | "-=" | "*="));
    let name = site.name_of(left).filter(|_| changes)?;
    let bindings = site.bindings(name);
    let ty = bindings.first().and_then(|b| b.ty).map(|ty| site.text(ty))?;
    if !matches!(ty, "Long" | "Integer" | "Double" | "Float" | "Short") || bindings[0].value.is_none() {
        return None;
    }
    let range = site.innermost()?.node.byte_range();
    if range.contains(&bindings[0].at) || !site.runs_each_round() {
        return None;
    }
    Some(hit(site.node, Confidence::High, format!("`{name}` is a `{ty}`, so each round allocates a new box")))
}
