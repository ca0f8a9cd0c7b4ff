//! The facts of one file, as they are cached and sent.

use serde::{Deserialize, Serialize};

use crate::{Finding, Language};

/// Everything that was found in one file. Lists are in source order and hold at most 65,536 items each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// The language it was parsed as.
    pub language: Language,
    /// Lines by what is on them.
    pub lines: Lines,
    /// Named functions with a body. Closures belong to the function around them.
    pub functions: Vec<FunctionFacts>,
    /// What the file names of other files and libraries, but for tests that stand in it: the program does not need what these name.
    /// Rust: nor what a module takes from those that it declares itself; `mod x;` names such a one.
    pub imports: Vec<Import>,
    /// Definitions of types: structs, classes, enums, traits, interfaces, aliases.
    pub types: u32,
    /// Test functions.
    pub tests: u32,
    /// Where a program starts.
    pub entry_points: Vec<EntryPoint>,
    /// Places that the grammar could not read (`ERROR` and `MISSING` nodes), at most 1,000.
    pub syntax_errors: u32,
    /// The comments at its head say that a program wrote it.
    pub generated: bool,
    /// It has a line of more than 1,000 bytes, as minified code and data have.
    pub long_line: bool,
    /// A list reached its bound and later items are missing.
    pub truncated: bool,
    /// What the performance rules found outside of tests, at most 200 items; empty for generated files and for those with a
    /// long line, and if no rules were asked for.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Findings that a comment `agentd: allow(rule-id)` took out.
    #[serde(default)]
    pub suppressed: u32,
    /// There may be more findings: a bound on their number, on the work for one file, or on the size of a function was reached.
    #[serde(default)]
    pub findings_cut: bool,
}

/// Counts of lines. `code + comment + blank == total`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// All lines; a last line without line feed counts.
    pub total: u32,
    /// Lines with anything that is neither white space nor comment. Documentation strings are code.
    pub code: u32,
    /// Lines with comment only.
    pub comment: u32,
    /// Lines with white space only, also inside a comment or string.
    pub blank: u32,
}

/// One named function or method that has a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionFacts {
    /// Name with the types, modules and functions around it: `Type::method`, `Class.method`. At most 256 bytes.
    pub name: String,
    /// Line of its name, from 1.
    pub line: u32,
    /// Last line of its body, from 1.
    pub end_line: u32,
    /// `McCabe`'s cyclomatic complexity; 1 for straight code.
    pub cyclomatic: u32,
    /// Cognitive complexity after Campbell; 0 for straight code.
    pub cognitive: u32,
    /// Parameters without the receiver (`self`, `this`, Go's receiver).
    pub parameters: u32,
    /// How deep control structures and closures nest; 0 for straight code.
    pub nesting: u32,
}

/// One reference to another file or library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// What is imported, without quotes and white space: `crate::a::b`, `./x`, `a.b.c`, `fmt`, `stdio.h`. At most 512 bytes.
    pub target: String,
    /// The names of a Python `from target import names`; the files that `#[path]` names for Rust's `mod`; empty elsewhere.
    #[serde(default)]
    pub names: Vec<String>,
    /// Line of the statement, from 1.
    pub line: u32,
    /// How the target is to be resolved.
    pub kind: ImportKind,
    /// Loading the file does not need it: it stands in a function (Python, JavaScript), is for types alone (`import type`,
    /// `if TYPE_CHECKING:`), or declares a module for tests alone (`#[cfg(test)] mod x;`).
    #[serde(default)]
    pub deferred: bool,
}

/// How the target of an import is to be resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportKind {
    /// By the name of a module or package.
    Module,
    /// From this file's own place: `./x`, `..pkg`, `self::x`, `super::x`, `crate::x`.
    Relative,
    /// C and C++: `<name>`, on the include path only.
    System,
    /// C and C++: `"name"`, beside this file first.
    Quoted,
    /// Rust: `mod x;`, which makes another file part of the crate.
    ModDecl,
    /// Java: `import static`, the target ends in a member.
    Static,
}

/// A place where a program starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryPoint {
    /// What makes it one.
    pub kind: EntryKind,
    /// The function or type, or the condition of a guard. At most 256 bytes.
    pub name: String,
    /// Line, from 1.
    pub line: u32,
}

/// What makes an entry point one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A function that the runtime calls: `main`, `WinMain`.
    Function,
    /// Code that runs if the file is the program: `if __name__ == "__main__"`, `require.main === module`.
    Guard,
    /// A type marked as the program: Swift's `@main`.
    Attribute,
    /// The first line is `#!…`.
    Shebang,
}

/// One definition, for an outline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbol {
    /// Name, qualified like a function's. At most 256 bytes.
    pub name: String,
    /// What it is.
    pub kind: SymbolKind,
    /// Line of its name, from 1.
    pub line: u32,
    /// Last line of the definition, from 1.
    pub end_line: u32,
}

/// What a symbol is, in the word of its own language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SymbolKind {
    /// A function outside of types.
    Function,
    /// A function of a type.
    Method,
    /// A class or actor.
    Class,
    /// A struct or record.
    Struct,
    /// An enum.
    Enum,
    /// A union.
    Union,
    /// A Rust trait or C++ concept.
    Trait,
    /// An interface or Swift protocol.
    Interface,
    /// Another name for a type.
    TypeAlias,
    /// A constant or static outside of functions.
    Constant,
    /// A module or namespace.
    Module,
    /// A macro.
    Macro,
}
