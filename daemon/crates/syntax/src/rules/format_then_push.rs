//! Rust: `s.push_str(&format!(…))` and `s += &format!(…)`. It writes to a new `String`, copies that and drops it. Write: `write!(s, …)`. Wrong
//! only in taste: `write!` returns a result that must be taken.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "format-then-push",
    version: 2,
    title: "formatted to a text that is copied and dropped",
    languages: &[Language::Rust],
    severity: Severity::Low,
    why: "each round allocates a String, copies it to the end of another and drops it",
    instead: "`write!(s, …)` formats right into the text",
    wrong_when: "the loop is seldom run",
    example_bad: "fn f(xs: &[u8]) { let mut s = String::new(); for x in xs { s.push_str(&format!(\"{x:02x}\")); } }",
    example_good: "fn f(xs: &[u8]) { let mut s = String::new(); for x in xs { let _ = write!(s, \"{x:02x}\"); } }",
    watches: &[
        Watch { languages: &[Language::Rust], on: On::Calls(&["push_str"]), only: Only::InLoop, check },
        Watch { languages: &[Language::Rust], on: On::Kinds(&["compound_assignment_expr"]), only: Only::InLoop, check },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let added = if site.call.is_some() { *site.arguments().first()? } else { site.field("right")? };
    let made = added.child_by_field_name("value").filter(|made| made.kind() == "macro_invocation")?;
    let formats = site.text(made).starts_with("format!");
    if !formats || !site.runs_each_round() {
        return None;
    }
    let into =
        if site.call.is_some() { site.receiver_name() } else { site.field("left").and_then(|left| site.name_of(left)) };
    // What is told to a person is built once and short.
    let confidence = if into.is_some_and(|name| site.is_message(name)) { Confidence::Medium } else { Confidence::High };
    Some(hit(site.node, confidence, "the formatted text is allocated, copied and dropped in each round".to_owned()))
}
