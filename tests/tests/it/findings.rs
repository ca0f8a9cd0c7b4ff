//! Findings from end to end: problems planted in four languages are in the page, the JSON and the SARIF of one task; comments and
//! settings take them out; the rules explain themselves.

use std::{fs, path::PathBuf};

use agentd_proto::v1::{Confidence, ListRulesRequest, Rule, Severity};
use agentd_tests::{
    daemon::{Clients, Home, TestDaemon, cli, runtime},
    fixture,
};
use serde_json::{Value, json};

const RUST: &str = "use regex::Regex;

pub fn count(lines: &[String]) -> usize {
    let mut n = 0;
    for line in lines {
        let re = Regex::new(\"[a-z]+\").unwrap();
        if re.is_match(line) {
            n += 1;
        }
    }
    n
}
";

const PYTHON: &str = "def unique(items):
    seen = []
    for item in items:
        if item not in seen:
            seen.append(item)
    return seen
";

const GO: &str = "package main

import (
\t\"fmt\"
\t\"regexp\"
)

func matches(lines []string) int {
\tn := 0
\tfor _, line := range lines {
\t\tif regexp.MustCompile(`^a+$`).MatchString(line) {
\t\t\tn++
\t\t}
\t}
\treturn n
}

func main() { fmt.Println(matches(nil)) }
";

const JAVA: &str = "import java.util.List;

class A {
    String join(List<String> parts) {
        String text = \"\";
        for (String part : parts) {
            text += part;
        }
        return text;
    }
}
";

/// The same as [`PYTHON`], and allowed.
const ALLOWED: &str = "def unique(items):
    seen = []
    for item in items:
        # agentd: allow(loop-list-contains) never more than three
        if item not in seen:
            seen.append(item)
    return seen
";

/// Rule, file, line, and the line's text; as the report orders them.
const PLANTED: [(&str, &str, u64, &str); 5] = [
    ("loop-regex-compile", "main.go", 11, "if regexp.MustCompile(`^a+$`).MatchString(line) {"),
    ("loop-regex-compile", "src/lib.rs", 6, "let re = Regex::new(\"[a-z]+\").unwrap();"),
    ("loop-regex-compile", "tests/slow.rs", 6, "let re = Regex::new(\"[a-z]+\").unwrap();"),
    ("loop-string-concat", "A.java", 7, "text += part;"),
    ("loop-list-contains", "b.py", 4, "if item not in seen:"),
];

fn repository(home: &Home) -> PathBuf {
    let folder = home.folder("planted");
    let files = [
        ("src/lib.rs", RUST),
        ("tests/slow.rs", RUST),
        ("b.py", PYTHON),
        ("allowed.py", ALLOWED),
        ("main.go", GO),
        ("A.java", JAVA),
    ];
    fixture::write(&folder, &files);
    folder
}

/// Runs the client and gives what it printed.
fn prints(home: &Home, exit: i32, args: &[&str]) -> String {
    let output = cli(home, args);
    assert_eq!(output.status.code(), Some(exit), "{args:?}: {output:?}");
    let bytes = if exit == 0 { output.stdout } else { output.stderr };
    String::from_utf8(bytes).unwrap()
}

fn object(home: &Home, args: &[&str]) -> Value {
    serde_json::from_str(&prints(home, 0, args)).unwrap()
}

/// Every place of the JSON report.
fn places(report: &Value) -> Vec<(String, String, u64, String)> {
    let groups = report["findings"]["by_rule"].as_array().unwrap().iter();
    let rows = groups.flat_map(|group| group["places"].as_array().unwrap().iter().map(move |row| (group, row)));
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    rows.map(|(group, row)| {
        (word(&group["rule"]), word(&row["file"]), row["line"].as_u64().unwrap(), word(&row["text"]))
    })
    .collect()
}

/// How sure each of them is, in the same order; what rules think of it is theirs.
fn confidences(report: &Value) -> Vec<String> {
    let groups = report["findings"]["by_rule"].as_array().unwrap().iter();
    let rows = groups.flat_map(|group| group["places"].as_array().unwrap());
    rows.map(|row| row["confidence"].as_str().unwrap().to_owned()).collect()
}

fn planted() -> Vec<(String, String, u64, String)> {
    PLANTED.map(|(rule, file, line, text)| (rule.to_owned(), file.to_owned(), line, text.to_owned())).to_vec()
}

const REQUEST: &str = "Find performance problems in this repository";

#[test]
fn planted_problems_are_in_all_three_documents() {
    let home = Home::new();
    let folder = repository(&home);
    let folder = folder.to_str().unwrap();
    let _daemon = TestDaemon::start(&home);
    let target = home.folder("out").join("found.sarif");
    let told = prints(&home, 0, &["submit", "-w", folder, "-o", target.to_str().unwrap(), REQUEST]);
    assert_eq!(told, "", "the findings are in the file");

    let report = object(&home, &["show", "last", "--document", "report.json"]);
    assert_eq!(places(&report), planted());
    let findings = &report["findings"];
    let confidences = confidences(&report);
    let of = |word: &str| confidences.iter().filter(|confidence| *confidence == word).count();
    let counts = json!({"total": 5, "high": of("high"), "medium": of("medium"), "low": 0, "in_tests": 1});
    assert_eq!((&findings["counts"], of("high") + of("medium")), (&counts, 5));
    assert_eq!((&findings["suppressed"], &findings["left_out"], &findings["off"]), (&json!(1), &json!(0), &json!([])));
    let lines: usize = [RUST, RUST, PYTHON, ALLOWED, GO, JAVA].iter().map(|text| text.lines().count()).sum();
    assert_eq!((&findings["files"], &findings["lines"]), (&json!(6), &json!(lines)));
    assert_eq!(findings["min_confidence"], "medium");

    let page = prints(&home, 0, &["show", "last", "--document", "report.md"]);
    let section = page.split("## Performance findings").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut rest = section;
    for ((rule, file, line, _), confidence) in PLANTED.iter().zip(&confidences) {
        let place = format!("`{file}:{line}`, {confidence} confidence");
        rest = rest.split_once(&place).unwrap_or_else(|| panic!("{place} in its place: {section}")).1;
        assert_eq!(section.matches(&format!("### `{rule}`: ")).count(), 1, "each rule speaks once");
    }
    assert!(section.contains("1 finding is allowed by comments"), "{section}");
    assert!(!section.contains("allowed.py"), "{section}");

    let file = fs::read(&target).unwrap();
    assert_eq!(file, prints(&home, 0, &["show", "last", "--document", "report.sarif"]).into_bytes());
    check_sarif(&serde_json::from_slice(&file).unwrap());
}

fn check_sarif(sarif: &Value) {
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    let mut prints = Vec::new();
    let seen = results.iter().map(|result| {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["warning", "note"].contains(&result["level"].as_str().unwrap()), "{result}");
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        prints.push(result["partialFingerprints"]["agentdFinding/v1"].as_str().unwrap());
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uriBaseId"], "SRCROOT");
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let region = &place["region"];
        let line = region["startLine"].as_u64().unwrap();
        let file = word(&place["artifactLocation"]["uri"]);
        (word(&result["ruleId"]), file, line, word(&region["snippet"]["text"]))
    });
    assert_eq!(seen.collect::<Vec<_>>(), planted());
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), PLANTED.len(), "each finding has a print of its own");
    assert_eq!(run["properties"]["suppressed"], 1);
}

