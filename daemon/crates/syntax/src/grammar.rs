//! Rules of a language, written with names of node kinds, and the same rules resolved to a table by kind id.
//! The walk asks the table once per node and compares no strings.

use std::{num::NonZeroU16, sync::OnceLock};

use tree_sitter::Node;

use crate::{Import, Language, SymbolKind, head::Head, languages};

/// What a kind of node is to the walk. The rules that go with each are in `metrics.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Class {
    /// Nothing in itself; its children are walked.
    Plain,
    /// Nothing in it matters, whatever its size.
    Leaf,
    /// Nothing in it matters but comments, so it is left out if it stands on one line.
    Flat,
    Comment,
    Function,
    Closure,
    /// Gives a name to a closure: `const f = () => …`.
    Binding,
    Type,
    /// Adds to a type defined elsewhere; a scope, but no definition.
    Extension,
    Module,
    Constant,
    Macro,
    If,
    /// A clause of its own, with or without an `if` right in it.
    Else,
    ElseIf,
    /// The keyword of a grammar that has no clause for it.
    ElseToken,
    /// The keyword in Rust's `let … else`.
    LetElse,
    /// Swift's `guard`: an `if` whose `else` is not one more break of the flow.
    Guarded,
    Loop,
    Switch,
    Case,
    /// A case that is the default if its pattern is `_`.
    CaseOrWildcard,
    Catch,
    Ternary,
    /// One more path, but no break in reading: `?`, `??`, guards of cases, comprehensions.
    Branch,
    /// A pattern that is a branch of its own if it has a `condition`.
    GuardedPattern,
    /// An operation that is logical if its `operator` is `And` or `Or`.
    Binary,
    Logical,
    And,
    Or,
    /// Parentheses, which do not end a sequence of logical operators.
    Paren,
    Jump,
    Import,
    /// An import, or a definition that is exported.
    Export,
    Attribute,
    Call,
}

impl Class {
    /// Whether it raises the nesting of what stands in it, its header excepted.
    pub(crate) const fn is_structure(self) -> bool {
        matches!(
            self,
            Self::If
                | Self::Else
                | Self::ElseIf
                | Self::Guarded
                | Self::Loop
                | Self::Switch
                | Self::Catch
                | Self::Ternary
        )
    }
}

/// Some kinds of nodes and what they are.
#[derive(Debug)]
pub(crate) struct Rule {
    class: Class,
    symbol: Option<SymbolKind>,
    kinds: &'static [&'static str],
}

/// Kinds without a symbol.
pub(crate) const fn rule(class: Class, kinds: &'static [&'static str]) -> Rule {
    Rule { class, symbol: None, kinds }
}

/// Kinds that define something.
pub(crate) const fn define(class: Class, symbol: SymbolKind, kinds: &'static [&'static str]) -> Rule {
    Rule { class, symbol: Some(symbol), kinds }
}

/// A function, as its language's hook found it.
#[derive(Debug)]
pub(crate) struct FunctionHead<'t> {
    /// With qualifiers that the function itself writes (`T.name` for a Go method).
    pub(crate) name: String,
    /// Where `line` is taken from.
    pub(crate) at: Node<'t>,
    pub(crate) parameters: u32,
    pub(crate) test: bool,
    /// The runtime starts here, if it stands outside of any scope (or `entry_in_type` holds).
    pub(crate) entry: bool,
}

/// A type, module, constant or macro, as its language's hook found it.
#[derive(Debug)]
pub(crate) struct Definition<'t> {
    pub(crate) name: Node<'t>,
    pub(crate) kind: SymbolKind,
    /// Marked as the program.
    pub(crate) entry: bool,
}

/// What a call does beside being called.
#[derive(Debug)]
pub(crate) enum CallRole {
    Test,
    Import(Import),
}

pub(crate) type FunctionHook = for<'t> fn(&Head<'_>, Node<'t>) -> Option<FunctionHead<'t>>;
pub(crate) type DefinitionHook = for<'t> fn(&Head<'_>, Node<'t>, SymbolKind) -> Option<Definition<'t>>;
pub(crate) type ImportHook = fn(&Head<'_>, Node<'_>, &mut Vec<Import>);
pub(crate) type BindingHook = for<'t> fn(&Head<'_>, Node<'t>) -> Option<(Node<'t>, Node<'t>)>;

/// What the attributes of an item say of it, if it is a module whose content is another file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct OfModule {
    /// Tests alone have it.
    pub(crate) for_tests: bool,
    /// The files that are named for it, seen from the folder of the one that declares it.
    pub(crate) files: Vec<String>,
}

/// All that is particular about a language.
#[derive(Debug)]
pub(crate) struct LanguageRules {
    /// Between the parts of a qualified name.
    pub(crate) separator: &'static str,
    /// Named kinds; where two rules name one kind the later holds.
    pub(crate) named: &'static [Rule],
    /// Keywords and operators.
    pub(crate) tokens: &'static [Rule],
    /// Fields of structures whose content is not nested deeper: conditions, subjects.
    pub(crate) header_fields: &'static [&'static str],
    /// First child of a `Jump` that goes to a label.
    pub(crate) label_kinds: &'static [&'static str],
    /// Children of a parameter list that count; empty: all named children but comments.
    pub(crate) parameter_kinds: &'static [&'static str],
    /// The compiler demands that a switch covers all values, so its first arm is no decision.
    pub(crate) exhaustive_switch: bool,
    /// An entry point may be a method.
    pub(crate) entry_in_type: bool,
    pub(crate) function: FunctionHook,
    pub(crate) definition: DefinitionHook,
    pub(crate) import: ImportHook,
    pub(crate) binding: Option<BindingHook>,
    /// Adds what an attribute says of a module that comes next.
    pub(crate) attribute_of_module: Option<fn(&Head<'_>, Node<'_>, &mut OfModule)>,
    /// Whether an attribute makes the next function a test.
    pub(crate) attribute_is_test: Option<fn(&Head<'_>, Node<'_>) -> bool>,
    pub(crate) call: Option<fn(&Head<'_>, Node<'_>) -> Option<CallRole>>,
    /// Whether a conditional outside of functions guards the program's start.
    pub(crate) main_guard: Option<fn(&Head<'_>, Node<'_>) -> bool>,
}

