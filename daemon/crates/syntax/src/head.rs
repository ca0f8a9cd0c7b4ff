//! What the hooks of a language need to read the head of a node: its fields, its text, its children.

use std::num::NonZeroU16;

use tree_sitter::Node;

use crate::{
    Import, ImportKind,
    grammar::{Class, Fields, FunctionHead, Grammar},
};

/// Longest part of a name, in bytes.
pub(crate) const MAX_NAME: usize = 256;
/// Longest target of an import, in bytes.
pub(crate) const MAX_TARGET: usize = 512;
/// Most items in one list of the facts.
pub(crate) const MAX_ITEMS: usize = 65_536;

/// A source and its grammar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) grammar: &'a Grammar,
    pub(crate) source: &'a [u8],
}

impl<'a> Head<'a> {
    pub(crate) const fn fields(&self) -> &'a Fields {
        &self.grammar.fields
    }

    /// The bytes of a node.
    pub(crate) fn bytes(&self, node: Node<'_>) -> &'a [u8] {
        self.source.get(node.byte_range()).unwrap_or_default()
    }

    /// The text of a node without white space, at most `max` bytes of the source.
    pub(crate) fn packed(&self, node: Node<'_>, max: usize) -> String {
        let bytes = self.bytes(node);
        let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(max)]).into_owned();
        text.retain(|c| !c.is_whitespace());
        text
    }

    /// The text of a name.
    pub(crate) fn name(&self, node: Node<'_>) -> String {
        self.packed(node, MAX_NAME)
    }

    pub(crate) fn class(&self, node: Node<'_>) -> Class {
        self.grammar.class(node.kind_id())
    }

    /// Parameters in a list: the children that count.
    pub(crate) fn count_parameters(&self, list: Node<'_>) -> u32 {
        let mut cursor = list.walk();
        let counted = list.children(&mut cursor).filter(|child| self.grammar.is_parameter(*child));
        u32::try_from(counted.count()).unwrap_or(u32::MAX)
    }

    /// The function of a grammar that has the fields `name`, `parameters` and `body`.
    pub(crate) fn plain_function<'t>(&self, node: Node<'t>) -> Option<FunctionHead<'t>> {
        let fields = self.fields();
        field(node, fields.body)?;
        let at = field(node, fields.name)?;
        let parameters = field(node, fields.parameters).map_or(0, |list| self.count_parameters(list));
        Some(FunctionHead { name: self.name(at), at, parameters, test: false, entry: false })
    }

    /// The text of a string literal without its quotes.
    pub(crate) fn unquoted(&self, node: Node<'_>) -> String {
        let text = self.packed(node, MAX_TARGET);
        text.trim_matches(['"', '\'', '`', '<', '>']).to_owned()
    }
}

/// A child by field, if the grammar has the field.
pub(crate) fn field(node: Node<'_>, id: Option<NonZeroU16>) -> Option<Node<'_>> {
    node.child_by_field_id(id?.get())
}

/// The line a node starts on, from 1.
pub(crate) fn line_of(node: Node<'_>) -> u32 {
    u32::try_from(node.start_position().row + 1).unwrap_or(u32::MAX)
}

/// The line a node ends on, from 1; a node that ends with its line feed ends on that line.
pub(crate) fn end_line_of(node: Node<'_>) -> u32 {
    let end = node.end_position();
    let row = if end.column == 0 && end.row > node.start_position().row { end.row } else { end.row + 1 };
    u32::try_from(row).unwrap_or(u32::MAX)
}

/// An import without names.
pub(crate) const fn import(target: String, line: u32, kind: ImportKind) -> Import {
    Import { target, names: Vec::new(), line, kind, deferred: false }
}
