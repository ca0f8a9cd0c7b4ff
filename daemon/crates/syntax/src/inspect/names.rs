//! Where the names of one function are bound, and which of their methods are called: gathered once per outermost function, on
//! demand. What is not simple is bound to nothing known, so that rules stay silent about it.

use std::ops::Range;

use tree_sitter::{Node, TreeCursor};

use super::{call, plan::Plan};
use crate::{Language, grammar::Class, head::Head};

/// Functions with more nodes are not looked into; reading one is paid for out of the work for its file.
const MAX_NODES: usize = 400_000;
/// Nor are those with more bindings and uses, at up to 150 bytes each.
const MAX_ENTRIES: usize = 60_000;
/// A name that is bound more often is not reasoned about.
const MAX_BINDINGS: usize = 64;
/// Nodes of a pattern that are read.
const MAX_PATTERN: usize = 48;

/// How a name gets its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BindKind {
    Declare,
    Param,
    /// The variable of a loop.
    Each,
    Assign,
    /// `+=`, `++` and their like.
    Update,
    /// Bound to something that is not known.
    Opaque,
    /// A list of parameters, of which the bare names are bound to nothing known.
    List,
}

/// How a kind of node binds names. Empty fields are absent; without `name` all names in the node are bound.
#[derive(Debug)]
pub(crate) struct BindForm {
    pub(super) kind: &'static str,
    pub(super) name: &'static str,
    pub(super) value: &'static str,
    pub(super) bind: BindKind,
}

pub(super) const fn form(kind: &'static str, name: &'static str, value: &'static str, bind: BindKind) -> BindForm {
    BindForm { kind, name, value, bind }
}

/// One place where a name is bound.
#[derive(Debug, Clone)]
pub(crate) struct Binding<'a, 't> {
    pub(crate) name: &'a [u8],
    pub(crate) at: usize,
    pub(crate) kind: BindKind,
    /// What holds the name: tells pointers and references.
    pub(crate) pattern: Node<'t>,
    pub(crate) ty: Option<Node<'t>>,
    pub(crate) value: Option<Node<'t>>,
    /// The function or closure it stands in.
    scope: Range<usize>,
}

/// A method called on a name, or `[]=` for an element that is assigned.
#[derive(Debug, Clone)]
pub(crate) struct Use<'a> {
    name: &'a [u8],
    pub(crate) method: &'a [u8],
    pub(crate) at: usize,
    /// Inside of a loop.
    pub(crate) looped: bool,
}

/// The names of one function.
#[derive(Debug, Default)]
pub(crate) struct Table<'a, 't> {
    bindings: Vec<Binding<'a, 't>>,
    uses: Vec<Use<'a>>,
}

impl<'a, 't> Table<'a, 't> {
    /// Reads a function, and counts its nodes as work; none if it is too large, which may be known only when much of it is read.
    pub(super) fn of(head: &Head<'a>, language: Language, root: Node<'t>, work: &mut u64) -> Option<Self> {
        let nodes = root.descendant_count();
        if nodes > MAX_NODES {
            return None;
        }
        *work += nodes as u64;
        let mut builder = Builder { head: *head, language, table: Self::default(), scopes: Vec::new(), ty: None };
        if !builder.read(root) {
            return None;
        }
        let mut table = builder.table;
        table.bindings.sort_by_key(|binding| (binding.name, binding.at));
        table.uses.sort_by_key(|used| (used.name, used.at));
        Some(table)
    }

    /// Bindings of a name that may hold at a place, in source order; none if there are none or too many.
    pub(crate) fn bindings(&self, name: &str, at: usize) -> Vec<&Binding<'a, 't>> {
        let name = name.as_bytes();
        let first = self.bindings.partition_point(|binding| binding.name < name);
        let all = self.bindings[first..].iter().take_while(|binding| binding.name == name);
        let all: Vec<_> = all.take(MAX_BINDINGS + 1).collect();
        if all.len() > MAX_BINDINGS {
            return Vec::new();
        }
        let declares = |b: &&&Binding<'_, '_>| !matches!(b.kind, BindKind::Update) && b.scope.contains(&at);
        // The innermost function that declares it; assignments in closures inside of it count too.
        let Some(inner) = all.iter().filter(declares).map(|b| b.scope.clone()).min_by_key(ExactSizeIterator::len)
        else {
            return Vec::new();
        };
        all.into_iter().filter(|b| inner.contains(&b.scope.start)).collect()
    }

