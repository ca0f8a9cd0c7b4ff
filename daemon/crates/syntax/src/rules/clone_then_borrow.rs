//! Rust: a copy that is made only to be lent or compared: `f(&x.clone())`, `x.to_string() == y`. The copy allocates and is dropped at
//! once. Write: lend the thing itself. Wrong where the copy ends a borrow (a guard, a `RefCell`), which a bare name rules out.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "clone-then-borrow",
    version: 2,
    title: "copy made only to be lent",
    languages: &[Language::Rust],
    severity: Severity::Low,
    why: "the copy allocates memory, is read once and dropped, though the original could be read",
    instead: "lend the thing itself: `f(&x)`; compare without `to_string()`",
    wrong_when: "the called function changes the original while it holds the reference",
    example_bad: "fn f(xs: &[String], y: &String) { for x in xs { g(&x.clone()); } }",
    example_good: "fn f(xs: &[String], y: &String) { for x in xs { g(x); } }",
    watches: &[
        Watch { languages: &[Language::Rust], on: On::Kinds(&["reference_expression"]), only: Only::Anywhere, check },
        Watch {
            languages: &[Language::Rust],
            on: On::Kinds(&["binary_expression"]),
            only: Only::Anywhere,
            check: compared,
        },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let value = site.field("value").filter(|_| !site.text(site.node).starts_with("&mut"))?;
    let call = site.as_call(value).filter(|call| matches!(call.name, "clone" | "to_vec" | "to_owned" | "to_string"))?;
    let of = call.receiver.and_then(|of| site.name_of(of))?;
    let parent = site.parent()?;
    if parent.kind() != "arguments" || site.arguments_of(value).len() + value.named_child_count() > 2 {
        return None;
    }
    // `to_string` makes another type; only of a name that is a text the copy is idle.
    let same = call.name == "clone"
        || site.shape_of_name(of) == crate::inspect::Shape::Text && call.name != "to_vec"
        || (call.name == "to_vec" && site.shape_of_name(of) == crate::inspect::Shape::List);
    let confidence = if !same {
        return None;
    } else if call.name == "clone" {
        Confidence::High
    } else {
        Confidence::Medium
    };
    Some(hit(site.node, confidence, format!("`{of}` is copied, lent once, and the copy dropped")))
}

/// `a.to_string() == b`, where one side is a literal.
fn compared<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    site.field("operator").filter(|o| matches!(site.text(*o), "==" | "!="))?;
    let (left, right) = (site.field("left")?, site.field("right")?);
    let literal = |site: &Site<'_, '_, 't>, node| site.is_literal_text(node);
    let made = if literal(site, right) {
        left
    } else if literal(site, left) {
        right
    } else {
        return None;
    };
    let call = site.as_call(made).filter(|call| call.name == "to_string")?;
    let of = call.receiver.and_then(|of| site.name_of(of))?;
    let is_text = site.shape_of_name(of) == crate::inspect::Shape::Text;
    let confidence = if is_text { Confidence::High } else { Confidence::Low };
    Some(hit(made, confidence, format!("`{of}` is written to a new String to compare it")))
}
