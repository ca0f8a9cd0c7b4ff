//! Asking a list in a loop whether it holds something. Each question reads the list from its start, so n questions over m elements
//! cost n times m. Write: a set (or map) beside or instead of the list. Wrong if the list is known to stay short, as most are: of 78
//! such places in well-known packages 7 were worth a change. Sure only if the list takes in all that a loop over much goes over.

use tree_sitter::Node;

use crate::{
    Confidence, Language, Severity,
    inspect::{BindKind, Binding, Hit, Shape, Site, hit, source_of},
    rules::{On, Only, Rule, SCRIPT, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-list-contains",
    version: 4,
    title: "membership of a list asked in a loop",
    languages: &[
        Language::Python,
        Language::Rust,
        Language::JavaScript,
        Language::TypeScript,
        Language::Tsx,
        Language::Go,
        Language::Java,
        Language::Swift,
    ],
    severity: Severity::Medium,
    why: "each question reads the list from its start, so the loop's cost grows with the product of both lengths",
    instead: "keep the elements in a set (or the keys of a map) and ask that",
    wrong_when: "the list is known to stay short",
    example_bad: "def f(xs):\n    seen = []\n    for x in xs:\n        if x not in seen:\n            seen.append(x)\n",
    example_good: "def f(xs):\n    seen = set()\n    for x in xs:\n        if x not in seen:\n            seen.add(x)\n",
    watches: &[
        Watch {
            languages: &[Language::Python],
            on: On::Kinds(&["comparison_operator"]),
            only: Only::InLoop,
            check: python,
        },
        Watch {
            languages: &[Language::Rust, Language::Swift],
            on: On::Calls(&["contains"]),
            only: Only::InLoop,
            check,
        },
        Watch { languages: SCRIPT, on: On::Calls(&["includes", "indexOf"]), only: Only::InLoop, check },
        Watch { languages: &[Language::Java], on: On::Calls(&["contains", "indexOf"]), only: Only::InLoop, check },
        Watch { languages: &[Language::Go], on: On::Calls(&["Contains"]), only: Only::InLoop, check: go },
    ],
};

/// What makes a list longer.
const GROWS: &[&str] = &["append", "push", "add", "extend", "insert", "addAll", "unshift", "extend_from_slice"];

/// What takes elements out of a list.
const SHRINKS: &[&str] =
    &["remove", "pop", "shift", "splice", "removeAt", "swap_remove", "retain", "truncate", "clear"];

fn python<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let operator = site.field("operators")?;
    let list = site.node.named_child(1).filter(|_| matches!(operator.kind(), "in" | "not in"))?;
    // One fixed question asks for a mark, of which there are few.
    let asked = site.node.named_child(0);
    let name = site.name_of(list).filter(|_| !asked.is_some_and(|asked| site.is_literal_text(asked)))?;
    judge(site, name, asked)
}

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let name = site.receiver_name()?;
    let one = site.arguments().len() == 1;
    // Swift's `contains { … }` and `contains(where:)` are scans too, but of another question.
    let asks = site
        .arguments()
        .first()
        .is_some_and(|argument| !argument.kind().contains("lambda") && !site.is_literal_text(*argument));
    if one && asks { judge(site, name, site.arguments().first().copied()) } else { None }
}

fn go<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let arguments = site.arguments();
    let list = *arguments.first().filter(|_| site.call.is_some_and(|call| call.path == "slices.Contains"))?;
    let name = site.name_of(list)?;
    judge(site, name, arguments.get(1).copied())
}

