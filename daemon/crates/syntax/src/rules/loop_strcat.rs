//! C's `strcat` onto the same buffer in a loop. Each call walks from the start of the buffer to its end before it copies, so building
//! a text of n bytes costs about n² / 2 steps. Write: keep a pointer to the end, or count the length. Wrong if the buffer starts
//! anew in each round.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-strcat",
    version: 2,
    title: "strcat onto the same buffer in a loop",
    languages: &[Language::C, Language::Cpp],
    severity: Severity::Medium,
    why: "each call walks over all that was written so far to find its end, so the cost grows with the square of the length",
    instead: "remember where the text ends (a pointer or a length) and write there",
    wrong_when: "the buffer is emptied in each round",
    example_bad: "void f(char *out, char **xs, int n) { for (int i = 0; i < n; i++) strcat(out, xs[i]); }",
    example_good: "void f(char *out, char **xs, int n) { char *end = out; for (int i = 0; i < n; i++) end = stpcpy(end, xs[i]); }",
    watches: &[Watch {
        languages: &[Language::C, Language::Cpp],
        on: On::Calls(&["strcat", "strncat"]),
        only: Only::InLoop,
        check,
    }],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let into = *site.arguments().first()?;
    let name = site.name_of(into)?;
    if !site.outlives_loop(name) || !site.runs_each_round() {
        return None;
    }
    let looped = site.innermost()?.node;
    let text = site.scan(looped)?;
    let restarts = [
        format!("strcpy({name}"),
        format!("{name}[0] = "),
        format!("*{name} = "),
        format!("snprintf({name},"),
        format!("sprintf({name},"),
        format!("strncpy({name}"),
        format!("strlcpy({name}"),
        format!("memset({name}"),
    ];
    if restarts.iter().any(|start| text.contains(start)) {
        return None;
    }
    // What is told to a person is built once and short.
    let confidence = if site.is_message(name) { Confidence::Medium } else { Confidence::High };
    Some(hit(site.node, confidence, format!("each round walks to the end of `{name}` before it adds")))
}
