//! Sources that nobody writes by hand: whatever the bytes are, the answer comes, within the budget and without a panic.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be read fails the test")]

use std::{fs, ops::ControlFlow, path::PathBuf};

use agentd_syntax::{Error, FileFacts, Language, Limits, Parser, rules::RuleSet};

/// A parser with all that may go wrong switched on.
fn parser() -> Parser {
    let mut parser = Parser::new();
    parser.set_rules(RuleSet::ALL);
    parser
}

fn analyze(language: Language, source: &[u8]) -> Result<FileFacts, Error> {
    parser().analyze(language, source, Limits { max_bytes: 16 << 20, budget: None })
}

/// A budget of so many questions.
fn bounded(language: Language, source: &[u8], questions: u32) -> (Result<FileFacts, Error>, u32) {
    let mut asked = 0;
    let mut budget = || {
        asked += 1;
        if asked < questions { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let facts = parser().analyze(language, source, Limits::with_budget(&mut budget));
    (facts, asked)
}

fn consistent(facts: &FileFacts, what: &str) {
    let lines = facts.lines;
    assert_eq!(lines.code + lines.comment + lines.blank, lines.total, "{what}");
    for function in &facts.functions {
        assert!(function.cyclomatic >= 1 && function.line >= 1, "{what}: {function:?}");
        assert!(function.line <= function.end_line, "{what}: {function:?}");
        assert!(function.end_line <= lines.total, "{what}: {function:?}");
        assert!(function.name.len() <= 1_024, "{what}: {function:?}");
    }
}

/// The classic hostile shapes, each with its name.
fn shapes() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |open: &str, close: &str, n: usize| (open.repeat(n) + &close.repeat(n)).into_bytes();
    vec![
        ("empty", Vec::new()),
        ("only a mark", b"\xEF\xBB\xBF".to_vec()),
        ("line feeds", vec![b'\n'; 100_000]),
        ("NUL bytes", b"fn f() { \0 }\n\0".repeat(100)),
        ("invalid UTF-8", b"fn \xff\xfe() {}\n\xc3".repeat(100)),
        ("deep parentheses", deep("(", ")", 10_000)),
        ("open parentheses", deep("(", "", 20_000)),
        ("deep blocks", deep("{", "}", 10_000)),
        ("deep brackets", deep("[", "]", 10_000)),
        ("closing only", deep("", ")}]", 5_000)),
        ("deep calls", (b"f(".repeat(5_000)).to_vec()),
        ("deep ifs", b"if (a) { ".repeat(2_000)),
        ("else ifs", [b"if (a) {} ".to_vec(), b"else if (a) {} ".repeat(2_000)].concat()),
        ("long sum", [b"x = 1".to_vec(), b" && 1".repeat(10_000)].concat()),
        ("nested functions", b"function a() { fn b() { func c() { ".repeat(500)),
        ("nested classes", b"class A { struct B { ".repeat(1_000)),
        ("open comment", [b"/*".to_vec(), b"* ".repeat(20_000)].concat()),
        ("open string", [b"x = \"".to_vec(), vec![b'a'; 100_000]].concat()),
        ("long name", vec![b'a'; 100_000]),
        ("deep loops", b"for (x in y) { for (;;) { if (z.contains(x)) z.push(x); ".repeat(60)),
        ("deep python loops", (0..200).flat_map(|n| [b" ".repeat(n), b"for x in y:\n".to_vec()].concat()).collect()),
        (
            "loops of calls",
            [
                b"function f(a){ let z = [];".to_vec(),
                b"for (const x of y) { z.includes(x); z.sort(); z.find((q) => q === x); }".repeat(150),
            ]
            .concat(),
        ),
        ("wide letters", "fn f() { for ä in öü { s.push_str(&format!(\"ß\")); } }\n".repeat(200).into_bytes()),
        ("closures", b"x => y => |z| ".repeat(1_000)),
        ("use groups", b"use a::{b::{".repeat(5_000)),
        ("many imports", b"import a, b.c as d\nuse a::{b, c};\n".repeat(5_000)),
        ("minified", b"function a(b){return b?1:2}var c=a(1)&&a(2);".repeat(1_000)),
        ("a table", b"  { 0x1F, \"a\", 17 }, // generated\r\n".repeat(3_000)),
        ("a base64 line", [b"x = \"".to_vec(), b"TWFu".repeat(50_000), b"\"\n".to_vec()].concat()),
        ("many arguments", [b"f(".to_vec(), b"a, ".repeat(30_000), b"a)\n".to_vec()].concat()),
        ("a long chain", [b"a".to_vec(), b".b(c)".repeat(10_000)].concat()),
        ("nested texts", b"`${".repeat(2_000)),
        ("carriage returns", b"x = 1\r// y\r".repeat(2_000)),
        ("all ends of lines", "a\nb\r\nc\rd\u{2028}e\u{85}f\u{b}".repeat(2_000).into_bytes()),
        ("lone surrogates", b"fn \xED\xA0\x80() { \xC0\x80 }\n".repeat(500)),
        ("marks between", b"\xEF\xBB\xBFx = 1\n\xEF\xBB\xBF".repeat(500)),
        ("other directions", "x = \"\u{202e}a\u{2066}b\" // \u{200b}\n".repeat(1_000).into_bytes()),
    ]
}

#[test]
fn no_shape_breaks_any_language() {
    for (shape, source) in shapes() {
        for language in Language::ALL {
            let what = format!("{shape} as {}", language.name());
            // Some shapes take the parsers of some grammars very long: then the budget must end them.
            match bounded(language, &source, 15_000).0 {
                Ok(facts) => consistent(&facts, &what),
                Err(error) => assert!(matches!(error, Error::Stopped), "{what}: {error}"),
            }
        }
    }
}

#[test]
fn a_hundred_thousand_parentheses_overflow_no_stack() {
    let depth = 100_000;
    let source = format!("fn f() {{ {}1{}; }}", "(".repeat(depth), ")".repeat(depth));
    let facts = analyze(Language::Rust, source.as_bytes()).unwrap();
    assert_eq!((facts.functions.len(), facts.syntax_errors), (1, 0));
}

#[test]
fn one_line_of_ten_megabytes_is_read() {
    let source = b"let a = [1, 2, 3]; ".repeat(10 * 1024 * 1024 / 19);
    let facts = analyze(Language::Rust, &source).unwrap();
    assert!(facts.long_line);
    assert_eq!(facts.lines.total, 1);
    let refused = parser().analyze(Language::Rust, &source, Limits::default()).unwrap_err();
    assert!(matches!(refused, Error::TooLarge { bytes, .. } if bytes == source.len()), "{refused}");
}

#[test]
fn other_encodings_are_refused() {
    let text = "fn main() { g(1); }\nint x;\n".repeat(20);
    let little = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let big = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    let wide: Vec<u8> = format!("\u{feff}{text}").chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let marked = format!("\u{feff}{text}");
    for source in [little(&marked), big(&marked), little(&text), big(&text), wide] {
        for language in Language::ALL {
            let refused = analyze(language, &source).unwrap_err();
            assert!(matches!(refused, Error::NotText { .. }), "{}: {refused}", language.name());
        }
    }
}

/// A function with one finding of high confidence, in line 4 of a text that begins with a comment.
const PLAIN: &str =
    "# caf\u{e9}\ndef f(xs):\n    seen = []\n    for x in xs:\n        if x not in seen:\n            seen.append(x)\n";

#[test]
fn what_is_nearly_utf8_is_read_as_well_as_it_can_be() {
    let latin: Vec<u8> = PLAIN.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let cases = [
        ("UTF-8", PLAIN.as_bytes().to_vec()),
        ("a mark before it", format!("\u{feff}{PLAIN}").into_bytes()),
        ("Windows' ends of lines", PLAIN.replace('\n', "\r\n").into_bytes()),
        ("mixed ends of lines", PLAIN.replace(":\n", ":\r\n").into_bytes()),
        ("Latin-1 in a comment", latin),
    ];
    for (what, source) in cases {
        let facts = analyze(Language::Python, &source).unwrap();
        consistent(&facts, what);
        let function = facts.functions.first().map(|f| (f.name.as_str(), f.line, f.end_line));
        assert_eq!(function, Some(("f", 2, 6)), "{what}");
        assert_eq!((facts.lines.total, facts.lines.comment, facts.syntax_errors), (6, 1, 0), "{what}");
        let lines: Vec<u32> = facts.findings.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [5], "{what}");
        assert_eq!(facts.findings[0].text, "if x not in seen:", "{what}");
    }
    // A NUL ends a comment for some grammars: what stands after the line is found all the same.
    let facts = analyze(Language::Python, PLAIN.replace("caf", "ca\0f").as_bytes()).unwrap();
    consistent(&facts, "a NUL in a comment");
    assert_eq!((facts.functions.len(), facts.findings.len(), facts.lines.total), (1, 1, 6));
}

