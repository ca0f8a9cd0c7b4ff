//! A loop over a map's keys that looks each key up again. The entry was at hand already; each look-up hashes and compares once more.
//! Write: iterate over entries. Wrong if the loop changes the map's values by key only now and then.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Role, Shape, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "keyset-lookup",
    version: 3,
    title: "each key of a map looked up again",
    languages: &[Language::Java, Language::Rust, Language::Swift],
    severity: Severity::Low,
    why: "each round hashes the key and searches the map for what the walk over entries would have handed over",
    instead: "walk over the entries: `entrySet()` (Java), `iter()` (Rust), `for (key, value) in map` (Swift)",
    wrong_when: "only few of the rounds need the value",
    example_bad: "class A { void f(Map<String, String> m) { for (String k : m.keySet()) { use(k, m.get(k)); } } }",
    example_good: "class A { void f(Map<String, String> m) { for (Map.Entry<String, String> e : m.entrySet()) { use(e.getKey(), e.getValue()); } } }",
    watches: &[
        Watch { languages: &[Language::Java, Language::Rust], on: On::Calls(&["get"]), only: Only::InLoop, check },
        Watch { languages: &[Language::Rust], on: On::Kinds(&["index_expression"]), only: Only::InLoop, check },
        Watch { languages: &[Language::Swift], on: On::Kinds(&["call_expression"]), only: Only::InLoop, check },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let (of, key) = if let Some(call) = site.call {
        (call.receiver?, *site.arguments().first()?)
    } else if site.language == Language::Swift {
        // `map[key]` reads as a call with brackets.
        let of = site.node.named_child(0)?;
        let suffix = site.node.named_child(1).filter(|suffix| site.text(*suffix).starts_with('['))?;
        (of, suffix.named_child(0)?.named_child(0)?)
    } else {
        (site.node.named_child(0)?, site.node.named_child(1)?)
    };
    let each = site.innermost().filter(|scope| scope.role == Role::Loop)?;
    let (pattern, over) = (each.pattern()?, crate::inspect::source_of(each.node)?);
    let keys = if site.language == Language::Java {
        ".keySet()"
    } else if site.language == Language::Rust {
        ".keys()"
    } else {
        ".keys"
    };
    let map = site.text(over).strip_suffix(keys)?;
    let key = site.text(key).trim_start_matches('&');
    if site.text(of) != map || key != site.text(pattern) {
        return None;
    }
    // Other things than maps have keys: not all of them give out entries, and some are arrays by whose numbers they are asked.
    let sure = site.shape(of) == Shape::Map;
    let confidence = if sure && !is_seldom(site) { Confidence::High } else { Confidence::Medium };
    Some(hit(site.node, confidence, format!("the loop over the keys of `{map}` looks up `{key}` again")))
}

/// Whether a condition or a `continue` before it keeps some rounds from looking the key up.
fn is_seldom(site: &mut Site<'_, '_, '_>) -> bool {
    let Some(looped) = site.innermost().map(|scope| scope.node) else { return false };
    let asks = |kind: &str| kind.starts_with("if_") || kind.starts_with("switch_") || kind.starts_with("match_");
    let at = site.node.start_byte();
    let inside = |condition: Option<tree_sitter::Node<'_>>| condition.is_some_and(|c| c.byte_range().contains(&at));
    let mut above = site.ancestors().into_iter().take_while(|above| above.id() != looped.id());
    if above.any(|above| asks(above.kind()) && !inside(above.child_by_field_name("condition"))) {
        return true;
    }
    let before = site.scan(looped).and_then(|text| text.get(..at - looped.start_byte()));
    before.is_none_or(|text| text.contains("continue"))
}
