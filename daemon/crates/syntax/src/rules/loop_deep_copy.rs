//! A deep copy, in each round, of something that the loop does not change: `copy.deepcopy(x)`, `JSON.parse(JSON.stringify(x))`,
//! `structuredClone(x)`, `cloneDeep(x)`. It walks and allocates the whole structure. Write: copy what changes, or share what does
//! not. Wrong if each round needs a copy of its own to change, which is why it is never sure.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, Steady, hit},
    rules::{On, Only, Rule, SCRIPT, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-deep-copy",
    version: 2,
    title: "the same structure copied deeply in each round",
    languages: &[Language::Python, Language::JavaScript, Language::TypeScript, Language::Tsx],
    severity: Severity::Medium,
    why: "each round walks and allocates the whole structure again",
    instead: "copy only the part that changes, or share the structure if nobody changes it",
    wrong_when: "each round changes its copy in many places",
    example_bad: "import copy\ndef f(xs, base):\n    for x in xs:\n        y = copy.deepcopy(base)\n        use(x, y)\n",
    example_good: "import copy\ndef f(xs, base):\n    for x in xs:\n        use(x, base)\n",
    watches: &[
        Watch { languages: &[Language::Python], on: On::Calls(&["deepcopy"]), only: Only::InLoop, check },
        Watch {
            languages: SCRIPT,
            on: On::Calls(&["structuredClone", "cloneDeep", "parse"]),
            only: Only::InLoop,
            check,
        },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let call = site.call?;
    let mut of = *site.arguments().first()?;
    if call.name == "parse" {
        let inner = site.as_call(of).filter(|inner| inner.path == "JSON.stringify" && call.path == "JSON.parse")?;
        of = *site.arguments_of(of).first().filter(|_| inner.receiver.is_some())?;
    }
    if site.steady(of) != Steady::Names || !site.runs_each_round() {
        return None;
    }
    Some(hit(
        site.node,
        Confidence::Medium,
        format!("{} is the same in all rounds, and each copies all of it", site.shown(of)),
    ))
}