#[test]
fn a_rule_that_is_off_finds_nothing_and_a_slip_ends_the_start() {
    let home = Home::new();
    let folder = repository(&home);
    let off = "loop-regex-compile,loop-string-concat,loop-list-contains";
    let mut daemon = TestDaemon::start_with(&home, |command| {
        command.env("AGENTD_RULES__OFF", off);
    });
    let whole = object(&home, &["submit", "--json", "-w", folder.to_str().unwrap(), REQUEST]);
    let findings = &whole["report"]["findings"];
    assert_eq!((&findings["counts"]["total"], &findings["suppressed"]), (&json!(0), &json!(0)), "{findings}");
    let mut named: Vec<&str> = findings["off"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    named.sort_unstable();
    assert_eq!(named, ["loop-list-contains", "loop-regex-compile", "loop-string-concat"]);
    let page = prints(&home, 0, &["show", "last", "--document", "report.md"]);
    let said = format!("Nothing was found: {} rules looked at", findings["rules"]);
    assert!(page.contains(&said), "{page}");
    let listed = prints(&home, 0, &["rules"]);
    assert_eq!(listed.matches("(switched off)").count(), 3, "{listed}");
    daemon.stop();

    let mut daemon = TestDaemon::launch(&home, |command| {
        command.env("AGENTD_RULES__OFF", "loop-regx-compile");
    });
    assert_eq!(daemon.wait().code(), Some(78));
    let words = daemon.words();
    assert!(words.contains("did you mean `loop-regex-compile`?"), "{words}");
}

#[test]
fn rules_are_listed_and_explain_themselves() {
    let home = Home::new();
    let _daemon = TestDaemon::start(&home);
    let rules: Vec<Rule> = runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let answer = clients.rules.clone().list(ListRulesRequest {}).await.unwrap().into_inner();
        assert_eq!(answer.min_confidence(), Confidence::Medium);
        answer.rules
    });
    assert!(rules.is_sorted_by(|a, b| a.id < b.id) && rules.iter().all(|rule| rule.on));
    let listed = prints(&home, 0, &["rules"]);
    let swift = object(&home, &["rules", "--language", "swift", "--json"]);
    let swift = swift["rules"].as_array().unwrap();
    assert!((1..rules.len()).contains(&swift.len()), "some read Swift: {}", swift.len());
    for rule in &rules {
        assert_ne!(rule.severity(), Severity::Unspecified, "{rule:?}");
        assert!(listed.contains(&rule.id), "{} in {listed}", rule.id);
        let named = swift.iter().any(|one| one["id"] == rule.id.as_str());
        assert_eq!(named, rule.languages.iter().any(|language| language == "swift"), "{}", rule.id);
    }
    let page = prints(&home, 0, &["rules", "explain", "loop-regex-compile"]);
    let rule = rules.iter().find(|rule| rule.id == "loop-regex-compile").unwrap();
    for part in [&rule.why, &rule.instead, &rule.wrong_when, &rule.example_bad, &rule.example_good] {
        assert!(page.contains(part.as_str()), "{part}\n{page}");
    }
    let one = object(&home, &["rules", "explain", "loop-regex-compile", "--json"]);
    assert_eq!(one["instead"], rule.instead.as_str());
    let slip = prints(&home, 3, &["rules", "explain", "loop-regex-comple"]);
    assert!(slip.contains("did you mean `loop-regex-compile`"), "{slip}");
}
