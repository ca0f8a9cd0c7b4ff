//! What is particular about a language to the rules: kinds that call, open a scope or bind a name, and calls that iterate.

use super::names::{BindForm, BindKind::*, form};
use crate::Language;

/// Scopes beside functions, closures and loops.
pub(super) const SCOPES: &[&str] = &[
    "list_comprehension",
    "set_comprehension",
    "dictionary_comprehension",
    "generator_expression",
    "async_block",
    // JavaScript's function without a name for it has the class of a closure; Java's and Swift's blocks that run once.
    "static_initializer",
];

/// Kinds that call something by name.
pub(super) const CALLS: &[&str] = &["call_expression", "call", "method_invocation"];

/// Kinds that make an object of a named type.
pub(super) const NEWS: &[&str] = &["new_expression", "object_creation_expression"];

/// Calls that run the closure they are given once for each element. Names that an optional value has too are left out where
/// the language has them.
pub(super) const fn iterating_calls(language: Language) -> &'static [&'static str] {
    match language {
        Language::Rust => &["for_each", "flat_map", "filter_map", "retain", "try_for_each", "take_while", "skip_while"],
        Language::JavaScript | Language::TypeScript | Language::Tsx => {
            &["forEach", "map", "filter", "reduce", "reduceRight", "some", "every", "flatMap", "find", "findIndex"]
        }
        Language::Java => {
            &["forEach", "removeIf", "mapToInt", "mapToObj", "mapToLong", "anyMatch", "allMatch", "noneMatch"]
        }
        Language::Swift => &["forEach", "filter", "compactMap", "reduce", "allSatisfy"],
        _ => &[],
    }
}

/// How names are bound.
pub(super) const fn forms(language: Language) -> &'static [BindForm] {
    match language {
        Language::Rust => RUST,
        Language::Python => PYTHON,
        Language::JavaScript => JAVASCRIPT,
        Language::TypeScript | Language::Tsx => TYPESCRIPT,
        Language::Go => GO,
        Language::C => C,
        Language::Cpp => CPP,
        Language::Java => JAVA,
        Language::Swift => SWIFT,
    }
}

const RUST: &[BindForm] = &[
    form("let_declaration", "pattern", "value", Declare),
    form("parameter", "pattern", "", Param),
    form("for_expression", "pattern", "value", Each),
    form("assignment_expression", "left", "right", Assign),
    form("compound_assignment_expr", "left", "right", Update),
    form("let_condition", "pattern", "value", Opaque),
    form("match_pattern", "", "", Opaque),
    form("closure_parameters", "", "", Opaque),
];

const PYTHON: &[BindForm] = &[
    form("assignment", "left", "right", Assign),
    form("augmented_assignment", "left", "right", Update),
    form("named_expression", "name", "value", Assign),
    form("for_statement", "left", "right", Each),
    form("for_in_clause", "left", "right", Each),
    form("typed_parameter", "", "", Param),
    form("default_parameter", "name", "", Opaque),
    form("typed_default_parameter", "name", "", Param),
    form("parameters", "", "", List),
    form("lambda_parameters", "", "", List),
    form("as_pattern_target", "", "", Opaque),
    form("global_statement", "", "", Opaque),
    form("nonlocal_statement", "", "", Opaque),
];

const JAVASCRIPT: &[BindForm] = &[
    form("variable_declarator", "name", "value", Declare),
    form("assignment_expression", "left", "right", Assign),
    form("augmented_assignment_expression", "left", "right", Update),
    form("update_expression", "argument", "", Update),
    form("for_in_statement", "left", "right", Each),
    form("formal_parameters", "", "", List),
    form("arrow_function", "parameter", "", Opaque),
];

const TYPESCRIPT: &[BindForm] = &[
    form("variable_declarator", "name", "value", Declare),
    form("assignment_expression", "left", "right", Assign),
    form("augmented_assignment_expression", "left", "right", Update),
    form("update_expression", "argument", "", Update),
    form("for_in_statement", "left", "right", Each),
    form("required_parameter", "pattern", "", Param),
    form("optional_parameter", "pattern", "", Param),
    form("arrow_function", "parameter", "", Opaque),
];

const GO: &[BindForm] = &[
    form("short_var_declaration", "left", "right", Declare),
    form("var_spec", "name", "value", Declare),
    form("assignment_statement", "left", "right", Assign),
    form("range_clause", "left", "right", Each),
    form("parameter_declaration", "name", "", Param),
    form("variadic_parameter_declaration", "name", "", Opaque),
    form("inc_statement", "", "", Update),
    form("dec_statement", "", "", Update),
];

const C: &[BindForm] = &[
    form("declaration", "declarator", "", Declare),
    form("init_declarator", "declarator", "value", Declare),
    form("parameter_declaration", "declarator", "", Param),
    form("assignment_expression", "left", "right", Assign),
    form("update_expression", "argument", "", Update),
];

const CPP: &[BindForm] = &[
    form("declaration", "declarator", "", Declare),
    form("init_declarator", "declarator", "value", Declare),
    form("parameter_declaration", "declarator", "", Param),
    form("optional_parameter_declaration", "declarator", "", Param),
    form("for_range_loop", "declarator", "right", Each),
    form("assignment_expression", "left", "right", Assign),
    form("update_expression", "argument", "", Update),
];

const JAVA: &[BindForm] = &[
    form("variable_declarator", "name", "value", Declare),
    form("formal_parameter", "name", "", Param),
    form("spread_parameter", "", "", Opaque),
    form("enhanced_for_statement", "name", "value", Each),
    form("assignment_expression", "left", "right", Assign),
    form("update_expression", "", "", Update),
    form("resource", "name", "value", Declare),
    form("inferred_parameters", "", "", Opaque),
    form("lambda_expression", "parameters", "", Opaque),
    form("catch_formal_parameter", "name", "", Opaque),
];

const SWIFT: &[BindForm] = &[
    form("property_declaration", "name", "value", Declare),
    form("parameter", "name", "", Param),
    form("for_statement", "item", "collection", Each),
    form("assignment", "target", "result", Assign),
    form("lambda_parameter", "name", "", Opaque),
];