macro_rules! fields {
    ($($field:ident $name:literal),+ $(,)?) => {
        /// Ids of the fields that the walk and the hooks use; `None` where the grammar has none of that name.
        #[derive(Debug, Default)]
        pub(crate) struct Fields { $(pub(crate) $field: Option<NonZeroU16>),+ }

        impl Fields {
            fn of(language: &tree_sitter::Language) -> Self {
                Self { $($field: language.field_id_for_name($name)),+ }
            }
        }
    };
}

fields! {
    alternative "alternative",
    arguments "arguments",
    argument "argument",
    body "body",
    computed_value "computed_value",
    condition "condition",
    consequence "consequence",
    declaration_kind "declaration_kind",
    declarator "declarator",
    function "function",
    left "left",
    module_name "module_name",
    name "name",
    operator "operator",
    parameter "parameter",
    parameters "parameters",
    path "path",
    property "property",
    key "key",
    receiver "receiver",
    right "right",
    source "source",
    type_ "type",
    value "value",
}

/// A grammar with its rules resolved.
#[derive(Debug)]
pub(crate) struct Grammar {
    pub(crate) language: tree_sitter::Language,
    pub(crate) rules: &'static LanguageRules,
    pub(crate) fields: Fields,
    classes: Box<[Class]>,
    symbols: Box<[Option<SymbolKind>]>,
    header_fields: Box<[bool]>,
    labels: Box<[u16]>,
    parameters: Box<[u16]>,
}

impl Grammar {
    /// The grammar of a language; the tables are built at the first use.
    pub(crate) fn of(language: Language) -> &'static Self {
        static GRAMMARS: [OnceLock<Grammar>; Language::ALL.len()] = [const { OnceLock::new() }; Language::ALL.len()];
        GRAMMARS[language as usize].get_or_init(|| {
            let (language, rules) = languages::of(language);
            Self::resolve(language, rules)
        })
    }

    fn resolve(language: tree_sitter::Language, rules: &'static LanguageRules) -> Self {
        let count = language.node_kind_count();
        let mut classes = vec![Class::Plain; count];
        let mut symbols = vec![None; count];
        // Several ids may share one name, so the names are looked up by id and not the ids by name.
        for id in 0..u16::try_from(count).unwrap_or(u16::MAX) {
            let Some(name) = language.node_kind_for_id(id) else { continue };
            let table = if language.node_kind_is_named(id) { rules.named } else { rules.tokens };
            if let Some(rule) = table.iter().rfind(|rule| rule.kinds.contains(&name)) {
                classes[usize::from(id)] = rule.class;
                symbols[usize::from(id)] = rule.symbol;
            }
        }
        let mut header_fields = vec![false; language.field_count() + 1];
        for name in rules.header_fields {
            if let Some(id) = language.field_id_for_name(name) {
                header_fields[usize::from(id.get())] = true;
            }
        }
        let ids = |kinds: &[&str]| kinds.iter().map(|k| language.id_for_node_kind(k, true)).collect();
        Self {
            fields: Fields::of(&language),
            classes: classes.into(),
            symbols: symbols.into(),
            header_fields: header_fields.into(),
            labels: ids(rules.label_kinds),
            parameters: ids(rules.parameter_kinds),
            language,
            rules,
        }
    }

    /// The class of a kind; `Plain` for the kind of error nodes, which is beyond the table.
    pub(crate) fn class(&self, kind: u16) -> Class {
        self.classes.get(usize::from(kind)).copied().unwrap_or(Class::Plain)
    }

    /// What a kind defines.
    pub(crate) fn symbol(&self, kind: u16) -> Option<SymbolKind> {
        self.symbols.get(usize::from(kind)).copied().flatten()
    }

    pub(crate) fn is_header(&self, field: Option<NonZeroU16>) -> bool {
        field.is_some_and(|id| self.header_fields.get(usize::from(id.get())) == Some(&true))
    }

    pub(crate) fn is_label(&self, kind: u16) -> bool {
        self.labels.contains(&kind)
    }

    /// Whether a child of a parameter list counts as a parameter.
    pub(crate) fn is_parameter(&self, node: Node<'_>) -> bool {
        if self.parameters.is_empty() {
            node.is_named() && self.class(node.kind_id()) != Class::Comment
        } else {
            self.parameters.contains(&node.kind_id())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_field_named_in_a_rule_exists_in_the_grammar() {
        for name in Language::ALL {
            let grammar = Grammar::of(name);
            let language = &grammar.language;
            for (rules, named) in [(grammar.rules.named, true), (grammar.rules.tokens, false)] {
                for kind in rules.iter().flat_map(|rule| rule.kinds) {
                    let id = language.id_for_node_kind(kind, named);
                    assert_ne!(id, 0, "{}: no {kind}, named {named}", name.name());
                    assert_ne!(grammar.class(id), Class::Plain, "{}: {kind}", name.name());
                }
            }
            for field in grammar.rules.header_fields {
                assert!(language.field_id_for_name(field).is_some(), "{}: {field}", name.name());
            }
            for kind in grammar.rules.label_kinds.iter().chain(grammar.rules.parameter_kinds) {
                assert_ne!(language.id_for_node_kind(kind, true), 0, "{}: {kind}", name.name());
            }
        }
    }
}