    /// Whether a name is bound inside of a range, in whatever way.
    pub(crate) fn bound_within(&self, name: &str, range: &Range<usize>) -> bool {
        let name = name.as_bytes();
        let first = self.bindings.partition_point(|b| (b.name, b.at) < (name, range.start));
        self.bindings.get(first).is_some_and(|b| b.name == name && b.at < range.end)
    }

    /// Methods called on a name.
    pub(crate) fn uses<'s>(&'s self, name: &str) -> impl Iterator<Item = &'s Use<'a>> + use<'s, 'a, 't> {
        let name = name.as_bytes();
        let first = self.uses.partition_point(|used| used.name < name);
        let found = self.uses.get(first).map(|used| used.name).filter(|found| *found == name);
        self.uses[first..].iter().take_while(move |used| Some(used.name) == found).take(256)
    }
}

/// A function or loop around a node.
struct Around {
    end: usize,
    is_loop: bool,
    /// The innermost function up to here: this one, or the one around the loop.
    function: Range<usize>,
}

struct Builder<'a, 't> {
    head: Head<'a>,
    language: Language,
    table: Table<'a, 't>,
    /// Functions and loops around.
    scopes: Vec<Around>,
    /// The type of the declaration that is read now.
    ty: Option<Node<'t>>,
}