fn judge<'t>(site: &mut Site<'_, '_, 't>, name: &str, asked: Option<Node<'t>>) -> Option<Hit<'t>> {
    if site.shape_of_name(name) != Shape::List || !site.outlives_loop(name) {
        // Go's and Swift's lists grow by assignment, which the loop may hold.
        let by_assignment = matches!(site.language, Language::Go | Language::Swift);
        if !by_assignment || site.shape_of_name(name) != Shape::List || declared_inside(site, name) {
            return None;
        }
    }
    if !site.runs_each_round() {
        return None;
    }
    let bindings = site.bindings(name);
    let grows = !site.calls_on(name, GROWS, true).is_empty()
        || bindings.iter().any(|b| {
            matches!(b.kind, BindKind::Assign | BindKind::Update)
                && b.value.is_some_and(|v| site.text(v).starts_with("append("))
        })
        || bindings.iter().any(|b| b.kind == BindKind::Update);
    let parameter = bindings.iter().any(|b| b.kind == BindKind::Param);
    let computed = bindings
        .iter()
        .filter_map(|b| b.value)
        .any(|value| matches!(value.kind(), "list_comprehension" | "call" | "call_expression" | "method_invocation"));
    let confidence = match (grows, computed, parameter) {
        (true, _, false) if !stays_short(site, name) && may_be_long(site, (name, asked)) => Confidence::High,
        (true, ..) => Confidence::Medium,
        (_, true, _) | (_, _, true) => Confidence::Medium,
        _ => return None,
    };
    let how = if grows { "grows in a loop and" } else { "is a list, which" };
    let message = format!("`{name}` {how} is read from its start for each question");
    Some(hit(site.node, confidence, message))
}

/// Whether something speaks for a long list: it takes in the elements themselves of a loop of many rounds, in that loop. What is made
/// of the elements is of few kinds mostly: folders of files, types of keys.
fn may_be_long<'t>(site: &mut Site<'_, '_, 't>, (name, asked): (&str, Option<Node<'t>>)) -> bool {
    let each = site.innermost().map(|scope| (scope.node, scope.pattern()));
    let Some((looped, Some(pattern))) = each else { return false };
    let element = site.text(pattern);
    if asked.is_none_or(|asked| site.text(asked) != element) || !site.has_many_rounds() {
        return false;
    }
    let adds: Vec<String> = GROWS.iter().map(|grows| format!("{name}.{grows}({element})")).collect();
    site.scan(looped).is_some_and(|text| adds.iter().any(|add| text.contains(add)))
}

/// Whether something speaks for a short list, or against a set in its place: an outer loop makes it anew in each round, a function
/// around this one owns it, elements are taken out of it again, it holds letters of a text, or it grows only in loops over constants.
fn stays_short<'t>(site: &mut Site<'_, '_, 't>, name: &str) -> bool {
    let outer: Vec<_> = site.loops().skip(1).map(|scope| scope.node.byte_range()).collect();
    let own = site.function().map(|scope| scope.node.byte_range());
    let elsewhere = |b: &Binding<'_, 't>| {
        outer.iter().any(|range| range.contains(&b.at)) || own.as_ref().is_some_and(|own| !own.contains(&b.at))
    };
    let bindings = site.bindings(name);
    if bindings.iter().any(|b| b.kind != BindKind::Update && elsewhere(b))
        || !site.calls_on(name, SHRINKS, false).is_empty()
    {
        return true;
    }
    let over = site.innermost().and_then(|scope| source_of(scope.node));
    if over.is_some_and(|over| site.shape(over) == Shape::Text) {
        return true;
    }
    let grows = site.calls_on(name, GROWS, true);
    !grows.is_empty() && grows.iter().take(8).all(|at| over_constant(site, *at) || site.leaves_after(*at))
}

/// Whether the loop around a place goes over a name that is written like a constant.
fn over_constant(site: &mut Site<'_, '_, '_>, at: usize) -> bool {
    let Some(function) = site.function().map(|scope| scope.node) else { return false };
    let mut node = function.descendant_for_byte_range(at, at);
    site.charge(512);
    for _ in 0..32 {
        let Some(above) = node.and_then(|node| node.parent()).filter(|above| above.id() != function.id()) else {
            break;
        };
        if let Some(over) = source_of(above) {
            // One capital letter is a name like any other.
            return !site.text(over).contains(|c: char| c.is_lowercase()) && site.text(over).len() > 2;
        }
        node = Some(above);
    }
    false
}

fn declared_inside(site: &mut Site<'_, '_, '_>, name: &str) -> bool {
    let Some(range) = site.innermost().map(|scope| scope.node.byte_range()) else { return true };
    let bindings = site.bindings(name);
    bindings.is_empty()
        || bindings.iter().any(|b| range.contains(&b.at) && !matches!(b.kind, BindKind::Update | BindKind::Assign))
}
