//! The JSON report is as `src/report/report.schema.json` says. The checker here knows the few words that this schema uses and
//! refuses any other, so that nothing in it goes unchecked; the library for all of JSON Schema would bring forty packages.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use agentd_syntax::{Confidence, Limits, Parser};
use agentd_tools::{
    duplicates::{Block, Duplicates, Group},
    findings::{Language, RuleSet},
    git::history::{FileHistory, History, Past},
    lockfiles::Collector,
    measured::Measured,
    project::Project,
    report::{Others, Parts, Report, Run, build},
    structure::Links,
    survey::{Manifest, SourceFile},
};
use serde_json::{Map, Value, json};

const SCHEMA: &str = include_str!("../src/report/report.schema.json");

/// Every place where `value` is not as `schema` says.
fn faults(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (word, rule) in schema.as_object().unwrap() {
        let fits = match word.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                found.extend(faults(root, &root["$defs"][name], value, at));
                root["$defs"].get(name).is_some()
            }
            "anyOf" => rule.as_array().unwrap().iter().any(|one| faults(root, one, value, at).is_empty()),
            "type" => has_type(rule.as_str().unwrap(), value),
            "const" => rule == value,
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
            "minItems" => value.as_array().is_none_or(|list| list.len() as u64 >= rule.as_u64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|list| list.len() as u64 <= rule.as_u64().unwrap()),
            "pattern" => value.as_str().is_none_or(|text| matches(rule.as_str().unwrap(), text)),
            "items" => {
                for (number, item) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(faults(root, rule, item, &format!("{at}[{number}]")));
                }
                true
            }
            "properties" => {
                for (name, item) in value.as_object().into_iter().flatten() {
                    if let Some(rule) = rule.get(name) {
                        found.extend(faults(root, rule, item, &format!("{at}.{name}")));
                    }
                }
                true
            }
            "required" => value.as_object().is_none_or(|object| has_all(object, rule)),
            "additionalProperties" => {
                assert_eq!(rule, &Value::Bool(false));
                let known = schema["properties"].as_object().unwrap();
                value.as_object().is_none_or(|object| object.keys().all(|name| known.contains_key(name)))
            }
            other => panic!("{at}: the checker does not know `{other}`"),
        };
        if !fits {
            found.push(format!("{at}: {word} {rule} does not hold for {value:.80}"));
        }
    }
    found
}

fn has_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the checker does not know the type {other}"),
    }
}

fn has_all(object: &Map<String, Value>, names: &Value) -> bool {
    names.as_array().unwrap().iter().all(|name| object.contains_key(name.as_str().unwrap()))
}

/// The two patterns of the schema.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern {
        "^[0-9a-f]{16}$" => text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
        "^[a-z][a-z0-9-]*$" => {
            text.starts_with(|c: char| c.is_ascii_lowercase())
                && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        }
        other => panic!("the checker does not know the pattern {other}"),
    }
}

/// Something in every part that is found beside the measuring.
fn others() -> Others {
    let file = |path: &str| FileHistory { path: path.into(), commits: 9, authors: 2, last: -1 };
    let history = History {
        commits: 12,
        authors: 2,
        span: Some((-1, 1_795_219_200)),
        files: vec![file("b.py"), file("main.go")],
        shallow: true,
        ..History::default()
    };
    let block = |file, path: &str| Block { file, path: path.into(), first: 1, last: 20 };
    let places = vec![block(0, "src/a.rs"), block(1, "b.py")];
    let group = Group { places, count: 2, lines: 20, tokens: 90, lowered: false };
    let duplicates = Duplicates { groups: vec![group], group_count: 1, covered_lines: 40, ..Duplicates::default() };
    let mut locks = Collector::default();
    locks.add("Cargo.toml", "[package]\nname = \"demo\"\n[dependencies]\nitoa = \"1\"\nryu = \"*\"\n");
    let package = |version: &str| format!("[[package]]\nname = \"itoa\"\nversion = \"{version}\"\n");
    locks.add(
        "Cargo.lock",
        &format!("version = 4\n{}{}[[package]]\nname = \"demo\"\n", package("1.0.0"), package("0.4.0")),
    );
    locks.add("web/yarn.lock", "# yarn lockfile v1\n\nms@2\n");
    locks.add("web/bun.lock", "");
    Others { past: Past::Read(history).into(), duplicates: Some(duplicates.into()), locks: Some(locks.finish().into()) }
}