/// Sources that are good but made to cost the rules much: (name, language, head, unit, how often, tail).
const DEAR: [(&str, Language, &str, &str, usize, &str); 9] = [
    (
        "loops over one list",
        Language::Python,
        "def f(xs):\n    seen = []\n",
        "    for x in xs:\n        if x not in seen:\n            seen.append(x)\n",
        4_000,
        "",
    ),
    (
        "bindings of many names",
        Language::Python,
        "def f(xs):\n    a = ''\n",
        "    for x in xs:\n        a = a + str(x)\n        xs = xs + [a]\n",
        30,
        "",
    ),
    ("a chain of texts", Language::Python, "def f(s):\n    if s == 'a': g()\n", "    elif s == 'b': g()\n", 5_000, ""),
    (
        "loops in loops",
        Language::JavaScript,
        "function f(a) {",
        "for (const x of a) { if (a.includes(x)) a.push(x);",
        200,
        "",
    ),
    (
        "a sum in a loop",
        Language::Java,
        "class A { void f(String[] xs) { String s = \"\"; for (String x : xs) { s = s",
        " + x",
        10_000,
        "; } } }",
    ),
    (
        "maps",
        Language::Java,
        "class A { void f(Map<String, String> m, String k) {",
        "if (m.containsKey(k)) { m.get(k); }",
        5_000,
        "} }",
    ),
    (
        "defers",
        Language::Go,
        "package p\nfunc f(xs []string) { for _, x := range xs {",
        "g, _ := os.Open(x); defer g.Close();\n",
        3_000,
        "} }",
    ),
    (
        "awaits under a lock",
        Language::Rust,
        "async fn f(s: S) {",
        "let g = s.m.lock().unwrap(); h().await;\n",
        3_000,
        "}",
    ),
    ("parameters", Language::Cpp, "", "int f(const std::string s) { return s.size(); }\n", 5_000, ""),
];

