//! Searching one list, by a key, in each round of a loop over another: `ys.find(y => y.id === x.id)`, `next(y for y in ys if y.id == x.id)`,
//! `ys.iter().find(|y| y.id == x.id)`. n rounds over m elements cost n · m. Write: make a map by key before the loop. Wrong if
//! the searched list is known to stay short.

use tree_sitter::Node;

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, SCRIPT, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-linear-find",
    version: 6,
    title: "a list searched by key in each round",
    languages: &[
        Language::JavaScript,
        Language::TypeScript,
        Language::Tsx,
        Language::Python,
        Language::Rust,
        Language::Swift,
    ],
    severity: Severity::Medium,
    why: "each round reads the other list until it finds the key, so the cost grows with the product of both lengths",
    instead: "put the list into a map by its key before the loop and look the key up",
    wrong_when: "the searched list is known to stay short",
    example_bad: "function f(xs, ys) { for (const x of xs) { x.y = ys.find((y) => y.id === x.yId); } }",
    example_good: "function f(xs, ys) { const byId = new Map(ys.map((y) => [y.id, y])); for (const x of xs) { x.y = byId.get(x.yId); } }",
    watches: &[
        Watch { languages: SCRIPT, on: On::Calls(&["find", "findIndex", "some"]), only: Only::InLoop, check },
        Watch { languages: &[Language::Python], on: On::Calls(&["next"]), only: Only::InLoop, check: python },
        Watch {
            languages: &[Language::Rust],
            on: On::Calls(&["find", "position", "any"]),
            only: Only::InLoop,
            check: rust,
        },
        Watch {
            languages: &[Language::Swift],
            on: On::Calls(&["first", "firstIndex", "contains"]),
            only: Only::InLoop,
            check,
        },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let of = site.call?.receiver?;
    judge(site, of)
}

fn rust<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let iter = site.as_call(site.call?.receiver?).filter(|inner| inner.name == "iter")?;
    judge(site, iter.receiver?)
}

fn judge<'t>(site: &mut Site<'_, '_, 't>, of: Node<'t>) -> Option<Hit<'t>> {
    let name = site.name_of(of)?;
    let closure = *site.arguments().first()?;
    let mut body = closure.child_by_field_name("body").or_else(|| closure.named_child(0))?;
    for _ in 0..3 {
        if matches!(
            body.kind(),
            "statement_block" | "statements" | "block" | "return_statement" | "parenthesized_expression"
        ) {
            body = body.named_child(0).filter(|_| body.named_child_count() == 1)?;
        }
    }
    let operator = body.child_by_field_name("operator").or_else(|| body.child_by_field_name("op"));
    let equals = operator.is_some_and(|operator| matches!(site.text(operator), "==" | "==="));
    if !equals || !matches!(body.kind(), "binary_expression" | "equality_expression") {
        return None;
    }
    let parameters = closure.child_by_field_name("parameters").or_else(|| closure.child_by_field_name("parameter"));
    let element = parameters.map_or("$0", |parameters| site.text(parameters));
    found(site, name, (element, body))
}

fn python<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let generator = *site.arguments().first().filter(|first| first.kind() == "generator_expression")?;
    let over = crate::inspect::source_of(generator)?;
    let name = site.name_of(over)?;
    let mut cursor = generator.walk();
    let clause = generator.named_children(&mut cursor).find(|child| child.kind() == "if_clause")?;
    let test = clause.named_child(0).filter(|test| test.kind() == "comparison_operator")?;
    test.child_by_field_name("operators").filter(|o| o.kind() == "==")?;
    let mut cursor = generator.walk();
    let mut clauses = generator.named_children(&mut cursor);
    let element = clauses.find(|child| child.kind() == "for_in_clause")?.child_by_field_name("left")?;
    found(site, name, (site.text(element), test))
}

/// `test` compares the elements of the list called `name`, each of which is called `element` in it.
fn found<'t>(site: &mut Site<'_, '_, 't>, name: &str, (element, test): (&str, Node<'t>)) -> Option<Hit<'t>> {
    let key = key(site, element, test)?;
    // The key comes from the loop, and the list does not.
    let pattern = site.innermost()?.pattern().or_else(|| {
        site.innermost()
            .and_then(|s| s.node.child_by_field_name("parameters").or_else(|| s.node.child_by_field_name("parameter")))
    })?;
    let bound = names(site, pattern);
    if !bound.iter().any(|name| key.contains(name)) || !site.outlives_loop(name) || !site.runs_each_round() {
        return None;
    }
    let sure = site.shape_of_name(name) == crate::inspect::Shape::List;
    let confidence = if sure && site.has_many_rounds() { Confidence::High } else { Confidence::Medium };
    Some(hit(site.node, confidence, format!("each round searches `{name}` from its start for one key")))
}

/// The names in what is sought, if one side is a key that each element has by itself, and the other side is the same for all elements.
/// Only such a key can a map have: `id.startsWith(y.prefix) === true` has none.
fn key<'a, 't>(site: &Site<'_, 'a, 't>, element: &str, test: Node<'t>) -> Option<Vec<&'a str>> {
    let last = u32::try_from(test.named_child_count().checked_sub(1)?).ok()?;
    let [left, right] = [names(site, test.named_child(0)?), names(site, test.named_child(last)?)];
    let element: Vec<&str> = words(element).filter(|word| !matches!(*word, "mut" | "ref")).collect();
    let is_key = |side: &[&str]| !side.is_empty() && side.iter().all(|name| element.contains(name));
    let is_same = |side: &[&str]| !side.iter().any(|name| element.contains(name));
    if is_key(&left) && is_same(&right) {
        return Some(right);
    }
    (is_key(&right) && is_same(&left)).then_some(left)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '$')).filter(|word| !word.is_empty())
}

/// The names of variables in an expression or pattern, without those of members, and of no more than its first nodes.
fn names<'a, 't>(site: &Site<'_, 'a, 't>, node: Node<'t>) -> Vec<&'a str> {
    const MOST: usize = 256;
    let (mut found, mut waiting) = (Vec::new(), vec![node]);
    for _ in 0..MOST {
        let Some(node) = waiting.pop() else { break };
        match node.kind() {
            "identifier"
            | "simple_identifier"
            | "shorthand_property_identifier"
            | "shorthand_property_identifier_pattern"
            | "shorthand_field_identifier"
            | "self"
            | "self_expression"
            | "this" => found.push(site.text(node)),
            "navigation_suffix" => {}
            "attribute" => waiting.extend(node.child_by_field_name("object")),
            "keyword_argument" => waiting.extend(node.child_by_field_name("value")),
            _ => {
                let mut cursor = node.walk();
                waiting.extend(node.named_children(&mut cursor).take(MOST));
            }
        }
    }
    found
}
