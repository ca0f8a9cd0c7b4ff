//! A lock of the standard library that is held while asynchronous code waits. The task may be put aside with the lock in its hand;
//! then every other task that wants it blocks its whole thread, and with one thread nothing goes on at all. Write: drop the guard
//! before the await (a block of its own), or take the lock of the asynchronous library. Wrong if nobody else ever wants the lock.

use tree_sitter::Node;

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "async-lock-across-await",
    version: 2,
    title: "blocking lock held across an await",
    languages: &[Language::Rust, Language::Python],
    severity: Severity::High,
    why: "the task waits with the lock in its hand, so whoever wants it next blocks a whole thread, or all of them for ever",
    instead: "end the guard's block before the await, or use the lock of the asynchronous library",
    wrong_when: "the lock is never contended",
    example_bad: "async fn f(s: &S) { let g = s.m.lock().unwrap(); send(&g).await; }",
    example_good: "async fn f(s: &S) { let x = { let g = s.m.lock().unwrap(); g.clone() }; send(&x).await; }",
    watches: &[
        Watch { languages: &[Language::Rust], on: On::Kinds(&["let_declaration"]), only: Only::InAsync, check: rust },
        Watch {
            languages: &[Language::Python],
            on: On::Kinds(&["with_statement"]),
            only: Only::InAsync,
            check: python,
        },
    ],
};

fn rust<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let value = site.field("value")?;
    let text = site.text(value);
    let std_lock = [".lock().unwrap()", ".read().unwrap()", ".write().unwrap()", ".lock().expect("].iter().any(|end| {
        text.ends_with(end)
            || (end.ends_with("expect(") && text.rfind(end).is_some_and(|at| !text[at + end.len()..].contains('(')))
    });
    let pattern = site.field("pattern").filter(|_| std_lock)?;
    let name = site.name_of(pattern)?;
    let block = site.parent().filter(|block| block.kind() == "block")?;
    let at = site.node.start_byte();
    let after: Vec<_> = site.statements(block).into_iter().filter(|s| s.start_byte() > at).collect();
    for statement in after {
        let text = site.scan(statement)?;
        // A guard that is given away by its bare name, to `drop` or another function, is gone.
        let given = ["(", ", "]
            .iter()
            .any(|open| [")", ","].iter().any(|close| text.contains(&format!("{open}{name}{close}"))));
        if given {
            return None;
        }
        if awaits(site, statement) {
            let message = format!("the guard `{name}` of a blocking lock lives on while the code after it awaits");
            return Some(hit(site.node, Confidence::High, message));
        }
    }
    None
}

fn python<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let body = site.field("body")?;
    let clause = site.node.named_child(0).filter(|clause| clause.kind() == "with_clause")?;
    if site.text(site.node).starts_with("async") {
        return None;
    }
    let value = clause.named_child(0)?.child_by_field_name("value")?;
    let text = site.text(value);
    let last = text.rsplit('.').next().unwrap_or_default();
    let named = last.to_lowercase();
    let is_lock = named == "lock" || named.ends_with("_lock") || named == "mutex";
    let threading = site.name_of(value).is_some_and(|name| {
        site.bindings(name)
            .iter()
            .filter_map(|b| b.value)
            .any(|v| matches!(site.text(v), "threading.Lock()" | "threading.RLock()" | "Lock()"))
    });
    if !(is_lock || threading) || !awaits(site, body) {
        return None;
    }
    let confidence = if threading { Confidence::High } else { Confidence::Medium };
    Some(hit(value, confidence, format!("`{text}` is held while the block awaits")))
}

/// Whether an await stands in a node, outside of closures.
fn awaits<'t>(site: &mut Site<'_, '_, 't>, node: Node<'t>) -> bool {
    if site.scan(node).is_none_or(|text| !text.contains("await")) {
        return false;
    }
    let mut waiting = vec![node];
    for _ in 0..2_000 {
        let Some(node) = waiting.pop() else { return false };
        let kind = node.kind();
        if matches!(kind, "await_expression" | "await") {
            return true;
        }
        if matches!(kind, "closure_expression" | "async_block" | "function_item" | "function_definition" | "lambda") {
            continue;
        }
        let mut cursor = node.walk();
        waiting.extend(node.named_children(&mut cursor));
    }
    false
}
