//! An array that a loop makes larger by one element each round. `realloc` may copy all of it each time, so n elements cost up to
//! n² / 2 copies. Write: double the capacity when it is full. Wrong if the allocator has room behind the block, which it may.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-realloc-by-one",
    version: 2,
    title: "array made larger by one in each round",
    languages: &[Language::C, Language::Cpp],
    severity: Severity::Medium,
    why: "each round may copy the whole array, so the cost grows with the square of the number of elements",
    instead: "keep a capacity and double it when it is reached",
    wrong_when: "the rounds are few, or the allocator finds room behind the block",
    example_bad: "void f(int *p, int n) { int c = 0; while (n--) { p = realloc(p, (c + 1) * sizeof(int)); p[c++] = n; } }",
    example_good: "void f(int *p, int n) { int c = 0, m = 8; while (n--) { if (c == m) { m *= 2; p = realloc(p, m * sizeof(int)); } p[c++] = n; } }",
    watches: &[Watch {
        languages: &[Language::C, Language::Cpp],
        on: On::Calls(&["realloc", "xrealloc", "g_realloc", "reallocarray"]),
        only: Only::InLoop,
        check,
    }],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let arguments = site.arguments();
    let size = *arguments.get(1)?;
    let text: String = site.text(size).chars().take(200).filter(|c| !c.is_whitespace()).collect();
    let one = text.contains("+1)*")
        || text.starts_with("++")
        || text.contains("*(++")
        || text.contains("*++")
        || (text.contains("*(") && text.ends_with("+1)"));
    // Behind a condition it is the growth of a full array.
    let above = site.ancestors();
    let end = site.innermost()?.node.id();
    let guarded = above.iter().take_while(|node| node.id() != end).any(|node| {
        matches!(node.kind(), "if_statement" | "switch_statement")
            && node
                .child_by_field_name("condition")
                .is_none_or(|c| !(c.start_byte() <= site.node.start_byte() && site.node.end_byte() <= c.end_byte()))
    });
    if !one || guarded || !site.runs_each_round() {
        return None;
    }
    Some(hit(
        site.node,
        Confidence::Medium,
        format!("each round makes {} larger by one element", site.shown(arguments[0])),
    ))
}
