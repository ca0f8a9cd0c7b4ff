//! The parser of a thread: takes the bytes of a file, refuses what is no text, parses, walks, and keeps its buffers.

use std::{fmt, ops::ControlFlow};

use tree_sitter::{ParseOptions, ParseState, Tree};

use crate::{
    Error, FileFacts, Gauge, Language, Symbol,
    cost::Watch,
    grammar::Grammar,
    head::Head,
    inspect::Inspected,
    lines,
    rules::RuleSet,
    walk::{self, Findings, Scratch},
};

/// Largest file that is analysed unless the caller says otherwise, in bytes.
pub const DEFAULT_MAX_BYTES: usize = 4 * 1024 * 1024;

/// The parser addresses bytes by `u32`.
const HARD_MAX_BYTES: usize = u32::MAX as usize - 1;
/// After a larger file the buffers of the parser are given back.
const KEPT_AFTER_BYTES: usize = 512 * 1024;
/// How much of a file is looked at to tell text from other data, as git does.
const SNIFFED: usize = 8_000;

/// Asked every so often (at most every 0.1 ms of work or so); `Break` ends the analysis with [`Error::Stopped`]. It may read a
/// clock or a cancellation flag.
pub type Budget<'a> = &'a mut dyn FnMut() -> ControlFlow<()>;

/// How much work a caller allows for one file.
pub struct Limits<'a> {
    /// Largest file in bytes.
    pub max_bytes: usize,
    /// Ends the work early; `None` lets it run to its end.
    pub budget: Option<Budget<'a>>,
}

impl<'a> Limits<'a> {
    /// The default size and a budget.
    pub fn with_budget(budget: Budget<'a>) -> Self {
        Self { max_bytes: DEFAULT_MAX_BYTES, budget: Some(budget) }
    }
}

impl Default for Limits<'_> {
    fn default() -> Self {
        Self { max_bytes: DEFAULT_MAX_BYTES, budget: None }
    }
}

impl fmt::Debug for Limits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").field("max_bytes", &self.max_bytes).field("budget", &self.budget.is_some()).finish()
    }
}

/// Analyses one file after the other. One per thread; holds the parser and its buffers, never a tree.
pub struct Parser {
    inner: tree_sitter::Parser,
    language: Option<Language>,
    scratch: Scratch,
    rules: RuleSet,
    gauge: Option<Gauge>,
}

impl Parser {
    /// A parser for all languages. Costs nothing until it is used.
    #[must_use]
    pub fn new() -> Self {
        Self {
            inner: tree_sitter::Parser::new(),
            language: None,
            scratch: Scratch::default(),
            rules: RuleSet::NONE,
            gauge: None,
        }
    }

    /// Ends files with [`Error::TooCostly`] before they take all memory. Without a gauge nothing is bounded but the time.
    #[must_use]
    pub const fn with_gauge(mut self, gauge: Gauge) -> Self {
        self.gauge = Some(gauge);
        self
    }

    /// Which performance rules look at the files from now on; none at first.
    pub const fn set_rules(&mut self, rules: RuleSet) {
        self.rules = rules;
    }

    /// The facts of one file.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::NotText`], [`Error::Stopped`]. Broken syntax is no error.
    pub fn analyze(&mut self, language: Language, source: &[u8], limits: Limits<'_>) -> Result<FileFacts, Error> {
        let (findings, head) = self.run(language, source, limits, false)?;
        Ok(self.facts(language, &head, findings))
    }

    /// The symbols of one file, in source order.
    ///
    /// # Errors
    /// As [`Parser::analyze`].
    pub fn outline(&mut self, language: Language, source: &[u8], limits: Limits<'_>) -> Result<Vec<Symbol>, Error> {
        Ok(self.run(language, source, limits, true)?.0.symbols)
    }

    /// Facts and symbols from one parse.
    ///
    /// # Errors
    /// As [`Parser::analyze`].
    pub fn survey(
        &mut self,
        language: Language,
        source: &[u8],
        limits: Limits<'_>,
    ) -> Result<(FileFacts, Vec<Symbol>), Error> {
        let (mut findings, head) = self.run(language, source, limits, true)?;
        let symbols = std::mem::take(&mut findings.symbols);
        Ok((self.facts(language, &head, findings), symbols))
    }

