//! The tokens of a header, without comments and macros, and whether a C compiler is shown them: not those in `#ifdef __cplusplus`.
//! One pass, nothing is allocated; what is cut off or wrong makes odd tokens and no more.

/// A piece of a header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Before the first one.
    #[default]
    Start,
    /// A name or keyword.
    Word(&'a [u8]),
    /// `::`.
    Path,
    /// Any other byte.
    Mark(u8),
    /// A text or character with its quotes.
    Text(&'a [u8]),
    Number,
    /// Of a file in angle brackets.
    Include {
        /// `vector` has none, `sys/types.h` has one.
        has_extension: bool,
    },
    /// What only Objective-C has: `#import`, `@interface` and the like.
    ObjectiveC,
}

impl Token<'_> {
    /// Whether a declaration may begin behind it.
    pub(super) const fn begins_statement(self) -> bool {
        matches!(self, Self::Start | Self::Mark(b';' | b'{' | b'}' | b':' | b')' | b'>'))
    }

    pub(super) fn is_tag(self) -> bool {
        matches!(self, Self::Word(b"struct" | b"union" | b"enum"))
    }
}

/// Whether a name may begin with it.
pub(super) const fn begins_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

const fn in_word(byte: u8) -> bool {
    begins_word(byte) || byte.is_ascii_digit()
}

/// What the conditions around a place say: one bit each, the innermost lowest. More than 64 are not told apart.
#[derive(Debug, Default, Clone, Copy)]
struct Conditions {
    /// Not for C.
    hidden: u64,
    /// The other branch is not for C.
    hides_other: u64,
}