impl<'a, 't> Builder<'a, 't> {
    /// Reads all of it; false if that is too much to keep.
    fn read(&mut self, root: Node<'t>) -> bool {
        let plan = Plan::of(self.language);
        self.open(root, false);
        let mut cursor = root.walk();
        loop {
            let node = cursor.node();
            let start = node.start_byte();
            while self.scopes.len() > 1 && self.scopes.last().is_some_and(|scope| scope.end <= start) {
                self.scopes.pop();
            }
            match self.head.class(node) {
                Class::Function if super::is_stored(node) => {}
                Class::Function | Class::Closure => self.open(node, false),
                Class::Loop => self.open(node, true),
                _ => {}
            }
            if let Some(form) = plan.form(node.kind_id()) {
                if (self.language, form.kind) == (Language::Java, "variable_declarator") {
                    self.ty = type_beside(&mut cursor);
                }
                self.bind(node, form);
            }
            if call::is_call(plan, node) {
                self.call(node);
            }
            if self.table.bindings.len() + self.table.uses.len() > MAX_ENTRIES {
                return false;
            }
            if cursor.goto_first_child() {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return true;
                }
            }
        }
    }

    fn open(&mut self, node: Node<'t>, is_loop: bool) {
        let own = node.byte_range();
        let (end, around) = (own.end, self.scopes.last().filter(|_| is_loop));
        let function = around.map_or(own, |around| around.function.clone());
        self.scopes.push(Around { end, is_loop, function });
    }

    fn bind(&mut self, node: Node<'t>, form: &BindForm) {
        let by_name = |name: &str| if name.is_empty() { None } else { node.child_by_field_name(name) };
        let typed = node.child_by_field_name("type").or_else(|| {
            let mut cursor = node.walk();
            node.named_children(&mut cursor).take(8).find(|child| child.kind() == "type_annotation")
        });
        let (kind, value) = (form.bind, by_name(form.value));
        match (self.language, form.kind) {
            (Language::C | Language::Cpp, "declaration") => {
                self.ty = typed;
                let mut cursor = node.walk();
                for declarator in node.children_by_field_name("declarator", &mut cursor).take(32) {
                    if declarator.kind() != "init_declarator" {
                        self.pattern(declarator, kind, typed, None);
                    }
                }
            }
            (Language::C | Language::Cpp, "init_declarator") => {
                let (pattern, ty) = (by_name("declarator"), self.ty);
                self.simple(pattern, kind, ty, value);
            }
            (Language::Java, "variable_declarator") => self.simple(by_name("name"), kind, self.ty, value),
            (Language::Go, "parameter_declaration" | "var_spec") => {
                let mut cursor = node.walk();
                let names: Vec<_> = node.children_by_field_name("name", &mut cursor).take(32).collect();
                let value = value.and_then(|list| list.named_child(0)).filter(|_| names.len() == 1);
                for name in names {
                    self.simple(Some(name), kind, typed, value);
                }
            }
            (Language::Go, "short_var_declaration" | "assignment_statement") => self.pairs(node, kind),
            (
                Language::Java | Language::Cpp | Language::C | Language::Swift,
                "assignment_expression" | "assignment",
            ) => {
                let operator = by_name("operator").map_or(b"=".as_slice(), |o| self.head.bytes(o));
                let kind = if operator == b"=" { kind } else { BindKind::Update };
                self.simple(by_name(form.name), kind, None, value);
            }
            (_, "typed_parameter") => self.simple(node.named_child(0), kind, typed, None),
            (_, _) if kind == BindKind::List => {
                let mut cursor = node.walk();
                for child in node.named_children(&mut cursor).take(64) {
                    if !child.kind().contains("default_parameter") && child.kind() != "typed_parameter" {
                        self.pattern(child, BindKind::Opaque, None, None);
                    }
                }
            }
            _ if form.name.is_empty() => self.pattern(node, kind, None, None),
            _ => self.simple(by_name(form.name), kind, typed, value),
        }
    }

    /// Go's `a, b = x, y`.
    fn pairs(&mut self, node: Node<'t>, kind: BindKind) {
        let (Some(left), Some(right)) = (node.child_by_field_name("left"), node.child_by_field_name("right")) else {
            return;
        };
        let plain = node.child_by_field_name("operator").is_none_or(|o| matches!(self.head.bytes(o), b"=" | b":="));
        let kind = if plain { kind } else { BindKind::Update };
        let even = left.named_child_count() == right.named_child_count();
        let mut cursor = left.walk();
        for (index, name) in (0..32).zip(left.named_children(&mut cursor)) {
            let value = right.named_child(index).filter(|_| even);
            self.simple(Some(name), kind, None, value);
        }
    }

    /// One name, or a pattern whose parts get nothing known.
    fn simple(&mut self, pattern: Option<Node<'t>>, kind: BindKind, ty: Option<Node<'t>>, value: Option<Node<'t>>) {
        let Some(pattern) = pattern else { return };
        self.pattern(pattern, kind, ty, value);
    }

    fn pattern(&mut self, pattern: Node<'t>, kind: BindKind, ty: Option<Node<'t>>, value: Option<Node<'t>>) {
        let assigns = matches!(kind, BindKind::Assign | BindKind::Update);
        if let Some(base) = assigns.then(|| element_of(pattern)).flatten() {
            self.used(base, b"[]=", pattern.start_byte());
            return;
        }
        if assigns && is_member(pattern) {
            return;
        }
        let mut names = Vec::new();
        identifiers(pattern, &mut names);
        let single = names.len() == 1 && declares_one(pattern);
        for name in names {
            let scope = self.scopes.last().map(|scope| scope.function.clone());
            self.table.bindings.push(Binding {
                name: self.head.bytes(name),
                at: name.start_byte(),
                kind: if single || kind == BindKind::Each || assigns { kind } else { BindKind::Opaque },
                pattern,
                ty: ty.filter(|_| single),
                value: value.filter(|_| single || kind == BindKind::Each),
                scope: scope.unwrap_or_default(),
            });
        }
    }

    fn call(&mut self, node: Node<'t>) {
        let Some((name, function)) = call::name(&self.head, self.language, node) else { return };
        let receiver = call::receiver(self.language, node, function);
        if let Some(receiver) = receiver.filter(|receiver| is_identifier(receiver.kind())) {
            self.used(receiver, name, node.start_byte());
        }
    }

    fn used(&mut self, of: Node<'t>, method: &'a [u8], at: usize) {
        let looped = self.scopes.last().is_some_and(|scope| scope.is_loop);
        self.table.uses.push(Use { name: self.head.bytes(of), method, at, looped });
    }
}

