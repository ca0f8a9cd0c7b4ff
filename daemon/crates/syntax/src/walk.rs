//! One pass over the tree of a file, iterative, with a stack of frames for the nodes that matter to what is in them.

mod definitions;
mod imports;

use std::ops::ControlFlow;

use tree_sitter::{Node, Tree, TreeCursor};

use crate::{
    EntryPoint, Error, FunctionFacts, Import, Language, Symbol,
    grammar::{CallRole, Class},
    head::{Head, field},
    inspect::{Inspected, Inspector},
    lines::Span,
    metrics::{OpenFunction, Operator},
    rules::RuleSet,
};

/// Nodes between two questions to the budget.
const BUDGET_EVERY: u32 = 1_024;
const MAX_ERRORS: u32 = 1_000;
/// Buffers that grew beyond this many items are given back.
const KEPT_ITEMS: usize = 16_384;
/// No frame has this depth: the parser cannot make so deep a tree of at most 4 GiB.
const NO_DEPTH: u32 = u32::MAX - 1;

/// What the walk found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) functions: Vec<FunctionFacts>,
    pub(crate) imports: Vec<Import>,
    pub(crate) types: u32,
    pub(crate) tests: u32,
    pub(crate) entry_points: Vec<EntryPoint>,
    pub(crate) syntax_errors: u32,
    pub(crate) truncated: bool,
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) inspected: Inspected,
}

/// What a caller wants of a walk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) want_symbols: bool,
    pub(crate) language: Language,
    pub(crate) rules: RuleSet,
}

/// Buffers that live longer than a walk.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    frames: Vec<Frame>,
    open: Vec<OpenFunction>,
    comments: Vec<Span>,
    scope: String,
}

impl Scratch {
    pub(crate) fn comments(&self) -> &[Span] {
        &self.comments
    }

    pub(crate) fn reset(&mut self) {
        self.frames.clear();
        self.open.clear();
        self.comments.clear();
        self.scope.clear();
    }

    pub(crate) fn give_back(&mut self) {
        self.reset();
        self.frames.shrink_to(KEPT_ITEMS);
        self.open.shrink_to(KEPT_ITEMS);
        self.comments.shrink_to(KEPT_ITEMS);
    }
}

/// What holds for the nodes that are walked now.
#[derive(Debug, Clone, Copy, Default)]
struct Context {
    nesting: u32,
    /// Length of the scope's name.
    scope: usize,
    in_type: bool,
    /// The last logical operator of the expression.
    operator: Option<Operator>,
    /// The first arm of an exhaustive switch is not reached yet.
    arm_is_free: bool,
}

/// A node that matters to what is in it, and what held before it.
#[derive(Debug, Clone, Copy)]
struct Frame {
    depth: u32,
    class: Class,
    /// Continues the logical expression around it.
    chained: bool,
    before: Context,
}

/// Walks a tree. The comments are left in `scratch`.
pub(crate) fn walk(
    tree: &Tree,
    head: &Head<'_>,
    scratch: &mut Scratch,
    budget: &mut dyn FnMut() -> ControlFlow<()>,
    asked: &Asked,
) -> Result<Findings, Error> {
    let mut walk = Walk {
        head: *head,
        scratch,
        found: Findings::default(),
        context: Context::default(),
        top: (NO_DEPTH, Class::Plain),
        broken: tree.root_node().has_error(),
        test_at: NO_DEPTH,
        binding: None,
        inspector: Inspector::new(asked.language, asked.rules, head, tree.root_node()),
        want_symbols: asked.want_symbols,
        language: asked.language,
        types_until: 0,
    };
    walk.shebang();
    let mut cursor = tree.walk();
    let mut depth = 0;
    let mut nodes = 0_u32;
    'nodes: loop {
        nodes = nodes.wrapping_add(1);
        if nodes.is_multiple_of(BUDGET_EVERY) && budget().is_break() {
            return Err(Error::Stopped);
        }
        if walk.enter(&cursor, depth) && cursor.goto_first_child() {
            depth += 1;
            continue;
        }
        loop {
            if walk.top.0 == depth {
                walk.leave(depth);
            }
            if cursor.goto_next_sibling() {
                continue 'nodes;
            }
            if !cursor.goto_parent() {
                walk.found.inspected = walk.inspector.finish(head, &walk.scratch.comments);
                return Ok(walk.found);
            }
            depth -= 1;
        }
    }
}

