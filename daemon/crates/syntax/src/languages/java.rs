//! Java. Methods of anonymous and local classes are functions of their own.

use tree_sitter::Node;

use super::named_definition;
use crate::{
    Import, ImportKind, SymbolKind,
    grammar::{Class, Definition, FunctionHead, LanguageRules, Rule, define, rule},
    head::{Head, MAX_TARGET, field, import, line_of},
};

pub(super) static RULES: LanguageRules = LanguageRules {
    separator: ".",
    named: NAMED,
    tokens: TOKENS,
    header_fields: &["condition", "init", "update", "value", "type", "name"],
    label_kinds: &["identifier"],
    parameter_kinds: &["formal_parameter", "spread_parameter"],
    exhaustive_switch: false,
    entry_in_type: true,
    function,
    definition,
    import: imports,
    binding: None,
    attribute_is_test: None,
    attribute_of_module: None,
    call: None,
    main_guard: None,
};

static NAMED: &[Rule] = &[
    rule(Class::Leaf, &["string_literal", "character_literal", "package_declaration", "scoped_identifier"]),
    rule(Class::Flat, &["generic_type", "type_arguments", "type_parameters", "modifiers"]),
    rule(Class::Comment, &["line_comment", "block_comment"]),
    rule(Class::Function, &["method_declaration", "constructor_declaration", "compact_constructor_declaration"]),
    rule(Class::Closure, &["lambda_expression"]),
    define(Class::Type, SymbolKind::Class, &["class_declaration"]),
    define(Class::Type, SymbolKind::Struct, &["record_declaration"]),
    define(Class::Type, SymbolKind::Enum, &["enum_declaration"]),
    define(Class::Type, SymbolKind::Interface, &["interface_declaration", "annotation_type_declaration"]),
    define(Class::Constant, SymbolKind::Constant, &["field_declaration"]),
    rule(Class::If, &["if_statement"]),
    rule(Class::Loop, &["for_statement", "enhanced_for_statement", "while_statement", "do_statement"]),
    rule(Class::Switch, &["switch_expression"]),
    rule(Class::Catch, &["catch_clause"]),
    rule(Class::Ternary, &["ternary_expression"]),
    rule(Class::Branch, &["guard"]),
    rule(Class::Binary, &["binary_expression"]),
    rule(Class::Paren, &["parenthesized_expression"]),
    rule(Class::Jump, &["break_statement", "continue_statement"]),
    rule(Class::Import, &["import_declaration"]),
];

static TOKENS: &[Rule] = &[
    rule(Class::And, &["&&"]),
    rule(Class::Or, &["||"]),
    rule(Class::Case, &["case"]),
    rule(Class::ElseToken, &["else"]),
];

/// Annotations of `JUnit` and `TestNG` that make a method a test.
const TESTS: [&str; 5] = ["@Test", "@ParameterizedTest", "@RepeatedTest", "@TestFactory", "@TestTemplate"];

fn function<'t>(head: &Head<'_>, node: Node<'t>) -> Option<FunctionHead<'t>> {
    let mut function = head.plain_function(node)?;
    let Some(modifiers) = node.named_child(0).filter(|first| first.kind() == "modifiers") else {
        return Some(function);
    };
    let mut cursor = modifiers.walk();
    let (mut is_public, mut is_static) = (false, false);
    for modifier in modifiers.children(&mut cursor) {
        match modifier.kind() {
            "public" => is_public = true,
            "static" => is_static = true,
            "marker_annotation" | "annotation" => {
                let text = head.name(modifier);
                let name = text.split('(').next().unwrap_or_default();
                let last = name.rsplit(['.', '@']).next().unwrap_or_default();
                function.test |= TESTS.iter().any(|test| &test[1..] == last);
            }
            _ => {}
        }
    }
    let is_void = field(node, head.fields().type_).is_some_and(|t| head.bytes(t) == b"void");
    function.entry = function.name == "main" && is_public && is_static && is_void;
    Some(function)
}

fn definition<'t>(head: &Head<'_>, node: Node<'t>, kind: SymbolKind) -> Option<Definition<'t>> {
    if kind == SymbolKind::Constant {
        let modifiers = node.named_child(0).filter(|first| first.kind() == "modifiers")?;
        let text = String::from_utf8_lossy(head.bytes(modifiers));
        let has = |word: &str| text.split_ascii_whitespace().any(|other| other == word);
        if !(has("static") && has("final")) {
            return None;
        }
        return named_definition(head, field(node, head.fields().declarator)?, kind);
    }
    named_definition(head, node, kind)
}

fn imports(head: &Head<'_>, node: Node<'_>, found: &mut Vec<Import>) {
    let mut cursor = node.walk();
    let mut kind = ImportKind::Module;
    let mut target = String::new();
    for child in node.children(&mut cursor) {
        match child.kind() {
            "static" => kind = ImportKind::Static,
            "identifier" | "scoped_identifier" => target = head.packed(child, MAX_TARGET),
            "asterisk" => target.push_str(".*"),
            _ => {}
        }
    }
    if !target.is_empty() {
        found.push(import(target, line_of(node), kind));
    }
}
