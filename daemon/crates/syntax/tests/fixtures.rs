//! Every fixture says at the end of its lines what must be found there; this test compares both ways.
//!
//! After `expect: `, separated by `; `: `file KEY=N …`, `fn NAME CYCLOMATIC COGNITIVE PARAMETERS NESTING`, `end NAME`,
//! `import KIND TARGET,… [NAMES]`, `entry KIND [NAME]`.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be read fails the test")]

use std::{fs, path::PathBuf};

use agentd_syntax::{FileFacts, Language, Limits, Parser};

const FIXTURES: [&str; 10] = [
    "rust/sample.rs",
    "python/sample.py",
    "javascript/sample.js",
    "typescript/sample.ts",
    "tsx/sample.tsx",
    "go/sample.go",
    "c/sample.c",
    "cpp/sample.cpp",
    "java/Sample.java",
    "swift/sample.swift",
];

fn read(fixture: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(fixture);
    fs::read_to_string(path).unwrap()
}

fn facts(fixture: &str, source: &str) -> FileFacts {
    let language = Language::of_path(fixture, None).unwrap();
    Parser::new().analyze(language, source.as_bytes(), Limits::default()).unwrap()
}

/// What the fixture says, as sorted lines `LINE what`.
fn expected(source: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (number, line) in (1..).zip(source.lines()) {
        let Some((_, wanted)) = line.split_once("expect: ") else { continue };
        for want in wanted.trim_end_matches("*/").trim().split("; ") {
            match want.split_once(' ').unwrap() {
                ("file", counts) => all.extend(counts.split(' ').map(|count| format!("0 {count}"))),
                ("import", rest) => {
                    let mut words = rest.split(' ');
                    let (kind, targets) = (words.next().unwrap(), words.next().unwrap());
                    let names = words.next().map_or(String::new(), |names| format!(" {names}"));
                    all.extend(targets.split(',').map(|t| format!("{number} import {kind} {t}{names}")));
                }
                ("entry", "shebang") => all.push("1 entry shebang".to_owned()),
                _ => all.push(format!("{number} {want}")),
            }
        }
    }
    all.sort();
    all
}

/// What was found, in the same form; ends only of functions whose end the fixture names.
fn found(facts: &FileFacts, expected: &[String]) -> Vec<String> {
    let word = |kind: serde_json::Value| kind.as_str().unwrap().to_owned();
    let mut all = vec![
        format!("0 types={}", facts.types),
        format!("0 tests={}", facts.tests),
        format!("0 errors={}", facts.syntax_errors),
    ];
    for f in &facts.functions {
        all.push(format!("{} fn {} {} {} {} {}", f.line, f.name, f.cyclomatic, f.cognitive, f.parameters, f.nesting));
        if expected.iter().any(|line| line.ends_with(&format!(" end {}", f.name))) {
            all.push(format!("{} end {}", f.end_line, f.name));
        }
    }
    for i in &facts.imports {
        let kind = word(serde_json::to_value(i.kind).unwrap());
        let names = if i.names.is_empty() { String::new() } else { format!(" {}", i.names.join(",")) };
        all.push(format!("{} import {kind} {}{names}", i.line, i.target));
    }
    for e in &facts.entry_points {
        let kind = word(serde_json::to_value(e.kind).unwrap());
        let name = if kind == "shebang" { String::new() } else { format!(" {}", e.name) };
        all.push(format!("{} entry {kind}{name}", e.line));
    }
    all.sort();
    all
}

#[test]
fn fixtures_are_read_as_they_say() {
    let mut faults = Vec::new();
    for fixture in FIXTURES {
        let source = read(fixture);
        let facts = facts(fixture, &source);
        let expected = expected(&source);
        let found = found(&facts, &expected);
        assert!(facts.functions.len() >= 8, "{fixture} has too few functions");
        let differ = |mark: char, of: &[String], from: &[String]| -> Vec<String> {
            let lines = of.iter().filter(|line| !from.contains(line));
            lines.map(|line| format!("{mark} {fixture}:{line}")).collect()
        };
        faults.extend(differ('-', &expected, &found));
        faults.extend(differ('+', &found, &expected));
        let lines = facts.lines;
        assert_eq!(lines.code + lines.comment + lines.blank, lines.total, "{fixture}");
        assert_eq!(lines.total as usize, source.lines().count(), "{fixture}");
        assert!(!facts.generated && !facts.long_line && !facts.truncated, "{fixture}");
    }
    assert!(faults.is_empty(), "- expected, + found:\n{}", faults.join("\n"));
}

