//! Searching one list, by a key, in each round of a loop over another: `ys.find(y => y.id === x.id)`, `next(y for y in ys if y.id == x.id)`,
//! `ys.iter().find(|y| y.id == x.id)`. n rounds over m elements cost n · m. Write: make a map by key before the loop. Wrong if
//! the searched list is known to stay short.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, SCRIPT, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-linear-find",
    version: 5,
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

fn judge<'t>(site: &mut Site<'_, '_, 't>, of: tree_sitter::Node<'t>) -> Option<Hit<'t>> {
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
fn found<'t>(
    site: &mut Site<'_, '_, 't>,
    name: &str,
    (element, test): (&str, tree_sitter::Node<'t>),
) -> Option<Hit<'t>> {
    if !compares_key(site, element, test) {
        return None;
    }
    // The key comes from the loop, and the list does not.
    let keys: Vec<&str> = words(site.text(test)).collect();
    let pattern = site.innermost()?.pattern().or_else(|| {
        site.innermost()
            .and_then(|s| s.node.child_by_field_name("parameters").or_else(|| s.node.child_by_field_name("parameter")))
    })?;
    let mut bound = words(site.text(pattern)).filter(|word| !matches!(*word, "const" | "let" | "mut"));
    if !bound.any(|word| keys.contains(&word)) || !site.outlives_loop(name) || !site.runs_each_round() {
        return None;
    }
    let sure = site.shape_of_name(name) == crate::inspect::Shape::List;
    let confidence = if sure && site.has_many_rounds() { Confidence::High } else { Confidence::Medium };
    Some(hit(site.node, confidence, format!("each round searches `{name}` from its start for one key")))
}

/// Whether one side is a key that each element has by itself, and the other side is the same for all elements. Only such a key
/// can a map have: `id.startsWith(y.prefix) === true` has none.
fn compares_key(site: &Site<'_, '_, '_>, element: &str, test: tree_sitter::Node<'_>) -> bool {
    let last = test.named_child_count().saturating_sub(1);
    let (Some(left), Some(right)) = (test.named_child(0), u32::try_from(last).ok().and_then(|at| test.named_child(at)))
    else {
        return false;
    };
    let element: Vec<&str> = words(element).filter(|word| !matches!(*word, "mut" | "ref")).collect();
    let is_key = |side: tree_sitter::Node<'_>| {
        let mut names = free(site.text(side)).peekable();
        names.peek().is_some() && names.all(|name| element.contains(&name))
    };
    let is_same = |side: tree_sitter::Node<'_>| !free(site.text(side)).any(|name| element.contains(&name));
    (is_key(left) && is_same(right)) || (is_key(right) && is_same(left))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '$')).filter(|word| !word.is_empty())
}

/// The names of an expression that are no members of what stands before them, and no numbers.
fn free(text: &str) -> impl Iterator<Item = &str> {
    let begins = move |at: usize| {
        let before = text[..at].trim_end();
        !before.ends_with('.') && !text[at..].starts_with(|c: char| c.is_ascii_digit())
    };
    words(text).filter(move |word| begins(word.as_ptr() as usize - text.as_ptr() as usize))
}
