//! What one source file says about itself: functions with their complexity, imports, types, tests, entry points, lines, and
//! places that cost more than they must.
//! Owns tree-sitter and its grammars. Pure: bytes in, facts out; no I/O, no clock, no threads.

mod cost;
mod error;
mod facts;
mod finding;
mod grammar;
mod head;
mod inspect;
mod language;
mod languages;
mod lines;
mod metrics;
mod parser;
pub mod rules;
mod walk;

pub use cost::{Gauge, Held, STACK_ENTRY_BYTES};
pub use error::{Error, Excess};
pub use facts::{EntryKind, EntryPoint, FileFacts, FunctionFacts, Import, ImportKind, Lines, Symbol, SymbolKind};
pub use finding::{Confidence, Finding, RuleId, Severity};
pub use language::Language;
pub use parser::{Budget, DEFAULT_MAX_BYTES, Limits, Parser};
