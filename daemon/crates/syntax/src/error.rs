//! Why a file could not be analysed.

use std::fmt;

use agentd_base::{Classify, ErrorClass};

use crate::Language;

/// A file that could not be analysed. Broken syntax is no error: it is counted in the facts.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is larger than the caller allows.
    #[error("the file has {bytes} bytes and the limit is {max}; raise `Limits::max_bytes` or leave the file out")]
    TooLarge {
        /// Size of the file in bytes.
        bytes: usize,
        /// The limit in force, in bytes.
        max: usize,
    },
    /// The bytes are not text in UTF-8 or a superset of ASCII.
    #[error("the file is not UTF-8 text ({found}); convert it to UTF-8 or leave it out")]
    NotText {
        /// What the bytes look like instead.
        found: &'static str,
    },
    /// The parser would need more memory than a file is worth.
    #[error("too costly to parse: {excess}; leave the file out")]
    TooCostly {
        /// What there is too much of.
        excess: Excess,
    },
    /// The caller's budget ended the work.
    #[error("the analysis was stopped by its budget; try again with more time")]
    Stopped,
    /// The grammar and the parser library do not fit together.
    #[error("the grammar for {} cannot be loaded; this build of agentd is broken", language.name())]
    Grammar {
        /// Whose grammar it is.
        language: Language,
        /// What the parser library says.
        #[source]
        source: tree_sitter::LanguageError,
    },
    /// The parser gave no tree although nothing stopped it.
    #[error("the parser for {} gave no tree; leave the file out and report it", language.name())]
    NoTree {
        /// Whose grammar it was.
        language: Language,
    },
}

impl Classify for Error {
    fn class(&self) -> ErrorClass {
        match self {
            Self::TooLarge { .. } | Self::NotText { .. } | Self::TooCostly { .. } => ErrorClass::Invalid,
            Self::Stopped => ErrorClass::Cancelled,
            Self::Grammar { .. } | Self::NoTree { .. } => ErrorClass::Internal,
        }
    }
}

/// What a source makes the parser keep too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// Constructs that are begun and not ended, and readings of them.
    Open,
    /// Memory, whatever for.
    Memory,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "it leaves too much open",
            Self::Memory => "it would take too much memory",
        })
    }
}
