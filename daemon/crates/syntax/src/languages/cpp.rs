//! C++.

use tree_sitter::Node;

use super::{
    c::{declared_function, definition, imports},
    named_definition,
};
use crate::{
    SymbolKind,
    grammar::{Class, Definition, FunctionHead, LanguageRules, Rule, define, rule},
    head::{Head, field},
};

pub(super) static RULES: LanguageRules = LanguageRules {
    separator: "::",
    named: NAMED,
    tokens: TOKENS,
    header_fields: &["condition", "initializer", "update", "declarator", "right", "type", "parameters"],
    label_kinds: &["statement_identifier"],
    parameter_kinds: &["parameter_declaration", "optional_parameter_declaration", "variadic_parameter_declaration"],
    exhaustive_switch: false,
    entry_in_type: false,
    function,
    definition: cpp_definition,
    import: imports,
    binding: None,
    attribute_is_test: None,
    attribute_of_module: None,
    call: None,
    main_guard: None,
};

static NAMED: &[Rule] = &[
    rule(Class::Leaf, &["string_literal", "raw_string_literal", "char_literal", "system_lib_string"]),
    rule(Class::Comment, &["comment"]),
    rule(Class::Function, &["function_definition"]),
    rule(Class::Closure, &["lambda_expression"]),
    define(Class::Type, SymbolKind::Class, &["class_specifier"]),
    define(Class::Type, SymbolKind::Struct, &["struct_specifier"]),
    define(Class::Type, SymbolKind::Union, &["union_specifier"]),
    define(Class::Type, SymbolKind::Enum, &["enum_specifier"]),
    define(Class::Type, SymbolKind::Trait, &["concept_definition"]),
    define(Class::Type, SymbolKind::TypeAlias, &["type_definition", "alias_declaration"]),
    define(Class::Module, SymbolKind::Module, &["namespace_definition"]),
    define(Class::Constant, SymbolKind::Constant, &["preproc_def"]),
    define(Class::Macro, SymbolKind::Macro, &["preproc_function_def"]),
    rule(Class::If, &["if_statement"]),
    rule(Class::Else, &["else_clause"]),
    rule(Class::Loop, &["for_statement", "for_range_loop", "while_statement", "do_statement"]),
    rule(Class::Switch, &["switch_statement"]),
    rule(Class::Catch, &["catch_clause", "seh_except_clause"]),
    rule(Class::Ternary, &["conditional_expression"]),
    rule(Class::Binary, &["binary_expression"]),
    rule(Class::Paren, &["parenthesized_expression"]),
    rule(Class::Jump, &["goto_statement"]),
    rule(Class::Import, &["preproc_include"]),
];

static TOKENS: &[Rule] =
    &[rule(Class::And, &["&&", "and"]), rule(Class::Or, &["||", "or"]), rule(Class::Case, &["case"])];

/// Macros of `GoogleTest`, Catch2, doctest and Boost.Test that define a test with a body.
const TEST_MACROS: [&str; 8] =
    ["TEST", "TEST_F", "TEST_P", "TYPED_TEST", "TYPED_TEST_P", "TEST_CASE", "SCENARIO", "BOOST_AUTO_TEST_CASE"];

fn function<'t>(head: &Head<'_>, node: Node<'t>) -> Option<FunctionHead<'t>> {
    let mut function = declared_function(head, node)?;
    if TEST_MACROS.contains(&function.name.as_str()) {
        // `TEST(Suite, Name)` is parsed as a function without return type; its name for people is `Suite.Name`.
        let list =
            field(node, head.fields().declarator).and_then(|declarator| field(declarator, head.fields().parameters))?;
        let arguments = head.name(list);
        function.name = arguments.trim_matches(['(', ')']).replace(',', ".");
        function.parameters = 0;
        function.test = true;
    }
    Some(function)
}

fn cpp_definition<'t>(head: &Head<'_>, node: Node<'t>, kind: SymbolKind) -> Option<Definition<'t>> {
    match node.kind() {
        "alias_declaration" | "concept_definition" | "namespace_definition" => named_definition(head, node, kind),
        _ => definition(head, node, kind),
    }
}
