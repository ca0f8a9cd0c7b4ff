//! What speaks for much work at a place, and what against: how many rounds a loop may have, whether the code is run for errors, dumps
//! or tests only. Rules know what code does, seldom how often; without a sign for many rounds a growing cost is no sure finding.

use tree_sitter::Node;

use super::{
    names::BindKind,
    scope::{Role, source_of},
    shape::Shape,
    site::Site,
    vocabulary::{ELEMENTS, IDLE, MANY, ON_ERROR, is_constant, names_one_of, reads},
};
use crate::{Confidence, Language, grammar::Class};

/// Longest text of a loop's head that is looked at, in bytes.
const MAX_HEAD: usize = 160;
/// Longest function whose text is searched, in bytes.
const MAX_FUNCTION: usize = 64 * 1024;

fn has(source: &[u8], mark: &[u8]) -> bool {
    let lines = source.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    lines.into_iter().any(|(at, _)| source[at..].starts_with(mark))
}

/// Whether the head of a file brings in what only tests use. In Rust most tests stand beside what they
/// test, and are known as such.
pub(super) fn is_for_tests(language: Language, source: &[u8]) -> bool {
    const HEAD: usize = 4_096;
    let marks: &[&str] = match language {
        Language::Rust => &[],
        Language::Python => &["import pytest", "import unittest", "from unittest import", "from pytest import"],
        Language::JavaScript | Language::TypeScript | Language::Tsx => {
            &["from 'vitest'", "from \"vitest\"", "@jest/globals", "require('tape')"]
        }
        Language::Go => &["\"testing\""],
        Language::C | Language::Cpp => {
            &["catch.hpp", "catch2/", "gtest/", "gmock/", "doctest", "boost/test/", "benchmark/benchmark.h"]
        }
        Language::Java => &["import org.junit", "import static org.junit", "import org.testng", "import org.mockito"],
        Language::Swift => &["import XCTest", "import Testing"],
    };
    if language == Language::Rust {
        // A test that is not in a module of its own stands in a file of tests.
        return [b"\n#[test]".as_slice(), b"\n#[tokio::test"].iter().any(|mark| has(source, mark));
    }
    let head = String::from_utf8_lossy(&source[..source.len().min(HEAD)]);
    marks.iter().any(|mark| head.contains(mark))
}

/// Less sure by one step.
const fn lower(confidence: Confidence) -> Confidence {
    match confidence {
        Confidence::High => Confidence::Medium,
        other => other,
    }
}

