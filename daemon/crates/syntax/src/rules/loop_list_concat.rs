//! A list that is replaced by a copy with one more element in each round: `a = a + [x]`, `a = a.concat(x)`, `a = [...a, x]`.
//! n rounds copy about n² / 2 elements. Write: `append`, `push`. Wrong if others hold the old list and must not see it change.

use crate::{
    Confidence, Language, Severity,
    inspect::{BindKind, Binding, Hit, Shape, Site, hit},
    rules::{On, Only, Rule, SCRIPT, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-list-concat",
    version: 3,
    title: "list copied to add to it in a loop",
    languages: &[Language::Python, Language::JavaScript, Language::TypeScript, Language::Tsx, Language::Swift],
    severity: Severity::High,
    why: "each round copies all elements so far, so the cost grows with the square of their number",
    instead: "add to the list in place: `append`, `extend`, `push`, `+=`",
    wrong_when: "somebody else holds the old list and must not see it grow",
    example_bad: "def f(xs):\n    out = []\n    for x in xs:\n        out = out + [x]\n    return out\n",
    example_good: "def f(xs):\n    out = []\n    for x in xs:\n        out.append(x)\n    return out\n",
    watches: &[
        Watch {
            languages: &[Language::Python, Language::Swift],
            on: On::Kinds(&["assignment"]),
            only: Only::InLoop,
            check,
        },
        Watch { languages: SCRIPT, on: On::Kinds(&["assignment_expression"]), only: Only::InLoop, check },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let left = site.field("left").or_else(|| site.field("target"))?;
    let right = site.field("right").or_else(|| site.field("result"))?;
    let name = site.name_of(left)?;
    let first = match right.kind() {
        "binary_operator" | "additive_expression" => {
            let other = right
                .named_child(1)
                .filter(|other| matches!(other.kind(), "list" | "array_literal" | "list_comprehension"))?;
            right.named_child(0).filter(|_| other.named_child_count() > 0)?
        }
        "array" => right
            .named_child(0)
            .filter(|first| first.kind() == "spread_element" && right.named_child_count() > 1)?
            .named_child(0)?,
        "call_expression" => site.as_call(right).filter(|call| call.name == "concat")?.receiver?,
        _ => return None,
    };
    let range = site.innermost()?.node.byte_range();
    let bindings = site.bindings(name);
    // Other additions to it in the same loop are fine, a new start is not.
    let adds =
        |text: &str| text.starts_with(name) || text.strip_prefix("[...").is_some_and(|rest| rest.starts_with(name));
    let starts = |b: &Binding<'_, 't>| range.contains(&b.at) && !b.value.is_some_and(|value| adds(site.text(value)));
    let declared_inside = bindings.is_empty() || bindings.iter().any(starts);
    if site.name_of(first) != Some(name) || declared_inside || !site.runs_each_round() {
        return None;
    }
    // A parameter belongs to the caller too, who may not want it changed.
    let given = site.bindings(name).iter().any(|b| matches!(b.kind, BindKind::Param | BindKind::Opaque));
    // What a caller gives may be of any length; parts of an object, or answers that were asked for, are few mostly.
    let sure = !given && site.shape_of_name(name) == Shape::List && site.is_over_input();
    let confidence = if sure { Confidence::High } else { Confidence::Medium };
    Some(hit(site.node, confidence, format!("each round copies all of `{name}` to add to it")))
}