/// The type in the declaration that the cursor's node is a part of. `Node::parent` would search for it from the root.
fn type_beside<'t>(cursor: &mut TreeCursor<'t>) -> Option<Node<'t>> {
    let node = cursor.node();
    // Its own last byte, or that of what stands before it, even if it is empty.
    let before = node.start_byte().checked_sub(1)?;
    if !cursor.goto_parent() {
        return None;
    }
    let ty = cursor.node().child_by_field_name("type");
    cursor.goto_first_child_for_byte(before);
    while cursor.node().id() != node.id() && cursor.goto_next_sibling() {}
    ty
}

pub(crate) fn is_identifier(kind: &str) -> bool {
    matches!(kind, "identifier" | "simple_identifier" | "shorthand_property_identifier_pattern")
}

fn is_member(pattern: Node<'_>) -> bool {
    let kind = pattern.kind();
    matches!(kind, "field_expression" | "member_expression" | "attribute" | "selector_expression" | "field_access")
        || (kind == "directly_assignable_expression"
            && pattern.named_child(0).is_some_and(|c| !is_identifier(c.kind())))
        || matches!(kind, "pointer_expression" | "unary_expression" | "qualified_identifier")
}

/// The name whose element is assigned: `a` of `a[i] = x`.
fn element_of(pattern: Node<'_>) -> Option<Node<'_>> {
    let subscript =
        matches!(pattern.kind(), "subscript_expression" | "subscript" | "index_expression" | "array_access");
    let base = if subscript {
        pattern.named_child(0)
    } else {
        // `*p = x` writes through a pointer.
        pattern.child_by_field_name("argument").filter(|_| pattern.kind() == "pointer_expression")
    };
    base.filter(|base| is_identifier(base.kind()))
}

/// Whether the pattern is a name with nothing but pointers, references and keywords around it.
fn declares_one(pattern: Node<'_>) -> bool {
    is_identifier(pattern.kind())
        || matches!(
            pattern.kind(),
            "pattern"
                | "pointer_declarator"
                | "reference_declarator"
                | "array_declarator"
                | "mut_pattern"
                | "expression_list"
                | "directly_assignable_expression"
        )
}

fn identifiers<'t>(pattern: Node<'t>, found: &mut Vec<Node<'t>>) {
    let mut waiting = vec![pattern];
    for _ in 0..MAX_PATTERN {
        let Some(node) = waiting.pop() else { return };
        if is_identifier(node.kind()) {
            found.push(node);
            continue;
        }
        let mut cursor = node.walk();
        let index = node.kind() == "array_declarator";
        waiting.extend(node.named_children(&mut cursor).take(if index { 1 } else { MAX_PATTERN }));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a source that is not parsed fails the test")]

    use super::*;
    use crate::{grammar::Grammar, languages};

    #[test]
    fn what_is_read_is_paid_for_whether_it_is_kept_or_not() {
        // Function, whether its names are kept, least work.
        let cases = [
            ("x = 1\n", 100, true, 400),
            ("x = 1\n", MAX_ENTRIES + 1, false, MAX_ENTRIES),
            ("x\n", MAX_NODES / 2, false, 0),
        ];
        for (line, times, kept, least) in cases {
            let source = line.repeat(times);
            let mut parser = tree_sitter::Parser::new();
            parser.set_language(&languages::of(Language::Python).0).unwrap();
            let tree = parser.parse(&source, None).unwrap();
            let head = Head { grammar: Grammar::of(Language::Python), source: source.as_bytes() };
            let mut work = 0;
            let table = Table::of(&head, Language::Python, tree.root_node(), &mut work);
            assert_eq!(table.is_some(), kept, "{times} times {line}");
            assert!(work >= least as u64 && (work == 0) == (least == 0), "{work} for {times} times {line}");
        }
    }
}
