//! What a rule sees: the node, the loops and functions around it, and what the names in it are. All work is counted.

use std::ops::Range;

use tree_sitter::{Node, TreeCursor};

use super::{
    call::{self, Call},
    names::{BindKind, Binding, Table, is_identifier},
    scope::{Names, Role, Scope},
    shape::{self, Shape},
};
use crate::{Confidence, Language, Severity, head::Head};

/// Nodes of an expression that are read.
const MAX_EXPRESSION: usize = 64;
/// Nodes above one that are looked at.
const MAX_ANCESTORS: usize = 256;
/// Statements of a block that are read.
const MAX_STATEMENTS: usize = 512;

/// What a rule found.
#[derive(Debug)]
pub(crate) struct Hit<'t> {
    pub(crate) at: Node<'t>,
    pub(crate) confidence: Confidence,
    /// Other than the rule's own.
    pub(crate) severity: Option<Severity>,
    pub(crate) message: String,
}

/// A hit on a node.
pub(crate) const fn hit(at: Node<'_>, confidence: Confidence, message: String) -> Hit<'_> {
    Hit { at, confidence, severity: None, message }
}

/// Whether an expression has the same value in each round of a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Steady {
    /// Written out.
    Literal,
    /// Names that the loop does not bind.
    Names,
    /// Not known, or not the same.
    No,
}

/// A node that a rule wanted, and what holds there.
pub(crate) struct Site<'x, 'a, 't> {
    pub(crate) node: Node<'t>,
    /// Set if the node is a call or makes an object.
    pub(crate) call: Option<Call<'a, 't>>,
    pub(crate) language: Language,
    pub(super) head: Head<'a>,
    pub(super) cursor: &'x TreeCursor<'t>,
    pub(super) scopes: &'x [Scope<'t>],
    pub(super) names: &'x mut Names<'a, 't>,
    pub(super) work: &'x mut u64,
}

