//! The part of the walk that measures: what changes the flow of control, how deep it stands, and runs of logical operators.

use tree_sitter::{Node, TreeCursor};

use super::Walk;
use crate::{
    grammar::Class,
    head::field,
    metrics::{OpenFunction, Operator},
};

impl<'t> Walk<'_, 't> {
    /// Raises the nesting for a child of a structure unless it belongs to the header; whether the child is the `if` of an
    /// `else if`, which is as deep as the first `if`.
    pub(super) fn step_into_structure(&mut self, cursor: &TreeCursor<'t>, class: Class, depth: u32) -> bool {
        let parent = self.top.1;
        if matches!(class, Class::Else | Class::ElseIf | Class::ElseToken | Class::LetElse | Class::Comment) {
            return false;
        }
        if class == Class::If {
            let alternative = self.head.fields().alternative;
            let in_else = parent == Class::Else
                || (parent == Class::If && (alternative.is_none() || cursor.field_id() == alternative));
            if in_else {
                return true;
            }
        }
        if !self.head.grammar.is_header(cursor.field_id()) {
            self.push(depth, Class::Plain, false);
            self.context.nesting += 1;
        }
        false
    }

    /// Nodes that change the flow of control.
    pub(super) fn flow(&mut self, node: Node<'t>, class: Class, depth: u32, after_else: bool) {
        match class {
            Class::Switch => {
                self.structure(class, depth, false);
                self.context.arm_is_free = self.head.grammar.rules.exhaustive_switch;
            }
            Class::If => {
                self.guard(node);
                self.type_guard(node);
                self.structure(class, depth, after_else);
            }
            Class::ElseToken if depth == self.top.0 + 1 && self.top.1 == Class::If => {
                self.measure(OpenFunction::flat);
            }
            Class::LetElse if !(depth == self.top.0 + 1 && self.top.1 == Class::Else) => {
                let nesting = self.context.nesting;
                self.measure(|open| open.structure(Class::Guarded, nesting, false));
                // Until the end of the declaration, which is until the end of its block.
                self.push(depth.saturating_sub(1), Class::Plain, false);
                self.context.nesting += 1;
            }
            Class::Case | Class::CaseOrWildcard => self.case(node, class),
            Class::Branch => self.measure(OpenFunction::branch),
            Class::GuardedPattern if field(node, self.head.fields().condition).is_some() => {
                self.measure(OpenFunction::branch);
            }
            Class::Jump => self.jump(node),
            Class::Binary | Class::Logical | Class::Paren | Class::And | Class::Or => {
                self.logic(node, class, depth);
            }
            class if class.is_structure() => self.structure(class, depth, false),
            _ => {}
        }
    }

    fn structure(&mut self, class: Class, depth: u32, after_else: bool) {
        let nesting = self.context.nesting;
        self.measure(|open| open.structure(class, nesting, after_else));
        self.push(depth, class, false);
    }

    fn case(&mut self, node: Node<'_>, class: Class) {
        let is_free = std::mem::take(&mut self.context.arm_is_free);
        if is_free || (class == Class::CaseOrWildcard && is_wildcard(self.head.bytes(node))) {
            return;
        }
        self.measure(OpenFunction::branch);
    }

    fn jump(&mut self, node: Node<'_>) {
        let to_label = node.named_child(0).is_some_and(|c| self.head.grammar.is_label(c.kind_id()));
        let word = self.head.bytes(node);
        let jumps = |keyword: &&[u8]| word.starts_with(keyword);
        if to_label && [b"break".as_slice(), b"continue", b"goto"].iter().any(jumps) {
            self.measure(OpenFunction::flat);
        }
    }

    /// Logical expressions: a run of operators goes through parentheses and through the operands of logical operators.
    fn logic(&mut self, node: Node<'_>, class: Class, depth: u32) {
        let inside = depth == self.top.0 + 1 && self.top.1 == Class::Logical;
        match class {
            Class::And | Class::Or if inside => {
                let operator = if class == Class::And { Operator::And } else { Operator::Or };
                let before = self.context.operator.replace(operator);
                self.measure(|open| open.logical(operator, before));
            }
            Class::Paren if inside => self.push(depth, Class::Logical, true),
            Class::Logical => self.enter_logical(depth, inside),
            Class::Binary => {
                let operator = field(node, self.head.fields().operator);
                let class = operator.map(|operator| self.head.class(operator));
                if matches!(class, Some(Class::And | Class::Or)) {
                    self.enter_logical(depth, inside);
                }
            }
            _ => {}
        }
    }

    fn enter_logical(&mut self, depth: u32, chained: bool) {
        self.push(depth, Class::Logical, chained);
        if !chained {
            self.context.operator = None;
        }
    }

    pub(super) fn measure(&mut self, add: impl FnOnce(&mut OpenFunction)) {
        if let Some(open) = self.scratch.open.last_mut() {
            add(open);
        }
    }
}

/// Whether a Python case is `case _:`.
fn is_wildcard(case: &[u8]) -> bool {
    let pattern = case.strip_prefix(b"case").unwrap_or_default().trim_ascii_start();
    pattern.strip_prefix(b"_").is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
}
