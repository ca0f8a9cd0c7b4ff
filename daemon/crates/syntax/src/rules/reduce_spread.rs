//! A `reduce` whose callback spreads the accumulator into a new array or object: `(acc, x) => [...acc, x]`, `({ ...acc, [k]: v })`,
//! `Object.assign({}, acc, …)`, `acc.concat(x)`. Each step copies all that is there, so n elements cost about n² / 2 copies.
//! Write: add to the accumulator and return it, or a loop, `Object.fromEntries`, `flatMap`. Wrong for short constant lists.

use tree_sitter::Node;

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, SCRIPT, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "reduce-spread",
    version: 2,
    title: "accumulator copied in each step of a reduce",
    languages: &[Language::JavaScript, Language::TypeScript, Language::Tsx],
    severity: Severity::High,
    why: "each step copies the whole accumulator, so the cost grows with the square of the number of elements",
    instead: "change the accumulator and return it, or use a loop, `Object.fromEntries` or `flatMap`",
    wrong_when: "the list is short and known",
    example_bad: "const r = xs.reduce((acc, x) => ({ ...acc, [x.id]: x }), {});",
    example_good: "const r = Object.fromEntries(xs.map((x) => [x.id, x]));",
    watches: &[Watch { languages: SCRIPT, on: On::Calls(&["reduce", "reduceRight"]), only: Only::Anywhere, check }],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let arguments = site.arguments();
    let (callback, initial) = (*arguments.first()?, *arguments.get(1)?);
    // A constant or a list that is written out is short.
    let constant = |text: &str| text.bytes().all(|b| b.is_ascii_uppercase() || matches!(b, b'_' | b'.'));
    let short = site.call?.receiver.is_some_and(|of| {
        let last = site.text(of).rsplit('.').next().unwrap_or_default();
        of.kind() == "array" || (constant(last) && !last.is_empty())
    });
    if short || !matches!(initial.kind(), "object" | "array" | "as_expression" | "new_expression") {
        return None;
    }
    let list = callback.child_by_field_name("parameters").filter(|_| callback.kind() != "identifier")?;
    let first = list.named_child(0)?;
    let first = first.child_by_field_name("pattern").unwrap_or(first);
    let name = site.name_of(first)?;
    let mut body = callback.child_by_field_name("body")?;
    if body.kind() == "statement_block" {
        body = site.statements(body).pop().filter(|last| last.kind() == "return_statement")?.named_child(0)?;
    }
    while body.kind() == "parenthesized_expression" || body.kind() == "as_expression" {
        body = body.named_child(0)?;
    }
    if !copies(site, body, name) {
        return None;
    }
    let message = format!("each element copies all of `{name}`");
    // How many there are is seldom seen, and most such lists are short.
    Some(hit(body, Confidence::Medium, message))
}

/// Whether an expression makes a new value with all of `name` in it.
fn copies(site: &Site<'_, '_, '_>, body: Node<'_>, name: &str) -> bool {
    match body.kind() {
        "object" | "array" => {
            let mut cursor = body.walk();
            let spreads = |child: Node<'_>| {
                child.kind() == "spread_element" && child.named_child(0).is_some_and(|of| site.text(of) == name)
            };
            body.named_child_count() > 1 && body.named_children(&mut cursor).take(64).any(spreads)
        }
        "call_expression" => {
            let text = site.text(body);
            let squeezed: String = text.chars().take(120).filter(|c| !c.is_whitespace()).collect();
            squeezed.starts_with(&format!("Object.assign({{}},{name},"))
                || squeezed.starts_with(&format!("{name}.concat("))
        }
        _ => false,
    }
}