impl<'a, 't> Site<'_, 'a, 't> {
    /// The text of a node; empty if it is no UTF-8.
    pub(crate) fn text(&self, node: Node<'_>) -> &'a str {
        std::str::from_utf8(self.head.bytes(node)).unwrap_or_default()
    }

    /// The text of a node for a message: one line of at most 60 bytes between backticks, which are left out if it has such itself.
    pub(crate) fn shown(&self, node: Node<'_>) -> String {
        let text = self.one_line(node);
        if text.contains('`') { text } else { format!("`{text}`") }
    }

    /// The text of a node in one line, at most 60 bytes.
    pub(crate) fn one_line(&self, node: Node<'_>) -> String {
        super::allow::bounded(&self.text(node).split_whitespace().collect::<Vec<_>>().join(" "), 60)
    }

    pub(crate) fn field(&self, name: &str) -> Option<Node<'t>> {
        self.node.child_by_field_name(name)
    }

    pub(crate) fn is_script(&self) -> bool {
        matches!(self.language, Language::JavaScript | Language::TypeScript | Language::Tsx)
    }

    /// Arguments of the call.
    pub(crate) fn arguments(&self) -> Vec<Node<'t>> {
        call::arguments(self.node)
    }

    /// Arguments of another call.
    pub(crate) fn arguments_of(&self, node: Node<'t>) -> Vec<Node<'t>> {
        call::arguments(node)
    }

    /// A node read as a call.
    pub(crate) fn as_call(&self, node: Node<'t>) -> Option<Call<'a, 't>> {
        if !call::calls(node.kind()) {
            return None;
        }
        let (name, function) = call::name(&self.head, self.language, node)?;
        let receiver = call::receiver(self.language, node, function);
        Some(Call { name: std::str::from_utf8(name).ok()?, path: self.text(function), receiver })
    }

    /// What the call is made on, if it is a simple name.
    pub(crate) fn receiver_name(&self) -> Option<&'a str> {
        self.name_of(self.call?.receiver?)
    }

    /// The text of a simple name.
    pub(crate) fn name_of(&self, node: Node<'t>) -> Option<&'a str> {
        let inner = if node.kind() == "directly_assignable_expression" { node.named_child(0)? } else { node };
        is_identifier(inner.kind()).then(|| self.text(inner)).filter(|text| !text.is_empty())
    }

    /// The innermost loop that runs this node more than once, unless it is known to be short.
    pub(crate) fn innermost(&self) -> Option<&Scope<'t>> {
        self.loops().next()
    }

    /// Loops around, the innermost first, up to the function or closure.
    pub(crate) fn loops(&self) -> impl Iterator<Item = &Scope<'t>> {
        let at = self.node.start_byte();
        self.scopes
            .iter()
            .rev()
            .take(64)
            .take_while(|scope| !matches!(scope.role, Role::Function | Role::Closure))
            .filter(move |scope| scope.repeats(at))
    }

    /// The function or closure right around.
    pub(crate) fn function(&self) -> Option<&Scope<'t>> {
        self.scopes.iter().rev().find(|scope| !matches!(scope.role, Role::Loop))
    }

    /// Counts work that a rule does itself, in about the cost of one node.
    pub(crate) fn charge(&mut self, work: u64) {
        *self.work += work;
    }

    /// Whether the function or closure right around is asynchronous.
    pub(crate) fn in_async(&self) -> bool {
        let Some(scope) = self.function() else { return false };
        let node = scope.node;
        if node.kind() == "async_block" {
            return true;
        }
        let body = node.child_by_field_name("body").map_or_else(|| node.end_byte(), |body| body.start_byte());
        let header = self.head.source.get(node.start_byte()..body).unwrap_or_default();
        let header = String::from_utf8_lossy(&header[..header.len().min(2_048)]);
        let mut words = header.split(|c: char| !c.is_alphanumeric() && c != '_');
        match self.language {
            // Its keyword stands behind the parameters.
            Language::Swift => words.any(|word| word == "async"),
            _ => {
                words.take_while(|word| !matches!(*word, "fn" | "def" | "function")).take(6).any(|word| word == "async")
            }
        }
    }

    /// Nodes above this one, the nearest first.
    pub(crate) fn ancestors(&mut self) -> Vec<Node<'t>> {
        let mut up = self.cursor.clone();
        let mut found = Vec::new();
        *self.work += 256 + u64::from(up.depth());
        while found.len() < MAX_ANCESTORS && up.goto_parent() {
            found.push(up.node());
        }
        found
    }

    pub(crate) fn parent(&mut self) -> Option<Node<'t>> {
        let mut up = self.cursor.clone();
        *self.work += 16 + u64::from(up.depth());
        up.goto_parent().then(|| up.node())
    }

    /// Whether the node runs in each round of its loop, as far as is seen: it is not on the way out, nor where an error is
    /// handled.
    pub(crate) fn runs_each_round(&mut self) -> bool {
        let Some(innermost) = self.innermost() else { return false };
        let (id, by_closure) = (innermost.node.id(), innermost.role == Role::Callback);
        for above in self.ancestors() {
            if above.id() == id {
                return true;
            }
            let kind = above.kind();
            if matches!(kind, "catch_clause" | "except_clause" | "catch_block") || self.leaves(above, by_closure) {
                return false;
            }
            if matches!(kind, "block" | "statement_block" | "compound_statement" | "statement_list" | "statements") {
                *self.work += above.named_child_count() as u64;
                let last =
                    u32::try_from(above.named_child_count()).ok().and_then(|n| above.named_child(n.checked_sub(1)?));
                let last = last
                    .map(|last| last.named_child(0).filter(|_| last.kind() == "expression_statement").unwrap_or(last));
                if last.is_some_and(|last| self.leaves(last, by_closure)) {
                    return false;
                }
            }
        }
        true
    }

    /// Whether a statement ends the loop. What returns from a closure only ends the round.
    pub(super) fn leaves(&self, node: Node<'t>, by_closure: bool) -> bool {
        match node.kind() {
            "throw_statement" | "raise_statement" | "throw_expression" => true,
            "return_statement" | "return_expression" | "break_statement" | "break_expression" | "goto_statement" => {
                !by_closure
            }
            "control_transfer_statement" => !by_closure && !self.text(node).starts_with("continue"),
            "macro_invocation" => {
                let text = self.text(node);
                ["panic!", "bail!", "unreachable!", "return_err!"].iter().any(|name| text.starts_with(name))
            }
            _ => false,
        }
    }

    /// Whether a condition around it looks like "only if it is not there yet".
    pub(crate) fn is_guarded_once(&mut self) -> bool {
        let Some(end) = self.innermost().map(|scope| scope.node.id()) else { return false };
        let ifs: Vec<_> = self.ancestors().into_iter().take_while(|above| above.id() != end).collect();
        let conditions = ifs
            .iter()
            .filter(|above| above.kind().starts_with("if_"))
            .filter_map(|above| above.child_by_field_name("condition"));
        let absent =
            ["None", "null", "nil", "undefined", "not in ", "is_none", "has(", "contains", "is_empty", "nullptr"];
        conditions.map(|c| self.text(c)).any(|text| {
            text.trim_start_matches('(').starts_with(['!'])
                || text.trim_start_matches('(').starts_with("not ")
                || absent.iter().any(|word| text.contains(word))
        })
    }

    fn table(&mut self) -> Option<&Table<'a, 't>> {
        self.names.table(&self.head, self.language, self.scopes, self.work)
    }

    /// Where a name is bound for this place.
    pub(crate) fn bindings(&mut self, name: &str) -> Vec<Binding<'a, 't>> {
        let at = self.node.start_byte();
        *self.work += 16;
        self.table().map_or_else(Vec::new, |table| table.bindings(name, at).into_iter().cloned().collect())
    }

    /// What a name is, if all its bindings agree.
    pub(crate) fn shape_of_name(&mut self, name: &str) -> Shape {
        let bindings = self.bindings(name);
        let mut shape = Shape::Nothing;
        for binding in bindings.iter().filter(|binding| binding.kind != BindKind::Update) {
            shape = shape::unify(shape, self.shape_of_binding(name, binding));
        }
        if shape == Shape::Nothing { Shape::Unknown } else { shape }
    }

    fn shape_of_binding(&self, name: &str, binding: &Binding<'a, 't>) -> Shape {
        let typed = binding.ty.map(|ty| shape::of_type(self.language, self.text(ty)));
        let pointed = matches!(binding.pattern.kind(), "pointer_declarator" | "array_declarator");
        match (typed, binding.value) {
            (Some(_), _) if pointed => Shape::Other,
            (Some(shape), Some(value)) if shape == Shape::List => {
                let by_value = shape::of_value(self.language, value, self.text(value));
                if by_value == Shape::Linked { Shape::Linked } else { shape }
            }
            (Some(shape), _) if shape != Shape::Nothing => shape,
            (_, _) if matches!(binding.kind, BindKind::Each | BindKind::Opaque | BindKind::Param) => Shape::Unknown,
            (_, Some(value)) => {
                let text = self.text(value);
                let own = text.strip_prefix("append(").unwrap_or(text);
                let rest = own.strip_prefix(name).map(str::trim_start);
                if rest.is_some_and(|rest| rest.starts_with(['+', ',']) || rest.starts_with(".concat(")) {
                    return Shape::Nothing;
                }
                shape::of_value(self.language, value, text)
            }
            _ => Shape::Unknown,
        }
    }

    /// What an expression is.
    pub(crate) fn shape(&mut self, node: Node<'t>) -> Shape {
        match self.name_of(node) {
            Some(name) => self.shape_of_name(name),
            None => shape::of_value(self.language, node, self.text(node)),
        }
    }

    /// Whether a name is bound in the innermost loop, its header included.
    pub(crate) fn bound_in_loop(&mut self, name: &str) -> bool {
        self.innermost().map(|scope| scope.node.byte_range()).is_none_or(|range| self.bound_within(name, &range))
    }

    /// Whether a name is bound in a range; true if that is not known.
    pub(crate) fn bound_within(&mut self, name: &str, range: &Range<usize>) -> bool {
        *self.work += 8;
        self.table().is_none_or(|table| table.bound_within(name, range))
    }

    /// Whether a name is first bound outside of the innermost loop and not bound anew in it.
    pub(crate) fn outlives_loop(&mut self, name: &str) -> bool {
        !self.bindings(name).is_empty() && !self.bound_in_loop(name)
    }

    /// Places where one of the methods is called on a name; `looped` only those in a loop.
    pub(crate) fn calls_on(&mut self, name: &str, methods: &[&str], looped: bool) -> Vec<usize> {
        *self.work += 32;
        let is = |method: &[u8]| methods.iter().any(|other| other.as_bytes() == method);
        let Some(table) = self.table() else { return Vec::new() };
        table.uses(name).filter(|u| is(u.method) && (u.looped || !looped)).map(|u| u.at).collect()
    }

    /// Whether an expression has the same value in each round of the innermost loop.
    pub(crate) fn steady(&mut self, node: Node<'t>) -> Steady {
        let Some(range) = self.innermost().map(|scope| scope.node.byte_range()) else { return Steady::No };
        let mut waiting = vec![node];
        let mut steady = Steady::Literal;
        for _ in 0..MAX_EXPRESSION {
            let Some(node) = waiting.pop() else { return steady };
            let kind = node.kind();
            if is_identifier(kind) {
                steady = Steady::Names;
                let name = self.text(node);
                let constant = name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
                if !constant && (self.bindings(name).is_empty() || self.bound_within(name, &range)) {
                    return Steady::No;
                }
                continue;
            }
            if !is_steady(kind) {
                return Steady::No;
            }
            let mut cursor = node.walk();
            waiting.extend(node.named_children(&mut cursor).take(MAX_EXPRESSION));
        }
        Steady::No
    }

    /// A text that is written out, without parts that are computed.
    pub(crate) fn is_literal_text(&self, node: Node<'t>) -> bool {
        let kind = node.kind();
        let text = kind.contains("string") || kind == "regex";
        let mut cursor = node.walk();
        text && !node
            .named_children(&mut cursor)
            .any(|child| matches!(child.kind(), "interpolation" | "template_substitution" | "interpolated_expression"))
    }

    /// Statements of a block, comments left out.
    pub(crate) fn statements(&self, block: Node<'t>) -> Vec<Node<'t>> {
        let mut cursor = block.walk();
        let comment = |node: &Node<'_>| node.kind().contains("comment");
        let all: Vec<_> = block.named_children(&mut cursor).filter(|n| !comment(n)).take(MAX_STATEMENTS).collect();
        match all.as_slice() {
            // Go and Swift have a list in the block.
            [only] if matches!(only.kind(), "statement_list" | "statements") => self.statements(*only),
            _ => all,
        }
    }

    /// Counts a look at all of a node's text, and gives the text; none if it is large.
    pub(crate) fn scan(&mut self, node: Node<'t>) -> Option<&'a str> {
        let length = node.end_byte() - node.start_byte();
        *self.work += length as u64 / 16;
        (length <= 64 * 1024).then(|| self.text(node))
    }
}

/// Whether a node of this kind is written out, or has the same value if all that it is made of has.
fn is_steady(kind: &str) -> bool {
    ["string", "literal", "escape", "content"].iter().any(|part| kind.contains(part))
        || kind.starts_with("regex_")
        || matches!(
            kind,
            "additive_expression"
                | "binary_expression"
                | "binary_operator"
                | "integer"
                | "interpolated_expression"
                | "interpolation"
                | "line_str_text"
                | "number"
                | "parenthesized_expression"
                | "reference_expression"
                | "regex"
                | "scoped_identifier"
                | "template_substitution"
                | "value_argument"
        )
}