impl<'a, 't> Site<'_, 'a, 't> {
    /// High if there is a sign that the loops around have many rounds, else medium: for costs that matter by their growth alone.
    pub(crate) fn if_many(&mut self) -> Confidence {
        if self.has_many_rounds() { Confidence::High } else { Confidence::Medium }
    }

    /// Whether a loop around goes over what it reads or over things that come by the thousand. Whatever the names, what is read
    /// has many rows, and a table that the source writes out has few.
    pub(crate) fn has_many_rounds(&mut self) -> bool {
        let loops: Vec<_> = self.loops().map(|scope| (scope.node, scope.role, scope.pattern())).collect();
        loops.into_iter().any(|(node, role, pattern)| match (role, source_of(node)) {
            (Role::Loop, Some(over)) if self.is_listed(over) => false,
            (Role::Loop, Some(over)) if reads(self.head_of(over)) => true,
            (Role::Loop, Some(over)) if self.is_few(over) || self.is_part_of_constant(over) => false,
            (Role::Loop, Some(over)) => {
                pattern.is_some_and(|pattern| names_one_of(self.head_of(pattern), MANY)) || self.is_much(over)
            }
            (Role::Loop, None) => {
                let condition = node.child_by_field_name("condition").or_else(|| node.named_child(0));
                condition.is_some_and(|condition| reads(self.head_of(condition)))
            }
            _ => false,
        })
    }

    /// Whether a collection is read from outside, or its name says that it holds much.
    pub(crate) fn is_much(&mut self, of: Node<'t>) -> bool {
        let text = self.head_of(of);
        // Of a chain of calls the first names what it goes over: `lines.iter().map(…)`.
        let named = text.split('(').next().unwrap_or_default().trim_start_matches('&');
        if reads(text) || names_one_of(named, MANY) {
            return true;
        }
        let Some(name) = self.name_of(of) else { return false };
        let bindings = self.bindings(name);
        bindings.iter().filter_map(|b| b.value).any(|value| reads(self.head_of(value))) || self.is_open_file(name)
    }

    /// Python's `with open(…) as name`.
    fn is_open_file(&mut self, name: &str) -> bool {
        if self.language != Language::Python {
            return false;
        }
        let Some(function) = self.function().map(|scope| scope.node) else { return false };
        let text = if function.end_byte() - function.start_byte() < MAX_FUNCTION { self.scan(function) } else { None };
        let bound = format!(" as {name}:");
        text.is_some_and(|text| text.lines().any(|line| line.ends_with(&bound) && line.contains("open(")))
    }

    fn head_of(&self, node: Node<'t>) -> &'a str {
        let text = self.text(node);
        &text[..text.floor_char_boundary(text.len().min(MAX_HEAD))]
    }

    /// Whether the innermost loop goes over a parameter, which a caller may fill with any number of things, or over what it reads.
    pub(crate) fn is_over_input(&mut self) -> bool {
        let Some(node) = self.innermost().map(|scope| scope.node) else { return false };
        let given = source_of(node).and_then(|over| self.name_of(over));
        given.is_some_and(|name| {
            self.bindings(name).iter().any(|b| matches!(b.kind, BindKind::Param | BindKind::Opaque))
                && !names_one_of(name, &["args", "argv", "kwargs", "opts", "options", "flags"])
        }) || self.has_many_rounds()
    }

    /// How sure a finding is, if what is around it is looked at too; `tests` says that its file is there to test others.
    pub(crate) fn weighed(&mut self, confidence: Confidence, tests: bool) -> Confidence {
        if confidence < Confidence::High {
            return confidence;
        }
        if tests || self.is_idle() || self.is_for_errors() || self.is_over_few() {
            lower(confidence)
        } else {
            confidence
        }
    }

    /// Whether the function, or the type it belongs to, is there for tests, dumps or messages, or there is no function at all: what a
    /// file does when it is loaded, it does once.
    fn is_idle(&mut self) -> bool {
        let above = self.ancestors();
        let mut named = false;
        for node in above {
            if self.head.class(node) == Class::Function && !super::is_stored(node) {
                named = true;
            } else if self.head.class(node) == Class::Closure {
                named |= self.is_script();
            } else if !node.kind().contains("class") && !node.kind().contains("impl_item") {
                continue;
            }
            let name = node
                .child_by_field_name("name")
                .or_else(|| node.child_by_field_name("declarator"))
                .or_else(|| node.child_by_field_name("type"));
            let name = name.map(|name| self.head_of(name)).unwrap_or_default();
            let name = name.split(['(', '<']).next().unwrap_or_default();
            if names_one_of(name, IDLE) {
                return true;
            }
        }
        let loaded = matches!(self.language, Language::Python) || self.is_script();
        loaded && !named
    }

    /// Whether the code around it tells of an error: what is thrown, what is run after something failed.
    fn is_for_errors(&mut self) -> bool {
        for node in self.ancestors() {
            let kind = node.kind();
            if self.head.class(node) == Class::Function {
                return false;
            }
            let thrown = matches!(kind, "throw_statement" | "raise_statement" | "throw_expression")
                || matches!(kind, "catch_clause" | "except_clause" | "catch_block");
            let handles = self.as_call(node).is_some_and(|call| ON_ERROR.contains(&call.name));
            if thrown
                || handles
                || (kind == "macro_invocation"
                    && names_one_of(self.head_of(node).split('!').next().unwrap_or_default(), IDLE))
            {
                return true;
            }
        }
        false
    }

    /// Whether the innermost loop goes over a list that the function writes out, or over a constant.
    fn is_over_few(&mut self) -> bool {
        let over = self.innermost().and_then(|scope| source_of(scope.node));
        over.is_some_and(|over| self.is_few(over))
    }

    fn is_few(&mut self, over: Node<'t>) -> bool {
        let constant = is_constant(self.head_of(over));
        let Some(name) = self.name_of(over) else { return constant };
        let known = !self.bindings(name).is_empty();
        constant || if known { self.shape_of_name(name) == Shape::Short } else { self.is_table_of_file(name) }
    }

    /// Whether a loop goes over a list in its own head: `&[a, b]`.
    fn is_listed(&self, over: Node<'t>) -> bool {
        let text = self.head_of(over).trim_start_matches(['&', '*']);
        text.starts_with('[') && text.ends_with(']')
    }

    /// Whether a loop goes over a constant by a path, in part, or by what gives its elements: `tables::KINDS[1..]`,
    /// `KINDS.iter().enumerate()`; not over what something with the name of a constant makes: `JSON.parse(text)`.
    fn is_part_of_constant(&self, over: Node<'t>) -> bool {
        let text = self.head_of(over).trim_start_matches(['&', '*']);
        let named = text.split(['(', '[']).next().unwrap_or_default();
        let mut parts = named.rsplit(['.', ':']);
        let last = parts.next().unwrap_or_default();
        // With an argument such a call is another one: `CSV.values(text)`.
        let gives = ELEMENTS.contains(&last) && text[named.len()..].starts_with("()");
        is_constant(if gives { parts.next().unwrap_or_default() } else { last })
    }

    /// Whether the file binds a name to a list that it writes out, and to nothing else.
    fn is_table_of_file(&mut self, name: &str) -> bool {
        let at = self.node.start_byte();
        let Some(table) = self.names.table(&self.head, self.language, &[], self.work) else { return false };
        let bindings: Vec<_> = table.bindings(name, at).into_iter().cloned().collect();
        let values: Vec<_> = bindings.iter().map(|b| b.value).collect();
        !values.is_empty()
            && values.into_iter().all(|value| value.is_some_and(|value| self.shape(value) == Shape::Short))
    }

    /// Whether the block around a place of this function ends by leaving, so that what stands there is done once.
    pub(crate) fn leaves_after(&mut self, at: usize) -> bool {
        self.charge(512);
        let mut node = self.function().and_then(|scope| scope.node.descendant_for_byte_range(at, at));
        for _ in 0..8 {
            let Some(above) = node.and_then(|node| node.parent()) else { break };
            if matches!(above.kind(), "block" | "statement_block" | "compound_statement" | "statement_list") {
                let last = self.statements(above).last().copied();
                return last.is_some_and(|last| self.leaves(last, false));
            }
            node = Some(above);
        }
        false
    }

    /// Whether a text that is built goes into the message of an error or warning: by its own name, or by what it is given to.
    pub(crate) fn is_message(&mut self, name: &str) -> bool {
        let told = ["msg", "message", "messages", "hint", "note", "reason"];
        if names_one_of(name, IDLE) || names_one_of(name, &told) {
            return true;
        }
        let Some(function) = self.function().map(|scope| scope.node) else { return false };
        let Some(text) = self.scan(function).filter(|text| text.len() < MAX_FUNCTION) else { return false };
        let whole = |at: usize| {
            let word = |c: char| c.is_alphanumeric() || c == '_';
            !text[..at].ends_with(word) && !text[at + name.len()..].starts_with(word)
        };
        let uses: Vec<usize> = text.match_indices(name).map(|(at, _)| at).filter(|at| whole(*at)).take(32).collect();
        uses.into_iter().any(|at| self.is_told(&text[..at]))
    }

    /// Whether the statement that a text ends in tells a person something: it begins by calling a logger, or what makes errors.
    pub(crate) fn is_told(&self, before: &str) -> bool {
        // Braces of a text in quotes are no ends: those of blocks stand at the end of a line.
        let ends = [before.rfind(';'), before.rfind("{\n"), before.rfind("}\n")];
        let start = ends.into_iter().flatten().max().map_or(0, |start| start + 1);
        let called = before[start..].trim_start().split_once('(').map(|(called, _)| called);
        called.is_some_and(|called| names_one_of(called, IDLE))
    }
}
