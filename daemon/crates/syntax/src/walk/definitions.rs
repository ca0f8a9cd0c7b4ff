//! The part of the walk that names things: functions, types, modules, constants, entry points, tests.

use tree_sitter::Node;

use super::{NO_DEPTH, Walk};
use crate::{
    EntryKind, EntryPoint, FunctionFacts, Symbol, SymbolKind,
    grammar::{Class, Definition, FunctionHead, OfModule},
    head::{MAX_ITEMS, MAX_NAME, end_line_of, field, line_of},
    metrics::OpenFunction,
};

impl<'t> Walk<'_, 't> {
    pub(super) fn function(&mut self, node: Node<'t>, depth: u32) {
        let attribute = self.test_at == depth;
        self.test_at = NO_DEPTH;
        if let Some(mut head) = (self.head.grammar.rules.function)(&self.head, node) {
            head.test |= attribute;
            self.open_function(node, depth, &head);
        }
    }

    /// A closure raises the nesting, unless it is given a name: then it is a function like any other.
    pub(super) fn closure(&mut self, node: Node<'t>, depth: u32) {
        if let Some((_, name)) = self.binding.take_if(|(id, _)| *id == node.id()) {
            let fields = self.head.fields();
            let parameters = field(node, fields.parameters)
                .map(|list| self.head.count_parameters(list))
                .or_else(|| field(node, fields.parameter).map(|_| 1));
            let head = FunctionHead {
                name: self.head.name(name),
                at: name,
                parameters: parameters.unwrap_or(0),
                test: false,
                entry: false,
            };
            self.open_function(node, depth, &head);
            return;
        }
        self.push(depth, Class::Closure, false);
        self.context.nesting += 1;
        let nesting = self.context.nesting;
        self.measure(|open| open.reach(nesting));
    }

    pub(super) fn bind(&mut self, node: Node<'t>) {
        let Some(binding) = self.head.grammar.rules.binding else { return };
        if let Some((closure, name)) = binding(&self.head, node) {
            self.binding = Some((closure.id(), name));
        } else if self.want_symbols {
            self.constant(node);
        }
    }

    fn open_function(&mut self, node: Node<'t>, depth: u32, head: &FunctionHead<'_>) {
        let name = self.qualified(&head.name);
        let (line, end_line) = (line_of(head.at), end_line_of(node));
        // Go's receiver and C++'s `Type::` are in the name itself.
        let in_type = self.context.in_type
            || (self.head.class(node) == Class::Function && head.name.contains(self.head.grammar.rules.separator));
        self.found.tests = self.found.tests.saturating_add(u32::from(head.test));
        if head.test {
            self.inspector.test_ends_at(node.end_byte());
        }
        let outermost = self.scratch.scope.is_empty() || self.head.grammar.rules.entry_in_type;
        if head.entry && outermost {
            self.entry(EntryKind::Function, name.clone(), line);
        }
        if self.want_symbols {
            let kind = if in_type { SymbolKind::Method } else { SymbolKind::Function };
            self.symbol(Symbol { name: name.clone(), kind, line, end_line });
        }
        let parameters = head.parameters;
        let facts = FunctionFacts { name, line, end_line, cyclomatic: 1, cognitive: 0, parameters, nesting: 0 };
        let index = self.add_function(facts);
        self.push(depth, Class::Function, false);
        self.enter_scope(&head.name);
        self.context.nesting = 0;
        self.context.in_type = false;
        self.scratch.open.push(OpenFunction::new(index));
    }

    /// Its place in the list; `None`: there is no room for it.
    fn add_function(&mut self, facts: FunctionFacts) -> Option<usize> {
        let index = self.found.functions.len();
        if index >= MAX_ITEMS {
            self.found.truncated = true;
            return None;
        }
        self.found.functions.push(facts);
        Some(index)
    }

    pub(super) fn close_function(&mut self) {
        let Some(open) = self.scratch.open.pop() else { return };
        if let Some(facts) = open.index.and_then(|index| self.found.functions.get_mut(index)) {
            facts.cyclomatic = open.cyclomatic;
            facts.cognitive = open.cognitive;
            facts.nesting = open.nesting;
        }
    }

    /// A type, module, constant or macro; whether its children matter.
    pub(super) fn definition(&mut self, node: Node<'t>, class: Class, depth: u32) -> bool {
        if class == Class::Constant {
            if self.want_symbols {
                self.constant(node);
            }
            return true;
        }
        self.test_at = NO_DEPTH;
        let of_module = if class == Class::Module { self.take_attributes(node) } else { OfModule::default() };
        let kind = self.head.grammar.symbol(node.kind_id()).unwrap_or(SymbolKind::Class);
        let Some(defined) = (self.head.grammar.rules.definition)(&self.head, node, kind) else {
            if class == Class::Module {
                self.import_in_scope(node, of_module);
            }
            return true;
        };
        let name = self.head.name(defined.name);
        if of_module.for_tests || holds_tests(&name) {
            self.inspector.test_ends_at(node.end_byte());
        }
        if class == Class::Module {
            self.declare_module(&name);
        }
        self.name_definition(node, class, (&defined, &name));
        if class == Class::Macro {
            return self.may_hide_comment(node);
        }
        self.push(depth, class, false);
        self.enter_scope(base_of(&name));
        if class == Class::Module {
            self.enter_module();
        }
        self.context.in_type = class != Class::Module;
        self.context.nesting = 0;
        true
    }

    /// Counts a type, and notes an entry point and a symbol.
    fn name_definition(&mut self, node: Node<'t>, class: Class, (defined, name): (&Definition<'_>, &str)) {
        let line = line_of(defined.name);
        // Swift's `extension` is of the same kind of node as its types.
        let extends = class == Class::Extension || (class == Class::Type && defined.kind == SymbolKind::Module);
        if class == Class::Type && !extends {
            self.found.types = self.found.types.saturating_add(1);
        }
        if defined.entry {
            let name = self.qualified(name);
            self.entry(EntryKind::Attribute, name, line);
        }
        if self.want_symbols && !extends {
            let (name, end_line) = (self.qualified(name), end_line_of(node));
            self.symbol(Symbol { name, kind: defined.kind, line, end_line });
        }
    }

    /// A module whose content is another file, with what its attributes say.
    fn import_in_scope(&mut self, node: Node<'_>, of_module: OfModule) {
        let first = self.found.imports.len();
        self.import(node);
        // There is one, if there is room.
        let Some(import) = self.found.imports.get_mut(first) else { return };
        import.deferred |= of_module.for_tests;
        import.names = of_module.files;
        let name = import.target.clone();
        self.declare_module(&name);
        if !self.scratch.scope.is_empty() {
            self.found.imports[first].target = self.qualified(&name);
        }
    }

    fn constant(&mut self, node: Node<'t>) {
        if !self.scratch.open.is_empty() {
            return;
        }
        let kind = SymbolKind::Constant;
        if let Some(defined) = (self.head.grammar.rules.definition)(&self.head, node, kind) {
            let name = self.qualified(&self.head.name(defined.name));
            let (line, end_line) = (line_of(defined.name), end_line_of(node));
            self.symbol(Symbol { name, kind: defined.kind, line, end_line });
        }
    }

    pub(super) fn attribute(&mut self, node: Node<'_>, depth: u32) {
        if self.head.grammar.rules.attribute_is_test.is_some_and(|is_test| is_test(&self.head, node)) {
            self.test_at = depth;
        }
        if let Some(read) = self.head.grammar.rules.attribute_of_module {
            // Attributes of one item follow each other.
            let mut of_module = self.take_attributes(node);
            read(&self.head, node, &mut of_module);
            self.of_module = (of_module, node.end_byte());
        }
    }

    /// What the attributes right before this node say of a module.
    fn take_attributes(&mut self, node: Node<'_>) -> OfModule {
        let (of_module, end) = std::mem::take(&mut self.of_module);
        let is_said = of_module != OfModule::default();
        if is_said && self.is_trivia(end, node.start_byte()) { of_module } else { OfModule::default() }
    }

    /// Whether there is nothing but white space and comments.
    fn is_trivia(&self, start: usize, mut end: usize) -> bool {
        let is_white = |from: usize, to: usize| {
            self.head.source.get(from..to).is_some_and(|between| between.trim_ascii().is_empty())
        };
        for (from, to) in self.scratch.comments.iter().rev().map(|(from, to)| (*from as usize, *to as usize)) {
            if from < start {
                break;
            }
            if !is_white(to, end) {
                return false;
            }
            end = from;
        }
        is_white(start, end)
    }

    /// A conditional outside of functions that guards the start of the program.
    pub(super) fn guard(&mut self, node: Node<'_>) {
        if !self.scratch.open.is_empty() {
            return;
        }
        let Some(is_guard) = self.head.grammar.rules.main_guard else { return };
        let Some(condition) = field(node, self.head.fields().condition) else { return };
        if is_guard(&self.head, condition) {
            let name = self.head.name(condition);
            self.entry(EntryKind::Guard, name, line_of(node));
        }
    }

    pub(super) fn shebang(&mut self) {
        // `#![…]` is an attribute of Rust.
        let source = self.head.source;
        if source.starts_with(b"#!") && !source.starts_with(b"#![") {
            let line = source.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let line = &line[..line.len().min(MAX_NAME)];
            let name = String::from_utf8_lossy(line).trim_end().to_owned();
            self.entry(EntryKind::Shebang, name, 1);
        }
    }

    fn entry(&mut self, kind: EntryKind, name: String, line: u32) {
        if self.found.entry_points.len() < MAX_ITEMS {
            self.found.entry_points.push(EntryPoint { kind, name, line });
        } else {
            self.found.truncated = true;
        }
    }

    fn symbol(&mut self, symbol: Symbol) {
        if self.found.symbols.len() < MAX_ITEMS {
            self.found.symbols.push(symbol);
        } else {
            self.found.truncated = true;
        }
    }

    /// The name with its scope; the scope is left out if both do not fit.
    fn qualified(&self, name: &str) -> String {
        let (scope, separator) = (&self.scratch.scope, self.head.grammar.rules.separator);
        let length = scope.len() + separator.len() + name.len();
        if scope.is_empty() || length > MAX_NAME {
            return name.to_owned();
        }
        let mut whole = String::with_capacity(length);
        whole.push_str(scope);
        whole.push_str(separator);
        whole.push_str(name);
        whole
    }

    /// Makes `name` a part of the scope until the top frame ends; a scope that would be too long stays as it is.
    fn enter_scope(&mut self, name: &str) {
        let scope = &mut self.scratch.scope;
        let separator = self.head.grammar.rules.separator;
        if scope.len() + separator.len() + name.len() <= MAX_NAME {
            if !scope.is_empty() {
                scope.push_str(separator);
            }
            scope.push_str(name);
        }
        self.context.scope = scope.len();
    }
}

/// Whether a module or type is one of those that hold tests, by its name.
fn holds_tests(name: &str) -> bool {
    matches!(name, "test" | "tests" | "bench" | "benches")
        || ["Test", "Tests", "TestCase"].iter().any(|end| name.ends_with(end))
}

/// A type's name without its arguments: `Map<K, V>` is `Map`.
fn base_of(name: &str) -> &str {
    name.split('<').next().filter(|base| !base.is_empty()).unwrap_or(name)
}
