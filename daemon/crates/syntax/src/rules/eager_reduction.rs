//! A list that is built in memory only to be reduced at once: `any([…])`, `all([…])`, `sum([…])`, `set([…])`. `any` and `all` then
//! cannot stop early, and the list costs memory that nobody needs. Write: leave out the brackets. `str.join` is left out on
//! purpose: it builds a list itself. Wrong if each element must be computed for its side effect.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit, source_of},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "eager-reduction",
    version: 3,
    title: "list built to be reduced at once",
    languages: &[Language::Python],
    severity: Severity::Low,
    why: "the whole list is computed and stored first, so any() and all() cannot stop at the first answer",
    instead: "leave out the brackets: a generator gives one element after the other; for `set([…])` write `{…}`",
    wrong_when: "each element must be computed for its side effect",
    example_bad: "def f(xs):\n    return any([x > 1 for x in xs])\n",
    example_good: "def f(xs):\n    return any(x > 1 for x in xs)\n",
    watches: &[Watch {
        languages: &[Language::Python],
        on: On::Calls(&["any", "all", "sum", "set", "frozenset"]),
        only: Only::Anywhere,
        check,
    }],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let call = site.call.filter(|call| call.receiver.is_none())?;
    let arguments = site.arguments();
    let list = *arguments.first().filter(|list| list.kind() == "list_comprehension")?;
    let text = site.text(list);
    if text.contains("await ") {
        return None;
    }
    // Awaiting aside, `any` and `all` gain most; a sum of numbers costs the list alone.
    let stops = matches!(call.name, "any" | "all");
    // A call may be made for its side effect on each element, as validation is.
    let body = list.child_by_field_name("body").map(|body| site.text(body)).unwrap_or_default();
    let over = source_of(list).is_some_and(|over| site.is_much(over)) || site.has_many_rounds();
    let confidence = if stops && over && !body.contains('(') { Confidence::High } else { Confidence::Medium };
    let what = if stops {
        "cannot stop early: the list is complete before it begins"
    } else {
        "needs no list: it reads each element once"
    };
    Some(hit(site.node, confidence, format!("`{}()` {what}", call.name)))
}
