//! Asking a map whether it has a key and then looking the key up. Both search the map. Write: one look-up whose answer says both
//! (`find`, `get` with a null test, `if let Some`, `entry`). Wrong where null values must be told from missing ones. Silent where Rust
//! takes no other form: a reference is given out and the map changes otherwise, or what makes the value has the map in use.

use tree_sitter::Node;

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Shape, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "map-double-lookup",
    version: 5,
    title: "key searched twice in a map",
    languages: &[Language::Java, Language::Rust, Language::Cpp],
    severity: Severity::Low,
    why: "the key is hashed or compared through the map twice, where one search would answer both questions",
    instead: "search once: get and test the answer, `if let Some(…) = get`, `entry()`, an iterator from `find()`",
    wrong_when: "the map holds null values that differ from missing ones; in Rust also where the borrow checker takes no other form, because \
                 a reference into the map is given out and the map changes otherwise, or is in use by what makes the value",
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
    let at = text.find(found.as_str()).unwrap_or_default();
    if !negated && is_other(&text[..at], map, key) {
        return None;
    }
    let rust = site.language == Language::Rust;
    if rust && is_only_form(site, (body, map), (text, found), negated) {
        return None;
    }
    let needed = rust && is_needed(site, (of, map), text, negated);
    // What ends in an error is a guard against what should not be there.
    let throws = ["throw ", "panic!(", "bail!(", "return Err("].iter().any(|error| text.contains(error));
    // A fixed key is one of a few, and a constant map is a table that is written out.
    let fixed = site.is_literal_text(argument) || !map.contains(|c: char| c.is_ascii_lowercase());
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

