//! A call in any language: what is called, on what, with which arguments.

use tree_sitter::Node;

use super::{
    plan::{Plan, mark},
    tables,
};
use crate::{Language, head::Head};

/// Arguments of a call that rules look at.
const MAX_ARGUMENTS: usize = 8;

/// A call, or the making of an object, of which then the name is the type's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a, 't> {
    /// The last part of what is called: `new` of `Regex::new`.
    pub(crate) name: &'a str,
    /// All of what is called, without arguments.
    pub(crate) path: &'a str,
    /// What stands before the last part: `Regex` of `Regex::new`, `xs` of `xs.len()`.
    pub(crate) receiver: Option<Node<'t>>,
}

pub(super) fn is_call(plan: &Plan, node: Node<'_>) -> bool {
    plan.marks(node.kind_id()) & mark::CALL != 0
}

/// The name that is called, and the node of what is called. Cheap: one child, and its last bytes.
pub(super) fn name<'a, 't>(head: &Head<'a>, language: Language, node: Node<'t>) -> Option<(&'a [u8], Node<'t>)> {
    let mut function = match language {
        Language::Java => node.child_by_field_id(head.fields().name?.get())?,
        Language::Swift => node.child(0)?,
        _ => node.child_by_field_id(head.fields().function?.get())?,
    };
    let mut text = head.bytes(function);
    if text.last() == Some(&b'>') {
        // Type arguments: `collect::<Vec<_>>`, `make<T>`.
        function = function.child(0)?;
        text = head.bytes(function);
    }
    let start = text.iter().rposition(|byte| !is_word(*byte)).map_or(0, |at| at + 1);
    Some((&text[start..], function))
}

/// The type of an object that is made.
pub(super) fn made<'a, 't>(head: &Head<'a>, node: Node<'t>) -> Option<(&'a [u8], Node<'t>)> {
    let ty = node.child_by_field_name("constructor").or_else(|| node.child_by_field_name("type"))?;
    let text = head.bytes(ty);
    let text = &text[..text.iter().position(|byte| *byte == b'<').unwrap_or(text.len())];
    let start = text.iter().rposition(|byte| !is_word(*byte)).map_or(0, |at| at + 1);
    Some((&text[start..], ty))
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')
}

/// What the called thing belongs to.
pub(super) fn receiver<'t>(language: Language, node: Node<'t>, function: Node<'t>) -> Option<Node<'t>> {
    if language == Language::Java {
        return node.child_by_field_name("object");
    }
    // Swift's grammar reads `!xs.contains(x)` as a call of `!xs.contains`.
    let negated = function.kind() == "prefix_expression";
    let function = if negated { function.child_by_field_name("target")? } else { function };
    match function.kind() {
        "field_expression"
        | "scoped_identifier"
        | "attribute"
        | "member_expression"
        | "selector_expression"
        | "navigation_expression"
        | "qualified_identifier" => function.child(0),
        _ => None,
    }
}

/// The arguments in order; of Swift's the values, with a closure that stands behind.
pub(super) fn arguments<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let list = node.child_by_field_name("arguments");
    let mut found = Vec::new();
    if let Some(list) = list {
        push_children(list, &mut found);
        return found;
    }
    let mut cursor = node.walk();
    for suffix in node.named_children(&mut cursor).filter(|child| child.kind() == "call_suffix").take(1) {
        let mut inner = suffix.walk();
        for child in suffix.named_children(&mut inner).take(MAX_ARGUMENTS) {
            if child.kind() == "value_arguments" {
                let mut each = child.walk();
                let values = child.named_children(&mut each).take(MAX_ARGUMENTS);
                found.extend(values.map(|argument| argument.child_by_field_name("value").unwrap_or(argument)));
            } else {
                found.push(child);
            }
        }
    }
    found
}

fn push_children<'t>(list: Node<'t>, found: &mut Vec<Node<'t>>) {
    if !list.kind().contains("argument") {
        // Python's `f(x for x in xs)`.
        found.push(list);
        return;
    }
    let mut cursor = list.walk();
    found
        .extend(list.named_children(&mut cursor).filter(|child| !child.kind().contains("comment")).take(MAX_ARGUMENTS));
}

/// Whether a kind calls something.
pub(crate) fn calls(kind: &str) -> bool {
    tables::CALLS.contains(&kind)
}
