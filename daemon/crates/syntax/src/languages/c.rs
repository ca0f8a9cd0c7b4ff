//! C, and what C++ shares with it. Preprocessor conditions are not measured: all their branches are read.

use tree_sitter::Node;

use super::named_definition;
use crate::{
    Import, ImportKind, SymbolKind,
    grammar::{Class, Definition, FunctionHead, LanguageRules, Rule, define, rule},
    head::{Head, field, import, line_of},
};

/// Longest chain of declarators (pointers, parentheses) before a name.
const MAX_DECLARATORS: usize = 64;

pub(super) static RULES: LanguageRules = LanguageRules {
    separator: "::",
    named: NAMED,
    tokens: TOKENS,
    header_fields: &["condition", "initializer", "update"],
    label_kinds: &["statement_identifier"],
    parameter_kinds: &["parameter_declaration"],
    exhaustive_switch: false,
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
    rule(Class::Leaf, &["string_literal", "char_literal", "system_lib_string"]),
    rule(Class::Comment, &["comment"]),
    rule(Class::Function, &["function_definition"]),
    define(Class::Type, SymbolKind::Struct, &["struct_specifier"]),
    define(Class::Type, SymbolKind::Union, &["union_specifier"]),
    define(Class::Type, SymbolKind::Enum, &["enum_specifier"]),
    define(Class::Type, SymbolKind::TypeAlias, &["type_definition"]),
    define(Class::Constant, SymbolKind::Constant, &["preproc_def"]),
    define(Class::Macro, SymbolKind::Macro, &["preproc_function_def"]),
    rule(Class::If, &["if_statement"]),
    rule(Class::Else, &["else_clause"]),
    rule(Class::Loop, &["for_statement", "while_statement", "do_statement"]),
    rule(Class::Switch, &["switch_statement"]),
    rule(Class::Catch, &["seh_except_clause"]),
    rule(Class::Ternary, &["conditional_expression"]),
    rule(Class::Binary, &["binary_expression"]),
    rule(Class::Paren, &["parenthesized_expression"]),
    rule(Class::Jump, &["goto_statement"]),
    rule(Class::Import, &["preproc_include"]),
];

static TOKENS: &[Rule] = &[rule(Class::And, &["&&"]), rule(Class::Or, &["||"]), rule(Class::Case, &["case"])];

fn function<'t>(head: &Head<'_>, node: Node<'t>) -> Option<FunctionHead<'t>> {
    let mut function = declared_function(head, node)?;
    // The convention of Unity, CuTest and the kernel's self-tests.
    function.test = function.name.starts_with("test_");
    Some(function)
}

/// The function that a definition with a body declares.
pub(super) fn declared_function<'t>(head: &Head<'_>, node: Node<'t>) -> Option<FunctionHead<'t>> {
    let fields = head.fields();
    field(node, fields.body)?;
    let mut at = field(node, fields.declarator)?;
    let mut list = None;
    for _ in 0..MAX_DECLARATORS {
        // The innermost list is the function's own: `int (*f(int a))(char)`.
        list = field(at, fields.parameters).or(list);
        let inner = field(at, fields.declarator).or_else(|| {
            let wraps = ["parenthesized_declarator", "reference_declarator", "attributed_declarator"];
            at.named_child(0).filter(|_| wraps.contains(&at.kind()))
        });
        let Some(inner) = inner else { break };
        if at.kind() == "operator_cast" {
            break;
        }
        at = inner;
    }
    let parameters = list.map_or(0, |list| parameters(head, list));
    let name = head.name(at);
    let entry = matches!(name.as_str(), "main" | "wmain" | "WinMain" | "wWinMain");
    Some(FunctionHead { name, at, parameters, test: false, entry })
}

/// `(void)` is no parameter, nor is an ellipsis.
fn parameters(head: &Head<'_>, list: Node<'_>) -> u32 {
    if head.name(list) == "(void)" { 0 } else { head.count_parameters(list) }
}

pub(super) fn definition<'t>(head: &Head<'_>, node: Node<'t>, kind: SymbolKind) -> Option<Definition<'t>> {
    let fields = head.fields();
    match kind {
        SymbolKind::TypeAlias => {
            // `typedef struct { … } name`: the struct is the definition.
            let of = field(node, fields.type_)?;
            if field(of, fields.body).is_some() && field(of, fields.name).is_some() {
                return None;
            }
            let mut name = field(node, fields.declarator)?;
            for _ in 0..MAX_DECLARATORS {
                let inner = field(name, fields.declarator)
                    .or_else(|| name.named_child(0).filter(|_| name.kind() == "parenthesized_declarator"));
                let Some(inner) = inner else { break };
                name = inner;
            }
            Some(Definition { name, kind, entry: false })
        }
        SymbolKind::Constant => {
            // An include guard has no value.
            field(node, fields.value)?;
            named_definition(head, node, kind)
        }
        SymbolKind::Macro => named_definition(head, node, kind),
        _ => {
            // Without a body it only mentions the type; without a name its `typedef` defines it.
            field(node, fields.body)?;
            named_definition(head, node, kind)
        }
    }
}

pub(super) fn imports(head: &Head<'_>, node: Node<'_>, found: &mut Vec<Import>) {
    let Some(path) = field(node, head.fields().path) else { return };
    let kind = match path.kind() {
        "system_lib_string" => ImportKind::System,
        "string_literal" => ImportKind::Quoted,
        // A macro names the file: unknown here.
        _ => return,
    };
    found.push(import(head.unquoted(path), line_of(node), kind));
}
