//! Asking a map whether it has a key and then looking the key up. Both search the map. Write: one look-up whose answer says both
//! (`find`, `get` with a null test, `if let Some`, `entry`). Wrong where null values must be told from missing ones.

use tree_sitter::Node;

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Shape, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "map-double-lookup",
    version: 3,
    title: "key searched twice in a map",
    languages: &[Language::Java, Language::Rust, Language::Cpp],
    severity: Severity::Low,
    why: "the key is hashed or compared through the map twice, where one search would answer both questions",
    instead: "search once: get and test the answer, `if let Some(…) = get`, `entry()`, an iterator from `find()`",
    wrong_when: "the map holds null values that differ from missing ones",
    example_bad: "class A { int f(Map<String, Integer> m, String k) { if (m.containsKey(k)) { return m.get(k); } return 0; } }",
    example_good: "class A { int f(Map<String, Integer> m, String k) { return m.getOrDefault(k, 0); } }",
    watches: &[
        Watch {
            languages: &[Language::Java, Language::Cpp],
            on: On::Kinds(&["if_statement"]),
            only: Only::Anywhere,
            check,
        },
        Watch { languages: &[Language::Rust], on: On::Kinds(&["if_expression"]), only: Only::Anywhere, check },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let (asked, negated) = asked(site)?;
    let call = site.as_call(asked)?;
    let asks = matches!(
        (site.language, call.name),
        (Language::Java, "containsKey")
            | (Language::Rust, "contains_key")
            | (Language::Cpp, "count" | "contains" | "find")
    );
    let of = call.receiver.filter(|_| asks)?;
    let map = site.text(of);
    let arguments = site.arguments_of(asked);
    let argument = *arguments.first().filter(|_| arguments.len() == 1)?;
    let key = site.text(argument).trim_start_matches('&');
    // What is computed may differ the second time.
    if key.contains('(') || map.contains('(') || (negated && site.language != Language::Rust) {
        return None;
    }
    let body = site.field("consequence")?;
    let text = site.scan(body)?;
    let again = searches(site.language, (map, key), negated);
    let found = again.iter().find(|again| {
        text.match_indices(again.as_str())
            .any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.')))
    })?;
    let needed = site.language == Language::Rust && is_needed(site, (of, map), text, negated);
    // What ends in an error is a guard against what should not be there.
    let throws = ["throw ", "panic!(", "bail!(", "return Err("].iter().any(|error| text.contains(error));
    // A fixed key is one of a few, and a constant map is a table that is written out.
    let fixed = site.is_literal_text(argument) || !map.contains(|c: char| c.is_ascii_lowercase());
    let at = text.find(found.as_str()).unwrap_or_default();
    let logged = site.is_told(text.get(..at).unwrap_or_default());
    // entry() takes a key of one's own: where it is lent, a copy each time costs more than a second search now and then.
    let lent = !site.text(argument).starts_with('&') && found.ends_with(".clone(),");
    let unsure =
        lent || logged || fixed || needed || throws || (site.language == Language::Cpp && call.name == "count");
    let confidence = if unsure { Confidence::Medium } else { Confidence::High };
    let message = format!("`{}({key})` is followed by `{found}`, a second search for the same key", call.name);
    Some(hit(asked, confidence, message))
}

/// What the condition asks, without brackets, and whether it asks for the contrary.
fn asked<'t>(site: &Site<'_, '_, 't>) -> Option<(Node<'t>, bool)> {
    let mut condition = site.field("condition")?;
    for _ in 0..4 {
        if matches!(condition.kind(), "parenthesized_expression" | "condition_clause") {
            condition = condition.named_child(0)?;
        }
    }
    let negated = matches!(condition.kind(), "unary_expression");
    let asked = if negated { condition.named_child(0)? } else { condition };
    if site.language != Language::Cpp || asked.kind() != "binary_expression" {
        return Some((asked, negated));
    }
    // `m.find(k) != m.end()`.
    let right = asked.child_by_field_name("right").and_then(|right| site.as_call(right));
    let operator = asked.child_by_field_name("operator").map(|operator| site.text(operator));
    let is_end = right.is_some_and(|end| end.name == "end") && operator == Some("!=");
    asked.child_by_field_name("left").filter(|_| is_end).map(|left| (left, negated))
}

/// How the body would search for the key once more.
fn searches(language: Language, (map, key): (&str, &str), negated: bool) -> Vec<String> {
    match (language, negated) {
        (Language::Java, _) => vec![format!("{map}.get({key})")],
        (Language::Rust, false) => vec![
            format!("{map}.get(&{key})"),
            format!("{map}.get({key})"),
            format!("{map}[&{key}]"),
            format!("{map}[{key}]"),
            format!("{map}.get_mut(&{key})"),
        ],
        (Language::Rust, true) => vec![format!("{map}.insert({key},"), format!("{map}.insert({key}.clone(),")],
        _ => vec![format!("{map}[{key}]"), format!("{map}.at({key})")],
    }
}

/// Rust: whether one search would not do, or not compile. What is inserted is computed from the map; the map gives out a reference on
/// this way and is changed on the other, which the borrow checker allows only with two searches; it is no map but behind a `dyn`.
fn is_needed<'t>(site: &mut Site<'_, '_, 't>, (of, map): (Node<'t>, &str), body: &str, negated: bool) -> bool {
    if negated {
        let before = body.split(&format!("{map}.insert(")).next().unwrap_or_default();
        return site.shape(of) == Shape::Other || names(before, map);
    }
    let function = site.function().map(|scope| scope.node);
    let answer = function.and_then(|function| function.child_by_field_name("return_type"));
    let lends = answer.is_some_and(|answer| site.text(answer).contains('&'));
    site.shape(of) == Shape::Other || (lends && body.contains("return"))
}

/// Whether a text has a name in it as a word of its own.
fn names(text: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| !text[..at].ends_with(word) && !text[at + name.len()..].starts_with(word))
}
