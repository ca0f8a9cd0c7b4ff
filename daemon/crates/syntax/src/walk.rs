//! One pass over the tree of a file, iterative, with a stack of frames for the nodes that matter to what is in them.

mod definitions;
mod flow;
mod imports;

use std::ops::ControlFlow;

use tree_sitter::{Node, Tree, TreeCursor};

use self::imports::Modules;
use crate::{
    EntryPoint, Error, FunctionFacts, Import, Language, Symbol,
    grammar::{CallRole, Class, OfModule},
    head::Head,
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
    /// The number of the module; 0 is the file itself.
    module: u32,
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
        of_module: (OfModule::default(), 0),
        binding: None,
        inspector: Inspector::new(asked.language, asked.rules, head, tree.root_node()),
        want_symbols: asked.want_symbols,
        language: asked.language,
        types_until: 0,
        modules: Modules::default(),
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
                walk.leave_out_own_modules();
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
    /// What the last attributes that follow each other say of a module, and where they end.
    of_module: (OfModule, usize),
    /// The id of a closure that has a name, and the name.
    binding: Option<(usize, Node<'t>)>,
    inspector: Inspector<'w, 't>,
    want_symbols: bool,
    language: Language,
    /// Until here nothing is imported but for types.
    types_until: usize,
    modules: Modules,
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