/// A report over real sources with something in every part that rules fill.
fn report() -> Report {
    let sources = [
        (
            "src/a.rs",
            Language::Rust,
            "fn f(xs: &[&str]) { for x in xs { let re = Regex::new(\"a+\").unwrap(); re.is_match(x); } }\n",
        ),
        (
            "b.py",
            Language::Python,
            "import re\ndef f(xs):\n    for x in xs:\n        if x > 1:\n            re.compile('a+')\n",
        ),
        ("main.go", Language::Go, "package main\nfunc main() { if true { println(1) } }\n"),
    ];
    let file = |(path, language, text): &(&str, Language, &str)| SourceFile {
        path: (*path).into(),
        bytes: u32::try_from(text.len()).unwrap(),
        language: Some(*language),
    };
    let manifest = Manifest { files: sources.iter().map(file).collect(), ..Manifest::default() };
    let rules = RuleSet::ALL.without("string-chain").at_least(Confidence::Low);
    let (mut parser, mut measured) = (Parser::new(), Measured::under(rules));
    parser.set_rules(rules);
    for (number, (path, language, text)) in (0..).zip(sources) {
        let facts = parser.analyze(language, text.as_bytes(), Limits::default()).unwrap();
        measured.add(number, path, &facts, Links::default());
    }
    let (structure, project, others) = (Default::default(), Project::default(), others());
    let run = Run { folder: "demo".into(), failed: vec![(1, "gone".into())], ..Run::default() };
    build(&Parts {
        manifest: &manifest,
        measured: &measured,
        structure: &structure,
        project: &project,
        others: &others,
        run: &run,
    })
}

#[test]
fn a_real_report_is_as_the_schema_says() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let report = report();
    assert!(report.findings.by_rule.iter().any(|group| group.rule == "loop-regex-compile"), "{:#?}", report.findings);
    let locks = report.dependencies.as_ref().unwrap();
    assert!(locks.findings.iter().any(|finding| !finding.versions.is_empty()), "{locks:#?}");
    assert!(locks.files.iter().any(|row| row.packages.is_none()) && !locks.unread.is_empty(), "{locks:#?}");
    assert!(report.advice.changes.len() > 2 && report.hotspots.files.len() == 2, "{report:#?}");
    let report = serde_json::to_value(report).unwrap();
    assert_eq!(faults(&schema, &schema, &report, "report"), Vec::<String>::new());
}

#[test]
fn what_is_not_so_is_noticed() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let good = serde_json::to_value(report()).unwrap();
    let place = "/findings/by_rule/0/places/0";
    for (pointer, bad) in [
        ("/schema", json!(1)),
        ("/findings/counts/total", json!(-1)),
        ("/findings/min_confidence", json!("sure")),
        ("/findings/by_rule", json!({})),
        (&*format!("{place}/rank"), json!(100)),
        (&*format!("{place}/line"), json!(0)),
        (&*format!("{place}/fingerprint"), json!("x")),
        (&*format!("{place}/in_test"), Value::Null),
        ("/languages/0/language", json!("cobol")),
        ("/advice/changes/0/effort", json!("XL")),
        ("/advice/changes/0/place/line", json!("here")),
        ("/history/oldest", json!("yesterday")),
        ("/hotspots/files/0/commits", json!(-1)),
        ("/duplicates/blocks/0/count", json!(1)),
        ("/duplicates/blocks/0/places/0/first", json!(0)),
        ("/dependencies/counts/0/fault", json!("odd")),
        ("/aside/packages", Value::Null),
        ("/subject", json!({"name": "demo"})),
    ] {
        let mut report = good.clone();
        *report.pointer_mut(pointer).unwrap() = bad;
        assert_ne!(faults(&schema, &schema, &report, "report"), Vec::<String>::new(), "{pointer}");
    }
    let mut more = good;
    more["findings"]["extra"] = json!(1);
    assert_ne!(faults(&schema, &schema, &more, "report"), Vec::<String>::new());
}
