//! Attributes (Rust, Swift), annotations (Java) and decorators (Python, JavaScript, TypeScript): what they say belongs to what they
//! stand before, and cannot be kept in one place, so that lines of them alone are no code.

use agentd_syntax::Language;

/// An attribute is given up after so many lines, so that a bracket that never closes does not swallow the file.
const MAX_LINES: u32 = 200;

/// Where attributes are, at the end of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attribute {
    /// Before the first token of a line, or behind an attribute: one may begin with this byte.
    Before(u8),
    /// Behind `#` or `#!`.
    Hash,
    /// Behind `@`, or behind a dot of the name.
    At,
    /// Behind a name, which may go on, or be followed by arguments.
    Name,
    /// In so many brackets, of what begins with this byte.
    Inside(u8, u32),
    /// Other code is on the line, or the language has no attributes.
    Code,
}

impl Attribute {
    pub(super) fn after(self, token: &[u8]) -> Self {
        let is_word = token[0].is_ascii_alphabetic() || token[0] == b'_' || token[0] >= 0x80;
        match (self, token) {
            (Self::Before(b'#'), b"#") | (Self::Hash, b"!") => Self::Hash,
            (Self::Before(b'@') | Self::Name, b"@") | (Self::Name, b".") => Self::At,
            (Self::Hash, b"[") => Self::Inside(b'#', 1),
            (Self::Name, b"(") => Self::Inside(b'@', 1),
            // `@interface` declares a type.
            (Self::At, _) if is_word && token != b"interface" => Self::Name,
            (Self::Inside(sign, depth), b"(" | b"[" | b"{") => Self::Inside(sign, depth + 1),
            (Self::Inside(sign, 1), b")" | b"]" | b"}") => Self::Before(sign),
            (Self::Inside(sign, depth), b")" | b"]" | b"}") => Self::Inside(sign, depth - 1),
            (Self::Inside(..), _) => self,
            _ => Self::Code,
        }
    }
}

/// Takes out lines of attributes alone.
pub(super) struct Attributes {
    /// What a line begins with.
    start: Attribute,
    /// What the next line begins in.
    now: Attribute,
    /// Lines since the attribute began.
    lines: u32,
}

impl Attributes {
    pub(super) const fn of(language: Language) -> Self {
        let start = match language {
            Language::Rust => Attribute::Before(b'#'),
            Language::Java
            | Language::Python
            | Language::JavaScript
            | Language::TypeScript
            | Language::Tsx
            | Language::Swift => Attribute::Before(b'@'),
            Language::Go | Language::C | Language::Cpp => Attribute::Code,
        };
        Self { start, now: start, lines: 0 }
    }

    /// What the next line begins in.
    pub(super) const fn begin(&self) -> Attribute {
        self.now
    }

    /// Whether a line that ends like this belongs to attributes alone. One without tokens may, too.
    pub(super) fn end(&mut self, line: Attribute) -> bool {
        let is_open = matches!(line, Attribute::Inside(..)) && self.lines < MAX_LINES;
        (self.now, self.lines) = if is_open { (line, self.lines + 1) } else { (self.start, 0) };
        line != Attribute::Code
    }
}