    fn run<'s>(
        &mut self,
        language: Language,
        source: &'s [u8],
        limits: Limits<'_>,
        want_symbols: bool,
    ) -> Result<(Findings, Head<'s>), Error> {
        let max = limits.max_bytes.min(HARD_MAX_BYTES);
        if source.len() > max {
            return Err(Error::TooLarge { bytes: source.len(), max });
        }
        if let Some(found) = other_than_text(source) {
            return Err(Error::NotText { found });
        }
        let head = Head { grammar: Grammar::of(language), source };
        let mut always = || ControlFlow::Continue(());
        let limited = limits.budget.is_some();
        let budget = limits.budget.unwrap_or(&mut always);
        self.scratch.reset();
        let walked = match self.parse(language, &head, budget, limited) {
            Ok(tree) => {
                let asked = walk::Asked { want_symbols, language, rules: self.rules };
                walk::walk(&tree, &head, &mut self.scratch, budget, &asked)
            }
            Err(error) => Err(error),
        };
        if source.len() > KEPT_AFTER_BYTES {
            self.inner = tree_sitter::Parser::new();
            self.language = None;
        }
        walked.map(|findings| (findings, head))
    }

    fn parse(
        &mut self,
        language: Language,
        head: &Head<'_>,
        budget: &mut dyn FnMut() -> ControlFlow<()>,
        limited: bool,
    ) -> Result<Tree, Error> {
        if self.language != Some(language) {
            self.language = None;
            self.inner.set_language(&head.grammar.language).map_err(|source| Error::Grammar { language, source })?;
            self.language = Some(language);
        }
        let mut stopped = None;
        let watch = self.gauge.map(Watch::begin);
        let mut progress = |_: &ParseState| {
            if let Some(excess) = watch.and_then(|watch| watch.excess()) {
                stopped = Some(Error::TooCostly { excess });
            } else if budget().is_break() {
                stopped = Some(Error::Stopped);
            }
            if stopped.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let options = (limited || watch.is_some()).then(|| ParseOptions::new().progress_callback(&mut progress));
        let mut read = |offset: usize, _| head.source.get(offset..).unwrap_or_default();
        let tree = self.inner.parse_with_options(&mut read, None, options);
        tree.ok_or_else(|| {
            // Without this the next parse would go on with this file.
            self.inner.reset();
            stopped.unwrap_or(Error::NoTree { language })
        })
    }

    fn facts(&mut self, language: Language, head: &Head<'_>, findings: Findings) -> FileFacts {
        let comments = self.scratch.comments();
        let (lines, long_line) = lines::count(head.source, comments);
        let generated = lines::is_generated(head.source, comments);
        self.scratch.give_back();
        // Nobody mends what a program wrote.
        let inspected = if generated || long_line { Inspected::default() } else { findings.inspected };
        FileFacts {
            language,
            lines,
            functions: findings.functions,
            imports: findings.imports,
            types: findings.types,
            tests: findings.tests,
            entry_points: findings.entry_points,
            syntax_errors: findings.syntax_errors,
            generated,
            long_line,
            truncated: findings.truncated,
            findings: inspected.findings,
            suppressed: inspected.suppressed,
            findings_cut: inspected.cut,
        }
    }
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Parser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parser").field("language", &self.language).finish_non_exhaustive()
    }
}

/// What the bytes are if they are surely no UTF-8 text. A few NUL bytes or broken sequences are let through: the parser counts
/// them as syntax errors.
fn other_than_text(source: &[u8]) -> Option<&'static str> {
    match source {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => return Some("UTF-32"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => return Some("UTF-16"),
        _ => {}
    }
    let sniffed = &source[..source.len().min(SNIFFED)];
    let zeros_at = |rest: usize| sniffed.iter().enumerate().filter(|(at, byte)| at % 2 == rest && **byte == 0).count();
    let (even, odd) = (zeros_at(0), zeros_at(1));
    // Latin text in UTF-16 has a zero in every second byte, other data has them anywhere.
    if even + odd <= sniffed.len() / 4 {
        None
    } else if even == 0 || odd == 0 {
        Some("UTF-16 without a mark")
    } else {
        Some("binary data")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_is_parsed() {
        let utf16: Vec<u8> = "fn main() {}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let cases: [(&[u8], Option<&str>); 8] = [
            (b"", None),
            (b"fn main() {}", None),
            (b"fn main() { \"\0\" }", None),
            (b"\xEF\xBB\xBFfn main() {}", None),
            (b"\xFF\xFEf\0n\0", Some("UTF-16")),
            (b"\xFF\xFE\0\0f\0\0\0", Some("UTF-32")),
            (&utf16, Some("UTF-16 without a mark")),
            (b"\x7fELF\0\0\0\0\0\0\0\0", Some("binary data")),
        ];
        for (source, expected) in cases {
            assert_eq!(other_than_text(source), expected, "{source:?}");
        }
    }
}
