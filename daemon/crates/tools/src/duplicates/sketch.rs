//! Makes of one file a list of hashes, one per line that counts. Pure and quick, so that it runs while the file is measured.

use agentd_syntax::Language;

use super::{
    attributes::{Attribute, Attributes},
    packed::{Lines, Sketch},
    windows::chosen,
};

/// Lines that are kept of one file; longer ones are data or generated.
const MAX_FILE_LINES: usize = 20_000;
const _: () = assert!(MAX_FILE_LINES <= u16::MAX as usize, "places of windows have two bytes");

/// An import list is given up after so many lines, so that a bracket that never closes does not swallow the file.
const MAX_IMPORT_LINES: u32 = 200;

/// Makes the sketch of a file. Any bytes will do; the time is linear in their number.
#[must_use]
pub fn sketch(content: &[u8], language: Language) -> Sketch {
    let mut lines = Lines::default();
    let mut lexer = Lexer { hash_comments: language == Language::Python, open: Open::Code };
    let mut attributes = Attributes::of(language);
    let mut imports = Imports { language, depth: 0, lines: 0 };
    for (number, line) in (1_u32..).zip(content.split(|byte| *byte == b'\n')) {
        if language == Language::Rust && lines.tests_from.is_none() && line.starts_with(b"#[cfg(test)]") {
            lines.tests_from = Some(lines.hashes.len());
        }
        let line = lexer.line(line, attributes.begin());
        if attributes.end(line.attribute) || imports.takes(&line) || line.words == 0 {
            continue;
        }
        if lines.hashes.len() >= MAX_FILE_LINES {
            lines.cut = true;
            break;
        }
        lines.hashes.push(line.hash());
        lines.numbers.push(number);
        lines.tokens.push(u8::try_from(line.tokens).unwrap_or(u8::MAX));
    }
    Sketch::pack(&lines, &chosen(&lines.hashes))
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv): stable between builds, as a cached value must be.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// What was found on one line.
struct Line<'t> {
    hash: u64,
    tokens: u32,
    /// Names and keywords; literals and `true`, `null` and the like are data.
    words: u32,
    /// Opened brackets minus closed ones.
    depth: i32,
    /// The first two tokens, and whether a later one is `require` or `from`.
    first: [&'t [u8]; 2],
    links: bool,
    /// Whether all of it belongs to attributes.
    attribute: Attribute,
}

impl<'t> Line<'t> {
    const fn new(attribute: Attribute) -> Self {
        Self { hash: OFFSET, tokens: 0, words: 0, depth: 0, first: [b"", b""], links: false, attribute }
    }

    fn push(&mut self, token: &'t [u8]) {
        // A byte that no token holds keeps `a b` and `ab` apart.
        for byte in token.iter().chain(b" ") {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
        if let Some(place) = self.first.get_mut(self.tokens as usize) {
            *place = token;
        }
        self.tokens += 1;
        self.attribute = self.attribute.after(token);
        match token {
            b"{" | b"(" | b"[" => self.depth += 1,
            b"}" | b")" | b"]" => self.depth -= 1,
            b"true" | b"false" | b"True" | b"False" | b"null" | b"nil" | b"None" | b"NULL" | b"nullptr" => {}
            _ => {
                self.words += u32::from(is_word(token[0]) && !token[0].is_ascii_digit());
                self.links |= matches!(token, b"require" | b"from");
            }
        }
    }

    const fn hash(&self) -> u32 {
        ((self.hash >> 32) ^ self.hash) as u32
    }
}

/// What is still open at a line's end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Code,
    /// `/* …`
    Comment,
    /// `""" …` or `''' …`, with this quote.
    Text(u8),
}

/// Cuts lines into tokens, as far as that is the same in all our languages. It may mistake a rare literal; it does so the
/// same way in both places of a copy.
struct Lexer {
    /// `#` begins a comment, and three quotes a text of several lines.
    hash_comments: bool,
    open: Open,
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// Where `pattern` ends in `text`.
fn after(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len()).position(|window| window == pattern).map(|place| place + pattern.len())
}