#[test]
fn rules_give_up_before_they_cost_more_than_the_parse() {
    for (what, language, head, unit, times, tail) in DEAR {
        let source = format!("{head}{}{tail}", unit.repeat(times));
        let facts = analyze(language, source.as_bytes()).unwrap();
        consistent(&facts, what);
        // What was left out is told: by the cut, or it is a line that nobody wrote.
        assert!(facts.findings.len() <= 200, "{what}: {}", facts.findings.len());
        let quiet = facts.findings.is_empty();
        assert!(facts.findings_cut || facts.long_line || !quiet, "{what}: {facts:?}");
    }
}

#[test]
fn the_budget_ends_the_parse_and_the_parser_is_good_for_the_next_file() {
    let long = b"fn f(a: u32) -> u32 { if a > 1 { 1 } else { 2 } }\n".repeat(5_000);
    let (facts, all) = bounded(Language::Rust, &long, u32::MAX);
    assert_eq!(facts.unwrap().functions.len(), 5_000);
    // Early in the parse, and in the walk, which comes last.
    for questions in [1, 2, 100, all / 2, all] {
        let (stopped, asked) = bounded(Language::Rust, &long, questions);
        assert!(matches!(stopped, Err(Error::Stopped)), "after {questions} of {all}");
        assert_eq!(asked, questions, "it is not asked again");
    }
    let mut parser = parser();
    let mut never = || ControlFlow::Break(());
    parser.analyze(Language::Rust, &long, Limits::with_budget(&mut never)).unwrap_err();
    let next = parser.analyze(Language::Rust, b"fn g() {}", Limits::default()).unwrap();
    assert_eq!((next.functions.len(), next.syntax_errors), (1, 0));
    assert_eq!(next.functions[0].name, "g");
}