#[test]
fn line_ends_and_a_mark_at_the_start_change_nothing() {
    for fixture in FIXTURES {
        let source = read(fixture);
        let plain = facts(fixture, &source);
        let crlf = facts(fixture, &source.replace('\n', "\r\n"));
        assert_eq!(crlf, plain, "{fixture} with CRLF");
        if !source.starts_with("#!") {
            assert_eq!(facts(fixture, &format!("\u{feff}{source}")), plain, "{fixture} with BOM");
        }
    }
}

#[test]
fn facts_survive_json() {
    for fixture in FIXTURES {
        let facts = facts(fixture, &read(fixture));
        let json = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<FileFacts>(&json).unwrap(), facts, "{fixture}");
    }
}

#[test]
fn an_outline_names_what_a_file_defines() {
    // Language, source, `NAME KIND LINE END` of each symbol.
    let cases: [(Language, &str, &[&str]); 9] = [
        (
            Language::Rust,
            "mod m {\n const A: u8 = 1;\n struct S {\n }\n}\nimpl<T> S<T> { fn f() {} }\nmacro_rules! x { () => {} }\nfn g() { const B: u8 = 1; }",
            &[
                "m module 1 5",
                "m::A constant 2 2",
                "m::S struct 3 4",
                "S::f method 6 6",
                "x macro 7 7",
                "g function 8 8",
            ],
        ),
        (
            Language::Python,
            "A = 1\nb = 2\nclass C:\n  def m(self): pass\n",
            &["A constant 1 1", "C class 3 4", "C.m method 4 4"],
        ),
        (
            Language::JavaScript,
            "const a = 1; let b = 2;\nconst f = () => 1;\nclass C { m() {} }",
            &["a constant 1 1", "f function 2 2", "C class 3 3", "C.m method 3 3"],
        ),
        (
            Language::TypeScript,
            "interface I {}\ntype T = I;\nenum E {}\nnamespace N { export function f() {} }",
            &["I interface 1 1", "T type_alias 2 2", "E enum 3 3", "N module 4 4", "N.f function 4 4"],
        ),
        (
            Language::Go,
            "package p\nconst A = 1\ntype S struct {}\ntype I interface {}\nfunc (s S) M() {}",
            &["A constant 2 2", "S struct 3 3", "I interface 4 4", "S.M method 5 5"],
        ),
        (
            Language::C,
            "#define A 1\n#define G\n#define M(x) x\nstruct s { int x; };\nint f(void) { return 0; }",
            &["A constant 1 1", "M macro 3 3", "s struct 4 4", "f function 5 5"],
        ),
        (
            Language::Cpp,
            "namespace n {\nclass C { void m() {} };\n}",
            &["n module 1 3", "n::C class 2 2", "n::C::m method 2 2"],
        ),
        (
            Language::Java,
            "class C {\n static final int A = 1;\n int b;\n void m() {}\n}",
            &["C class 1 5", "C.A constant 2 2", "C.m method 4 4"],
        ),
        (
            Language::Swift,
            "struct S {\n func m() {}\n}\nextension S { func n() {} }\nprotocol P {}",
            &["S struct 1 3", "S.m method 2 2", "S.n method 4 4", "P interface 5 5"],
        ),
    ];
    let mut parser = Parser::new();
    for (language, source, expected) in cases {
        let symbols = parser.outline(language, source.as_bytes(), Limits::default()).unwrap();
        let lines: Vec<String> = symbols
            .iter()
            .map(|s| {
                let kind = serde_json::to_value(s.kind).unwrap();
                format!("{} {} {} {}", s.name, kind.as_str().unwrap(), s.line, s.end_line)
            })
            .collect();
        assert_eq!(lines, expected, "{}", language.name());
        let (facts, again) = parser.survey(language, source.as_bytes(), Limits::default()).unwrap();
        assert_eq!(again, symbols);
        assert_eq!(facts, parser.analyze(language, source.as_bytes(), Limits::default()).unwrap());
    }
}