impl Lexer {
    fn line<'t>(&mut self, line: &'t [u8], attribute: Attribute) -> Line<'t> {
        let mut found = Line::new(attribute);
        let mut rest = line;
        while !rest.is_empty() {
            let closing: [u8; 3];
            let pattern: &[u8] = match self.open {
                Open::Code => {
                    rest = self.token(rest, &mut found);
                    continue;
                }
                Open::Comment => b"*/",
                Open::Text(quote) => {
                    closing = [quote; 3];
                    &closing
                }
            };
            let Some(end) = after(rest, pattern) else { break };
            rest = &rest[end..];
            self.open = Open::Code;
        }
        found
    }

    /// Takes one token, or what is none, from the beginning.
    fn token<'t>(&mut self, text: &'t [u8], found: &mut Line<'t>) -> &'t [u8] {
        let first = text[0];
        let length = match first {
            _ if first.is_ascii_whitespace() => return &text[1..],
            b'#' if self.hash_comments => return &[],
            b'/' if !self.hash_comments && text.starts_with(b"//") => return &[],
            b'/' if !self.hash_comments && text.starts_with(b"/*") => {
                self.open = Open::Comment;
                return &text[2..];
            }
            b'"' | b'\'' if self.hash_comments && text.starts_with(&[first; 3]) => {
                self.open = Open::Text(first);
                return &text[3..];
            }
            b'"' | b'`' => quoted(text).unwrap_or(text.len()),
            // A lifetime or an apostrophe unless it is closed.
            b'\'' => quoted(text).unwrap_or(1),
            _ if is_word(first) => text.iter().position(|byte| !is_word(*byte)).unwrap_or(text.len()),
            _ => 1,
        };
        let (token, rest) = text.split_at(length);
        found.push(token);
        rest
    }
}

/// The length of a literal with its quotes, if it ends on this line.
fn quoted(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    let end = text.iter().skip(1).position(|byte| {
        let ends = *byte == text[0] && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })?;
    Some(end + 2)
}

/// Takes out statements that import: every file of a folder has the same ones.
struct Imports {
    language: Language,
    /// Brackets that are open since the statement began.
    depth: i32,
    lines: u32,
}

impl Imports {
    fn takes(&mut self, line: &Line<'_>) -> bool {
        if self.depth > 0 && self.lines < MAX_IMPORT_LINES {
            self.depth += line.depth;
            self.lines += 1;
            return true;
        }
        let is_import = begins_import(self.language, line);
        self.depth = if is_import { line.depth } else { 0 };
        self.lines = 0;
        is_import
    }
}