#[derive(Debug)]
pub(super) struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Only blanks and comments so far.
    at_line_start: bool,
    conditions: Conditions,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        Self { bytes, at: 0, at_line_start: true, conditions: Conditions::default() }
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Whether no C compiler is shown the token that came last.
    pub(super) const fn is_hidden(&self) -> bool {
        self.conditions.hidden != 0
    }

    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let start = self.at;
            let byte = *self.bytes.get(start)?;
            self.at += 1;
            let is_first = self.at_line_start;
            self.at_line_start &= byte.is_ascii_whitespace();
            return Some(match byte {
                b'\n' => {
                    self.at_line_start = true;
                    continue;
                }
                _ if byte.is_ascii_whitespace() => continue,
                b'/' if self.skip_comment() => {
                    self.at_line_start = is_first;
                    continue;
                }
                b'#' if is_first => match self.directive() {
                    Some(token) => token,
                    None => continue,
                },
                b'"' | b'\'' => {
                    self.skip_text(byte);
                    Token::Text(&self.bytes[start..self.at])
                }
                b'0'..=b'9' => {
                    self.skip_number();
                    Token::Number
                }
                b':' if self.rest().first() == Some(&b':') => {
                    self.at += 1;
                    Token::Path
                }
                b'@' => self.at_word(),
                _ if begins_word(byte) => {
                    self.skip_while(in_word);
                    Token::Word(&self.bytes[start..self.at])
                }
                _ => Token::Mark(byte),
            });
        }
    }

    fn skip_while(&mut self, is_in: impl Fn(u8) -> bool) {
        let rest = self.rest();
        self.at += rest.iter().position(|byte| !is_in(*byte)).unwrap_or(rest.len());
    }

    /// Behind a `/`: whether a comment began there, which is passed over then, but for the end of a line that ends it.
    fn skip_comment(&mut self) -> bool {
        match self.rest().first() {
            Some(b'/') => self.skip_while(|byte| byte != b'\n'),
            Some(b'*') => {
                self.at += 1;
                let rest = self.rest();
                let end = rest.iter().zip(rest.iter().skip(1)).position(|pair| pair == (&b'*', &b'/'));
                self.at = end.map_or(self.bytes.len(), |end| self.at + end + 2);
            }
            _ => return false,
        }
        true
    }

    /// Behind a quote; a text that is not closed ends with its line.
    fn skip_text(&mut self, quote: u8) {
        while let Some(byte) = self.bytes.get(self.at) {
            match *byte {
                b'\n' => return,
                b'\\' => self.at = (self.at + 2).min(self.bytes.len()),
                _ => self.at += 1,
            }
            if *byte == quote {
                return;
            }
        }
    }

    /// With the `'` that C23 and C++14 allow between digits.
    fn skip_number(&mut self) {
        loop {
            self.skip_while(|byte| in_word(byte) || byte == b'.');
            match self.rest() {
                [b'\'', digit, ..] if digit.is_ascii_hexdigit() => self.at += 2,
                _ => return,
            }
        }
    }

    fn at_word(&mut self) -> Token<'a> {
        const ONLY: [&[u8]; 5] = [b"interface", b"protocol", b"class", b"implementation", b"import"];
        let start = self.at;
        self.skip_while(in_word);
        if ONLY.contains(&&self.bytes[start..self.at]) { Token::ObjectiveC } else { Token::Mark(b'@') }
    }

    /// Behind the `#`: passes over the line and all that continue it.
    fn directive(&mut self) -> Option<Token<'a>> {
        self.skip_while(|byte| matches!(byte, b' ' | b'\t'));
        let start = self.at;
        self.skip_while(in_word);
        let name = &self.bytes[start..self.at];
        let start = self.at;
        self.skip_line();
        let line = self.bytes[start..self.at].trim_ascii();
        self.at_line_start = true;
        match name {
            b"include" | b"include_next" => {
                let file = line.strip_prefix(b"<")?;
                let end = file.iter().position(|byte| *byte == b'>')?;
                Some(Token::Include { has_extension: file[..end].contains(&b'.') })
            }
            b"import" => Some(Token::ObjectiveC),
            _ => {
                self.conditions.take(name, line);
                None
            }
        }
    }

    fn skip_line(&mut self) {
        while let Some(byte) = self.bytes.get(self.at).copied() {
            self.at += 1;
            match byte {
                b'\n' => return,
                b'"' => self.skip_text(byte),
                b'/' => _ = self.skip_comment(),
                b'\\' => match self.rest() {
                    [b'\r', b'\n', ..] => self.at += 2,
                    [_, ..] => self.at += 1,
                    [] => {}
                },
                _ => {}
            }
        }
    }
}

impl Conditions {
    fn take(&mut self, directive: &[u8], line: &[u8]) {
        match directive {
            b"if" | b"ifdef" | b"ifndef" => {
                (self.hidden, self.hides_other) = (self.hidden << 1, self.hides_other << 1);
                self.judge(line, directive == b"ifndef");
            }
            b"elif" | b"elifdef" | b"elifndef" => {
                self.turn();
                self.judge(line, directive == b"elifndef");
            }
            b"else" => self.turn(),
            b"endif" => (self.hidden, self.hides_other) = (self.hidden >> 1, self.hides_other >> 1),
            _ => {}
        }
    }

    /// Goes on to the other branch.
    const fn turn(&mut self) {
        self.hidden = self.hidden & !1 | self.hides_other & 1;
    }

    fn judge(&mut self, line: &[u8], is_not: bool) {
        const OTHERS: [&[u8]; 2] = [b"__cplusplus", b"__OBJC__"];
        let mut found =
            OTHERS.iter().filter_map(|name| line.windows(name.len()).position(|part| part[0] == b'_' && part == *name));
        let Some(at) = found.next() else {
            self.hidden |= u64::from(line == b"0");
            return;
        };
        let before = line[..at].trim_ascii_end();
        let before = before.strip_suffix(b"(").unwrap_or(before).trim_ascii_end();
        let before = before.strip_suffix(b"defined").unwrap_or(before).trim_ascii_end();
        if is_not || before.ends_with(b"!") {
            self.hides_other |= 1;
        } else {
            self.hidden |= 1;
        }
    }
}