#[test]
fn broken_syntax_is_counted_and_the_rest_is_found() {
    let source = b"fn a() {}\nfn b( {\n}\nstruct ;\nfn c() { if x {} }\n";
    let facts = analyze(Language::Rust, source).unwrap();
    assert!(facts.syntax_errors > 0);
    assert_eq!(facts.functions[0].name, "a");
    let many = b"fn ) struct ; ".repeat(5_000);
    assert!(analyze(Language::Rust, &many).unwrap().syntax_errors <= 1_000);
}

#[test]
fn comments_alone_are_comments_and_generated_code_is_seen() {
    let facts = analyze(Language::Go, b"// Code generated by x. DO NOT EDIT.\n\n/* a\n b */\n").unwrap();
    assert!(facts.generated);
    assert_eq!((facts.lines.comment, facts.lines.blank, facts.lines.code), (3, 1, 0));
}

/// A small generator (xorshift64*, Vigna 2016): the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound.max(1)
    }
}

/// One change: bytes replaced, removed, doubled or moved.
fn mutate(source: &mut Vec<u8>, numbers: &mut Numbers) {
    let at = numbers.below(source.len());
    let length = numbers.below(64).min(source.len() - at);
    match numbers.below(5) {
        0 => source[at] = numbers.next().to_le_bytes()[7],
        1 => drop(source.drain(at..at + length)),
        2 => {
            let piece = source[at..at + length].to_vec();
            let to = numbers.below(source.len());
            source.splice(to..to, piece);
        }
        3 => {
            let tokens: [&[u8]; 8] = [b"{", b"}", b"(", b"\"", b"/*", b"\n", b"'", b"<"];
            let token = tokens[numbers.below(tokens.len())];
            source.splice(at..at, token.iter().copied());
        }
        _ => source.truncate(at.max(source.len() / 2)),
    }
    if source.is_empty() {
        source.push(b' ');
    }
}

#[test]
fn random_bytes_and_mutated_fixtures_never_panic() {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut parser = parser();
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    let mut checked = 0;
    let folders = ["fixtures", "rules"].map(|name| fs::read_dir(tests.join(name)).unwrap());
    let folders = folders.into_iter().flatten().map(|folder| folder.unwrap().path());
    for path in folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path()) {
        let rounds = if path.starts_with(tests.join("fixtures")) { 60 } else { 8 };
        let fixture = fs::read(&path).unwrap();
        let language = Language::of_path(path.to_str().unwrap(), None).unwrap();
        for round in 0..rounds {
            let mut source = fixture.clone();
            for _ in 0..=round / 4 {
                mutate(&mut source, &mut numbers);
            }
            if round % 10 == 0 {
                let random = (0..2_000).map(|_| numbers.next().to_le_bytes()[7]);
                source = random.collect();
            }
            let what = format!("{} round {round}", path.display());
            match parser.survey(language, &source, Limits::default()) {
                Ok((facts, _)) => consistent(&facts, &what),
                Err(error) => assert!(matches!(error, Error::NotText { .. }), "{what}: {error}"),
            }
            checked += 1;
        }
    }
    assert!(checked >= 600 + 8 * 40, "{checked}");
}
