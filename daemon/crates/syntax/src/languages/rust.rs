//! Rust. Tokens in macro calls are not parsed by the grammar, so they are not measured.

use tree_sitter::Node;

use super::named_definition;
use crate::{
    Import, ImportKind, SymbolKind,
    grammar::{Class, Definition, FunctionHead, LanguageRules, OfModule, Rule, define, rule},
    head::{Head, MAX_ITEMS, MAX_TARGET, field, import, line_of},
};

/// Groups in a `use` that are nested deeper are not followed.
const MAX_GROUPS: usize = 64;
/// An attribute of a module that has more bytes is not read.
const MAX_ATTRIBUTE: usize = 1024;
/// Files that are named for one module; each system has its own.
const MAX_PATHS: usize = 16;
/// Bytes of a `use` that are read.
const MAX_USE: usize = 64 * 1024;

pub(super) static RULES: LanguageRules = LanguageRules {
    separator: "::",
    named: NAMED,
    tokens: TOKENS,
    header_fields: &["condition", "value", "pattern"],
    label_kinds: &["label"],
    parameter_kinds: &["parameter", "variadic_parameter"],
    exhaustive_switch: true,
    entry_in_type: false,
    function,
    definition,
    import: imports,
    binding: None,
    attribute_is_test: Some(attribute_is_test),
    attribute_of_module: Some(attribute_of_module),
    call: None,
    main_guard: None,
};

static NAMED: &[Rule] = &[
    rule(
        Class::Leaf,
        &["scoped_identifier", "scoped_type_identifier", "visibility_modifier", "char_literal", "primitive_type"],
    ),
    rule(
        Class::Flat,
        &[
            "string_literal",
            "raw_string_literal",
            "generic_type",
            "generic_type_with_turbofish",
            "reference_type",
            "tuple_type",
            "type_arguments",
            "type_parameters",
            "trait_bounds",
            "where_clause",
            "function_type",
            "parameters",
            "closure_parameters",
            "token_tree",
            "inner_attribute_item",
            "tuple_struct_pattern",
            "tuple_pattern",
            "struct_pattern",
            "field_declaration",
            "ordered_field_declaration_list",
        ],
    ),
    rule(Class::Comment, &["line_comment", "block_comment", "shebang"]),
    rule(Class::Function, &["function_item"]),
    rule(Class::Closure, &["closure_expression"]),
    define(Class::Type, SymbolKind::Struct, &["struct_item"]),
    define(Class::Type, SymbolKind::Enum, &["enum_item"]),
    define(Class::Type, SymbolKind::Union, &["union_item"]),
    define(Class::Type, SymbolKind::Trait, &["trait_item"]),
    define(Class::Type, SymbolKind::TypeAlias, &["type_item"]),
    rule(Class::Extension, &["impl_item"]),
    define(Class::Module, SymbolKind::Module, &["mod_item"]),
    define(Class::Constant, SymbolKind::Constant, &["const_item", "static_item"]),
    define(Class::Macro, SymbolKind::Macro, &["macro_definition"]),
    rule(Class::If, &["if_expression"]),
    rule(Class::Else, &["else_clause"]),
    rule(Class::Loop, &["for_expression", "while_expression", "loop_expression"]),
    rule(Class::Switch, &["match_expression"]),
    rule(Class::Case, &["match_arm"]),
    rule(Class::GuardedPattern, &["match_pattern"]),
    rule(Class::Branch, &["try_expression"]),
    rule(Class::Binary, &["binary_expression"]),
    rule(Class::Logical, &["let_chain"]),
    rule(Class::Paren, &["parenthesized_expression"]),
    rule(Class::Jump, &["break_expression", "continue_expression"]),
    rule(Class::Import, &["use_declaration", "extern_crate_declaration"]),
    rule(Class::Attribute, &["attribute_item"]),
];

static TOKENS: &[Rule] = &[rule(Class::And, &["&&"]), rule(Class::Or, &["||"]), rule(Class::LetElse, &["else"])];

fn function<'t>(head: &Head<'_>, node: Node<'t>) -> Option<FunctionHead<'t>> {
    let function = head.plain_function(node)?;
    let entry = function.name == "main";
    Some(FunctionHead { entry, ..function })
}

fn definition<'t>(head: &Head<'_>, node: Node<'t>, kind: SymbolKind) -> Option<Definition<'t>> {
    let fields = head.fields();
    if head.class(node) == Class::Extension {
        let mut name = field(node, fields.type_)?;
        // `impl Trait for &'a Type<T>`: the innermost type names the scope.
        for _ in 0..8 {
            let Some(inner) = field(name, fields.type_) else { break };
            name = inner;
        }
        return Some(Definition { name, kind, entry: false });
    }
    if kind == SymbolKind::Module {
        // Without a body its content is another file: an import.
        field(node, fields.body)?;
    }
    named_definition(head, node, kind)
}

/// `#[test]`, `#[tokio::test]`, `#[rstest]`, `#[test_case(…)]` and their like.
fn attribute_is_test(head: &Head<'_>, node: Node<'_>) -> bool {
    let text = head.bytes(node);
    let text = text.strip_prefix(b"#[").unwrap_or_default().trim_ascii_start();
    let end = text.iter().position(|byte| !is_path_byte(*byte)).unwrap_or(text.len());
    let last = text[..end].rsplit(|byte| *byte == b':').next().unwrap_or_default();
    matches!(last, b"test" | b"rstest" | b"test_case" | b"quickcheck" | b"wasm_bindgen_test")
}

