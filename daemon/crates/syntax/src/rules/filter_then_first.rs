//! Filtering a whole collection to take the first match: `filter(…)[0]`, `filter { … }.first`, `[x for …][0]`. It looks at all
//! elements and builds a list of all matches where the first match would end the search. Write: `find`, `first(where:)`, `next(…)`.
//! Wrong if the test has a side effect on all elements.

use tree_sitter::Node;

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, SCRIPT, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "filter-then-first",
    version: 4,
    title: "all matches gathered to take the first",
    languages: &[Language::JavaScript, Language::TypeScript, Language::Tsx, Language::Python, Language::Swift],
    severity: Severity::Low,
    why: "all elements are tested and all matches stored, where the search could end at the first match",
    instead: "use `find` (JavaScript), `first(where:)` (Swift), `next()` over a generator (Python)",
    wrong_when: "the test must see each element for its side effect",
    example_bad: "const a = xs.filter((x) => x.id === id)[0];",
    example_good: "const a = xs.find((x) => x.id === id);",
    watches: &[
        Watch { languages: SCRIPT, on: On::Kinds(&["subscript_expression"]), only: Only::Anywhere, check: script },
        Watch { languages: &[Language::Python], on: On::Kinds(&["subscript"]), only: Only::Anywhere, check: python },
        Watch {
            languages: &[Language::Swift],
            on: On::Kinds(&["navigation_expression"]),
            only: Only::Anywhere,
            check: swift,
        },
    ],
};

fn script<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let call = site.field("object").filter(|_| site.field("index").is_some_and(|i| site.text(i) == "0"))?;
    let of = site.as_call(call).filter(|filter| filter.name == "filter").and_then(|filter| filter.receiver);
    let of = of.filter(|of| of.kind() != "array")?;
    // Other things than arrays have a `filter` too, but with a selector instead of a function.
    let given = *site.arguments_of(call).first()?;
    if !matches!(given.kind(), "arrow_function" | "function_expression") {
        return None;
    }
    let confidence = sureness(site, of);
    Some(hit(site.node, confidence, "`filter()` tests all elements, and only the first match is used".to_owned()))
}

fn python<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let list = site.field("value").filter(|_| site.field("subscript").is_some_and(|i| site.text(i) == "0"))?;
    let mut cursor = list.walk();
    let filtered = list.kind() == "list_comprehension"
        && list.named_children(&mut cursor).any(|child| child.kind() == "if_clause");
    // A field, named or numbered, is a part of one thing and seldom long.
    let mut cursor = list.walk();
    let over = list.named_children(&mut cursor).find(|child| child.kind() == "for_in_clause");
    let over = over.and_then(|clause| clause.child_by_field_name("right"));
    let part = over.is_some_and(|over| {
        let index = over.child_by_field_name("subscript");
        over.kind() == "attribute" || index.is_some_and(|index| index.kind() == "integer")
    });
    let confidence = if part { Confidence::Medium } else { sureness(site, over?) };
    filtered
        .then(|| hit(site.node, confidence, "the whole list is built, and only its first element is used".to_owned()))
}

fn swift<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let first = site.field("suffix").is_some_and(|suffix| site.text(suffix) == ".first");
    let filter = site.field("target").filter(|_| first).and_then(|of| site.as_call(of))?;
    let of = filter.receiver.filter(|of| filter.name == "filter" && !site.text(*of).ends_with(".lazy"))?;
    let confidence = sureness(site, of);
    Some(hit(site.node, confidence, "`filter` tests all elements, and only the first match is used".to_owned()))
}

/// Of a few elements nobody feels it.
fn sureness<'t>(site: &mut Site<'_, '_, 't>, of: Node<'t>) -> Confidence {
    if site.is_much(of) || site.has_many_rounds() { Confidence::High } else { Confidence::Medium }
}