struct Walk<'w, 't> {
    head: Head<'w>,
    scratch: &'w mut Scratch,
    found: Findings,
    context: Context,
    /// Depth and class of the top frame.
    top: (u32, Class),
    /// The tree has syntax errors.
    broken: bool,
    /// An attribute at this depth makes the next function a test.
    test_at: u32,
    /// The id of a closure that has a name, and the name.
    binding: Option<(usize, Node<'t>)>,
    inspector: Inspector<'w, 't>,
    want_symbols: bool,
    language: Language,
    /// Until here nothing is imported but for types.
    types_until: usize,
}

impl<'t> Walk<'_, 't> {
    /// Takes the node under the cursor; whether its children matter.
    fn enter(&mut self, cursor: &TreeCursor<'t>, depth: u32) -> bool {
        let node = cursor.node();
        let class = self.head.grammar.class(node.kind_id());
        if self.broken && (node.is_error() || node.is_missing()) {
            self.found.syntax_errors = (self.found.syntax_errors + 1).min(MAX_ERRORS);
        }
        let after_else =
            depth == self.top.0 + 1 && self.top.1.is_structure() && self.step_into_structure(cursor, class, depth);
        let descend = match class {
            Class::Plain => true,
            Class::Leaf => false,
            Class::Flat => self.may_hide_comment(node),
            Class::Comment => {
                self.comment(node);
                false
            }
            _ => self.enter_special(node, class, depth, after_else),
        };
        let marks = self.inspector.marks(node.kind_id());
        if marks != 0 {
            self.inspector.enter(&self.head, cursor, node, marks);
        }
        descend
    }

    /// Whether a node in which nothing matters must be walked for its comments or errors. A comment in a node on one line
    /// cannot change the class of the line.
    fn may_hide_comment(&self, node: Node<'_>) -> bool {
        node.start_position().row != node.end_position().row || (self.broken && node.has_error())
    }

    fn comment(&mut self, node: Node<'_>) {
        let (start, end) = (node.start_byte(), node.end_byte());
        // Positions fit: `Parser` refuses larger files.
        let position = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.scratch.comments.push((position(start), position(end)));
    }

    /// Raises the nesting for a child of a structure unless it belongs to the header; whether the child is the `if` of an
    /// `else if`, which is as deep as the first `if`.
    fn step_into_structure(&mut self, cursor: &TreeCursor<'t>, class: Class, depth: u32) -> bool {
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

    fn enter_special(&mut self, node: Node<'t>, class: Class, depth: u32, after_else: bool) -> bool {
        match class {
            Class::Function => self.function(node, depth),
            Class::Closure => self.closure(node, depth),
            Class::Binding => self.bind(node),
            Class::Type | Class::Extension | Class::Module | Class::Constant | Class::Macro => {
                return self.definition(node, class, depth);
            }
            Class::Import => {
                self.import(node);
                return self.may_hide_comment(node);
            }
            Class::Export => self.import(node),
            Class::Attribute => {
                self.attribute(node, depth);
                return self.may_hide_comment(node);
            }
            Class::Call => self.call(node),
            _ => self.flow(node, class, depth, after_else),
        }
        true
    }

    /// Nodes that change the flow of control.
    fn flow(&mut self, node: Node<'t>, class: Class, depth: u32, after_else: bool) {
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

    fn measure(&mut self, add: impl FnOnce(&mut OpenFunction)) {
        if let Some(open) = self.scratch.open.last_mut() {
            add(open);
        }
    }

    fn call(&mut self, node: Node<'_>) {
        let role = self.head.grammar.rules.call.and_then(|call| call(&self.head, node));
        match role {
            Some(CallRole::Test) => {
                self.found.tests = self.found.tests.saturating_add(1);
                self.inspector.test_ends_at(node.end_byte());
            }
            Some(CallRole::Import(import)) => self.import_call(node, import),
            None => {}
        }
    }

    fn push(&mut self, depth: u32, class: Class, chained: bool) {
        self.scratch.frames.push(Frame { depth, class, chained, before: self.context });
        self.top = (depth, class);
    }

    /// Ends all frames of a node.
    fn leave(&mut self, depth: u32) {
        while let Some(frame) = self.scratch.frames.pop_if(|frame| frame.depth == depth) {
            let inside = std::mem::replace(&mut self.context, frame.before);
            if frame.chained {
                self.context.operator = inside.operator;
            }
            if frame.class != Class::Switch {
                // The first arm is the first of its switch, however deep it stands in it.
                self.context.arm_is_free = inside.arm_is_free;
            }
            self.scratch.scope.truncate(self.context.scope);
            if frame.class == Class::Function {
                self.close_function();
            }
        }
        self.top = self.scratch.frames.last().map_or((NO_DEPTH, Class::Plain), |f| (f.depth, f.class));
    }
}

/// Whether a Python case is `case _:`.
fn is_wildcard(case: &[u8]) -> bool {
    let pattern = case.strip_prefix(b"case").unwrap_or_default().trim_ascii_start();
    pattern.strip_prefix(b"_").is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
}