/// `#[cfg(test)]` and `#[cfg(all(test, …))]`; `#[path = "…"]` and `#[cfg_attr(…, path = "…")]`.
fn attribute_of_module(head: &Head<'_>, node: Node<'_>, of: &mut OfModule) {
    let text = head.bytes(node);
    let inside = text.strip_prefix(b"#[").and_then(|rest| rest.strip_suffix(b"]")).map(<[u8]>::trim_ascii);
    let Some(inside) = inside.filter(|_| text.len() <= MAX_ATTRIBUTE) else { return };
    if let Some(condition) = in_brackets(inside, b"cfg") {
        let all = in_brackets(condition, b"all").unwrap_or(condition);
        of.for_tests |= parts(all).any(|part| part == b"test");
    } else {
        let attributes = in_brackets(inside, b"cfg_attr").unwrap_or(inside);
        of.files.extend(parts(attributes).filter_map(path));
        of.files.truncate(MAX_PATHS);
    }
}

/// What stands in the brackets behind a word, if that is all there is.
fn in_brackets<'t>(text: &'t [u8], word: &[u8]) -> Option<&'t [u8]> {
    let inside = text.strip_prefix(word)?.trim_ascii_start().strip_prefix(b"(")?;
    inside.strip_suffix(b")").map(<[u8]>::trim_ascii)
}

/// What stands between the commas of a list, not of one inside of another.
fn parts(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut depth, mut in_text) = (0_u32, false);
    let parts = list.split(move |byte| {
        match byte {
            b'"' => in_text = !in_text,
            b'(' => depth += u32::from(!in_text),
            b')' => depth = depth.saturating_sub(u32::from(!in_text)),
            _ => {}
        }
        *byte == b',' && depth == 0 && !in_text
    });
    parts.map(<[u8]>::trim_ascii)
}

/// The value of `path = "…"`; one with escapes is not read.
fn path(attribute: &[u8]) -> Option<String> {
    let value = attribute.strip_prefix(b"path")?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let value = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let plain = !value.is_empty() && !value.iter().any(|byte| matches!(byte, b'"' | b'\\'));
    String::from_utf8(value.to_vec()).ok().filter(|value| plain && value.len() <= MAX_TARGET)
}

const fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':')
}

fn imports(head: &Head<'_>, node: Node<'_>, found: &mut Vec<Import>) {
    let fields = head.fields();
    let line = line_of(node);
    if let Some(argument) = field(node, fields.argument) {
        let text = head.bytes(argument);
        expand(&text[..text.len().min(MAX_USE)], line, found);
    } else if let Some(name) = field(node, fields.name) {
        let is_module = head.class(node) == Class::Module;
        let kind = if is_module { ImportKind::ModDecl } else { ImportKind::Module };
        found.push(import(head.name(name), line, kind));
    }
}

/// Writes out the groups of a `use`: `a::{b, c as d, e::*, self}` is `a::b`, `a::c`, `a::e::*` and `a`.
fn expand(text: &[u8], line: u32, found: &mut Vec<Import>) {
    let mut path: Vec<u8> = Vec::new();
    let mut groups: Vec<usize> = Vec::new();
    let mut rest = text;
    while let Some((byte, tail)) = rest.split_first() {
        match byte {
            b'/' if tail.starts_with(b"/") => {
                let end = tail.iter().position(|byte| *byte == b'\n').unwrap_or(tail.len());
                rest = &tail[end..];
                continue;
            }
            b'{' if groups.len() < MAX_GROUPS => groups.push(path.len()),
            b',' | b'}' => {
                let start = groups.last().copied().unwrap_or(0);
                emit(&path, start, line, found);
                if *byte == b'}' {
                    // What stood before the group is used up with it.
                    let start = groups.pop().unwrap_or(0);
                    path.truncate(start);
                    path.push(b'}');
                } else {
                    path.truncate(start);
                }
            }
            b' ' if tail.starts_with(b"as ") => {
                let end = tail.iter().position(|byte| matches!(byte, b',' | b'}'));
                rest = &tail[end.unwrap_or(tail.len())..];
                continue;
            }
            byte if byte.is_ascii_whitespace() => {}
            byte if path.len() < MAX_TARGET => path.push(*byte),
            _ => {}
        }
        rest = tail;
    }
    emit(&path, 0, line, found);
}

/// Takes one finished path; `start` is where its group began.
fn emit(path: &[u8], start: usize, line: u32, found: &mut Vec<Import>) {
    if path.len() == start || path.ends_with(b"}") || found.len() >= MAX_ITEMS {
        return;
    }
    let path = String::from_utf8_lossy(path);
    let target = path.strip_suffix("::self").unwrap_or(&path).trim_end_matches("::");
    let relative = ["crate", "self", "super"];
    let first = target.split("::").next().unwrap_or_default();
    let kind = if relative.contains(&first) { ImportKind::Relative } else { ImportKind::Module };
    if !target.is_empty() {
        found.push(import(target.to_owned(), line, kind));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_a_use_are_written_out() {
        let cases: [(&str, &[&str]); 8] = [
            ("std::fmt", &["std::fmt"]),
            ("a::b as c", &["a::b"]),
            ("a::*", &["a::*"]),
            ("crate::{a, b::{c, d as e}, self}", &["crate::a", "crate::b::c", "crate::b::d", "crate"]),
            ("{a, b::c}", &["a", "b::c"]),
            ("a::{ // x, y\n  b,\n}", &["a::b"]),
            ("a::{}", &[]),
            ("::a::{b}", &["::a::b"]),
        ];
        for (text, expected) in cases {
            let mut found = Vec::new();
            expand(text.as_bytes(), 1, &mut found);
            let targets: Vec<&str> = found.iter().map(|import| import.target.as_str()).collect();
            assert_eq!(targets, expected, "{text}");
        }
    }
}