fn begins_import(language: Language, line: &Line<'_>) -> bool {
    let [first, second] = line.first;
    match language {
        Language::Rust => match first {
            b"use" | b"extern" => second != b"\"C\"",
            // `pub use`, `pub mod x;`; a module with a body has code in it.
            b"pub" => second == b"use" || second == b"mod" && line.depth == 0,
            b"mod" => line.depth == 0,
            _ => false,
        },
        Language::Python => matches!(first, b"import" | b"from"),
        Language::JavaScript | Language::TypeScript | Language::Tsx => match first {
            b"import" => second != b"(",
            b"export" => matches!(second, b"{" | b"*"),
            b"const" | b"let" | b"var" => line.links,
            _ => false,
        },
        Language::Go | Language::Java | Language::Swift => matches!(first, b"import" | b"package"),
        Language::C | Language::Cpp => first == b"#" && matches!(second, b"include" | b"import") || first == b"using",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(language: Language, text: &str) -> Vec<u32> {
        let sketch = sketch(text.as_bytes(), language);
        (0..sketch.len()).map(|line| sketch.view().number(line)).collect()
    }

    #[test]
    fn only_lines_of_code_count() {
        use Language::{Go, Java, Python, Rust, TypeScript};
        let cases: [(Language, &str, &[u32]); 18] = [
            (Rust, "// licence\n/* two\n lines */ let a = 1;\n}\n\n);", &[3]),
            (Rust, "use a::{\n    b,\n    c,\n};\npub use d;\nmod e;\nmod f {\n    fn g() {}\n", &[7, 8]),
            (Rust, "let url = \"http://x\"; call(url);", &[1]),
            (Rust, "[\n    (1, \"a\", true),\n    (0x12, 'b', None),\n]", &[]),
            (Rust, "fn f<'a>(x: &'a str) { // it's\n    y()", &[1, 2]),
            (Python, "\"\"\"Doc.\n\nimport this\n\"\"\"\nfrom a import (\n  b,\n)\nx = f()  # no\n# no", &[8]),
            (
                TypeScript,
                "import {\n a,\n} from 'x';\nconst y = require('y');\nexport * from './z';\nimport('late');",
                &[6],
            ),
            (TypeScript, "const from_here = 1;\nlet text = `//`;", &[1, 2]),
            (Go, "package a\nimport (\n \"fmt\"\n)\nfunc main() {", &[5]),
            (Java, "package a.b;\nimport java.util.List;\nclass A {", &[3]),
            (Language::C, "#include <a.h>\n#define A 1\nint x;", &[2, 3]),
            (Rust, "", &[]),
            (
                Rust,
                "#![allow(a)]\n#[cfg(any(\n    unix, // [\n    windows = \"]\",\n))] #[b]\nfn f() {\n#[test] fn g() {\n}",
                &[6, 7],
            ),
            (Rust, "#[a(\nb\n)] fn f() {\nquote! { #name\n#name { b }", &[3, 4, 5]),
            (Java, "@A\n@b.C(d = {\n  e,\n})\nint x;\n@A int y;\n@interface D {\n@A @B(c)\nint z;", &[5, 6, 7, 9]),
            (Python, "@a.b(\n  c,\n)\n@d\ndef e(): pass\nx = (y\n@ z())", &[5, 6, 7]),
            (TypeScript, "@A({\n b: `c`,\n})\nexport class D {\n@E() f;\n", &[4, 5]),
            (Language::C, "#define A [\nint x;", &[1, 2]),
        ];
        for (language, text, wanted) in cases {
            assert_eq!(lines(language, text), wanted, "{text}");
        }
    }

    #[test]
    fn layout_and_comments_do_not_change_a_line_and_names_do() {
        let hash = |text: &str| sketch(text.as_bytes(), Language::Rust).view().hashes.to_vec();
        assert_eq!(hash("let a=f( b , 1 );"), hash("    let a = f(b, 1); // why"));
        for other in ["let a = f(b, 2);", "let ab = f(b, 1);", "let a = f(b 1);", "let a = f(\"b\", 1);"] {
            assert_ne!(hash("let a = f(b, 1);"), hash(other), "{other}");
        }
    }

    #[test]
    fn any_bytes_are_sketched_within_bounds() {
        let unclosed = format!("use a::{{\n{}", "    call(b);\n".repeat(300));
        assert_eq!(lines(Language::Rust, &unclosed).first(), Some(&202));
        let long = sketch("a();\n".repeat(MAX_FILE_LINES + 5).as_bytes(), Language::Rust);
        assert_eq!((long.len(), long.view().cut), (MAX_FILE_LINES, true));
        let wide = sketch("a ".repeat(100_000).as_bytes(), Language::Rust);
        assert_eq!(wide.view().tokens, [u8::MAX]);
        for seed in 0..2_000_u32 {
            let mut state = seed.wrapping_mul(2_654_435_761) | 1;
            let bytes: Vec<u8> = (0..200)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    b"\"'`/*#\\\n {}()use import a\xff\x00"[(state >> 24) as usize % 27]
                })
                .collect();
            for language in Language::ALL {
                let sketch = sketch(&bytes, language);
                assert_eq!(Sketch::decode(sketch.encode()).as_ref(), Some(&sketch));
            }
        }
    }
}
