//! Flushing an output in each round: C++'s `std::endl`, Python's `print(…, flush=True)`. Each flush is a system call, some hundred times
//! the cost of writing to the buffer. Write: `'\n'`, and flush once. Wrong if a person or another program waits for each line.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-stream-flush",
    version: 2,
    title: "output flushed in each round",
    languages: &[Language::Cpp],
    severity: Severity::Low,
    why: "each flush is a system call, hundreds of times the cost of putting a line into the buffer",
    instead: "write `'\\n'` and flush once after the loop",
    wrong_when: "somebody waits for each line, as with a log or progress",
    example_bad: "void f(const V& xs) { for (const auto& x : xs) { std::cout << x << std::endl; } }",
    example_good: "void f(const V& xs) { for (const auto& x : xs) { std::cout << x << '\\n'; } }",
    watches: &[Watch { languages: &[Language::Cpp], on: On::Kinds(&["binary_expression"]), only: Only::InLoop, check }],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let right = site.field("right").filter(|right| matches!(site.text(*right), "std::endl" | "endl"))?;
    let mut stream = site.field("left").filter(|_| site.field("operator").is_some_and(|o| site.text(o) == "<<"))?;
    for _ in 0..64 {
        let Some(left) = stream.child_by_field_name("left") else { break };
        stream = left;
    }
    let stream = site.text(stream);
    // What goes to the log or to errors is meant to be seen at once, and errors are not buffered.
    if matches!(stream, "std::cerr" | "cerr" | "std::clog" | "clog") || !site.runs_each_round() {
        return None;
    }
    // On a terminal somebody may wait for each line. A file that is opened in the round is closed in it too.
    let to_file = site.bindings(stream).iter().any(|b| {
        // `std::ofstream out(path);` reads as a function that is declared.
        let ty = b.ty.or_else(|| b.pattern.parent()?.child_by_field_name("type"));
        ty.is_some_and(|ty| matches!(site.text(ty), "std::ofstream" | "ofstream" | "std::fstream" | "fstream"))
    });
    let confidence = if to_file && site.outlives_loop(stream) { Confidence::High } else { Confidence::Medium };
    Some(hit(right, confidence, format!("`{}` flushes `{stream}` in each round", site.text(right))))
}
