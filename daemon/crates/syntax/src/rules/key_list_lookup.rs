//! Making a list of a map's keys, or any list, to ask whether it holds something: `x in list(d.keys())`, `Object.keys(o).includes(k)`,
//! `m.keys().any(|k| k == x)`, `x in [f(y) for y in ys]`. It builds or reads all of it where the map answers at once. Write: ask the
//! map (`in`, `has`, `contains_key`). Wrong for inherited properties of JavaScript's `in`; use `Object.hasOwn`.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, SCRIPT, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "key-list-lookup",
    version: 4,
    title: "list of keys made to look for one",
    languages: &[
        Language::Python,
        Language::JavaScript,
        Language::TypeScript,
        Language::Tsx,
        Language::Rust,
        Language::Swift,
    ],
    severity: Severity::Medium,
    why: "all keys are read (and mostly copied) to find one that the map itself would find at once",
    instead: "ask the map: `in`, `Object.hasOwn`, `contains_key`, `map[key] != nil`; for other lists make a set before",
    wrong_when: "the map is known to stay tiny",
    example_bad: "def f(d, x):\n    return x in list(d.keys())\n",
    example_good: "def f(d, x):\n    return x in d\n",
    watches: &[
        Watch {
            languages: &[Language::Python],
            on: On::Kinds(&["comparison_operator"]),
            only: Only::Anywhere,
            check: python,
        },
        Watch { languages: SCRIPT, on: On::Calls(&["includes", "indexOf"]), only: Only::Anywhere, check: script },
        Watch { languages: &[Language::Rust], on: On::Calls(&["any"]), only: Only::Anywhere, check: rust },
        Watch { languages: &[Language::Swift], on: On::Calls(&["contains"]), only: Only::Anywhere, check: swift },
    ],
};

fn python<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    site.field("operators").filter(|o| matches!(o.kind(), "in" | "not in"))?;
    let list = site.node.named_child(1)?;
    let text = site.text(list);
    if list.kind() == "list_comprehension" {
        let looped = site.innermost().is_some();
        let confidence = if looped { Confidence::Medium } else { Confidence::Low };
        return Some(hit(list, confidence, "a list is built for this one question".to_owned()));
    }
    let call = site.as_call(list)?;
    let keys = call.path == "list" && (text.ends_with(".keys())") || text.ends_with(".values())"));
    let confidence = sureness(site);
    keys.then(|| hit(list, confidence, format!("{} is built to look for one of it", site.shown(list))))
}

fn script<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let keys = site.call?.receiver?;
    let call = site.as_call(keys).filter(|call| call.path == "Object.keys")?;
    let one = site.arguments().len() == 1 && call.receiver.is_some();
    let confidence = site.if_many();
    one.then(|| hit(site.node, confidence, format!("{} is built to look for one of it", site.shown(keys))))
}

fn rust<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let keys = site.call?.receiver?;
    let call = site.as_call(keys).filter(|call| call.name == "keys")?;
    let closure = *site.arguments().first().filter(|closure| closure.kind() == "closure_expression")?;
    let body = closure.child_by_field_name("body").filter(|body| body.kind() == "binary_expression")?;
    let parameter =
        closure.child_by_field_name("parameters").and_then(|list| list.named_child(0)).map(|p| site.text(p))?;
    let sides = [body.child_by_field_name("left")?, body.child_by_field_name("right")?];
    let equal = body.child_by_field_name("operator").is_some_and(|o| site.text(o) == "==");
    // The key itself, not a part of it.
    let whole = sides.iter().any(|side| site.text(*side).trim_start_matches('*') == parameter.trim_start_matches('&'));
    let of = call.receiver.filter(|_| equal && whole)?;
    Some(hit(site.node, Confidence::Medium, format!("all keys of {} are read to find one", site.shown(of))))
}

fn swift<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let list = site.call?.receiver?;
    let call = site.as_call(list).filter(|call| call.path == "Array")?;
    let keys = site.text(list).ends_with(".keys)") && call.receiver.is_none();
    let confidence = sureness(site);
    keys.then(|| hit(site.node, confidence, format!("{} is built to look for one of it", site.shown(list))))
}

/// Outside of loops the list may be built once only.
fn sureness(site: &Site<'_, '_, '_>) -> Confidence {
    if site.innermost().is_some() { Confidence::High } else { Confidence::Medium }
}
