//! Go.

use tree_sitter::Node;

use super::named_definition;
use crate::{
    Import, ImportKind, SymbolKind,
    grammar::{Class, Definition, FunctionHead, LanguageRules, Rule, define, rule},
    head::{Head, field, import, line_of},
};

pub(super) static RULES: LanguageRules = LanguageRules {
    separator: ".",
    named: NAMED,
    tokens: TOKENS,
    header_fields: &["condition", "initializer", "value", "update", "alias"],
    label_kinds: &["label_name"],
    parameter_kinds: &["parameter_declaration", "variadic_parameter_declaration"],
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
    rule(Class::Leaf, &["interpreted_string_literal", "raw_string_literal", "package_clause"]),
    rule(Class::Comment, &["comment"]),
    rule(Class::Function, &["function_declaration", "method_declaration"]),
    rule(Class::Closure, &["func_literal"]),
    define(Class::Type, SymbolKind::Struct, &["type_spec"]),
    define(Class::Type, SymbolKind::TypeAlias, &["type_alias"]),
    define(Class::Constant, SymbolKind::Constant, &["const_spec"]),
    rule(Class::If, &["if_statement"]),
    rule(Class::Loop, &["for_statement"]),
    rule(Class::Switch, &["expression_switch_statement", "type_switch_statement", "select_statement"]),
    rule(Class::Case, &["expression_case", "type_case", "communication_case"]),
    rule(Class::Binary, &["binary_expression"]),
    rule(Class::Paren, &["parenthesized_expression"]),
    rule(Class::Jump, &["break_statement", "continue_statement", "goto_statement"]),
    rule(Class::Import, &["import_spec"]),
];

static TOKENS: &[Rule] = &[rule(Class::And, &["&&"]), rule(Class::Or, &["||"]), rule(Class::ElseToken, &["else"])];

fn function<'t>(head: &Head<'_>, node: Node<'t>) -> Option<FunctionHead<'t>> {
    let fields = head.fields();
    let mut function = head.plain_function(node)?;
    let list = field(node, fields.parameters)?;
    function.parameters = parameters(head, list);
    if let Some(receiver) = field(node, fields.receiver) {
        let receiver = receiver.named_child(0).and_then(|r| field(r, fields.type_))?;
        let text = head.name(receiver);
        let base = text.trim_start_matches(['*', '(']);
        let end = base.find(['[', ')']).unwrap_or(base.len());
        function.name = format!("{}.{}", &base[..end], function.name);
        return Some(function);
    }
    function.test = is_test(&function.name, &head.name(list));
    function.entry = function.name == "main";
    Some(function)
}

/// `a, b int` are two parameters in one declaration; `int` without a name is one.
fn parameters(head: &Head<'_>, list: Node<'_>) -> u32 {
    let mut cursor = list.walk();
    let mut count = 0;
    for declaration in list.children(&mut cursor).filter(|child| head.grammar.is_parameter(*child)) {
        let mut names = declaration.walk();
        let named = head
            .fields()
            .name
            .map_or(0, |id| declaration.children_by_field_id(id, &mut names).filter(Node::is_named).count());
        count += u32::try_from(named.max(1)).unwrap_or(u32::MAX);
    }
    count
}

/// What `go test` runs, benchmarks left out: `TestX(*testing.T)`, `FuzzX(*testing.F)`, `ExampleX()`.
fn is_test(name: &str, parameters: &str) -> bool {
    let follows = |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| !rest.starts_with(char::is_lowercase));
    (follows("Test") && parameters.contains("testing.T"))
        || (follows("Fuzz") && parameters.contains("testing.F"))
        || (follows("Example") && parameters == "()")
}

fn definition<'t>(head: &Head<'_>, node: Node<'t>, kind: SymbolKind) -> Option<Definition<'t>> {
    let mut defined = named_definition(head, node, kind)?;
    if kind == SymbolKind::Struct {
        let of = field(node, head.fields().type_).map_or("", |of| of.kind());
        defined.kind = match of {
            "struct_type" => SymbolKind::Struct,
            "interface_type" => SymbolKind::Interface,
            _ => SymbolKind::TypeAlias,
        };
    }
    Some(defined)
}

fn imports(head: &Head<'_>, node: Node<'_>, found: &mut Vec<Import>) {
    let Some(path) = field(node, head.fields().path) else { return };
    let target = head.unquoted(path);
    let kind = if target.starts_with('.') { ImportKind::Relative } else { ImportKind::Module };
    found.push(import(target, line_of(node), kind));
}
