//! A text that grows by `+` or `+=` in a loop, in languages whose texts do not change in place: each addition copies all that is
//! there, so n additions cost about n² / 2 bytes of copying. Write: a builder, or a list that is joined at the end. JavaScript is
//! left out (its engines use ropes), Python's `+=` is seldom quadratic (CPython extends in place) and so never sure. Sure only
//! if the loop goes over a parameter or over what it reads. Wrong if the
//! loop has a few rounds only.

use crate::{
    Confidence, Language, Severity,
    inspect::{BindKind, Hit, Shape, Site, hit, source_of},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-string-concat",
    version: 3,
    title: "text built by addition in a loop",
    languages: &[Language::Java, Language::Go, Language::Python, Language::Rust, Language::Cpp, Language::Swift],
    severity: Severity::High,
    why: "each addition copies the whole text so far, so the cost grows with the square of its length",
    instead: "use `StringBuilder` (Java), `strings.Builder` (Go), a list and `join` (Python), `push_str` or `write!` (Rust), `+=` (C++, Swift)",
    wrong_when: "the loop has a few rounds only",
    example_bad: "class A { String f(List<String> xs) { String s = \"\"; for (String x : xs) { s += x; } return s; } }",
    example_good: "class A { String f(List<String> xs) { StringBuilder s = new StringBuilder(); for (String x : xs) { s.append(x); } return s.toString(); } }",
    watches: &[
        Watch {
            languages: &[Language::Java, Language::Rust, Language::Cpp],
            on: On::Kinds(&["assignment_expression"]),
            only: Only::InLoop,
            check,
        },
        Watch { languages: &[Language::Go], on: On::Kinds(&["assignment_statement"]), only: Only::InLoop, check },
        Watch {
            languages: &[Language::Python],
            on: On::Kinds(&["assignment", "augmented_assignment"]),
            only: Only::InLoop,
            check,
        },
        Watch { languages: &[Language::Swift], on: On::Kinds(&["assignment"]), only: Only::InLoop, check },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let left = site.field("left").or_else(|| site.field("target"))?;
    let right = site.field("right").or_else(|| site.field("result"))?;
    let (left, right) = if site.language == Language::Go {
        (left.named_child(0).filter(|_| left.named_child_count() == 1)?, right.named_child(0)?)
    } else {
        (left, right)
    };
    let name = site.name_of(left)?;
    let adds = site.field("operator").is_some_and(|operator| site.text(operator) == "+=")
        || site.node.kind() == "augmented_assignment";
    if adds && matches!(site.language, Language::Rust | Language::Cpp | Language::Swift) {
        return None;
    }
    if site.node.kind() == "augmented_assignment" && site.field("operator").is_some_and(|o| site.text(o) != "+=") {
        return None;
    }
    if !adds && !repeats(site, name, right) {
        return None;
    }
    if site.shape_of_name(name) != Shape::Text || restarts(site, name) || !site.runs_each_round() {
        return None;
    }
    let python = site.language == Language::Python;
    let confidence = if python {
        Confidence::Low
    } else if over_input(site) && !site.is_message(name) {
        Confidence::High
    } else {
        Confidence::Medium
    };
    let message = format!("`{name}` is a text; each round copies all of it to add {}", site.shown(right));
    Some(Hit { severity: python.then_some(Severity::Low), ..hit(site.node, confidence, message) })
}

/// Whether the loop goes over a parameter or over what it reads, of which there may be much. Other loops over texts are mostly short:
/// parts of a name, tokens of a line.
fn over_input(site: &mut Site<'_, '_, '_>) -> bool {
    let Some(node) = site.innermost().map(|scope| scope.node) else { return false };
    if let Some(name) = source_of(node).and_then(|over| site.name_of(over)) {
        return site.bindings(name).iter().any(|b| b.kind == BindKind::Param);
    }
    let condition = node.child_by_field_name("condition").or_else(|| node.named_child(0));
    let text = condition.map(|condition| site.one_line(condition)).unwrap_or_default();
    ["readLine(", ".read(", ".Scan(", "getline(", ".hasNextLine("].iter().any(|reads| text.contains(reads))
}

/// `s = s + x`, or Rust's `s = format!("{}…", s, …)`.
fn repeats<'t>(site: &Site<'_, '_, 't>, name: &str, right: tree_sitter::Node<'t>) -> bool {
    if site.language == Language::Rust {
        let text = site.text(right);
        let shown = text.strip_prefix("format!(\"{").map(str::trim_start);
        let inline = shown.is_some_and(|rest| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('}')));
        let first = text.split_once("\",").map(|(_, rest)| rest.trim_start().trim_start_matches('&'));
        let placed = shown.is_some_and(|rest| rest.starts_with('}'))
            && first.and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| rest.starts_with([',', ')']));
        return inline || placed;
    }
    let mut node = right;
    for _ in 0..64 {
        if !matches!(node.kind(), "binary_expression" | "binary_operator" | "additive_expression") {
            break;
        }
        let Some(left) = node.named_child(0) else { break };
        node = left;
    }
    node.id() != right.id() && site.name_of(node) == Some(name)
}

/// Whether the loop gives the text a new start in each round.
fn restarts<'t>(site: &mut Site<'_, '_, 't>, name: &str) -> bool {
    let Some(range) = site.innermost().map(|scope| scope.node.byte_range()) else { return true };
    let bindings = site.bindings(name);
    let own = |b: &crate::inspect::Binding<'_, 't>| {
        b.kind == BindKind::Update
            || b.value.is_some_and(|value| {
                let right = value;
                repeats(site, name, right)
            })
    };
    bindings.is_empty() || bindings.iter().any(|b| range.contains(&b.at) && !own(b))
}