/// Rust: whether the borrow checker refuses one search. A reference that leaves the function borrows the map on all ways from where
/// it was found (RFC 2094, problem case 3), and `entry` borrows it while the value is made.
fn is_only_form(
    site: &mut Site<'_, '_, '_>,
    (body, map): (Node<'_>, &str),
    (text, found): (&str, &str),
    negated: bool,
) -> bool {
    let at = text.find(found).unwrap_or_default();
    if negated {
        let end = text[at..].find(';').map_or(text.len(), |end| at + end);
        return takes(&text[..end], map).next().is_some();
    }
    let before = &text[..at];
    // A look meanwhile is in the way only of a reference that may change the value.
    let is_look = |at: &usize| !found.contains(".get_mut(") && is_shared(before, *at);
    if changes(before, map) || !takes(before, map).all(|at| is_look(&at)) {
        return true;
    }
    let Some(function) = site.function().map(|scope| scope.node) else { return false };
    let is_value = !text.trim_end_matches(['}', ' ', '\n', '\r', '\t']).ends_with(';');
    if !(is_value || text.contains("return")) || !lends(site, function) {
        return false;
    }
    let Some(whole) = site.scan(function) else { return true };
    let after = whole.get(body.end_byte() - function.start_byte()..).unwrap_or_default();
    takes(after, map).next().is_some() || changes(after, map)
}

/// Whether a function gives out a reference.
fn lends(site: &Site<'_, '_, '_>, function: Node<'_>) -> bool {
    let answer = function.child_by_field_name("return_type");
    answer.is_some_and(|answer| site.text(answer).contains(['&', '\'']))
}

/// Whether the key is another one, or may be gone, when it is looked up after a text.
fn is_other(before: &str, map: &str, key: &str) -> bool {
    let gets = |name: &str| {
        words(before, name).any(|at| {
            let rest = before[at + name.len()..].trim_start();
            let assigned =
                rest.strip_prefix(['+', '-', '*', '/', '%', '|', '&', '^']).unwrap_or(rest).strip_prefix('=');
            assigned.is_some_and(|rest| !rest.starts_with(['=', '>']))
                || ["++", "--"].iter().any(|step| rest.starts_with(step) || before[..at].ends_with(step))
        })
    };
    let removes = |rest: &str| ["erase(", "remove(", "clear("].iter().any(|method| rest.starts_with(method));
    let removed = words(before, map).filter_map(|at| before[at + map.len()..].trim_start().strip_prefix(['.', '-']));
    gets(key) || gets(map) || removed.into_iter().any(|rest| removes(rest.trim_start_matches('>')))
}

/// Where a text gives a map, or something that holds it, to a call: `f(m)`, `f(&m)`, `&mut m`, `self.f()` for `self.m`.
fn takes<'x>(text: &'x str, map: &'x str) -> impl Iterator<Item = usize> + use<'x> {
    let ends = map.match_indices('.').map(|(at, _)| at).chain([map.len()]);
    ends.flat_map(move |end| {
        let holder = &map[..end];
        words(text, holder).filter(move |at| {
            let rest = text[at + holder.len()..].trim_start();
            let method = rest.strip_prefix('.').map(|rest| rest.trim_start_matches(is_word));
            (text[..*at].ends_with("&mut ") && method.is_none())
                || rest.starts_with([',', ')'])
                || (end < map.len() && method.is_some_and(|rest| rest.starts_with(['(', ':'])))
        })
    })
}

/// Whether what stands at a place is lent for a look: `&m`, `println!("{m:?}", m)`.
fn is_shared(text: &str, at: usize) -> bool {
    const SHOWS: [&str; 15] = [
        "print!",
        "println!",
        "eprint!",
        "eprintln!",
        "format!",
        "write!",
        "writeln!",
        "assert!",
        "assert_eq!",
        "assert_ne!",
        "trace!",
        "debug!",
        "info!",
        "warn!",
        "error!",
    ];
    let method = text[at..].trim_start_matches(|c| is_word(c) || c == '.').starts_with(['(', ':']);
    if method {
        return false;
    }
    if text[..at].ends_with('&') {
        return true;
    }
    let mut depth = 0;
    // A macro that begins farther away is not worth the look: it is asked of every place.
    let opens = text[..at].char_indices().rev().take(1_024).find(|(_, c)| {
        depth += i32::from(*c == ')') - i32::from(*c == '(');
        depth < 0
    });
    opens.is_some_and(|(open, _)| SHOWS.iter().any(|shows| text[..open].ends_with(shows)))
}

/// Whether a text does more with a map than ask it.
fn changes(text: &str, map: &str) -> bool {
    const ASKS: [&str; 7] = ["get", "contains_key", "len", "is_empty", "iter", "keys", "values"];
    words(text, map).any(|at| {
        let Some(rest) = text[at + map.len()..].trim_start().strip_prefix('.') else {
            let index = text[at + map.len()..].strip_prefix('[').and_then(|rest| rest.split_once(']'));
            return index.is_some_and(|(_, rest)| {
                let rest = rest.trim_start();
                rest.starts_with("+=") || (rest.starts_with('=') && !rest.starts_with("=="))
            });
        };
        let rest = rest.trim_start();
        let method = &rest[..rest.len() - rest.trim_start_matches(is_word).len()];
        !ASKS.contains(&method)
    })
}

/// Rust: whether one search would not do. What is inserted is computed from the map; the map gives out a reference, and who changes it
/// meanwhile is not seen; it is no map but behind a `dyn`.
fn is_needed<'t>(site: &mut Site<'_, '_, 't>, (of, map): (Node<'t>, &str), body: &str, negated: bool) -> bool {
    if negated {
        let before = body.split(&format!("{map}.insert(")).next().unwrap_or_default();
        return site.shape(of) == Shape::Other || words(before, map).next().is_some();
    }
    let function = site.function().map(|scope| scope.node);
    site.shape(of) == Shape::Other
        || (body.contains("return") && function.is_some_and(|function| lends(site, function)))
}

/// Where a text has a name or path in it, not as a part of a longer one.
fn words<'x>(text: &'x str, name: &'x str) -> impl Iterator<Item = usize> + use<'x> {
    let apart = |before: char| is_word(before) || before == '.';
    let places = text.match_indices(name).map(|(at, _)| at);
    places.filter(move |at| !text[..*at].ends_with(apart) && !text[at + name.len()..].starts_with(is_word))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
