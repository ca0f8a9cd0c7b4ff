//! The rules of each language, one file each.

mod c;
mod cpp;
mod go;
mod java;
mod javascript;
mod python;
mod rust;
mod swift;

use tree_sitter::Node;

use crate::{
    Language, SymbolKind,
    grammar::{Definition, LanguageRules},
    head::{Head, field},
};

/// The grammar of a language and its rules.
pub(crate) fn of(language: Language) -> (tree_sitter::Language, &'static LanguageRules) {
    let (function, rules) = match language {
        Language::Rust => (tree_sitter_rust::LANGUAGE, &rust::RULES),
        Language::Python => (tree_sitter_python::LANGUAGE, &python::RULES),
        Language::JavaScript => (tree_sitter_javascript::LANGUAGE, &javascript::JAVASCRIPT),
        Language::TypeScript => (tree_sitter_typescript::LANGUAGE_TYPESCRIPT, &javascript::TYPESCRIPT),
        Language::Tsx => (tree_sitter_typescript::LANGUAGE_TSX, &javascript::TSX),
        Language::Go => (tree_sitter_go::LANGUAGE, &go::RULES),
        Language::C => (tree_sitter_c::LANGUAGE, &c::RULES),
        Language::Cpp => (tree_sitter_cpp::LANGUAGE, &cpp::RULES),
        Language::Java => (tree_sitter_java::LANGUAGE, &java::RULES),
        Language::Swift => (tree_sitter_swift::LANGUAGE, &swift::RULES),
    };
    (function.into(), rules)
}

/// A definition whose name is its field `name`.
fn named_definition<'t>(head: &Head<'_>, node: Node<'t>, kind: SymbolKind) -> Option<Definition<'t>> {
    let name = field(node, head.fields().name)?;
    Some(Definition { name, kind, entry: false })
}
