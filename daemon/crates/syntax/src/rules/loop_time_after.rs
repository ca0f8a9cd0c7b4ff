//! Go's `time.After` in a `select` in a loop, and `time.Tick` in a function. Each round makes a timer; before Go 1.23 it is kept until
//! it fires, so a busy loop with a long timeout holds one for each message. Write: one `time.NewTimer` that is reset. Wrong from Go
//! 1.23 on, where only the allocation is left.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-time-after",
    version: 2,
    title: "a timer made in each round of a select",
    languages: &[Language::Go],
    severity: Severity::Low,
    why: "each round makes a timer, which before Go 1.23 lives until it fires, however many rounds that takes",
    instead: "make one `time.NewTimer` (or `NewTicker`) before the loop and reset it",
    wrong_when: "the module needs Go 1.23 or newer; then only a small allocation is left",
    example_bad: "package p\nfunc f(c chan int) { for { select { case <-c: case <-time.After(time.Minute): return } } }",
    example_good: "package p\nfunc f(c chan int) { t := time.NewTimer(time.Minute); for { select { case <-c: t.Reset(time.Minute); case <-t.C: return } } }",
    watches: &[Watch { languages: &[Language::Go], on: On::Calls(&["After"]), only: Only::InLoop, check }],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    if site.call?.path != "time.After" {
        return None;
    }
    let select = site.ancestors().into_iter().take(8).find(|above| above.kind() == "select_statement")?;
    // Beside a channel that only ends things it is a pause that can be broken off, and its timer fires.
    let ends = |text: &str| {
        let head = text.split(':').next().unwrap_or_default().to_lowercase();
        ["done", "stop", "quit", "clos", "exit", "shutdown", "time.after", "cancel"]
            .iter()
            .any(|word| head.contains(word))
    };
    let works =
        site.statements(select).into_iter().any(|case| case.kind() == "communication_case" && !ends(site.text(case)));
    works.then(|| hit(site.node, Confidence::Medium, format!("{} makes a timer in each round", site.shown(site.node))))
}
