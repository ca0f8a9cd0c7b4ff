//! Loops and functions around a node, and the tables of names that belong to the outermost function.

use tree_sitter::Node;

use super::names::Table;
use crate::{Language, head::Head};

/// A loop that runs at most so often is no loop to the rules.
const SHORT: u32 = 16;

/// What a scope is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Function,
    /// A closure that is called who knows when.
    Closure,
    /// A closure that is called for each element.
    Callback,
    Loop,
}

/// A loop, function or closure that is open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'t> {
    pub(crate) node: Node<'t>,
    pub(crate) role: Role,
    end: usize,
    /// What is computed once before the rounds.
    once: (usize, usize),
    short: bool,
}

impl<'t> Scope<'t> {
    pub(super) fn function(node: Node<'t>, role: Role) -> Self {
        Self { node, role, end: node.end_byte(), once: (0, 0), short: false }
    }

    pub(super) fn repeat(head: &Head<'_>, node: Node<'t>) -> Self {
        let source = source_of(node);
        let init = node.child_by_field_name("initializer").or_else(|| node.child_by_field_name("init"));
        let clause = node.named_child(0).filter(|child| child.kind() == "for_clause");
        let init = init.or_else(|| clause?.child_by_field_name("initializer"));
        let (from, to) = match (source, init) {
            (Some(source), _) if node.kind().contains("comprehension") || node.kind() == "generator_expression" => {
                (source.start_byte(), source.end_byte())
            }
            (Some(before), _) | (None, Some(before)) => (node.start_byte(), before.end_byte()),
            (None, None) => (0, 0),
        };
        let short = source.is_some_and(|source| is_short(head, source)) || counts_little(head, node, clause);
        Self { node, role: Role::Loop, end: node.end_byte(), once: (from, to), short }
    }

    /// What the rounds bind: the pattern of a loop over elements.
    pub(crate) fn pattern(&self) -> Option<Node<'t>> {
        let node = self.node;
        let by_name = |of: Node<'t>, name| of.child_by_field_name(name);
        match node.kind() {
            "for_statement" => by_name(node, "left").or_else(|| by_name(node, "item")).or_else(|| {
                let clause = node.named_child(0).filter(|child| child.kind() == "range_clause")?;
                by_name(clause, "left")
            }),
            "for_in_statement" => by_name(node, "left"),
            "for_range_loop" => by_name(node, "declarator"),
            "for_expression" => by_name(node, "pattern"),
            "enhanced_for_statement" => by_name(node, "name"),
            _ => None,
        }
    }

    pub(super) const fn end(&self) -> usize {
        self.end
    }

    /// Whether it runs what stands at a place more than a few times.
    pub(super) fn repeats(&self, at: usize) -> bool {
        matches!(self.role, Role::Loop | Role::Callback) && !self.short && !(self.once.0 <= at && at < self.once.1)
    }
}

/// What a loop goes over.
pub(crate) fn source_of(node: Node<'_>) -> Option<Node<'_>> {
    fn by_name<'t>(of: Node<'t>, name: &str) -> Option<Node<'t>> {
        of.child_by_field_name(name)
    }
    match node.kind() {
        "for_statement" => by_name(node, "right").or_else(|| by_name(node, "collection")).or_else(|| {
            let clause = node.named_child(0).filter(|child| child.kind() == "range_clause")?;
            by_name(clause, "right")
        }),
        "for_in_statement" | "for_range_loop" => by_name(node, "right"),
        "for_expression" | "enhanced_for_statement" => by_name(node, "value"),
        "list_comprehension" | "set_comprehension" | "dictionary_comprehension" | "generator_expression" => {
            let mut cursor = node.walk();
            let clause = node.named_children(&mut cursor).take(8).find(|child| child.kind() == "for_in_clause");
            by_name(clause?, "right")
        }
        _ => None,
    }
}

/// A range or list that is written out and short.
fn is_short(head: &Head<'_>, source: Node<'_>) -> bool {
    let text = head.bytes(source);
    if matches!(
        source.kind(),
        "list" | "tuple" | "set" | "array" | "array_expression" | "array_literal" | "initializer_list"
    ) {
        return source.named_child_count() <= SHORT as usize && source.named_child_count() > 0;
    }
    // `0..3`, `0..<3`, `range(3)`.
    let text = text.strip_prefix(b"range").unwrap_or(text);
    let text = text.trim_ascii_end().strip_suffix(b")").unwrap_or(text);
    let ranged = text.contains(&b'.') || source.kind() == "call";
    let start = text.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
    let before = text[..start].trim_ascii_end();
    ranged
        && !before.is_empty()
        && matches!(before.last(), Some(b'.' | b'=' | b'<' | b'(' | b','))
        && small(&text[start..])
}

/// `for (i = 0; i < 3; i++)`.
fn counts_little(head: &Head<'_>, node: Node<'_>, clause: Option<Node<'_>>) -> bool {
    let kind = node.kind();
    if kind != "for_statement" {
        return false;
    }
    let condition = clause.unwrap_or(node).child_by_field_name("condition");
    let right = condition.and_then(|condition| condition.child_by_field_name("right"));
    right.is_some_and(|right| small(head.bytes(right)))
}

fn small(digits: &[u8]) -> bool {
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok()).is_some_and(|n| n <= SHORT)
}

/// Tables of names: one of the file, one of the outermost function that is open.
#[derive(Debug)]
pub(crate) struct Names<'a, 't> {
    root: Node<'t>,
    file: Option<Option<Table<'a, 't>>>,
    function: Option<(usize, Option<Table<'a, 't>>)>,
    pub(super) too_large: bool,
}

impl<'a, 't> Names<'a, 't> {
    pub(super) const fn new(root: Node<'t>) -> Self {
        Self { root, file: None, function: None, too_large: false }
    }

    pub(super) fn table(
        &mut self,
        head: &Head<'a>,
        language: Language,
        scopes: &[Scope<'t>],
        work: &mut u64,
    ) -> Option<&Table<'a, 't>> {
        let outermost = scopes.iter().find(|scope| scope.role != Role::Loop).map(|scope| scope.node);
        let mut read = |node: Node<'t>| Table::of(head, language, node, work);
        let table = match outermost {
            None => self.file.get_or_insert_with(|| read(self.root)).as_ref(),
            Some(node) => {
                let known = self.function.as_ref().is_some_and(|(id, _)| *id == node.id());
                if !known {
                    self.function = Some((node.id(), read(node)));
                }
                self.function.as_ref().and_then(|(_, table)| table.as_ref())
            }
        };
        self.too_large |= table.is_none();
        table
    }
}
