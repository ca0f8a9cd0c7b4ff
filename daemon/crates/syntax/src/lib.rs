//! What one source file says about itself: functions with their complexity, imports, types, tests, entry points, lines.
//! Owns tree-sitter and its grammars. Pure: bytes in, facts out; no I/O, no clock, no threads.

mod error;
mod facts;
mod grammar;
mod head;
mod language;
mod languages;
mod lines;
mod metrics;
mod parser;
mod walk;

pub use error::Error;
pub use facts::{EntryKind, EntryPoint, FileFacts, FunctionFacts, Import, ImportKind, Lines, Symbol, SymbolKind};
pub use language::Language;
pub use parser::{Budget, DEFAULT_MAX_BYTES, Limits, Parser};
