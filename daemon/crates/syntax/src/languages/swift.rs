//! Swift. A computed property is a function: its accessors together.

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
    header_fields: &["condition", "collection", "item", "expr", "error", "bound_identifier"],
    label_kinds: &["simple_identifier"],
    parameter_kinds: &["parameter"],
    exhaustive_switch: true,
    entry_in_type: false,
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
    rule(Class::Flat, &["type_annotation", "modifiers", "attribute", "type_constraints"]),
    rule(Class::Comment, &["comment", "multiline_comment", "shebang_line"]),
    rule(Class::Function, &["function_declaration", "init_declaration", "deinit_declaration", "property_declaration"]),
    rule(Class::Closure, &["lambda_literal"]),
    define(Class::Type, SymbolKind::Class, &["class_declaration"]),
    define(Class::Type, SymbolKind::Interface, &["protocol_declaration"]),
    define(Class::Type, SymbolKind::TypeAlias, &["typealias_declaration"]),
    rule(Class::If, &["if_statement"]),
    rule(Class::ElseToken, &["else"]),
    rule(Class::Guarded, &["guard_statement"]),
    rule(Class::Loop, &["for_statement", "while_statement", "repeat_while_statement"]),
    rule(Class::Switch, &["switch_statement"]),
    rule(Class::Case, &["switch_entry"]),
    rule(Class::Catch, &["catch_block"]),
    rule(Class::Ternary, &["ternary_expression"]),
    rule(Class::Branch, &["nil_coalescing_expression", "where_keyword"]),
    rule(Class::Logical, &["conjunction_expression", "disjunction_expression"]),
    rule(Class::Paren, &["tuple_expression"]),
    rule(Class::Jump, &["control_transfer_statement"]),
    rule(Class::Import, &["import_declaration"]),
];

static TOKENS: &[Rule] = &[rule(Class::And, &["&&"]), rule(Class::Or, &["||"])];

fn function<'t>(head: &Head<'_>, node: Node<'t>) -> Option<FunctionHead<'t>> {
    let fields = head.fields();
    let name = field(node, fields.name);
    if node.kind() == "property_declaration" {
        field(node, fields.computed_value)?;
        let at = name?;
        let name = head.name(at);
        return Some(FunctionHead { name, at, parameters: 0, test: false, entry: false });
    }
    field(node, fields.body)?;
    let (at, text) = match node.kind() {
        "init_declaration" => (name.unwrap_or(node), "init".to_owned()),
        "deinit_declaration" => (node, "deinit".to_owned()),
        _ => (name?, head.name(name?)),
    };
    let parameters = head.count_parameters(node);
    // XCTest runs methods `test…` without parameters; swift-testing runs what is marked `@Test`.
    let xctest = text.strip_prefix("test").is_some_and(|rest| !rest.starts_with(char::is_lowercase));
    let test = (xctest && parameters == 0 && text.len() > 4) || has_attribute(head, node, "@Test");
    Some(FunctionHead { name: text, at, parameters, test, entry: false })
}

fn has_attribute(head: &Head<'_>, node: Node<'_>, attribute: &str) -> bool {
    let Some(modifiers) = node.named_child(0).filter(|first| first.kind() == "modifiers") else {
        return false;
    };
    let text = head.name(modifiers);
    text.match_indices(attribute).any(|(at, _)| {
        let next = text[at + attribute.len()..].chars().next();
        // White space is left out, so a modifier may follow at once.
        next.is_none_or(|next| !next.is_uppercase())
    })
}

fn definition<'t>(head: &Head<'_>, node: Node<'t>, kind: SymbolKind) -> Option<Definition<'t>> {
    let mut defined = named_definition(head, node, kind)?;
    if kind == SymbolKind::Class {
        let word = field(node, head.fields().declaration_kind).map_or("", |word| word.kind());
        defined.kind = match word {
            "struct" => SymbolKind::Struct,
            "enum" => SymbolKind::Enum,
            // It defines nothing new; the kind keeps it out of the count of types.
            "extension" => SymbolKind::Module,
            _ => SymbolKind::Class,
        };
        defined.entry = has_attribute(head, node, "@main");
    }
    Some(defined)
}

fn imports(head: &Head<'_>, node: Node<'_>, found: &mut Vec<Import>) {
    let mut cursor = node.walk();
    let name = node.named_children(&mut cursor).filter(|c| c.kind() == "identifier").last();
    if let Some(name) = name {
        found.push(import(head.packed(name, MAX_TARGET), line_of(node), ImportKind::Module));
    }
}
