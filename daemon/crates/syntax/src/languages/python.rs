//! Python.

use tree_sitter::Node;

use super::named_definition;
use crate::{
    Import, ImportKind, SymbolKind,
    grammar::{Class, Definition, FunctionHead, LanguageRules, Rule, define, rule},
    head::{Head, MAX_ITEMS, MAX_TARGET, field, import, line_of},
};

pub(super) static RULES: LanguageRules = LanguageRules {
    separator: ".",
    named: NAMED,
    tokens: TOKENS,
    header_fields: &["condition", "left", "right", "subject", "value"],
    label_kinds: &[],
    parameter_kinds: &[
        "identifier",
        "typed_parameter",
        "default_parameter",
        "typed_default_parameter",
        "list_splat_pattern",
        "dictionary_splat_pattern",
    ],
    exhaustive_switch: false,
    entry_in_type: false,
    function,
    definition,
    import: imports,
    binding: None,
    attribute_is_test: None,
    attribute_of_module: None,
    call: None,
    main_guard: Some(is_main_guard),
};

static NAMED: &[Rule] = &[
    rule(Class::Leaf, &["dotted_name", "type"]),
    rule(Class::Comment, &["comment"]),
    rule(Class::Function, &["function_definition"]),
    rule(Class::Closure, &["lambda"]),
    define(Class::Type, SymbolKind::Class, &["class_definition"]),
    define(Class::Constant, SymbolKind::Constant, &["assignment"]),
    rule(Class::If, &["if_statement"]),
    rule(Class::ElseIf, &["elif_clause"]),
    rule(Class::Else, &["else_clause"]),
    rule(Class::Loop, &["for_statement", "while_statement"]),
    rule(Class::Switch, &["match_statement"]),
    rule(Class::CaseOrWildcard, &["case_clause"]),
    rule(Class::Catch, &["except_clause"]),
    rule(Class::Ternary, &["conditional_expression"]),
    rule(Class::Branch, &["if_clause", "for_in_clause"]),
    rule(Class::Logical, &["boolean_operator"]),
    rule(Class::Paren, &["parenthesized_expression"]),
    rule(Class::Import, &["import_statement", "import_from_statement", "future_import_statement"]),
];

static TOKENS: &[Rule] = &[rule(Class::And, &["and"]), rule(Class::Or, &["or"])];

fn function<'t>(head: &Head<'_>, node: Node<'t>) -> Option<FunctionHead<'t>> {
    let mut function = head.plain_function(node)?;
    let first = field(node, head.fields().parameters).and_then(|list| list.named_child(0));
    if first.is_some_and(|first| matches!(head.bytes(first), b"self" | b"cls")) {
        function.parameters = function.parameters.saturating_sub(1);
    }
    // What pytest collects, and the `testName` of unittest.
    let rest = function.name.strip_prefix("test");
    function.test = rest.is_some_and(|rest| rest.starts_with('_') || rest.starts_with(char::is_uppercase));
    Some(function)
}

fn definition<'t>(head: &Head<'_>, node: Node<'t>, kind: SymbolKind) -> Option<Definition<'t>> {
    if kind != SymbolKind::Constant {
        return named_definition(head, node, kind);
    }
    // By convention (PEP 8) a constant is written in capitals.
    let name = field(node, head.fields().left)?;
    let text = head.bytes(name);
    let capital = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    let is_constant = text.iter().all(capital) && text.first().is_some_and(u8::is_ascii_uppercase);
    is_constant.then_some(Definition { name, kind, entry: false })
}

fn is_main_guard(head: &Head<'_>, condition: Node<'_>) -> bool {
    let text = head.name(condition);
    text.contains("__name__") && text.contains("__main__") && text.contains("==")
}

fn imports(head: &Head<'_>, node: Node<'_>, found: &mut Vec<Import>) {
    let fields = head.fields();
    let line = line_of(node);
    let mut cursor = node.walk();
    let mut names = Vec::new();
    let Some(name_id) = fields.name else { return };
    for child in node.children_by_field_id(name_id, &mut cursor) {
        if names.len() >= MAX_ITEMS {
            break;
        }
        // `a.b as c` has the field `name` again.
        let name = field(child, fields.name).unwrap_or(child);
        names.push(head.packed(name, MAX_TARGET));
    }
    if head.bytes(node).starts_with(b"from") {
        let module = field(node, fields.module_name);
        let target = module.map_or_else(|| "__future__".to_owned(), |m| head.packed(m, MAX_TARGET));
        if names.is_empty() {
            names.push("*".to_owned());
        }
        let relative = target.starts_with('.');
        let kind = if relative { ImportKind::Relative } else { ImportKind::Module };
        found.push(Import { target, names, line, kind, deferred: false });
        return;
    }
    for target in names {
        found.push(import(target, line, ImportKind::Module));
    }
}
