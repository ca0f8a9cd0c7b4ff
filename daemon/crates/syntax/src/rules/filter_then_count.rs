//! Building a list of all matches to count them, or to learn whether there is one: `filter(…).length > 0`, `filter { … }.isEmpty`,
//! `len([x for …])`, `filter(…).count() > 0`. Write: `some`, `contains(where:)`, `any`, `sum(1 for …)`. Wrong if the list is used too
//! (then it has a name).

use tree_sitter::Node;

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit, source_of},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "filter-then-count",
    version: 3,
    title: "all matches gathered to ask whether there is one",
    languages: &[
        Language::JavaScript,
        Language::TypeScript,
        Language::Tsx,
        Language::Python,
        Language::Rust,
        Language::Swift,
        Language::Java,
    ],
    severity: Severity::Low,
    why: "all elements are tested (and mostly stored), where the search could end at the first match",
    instead: "use `some` (JavaScript), `any` (Python, Rust), `contains(where:)` (Swift), `anyMatch` (Java)",
    wrong_when: "the test must see each element for its side effect",
    example_bad: "if (xs.filter((x) => x.bad).length > 0) { stop(); }",
    example_good: "if (xs.some((x) => x.bad)) { stop(); }",
    watches: &[
        Watch {
            languages: &[Language::JavaScript, Language::TypeScript, Language::Tsx, Language::Rust, Language::Java],
            on: On::Kinds(&["binary_expression"]),
            only: Only::Anywhere,
            check,
        },
        Watch { languages: &[Language::Python], on: On::Kinds(&["comparison_operator"]), only: Only::Anywhere, check },
        Watch {
            languages: &[Language::Swift],
            on: On::Kinds(&["comparison_expression", "equality_expression", "navigation_expression"]),
            only: Only::Anywhere,
            check: swift,
        },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let right = site.field("right").or_else(|| site.node.named_child(1))?;
    let operator = site.field("operator").or_else(|| site.field("operators"))?;
    let bound = site.text(right);
    let asks = matches!((site.text(operator), bound), (">" | "==" | "===" | "!=" | "!==", "0") | (">=" | "<", "1"));
    let left = site.field("left").or_else(|| site.node.named_child(0)).filter(|_| asks)?;
    let (call, method) = match site.language {
        Language::Rust | Language::Java => {
            let count = site.as_call(left).filter(|call| call.name == "count")?;
            (count.receiver?, "count()")
        }
        Language::Python => {
            let len = site.as_call(left).filter(|call| call.path == "len")?;
            let list = *site.arguments_of(left).first().filter(|_| len.receiver.is_none())?;
            let mut cursor = list.walk();
            let filtered = list.kind() == "list_comprehension"
                && list.named_children(&mut cursor).any(|c| c.kind() == "if_clause");
            let confidence = sureness(site, source_of(list).filter(|_| filtered)?);
            return filtered.then(|| {
                hit(site.node, confidence, "the list of all matches is built to learn whether there is one".to_owned())
            });
        }
        _ => {
            let length = left.child_by_field_name("property").filter(|p| site.text(*p) == "length")?;
            (left.child_by_field_name("object").filter(|_| length.is_named())?, "length")
        }
    };
    // A list that is written out is short.
    let filter = site.as_call(call).filter(|filter| filter.name == "filter")?;
    let of = filter.receiver.filter(|of| of.kind() != "array")?;
    let closure = site.arguments_of(call).first().is_some_and(|given| {
        matches!(
            given.kind(),
            "arrow_function" | "function_expression" | "closure_expression" | "lambda_expression" | "method_reference"
        )
    });
    let confidence = sureness(site, of);
    closure.then(|| {
        hit(site.node, confidence, format!("`filter` and `{method}` test all elements to learn whether there is one"))
    })
}

fn swift<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let target = if site.node.kind() == "navigation_expression" {
        site.field("suffix").filter(|suffix| site.text(*suffix) == ".isEmpty")?;
        site.node
    } else {
        let right = site.field("rhs")?;
        let left = site.field("lhs").filter(|_| site.text(right) == "0")?;
        left.child_by_field_name("suffix").filter(|suffix| site.text(*suffix) == ".count")?;
        left
    };
    let call = target.child_by_field_name("target").and_then(|of| site.as_call(of))?;
    let of = call.receiver.filter(|of| call.name == "filter" && !site.text(*of).ends_with(".lazy"))?;
    let confidence = sureness(site, of);
    Some(hit(site.node, confidence, "filter stores all matches to learn whether there is one".to_owned()))
}

/// Of a few elements nobody feels it.
fn sureness<'t>(site: &mut Site<'_, '_, 't>, of: Node<'t>) -> Confidence {
    if site.is_much(of) || site.has_many_rounds() { Confidence::High } else { Confidence::Medium }
}
