//! A long chain of `else if` that compares one text with many constants. The last case pays for all comparisons before it. Write: a
//! `switch` or `match` (compilers hash or sort the cases), or a map. Only chains of ten and more; a short one costs nothing.
//! Never sure: the comparisons mostly fail at the first byte, so only code that does little else feels them.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, SCRIPT, Watch},
};

/// Shorter chains are left alone.
const LEAST: usize = 10;

pub(super) static RULE: Rule = Rule {
    id: "string-chain",
    version: 3,
    title: "long chain of text comparisons",
    languages: &[
        Language::Python,
        Language::Java,
        Language::JavaScript,
        Language::TypeScript,
        Language::Tsx,
        Language::Go,
        Language::C,
        Language::Cpp,
    ],
    severity: Severity::Low,
    why: "the last case pays for all comparisons before it, so the cost grows with the number of cases",
    instead: "use a `switch` or `match`, or look the text up in a map of handlers",
    wrong_when: "the first cases are by far the most frequent, or the code is seldom run",
    example_bad: "def f(s):\n    if s == \"a\": return 1\n    elif s == \"b\": return 2\n    elif s == \"c\": return 3\n    elif s == \"d\": return 4\n    elif s == \"e\": return 5\n    elif s == \"f\": return 6\n    elif s == \"g\": return 7\n    elif s == \"h\": return 8\n    elif s == \"i\": return 9\n    elif s == \"j\": return 10\n",
    example_good: "def f(s):\n    return TABLE.get(s)\n",
    watches: &[
        Watch {
            languages: &[Language::Python, Language::Java, Language::Go, Language::C, Language::Cpp],
            on: On::Kinds(&["if_statement"]),
            only: Only::Anywhere,
            check,
        },
        Watch { languages: SCRIPT, on: On::Kinds(&["if_statement"]), only: Only::Anywhere, check },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let subject = subject(site, site.node)?;
    // Only the first `if` of a chain.
    let above = site.parent()?;
    let mut chain = 1;
    if above.kind() == "else_clause"
        || (above.kind() == "if_statement"
            && above.child_by_field_name("alternative").is_some_and(|a| a.id() == site.node.id()))
    {
        return None;
    }
    let mut node = site.node;
    if site.language == Language::Python {
        let mut cursor = node.walk();
        for clause in node.named_children(&mut cursor).filter(|child| child.kind() == "elif_clause").take(1_000) {
            if self::subject(site, clause) != Some(subject) {
                return None;
            }
            chain += 1;
        }
    } else {
        for _ in 0..1_000 {
            let Some(next) = node.child_by_field_name("alternative") else { break };
            let next = if next.kind() == "else_clause" { next.named_child(0) } else { Some(next) };
            let Some(next) = next.filter(|next| next.kind() == "if_statement") else { break };
            if self::subject(site, next) != Some(subject) {
                return None;
            }
            chain += 1;
            node = next;
        }
    }
    site.charge(chain as u64);
    (chain >= LEAST).then(|| {
        let at = site.field("condition").unwrap_or(site.node);
        hit(at, Confidence::Medium, format!("`{subject}` is compared with {chain} texts, one after the other"))
    })
}

/// What an `if` compares with a constant text.
fn subject<'a, 't>(site: &Site<'_, 'a, 't>, node: tree_sitter::Node<'t>) -> Option<&'a str> {
    let mut condition = node.child_by_field_name("condition")?;
    for _ in 0..4 {
        if matches!(condition.kind(), "parenthesized_expression" | "condition_clause") {
            condition = condition.named_child(0)?;
        }
    }
    let c_like = matches!(site.language, Language::C | Language::Cpp);
    let negated = condition.kind() == "unary_expression";
    let call = if negated {
        condition.named_child(0)?
    } else {
        condition.child_by_field_name("left").filter(|_| c_like).unwrap_or(condition)
    };
    if let Some(called) = site.as_call(call) {
        let arguments = site.arguments_of(call);
        return match (called.name, arguments.as_slice()) {
            ("strcmp" | "strcasecmp", [of, text]) if c_like && site.is_literal_text(*text) => Some(site.text(*of)),
            ("equals", [text]) if site.language == Language::Java && site.is_literal_text(*text) => {
                called.receiver.map(|of| site.text(of))
            }
            ("equals", [of]) if site.language == Language::Java => {
                called.receiver.filter(|r| site.is_literal_text(*r)).map(|_| site.text(*of))
            }
            _ => None,
        };
    }
    let (left, operator, right) = if condition.kind() == "comparison_operator" {
        (condition.named_child(0)?, condition.child_by_field_name("operators")?, condition.named_child(1)?)
    } else {
        (
            condition.child_by_field_name("left")?,
            condition.child_by_field_name("operator")?,
            condition.child_by_field_name("right")?,
        )
    };
    let equal = matches!(site.text(operator), "==" | "===") && site.is_literal_text(right);
    site.name_of(left).filter(|_| equal)
}
