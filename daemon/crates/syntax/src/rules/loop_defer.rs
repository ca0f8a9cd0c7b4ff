//! Go's `defer` in a loop. Deferred calls run when the *function* ends, so files, locks and connections of all rounds stay open until
//! then, and the list of calls grows. Write: a function for the body, or close by hand. Wrong for loops of few rounds whose things
//! must live to the end, and for rounds that return.

use crate::{
    Confidence, Language, Severity,
    inspect::{BindKind, Hit, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-defer",
    version: 2,
    title: "defer in a loop",
    languages: &[Language::Go],
    severity: Severity::Medium,
    why: "deferred calls wait for the end of the function, so what each round opened stays open and memory grows with the rounds",
    instead: "put the body into a function of its own, or close at the end of the round",
    wrong_when: "everything must stay open until the function ends, and the rounds are few",
    example_bad: "package p\nfunc f(xs []string) { for _, x := range xs { g, _ := os.Open(x); defer g.Close(); use(g) } }",
    example_good: "package p\nfunc f(xs []string) { for _, x := range xs { one(x) } }\nfunc one(x string) { g, _ := os.Open(x); defer g.Close(); use(g) }",
    watches: &[Watch { languages: &[Language::Go], on: On::Kinds(&["defer_statement"]), only: Only::InLoop, check }],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    if !site.runs_each_round() {
        return None;
    }
    let call = site.node.named_child(0)?;
    let what = site.shown(call);
    // What the loop gathers is meant to stay open.
    let of = site.as_call(call).and_then(|call| call.receiver).and_then(|of| site.name_of(of));
    let looped = site.innermost()?.node;
    let text = site.scan(looped)?;
    let gathered = of.is_some_and(|name| text.contains("append(") && text.contains(&format!(", {name})")));
    // What is opened in the round is what stays open; a loop over things that were open before only closes them late.
    let range = looped.byte_range();
    let opened =
        of.is_some_and(|name| site.bindings(name).iter().any(|b| range.contains(&b.at) && b.kind == BindKind::Declare));
    let confidence = if opened && !gathered { Confidence::High } else { Confidence::Medium };
    Some(hit(site.node, confidence, format!("{what} runs when the function ends, once for each round")))
}
