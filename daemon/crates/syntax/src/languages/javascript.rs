//! JavaScript, TypeScript and TSX. A closure that is given a name where it is written (`const f = () => …`) is a function.

use tree_sitter::Node;

use super::named_definition;
use crate::{
    Import, ImportKind, SymbolKind,
    grammar::{CallRole, Class, Definition, FunctionHead, LanguageRules, Rule, define, rule},
    head::{Head, field, import, line_of},
};

pub(super) static JAVASCRIPT: LanguageRules = LanguageRules {
    separator: ".",
    named: NAMED,
    tokens: TOKENS,
    header_fields: &["condition", "value", "left", "right", "initializer", "increment", "parameter"],
    label_kinds: &["statement_identifier"],
    parameter_kinds: &[],
    exhaustive_switch: false,
    entry_in_type: false,
    function,
    definition,
    import: imports,
    binding: Some(binding),
    attribute_is_test: None,
    attribute_of_module: None,
    call: Some(call),
    main_guard: Some(is_main_guard),
};

pub(super) static TYPESCRIPT: LanguageRules = LanguageRules {
    named: NAMED_TYPESCRIPT,
    parameter_kinds: &["required_parameter", "optional_parameter"],
    ..JAVASCRIPT
};

pub(super) static TSX: LanguageRules = LanguageRules { ..TYPESCRIPT };

/// The kinds that both grammars have, then those of one alone.
macro_rules! named {
    ($($own:expr),* $(,)?) => {
        &[
            rule(Class::Leaf, &["string", "regex"]),
            rule(Class::Comment, &["comment", "hash_bang_line", "html_comment"]),
            rule(
                Class::Function,
                &["function_declaration", "generator_function_declaration", "method_definition"],
            ),
            rule(Class::Closure, &["arrow_function", "function_expression", "generator_function"]),
            rule(Class::Binding, &["variable_declarator", "pair", "assignment_expression"]),
            define(Class::Type, SymbolKind::Class, &["class_declaration", "class"]),
            rule(Class::If, &["if_statement"]),
            rule(Class::Else, &["else_clause"]),
            rule(
                Class::Loop,
                &["for_statement", "for_in_statement", "while_statement", "do_statement"],
            ),
            rule(Class::Switch, &["switch_statement"]),
            rule(Class::Case, &["switch_case"]),
            rule(Class::Catch, &["catch_clause"]),
            rule(Class::Ternary, &["ternary_expression"]),
            rule(Class::Binary, &["binary_expression"]),
            rule(Class::Paren, &["parenthesized_expression"]),
            rule(Class::Jump, &["break_statement", "continue_statement"]),
            rule(Class::Import, &["import_statement"]),
            rule(Class::Export, &["export_statement"]),
            rule(Class::Call, &["call_expression"]),
            $($own),*
        ]
    };
}

static NAMED: &[Rule] = named![rule(Class::Binding, &["field_definition"])];

static NAMED_TYPESCRIPT: &[Rule] = named![
    rule(Class::Flat, &["type_annotation", "type_arguments", "type_parameters"]),
    rule(Class::Binding, &["public_field_definition"]),
    define(Class::Type, SymbolKind::Class, &["abstract_class_declaration"]),
    define(Class::Type, SymbolKind::Interface, &["interface_declaration"]),
    define(Class::Type, SymbolKind::Enum, &["enum_declaration"]),
    define(Class::Type, SymbolKind::TypeAlias, &["type_alias_declaration"]),
    define(Class::Module, SymbolKind::Module, &["internal_module", "module"]),
];

static TOKENS: &[Rule] =
    &[rule(Class::And, &["&&"]), rule(Class::Or, &["||"]), rule(Class::Branch, &["??", "&&=", "||=", "??="])];

fn function<'t>(head: &Head<'_>, node: Node<'t>) -> Option<FunctionHead<'t>> {
    head.plain_function(node)
}

fn definition<'t>(head: &Head<'_>, node: Node<'t>, kind: SymbolKind) -> Option<Definition<'t>> {
    if kind == SymbolKind::Constant && head.class(node) == Class::Binding {
        // Only a `const` outside of functions; its keyword is the first word of the declaration.
        let declaration = head.source.get(..node.start_byte())?.trim_ascii_end();
        if !declaration.ends_with(b"const") {
            return None;
        }
    }
    named_definition(head, node, kind)
}

/// The closure that is given a name, and the name.
fn binding<'t>(head: &Head<'_>, node: Node<'t>) -> Option<(Node<'t>, Node<'t>)> {
    let fields = head.fields();
    let closure = field(node, fields.value).or_else(|| field(node, fields.right))?;
    if head.class(closure) != Class::Closure {
        return None;
    }
    let name = [fields.name, fields.key, fields.left, fields.property];
    let name = name.into_iter().find_map(|id| field(node, id))?;
    Some((closure, name))
}

fn imports(head: &Head<'_>, node: Node<'_>, found: &mut Vec<Import>) {
    if let Some(source) = import_source(head, node) {
        found.push(module_import(head, source, line_of(node)));
    }
}

fn import_source<'t>(head: &Head<'_>, node: Node<'t>) -> Option<Node<'t>> {
    let fields = head.fields();
    // TypeScript: `import x = require("y")` has the source one level down.
    field(node, fields.source)
        .or_else(|| field(node.named_child(0).filter(|_| head.class(node) == Class::Import)?, fields.source))
}

fn module_import(head: &Head<'_>, source: Node<'_>, line: u32) -> Import {
    let target = head.unquoted(source);
    let kind = if target.starts_with('.') { ImportKind::Relative } else { ImportKind::Module };
    import(target, line, kind)
}

/// `require("x")`, `import("x")`, and the calls that define a test for jest, mocha, vitest and `node:test`.
fn call(head: &Head<'_>, node: Node<'_>) -> Option<CallRole> {
    // Looked at byte by byte first: most calls end here.
    let text = head.bytes(node);
    let name = match text.first()? {
        b'r' | b'i' | b't' => {
            let end = text.iter().take(16).position(|byte| !byte.is_ascii_alphanumeric())?;
            &text[..end]
        }
        _ => return None,
    };
    let fields = head.fields();
    let function = field(node, fields.function)?;
    let arguments = field(node, fields.arguments)?;
    match name {
        b"require" | b"import" if head.bytes(function) == name => {
            let source = arguments.named_child(0).filter(|first| head.class(*first) == Class::Leaf)?;
            Some(CallRole::Import(module_import(head, source, line_of(node))))
        }
        b"it" | b"test" => is_test(head, function, arguments, name).then_some(CallRole::Test),
        _ => None,
    }
}

/// A name and a closure, as in `test("name", () => …)`, also behind `.only`, `.skip`, `.each(table)`.
fn is_test(head: &Head<'_>, function: Node<'_>, arguments: Node<'_>, name: &[u8]) -> bool {
    let called = head.bytes(function);
    let modifier = called.get(name.len() + 1..).unwrap_or_default();
    let modified = [b"only".as_slice(), b"skip", b"each", b"concurrent", b"failing", b"fails"]
        .iter()
        .any(|word| modifier.starts_with(word));
    let second = arguments.named_child(1);
    (called == name || modified)
        && second.is_some_and(|second| {
            head.class(second) == Class::Closure
                || arguments.named_child(2).is_some_and(|third| head.class(third) == Class::Closure)
        })
}

fn is_main_guard(head: &Head<'_>, condition: Node<'_>) -> bool {
    let text = head.name(condition);
    text.contains("require.main==") || text.contains("import.meta.main")
}
