//! Each rule has a folder `tests/rules/<id>` with `hit.<ext>` and `miss.<ext>` for each language it reads. In a hit, lines with findings
//! end in a comment `HIT` (or `HIT 2` for two of them); in a miss there are none.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be read fails the test")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use agentd_syntax::{
    Confidence, FileFacts, Finding, Language, Limits, Parser, RuleId,
    rules::{self, Rule, RuleSet},
};

const fn extension(language: Language) -> &'static str {
    match language {
        Language::Rust => "rs",
        Language::Python => "py",
        Language::JavaScript => "js",
        Language::TypeScript => "ts",
        Language::Tsx => "tsx",
        Language::Go => "go",
        Language::C => "c",
        Language::Cpp => "cpp",
        Language::Java => "java",
        Language::Swift => "swift",
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/rules")
}

fn facts(language: Language, source: &str, rules: RuleSet) -> FileFacts {
    let mut parser = Parser::new();
    parser.set_rules(rules);
    parser.analyze(language, source.as_bytes(), Limits::default()).unwrap()
}

fn only(rule: &Rule) -> RuleSet {
    RuleSet::NONE.with(rule.id)
}

/// Lines with a mark, once for each finding that is wanted there.
fn marked(source: &str) -> Vec<u32> {
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(source.lines()) {
        let mark = line.rsplit_once("// HIT").or_else(|| line.rsplit_once("# HIT"));
        if let Some((_, count)) = mark {
            let count = count.trim().parse().unwrap_or(1);
            lines.extend(std::iter::repeat_n(number, count));
        }
    }
    lines
}

fn lines(findings: &[Finding]) -> Vec<u32> {
    findings.iter().map(|finding| finding.line).collect()
}

#[test]
fn each_rule_hits_where_its_fixtures_say_and_nowhere_else() {
    let mut faults = Vec::new();
    for rule in rules::all() {
        for language in rule.languages {
            for kind in ["hit", "miss"] {
                let name = format!("{}/{kind}.{}", rule.id, extension(*language));
                let Ok(source) = fs::read_to_string(folder().join(&name)) else {
                    faults.push(format!("{name} is missing"));
                    continue;
                };
                let facts = facts(*language, &source, only(rule));
                let (wanted, found) = (marked(&source), lines(&facts.findings));
                // Code of the source stands between backticks, which those who show a message rely on.
                let odd = |finding: &&Finding| !finding.message.matches('`').count().is_multiple_of(2);
                faults.extend(facts.findings.iter().filter(odd).map(|finding| format!("{name}: {}", finding.message)));
                if wanted != found || (kind == "hit") == wanted.is_empty() {
                    faults.push(format!("{name}: wanted {wanted:?}, found {found:?}"));
                }
                if facts.syntax_errors > 0 {
                    faults.push(format!("{name}: {} syntax errors", facts.syntax_errors));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_fixture_is_left_over() {
    let mut faults = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let id = path.file_name().unwrap().to_str().unwrap().to_owned();
        let languages = rules::by_id(&id).map_or(&[][..], |rule| rule.languages);
        for file in fs::read_dir(&path).unwrap() {
            let file = file.unwrap().path();
            let known = languages.iter().any(|l| file.extension().is_some_and(|e| e == extension(*l)));
            if !known {
                faults.push(file.display().to_string());
            }
        }
    }
    assert!(faults.is_empty(), "no rule reads {}", faults.join(", "));
}

#[test]
fn the_registry_is_whole() {
    let ids: BTreeSet<&str> = rules::all().iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), rules::all().len(), "two rules have one id");
    let mut faults = Vec::new();
    for rule in rules::all() {
        assert_eq!(rules::by_id(rule.id).unwrap().id, rule.id);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(rule.id.chars().all(plain) && rule.version > 0 && !rule.languages.is_empty(), "{}", rule.id);
        for text in [rule.title, rule.why, rule.instead, rule.wrong_when] {
            assert!(text.len() > 12 && !text.ends_with('.'), "{}: {text:?}", rule.id);
        }
        for (example, wanted) in [(rule.example_bad, true), (rule.example_good, false)] {
            let facts = facts(rule.languages[0], example, only(rule));
            if facts.syntax_errors > 0 || facts.findings.is_empty() == wanted {
                faults.push(format!("{}: {} findings in {example}", rule.id, facts.findings.len()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Where words show code, it stands between backticks: whatever begins a sentence with them may turn the first letter large.
#[test]
fn code_in_words_stands_between_backticks() {
    let is_code = |word: &str| {
        let has_hump = word.chars().zip(word.chars().skip(1)).any(|(a, b)| a.is_lowercase() && b.is_uppercase());
        let has_dot = word.trim_end_matches('.').contains('.');
        let has_sign = ["::", "()", "(&", "!", "=", "_", "[", "{", "\\"].iter().any(|sign| word.contains(sign));
        (has_hump && !word.contains("JavaScript")) || has_dot || has_sign
    };
    for rule in rules::all() {
        let parts: Vec<&str> = rule.instead.split('`').collect();
        assert!(parts.len() % 2 == 1, "{}: {}", rule.id, rule.instead);
        let bare: Vec<&str> = parts.iter().step_by(2).flat_map(|part| part.split_whitespace()).collect();
        let left: Vec<&&str> = bare.iter().filter(|word| is_code(word)).collect();
        assert!(left.is_empty(), "{}: {left:?} in {}", rule.id, rule.instead);
    }
}

const BAD: &str =
    "def f(xs):\n    seen = []\n    for x in xs:\n        if x not in seen:MARK\n            seen.append(x)\n";

#[test]
fn a_finding_says_where_and_why() {
    let facts = facts(Language::Python, &BAD.replace("MARK", ""), RuleSet::ALL);
    let [finding] = facts.findings.as_slice() else { panic!("{:?}", facts.findings) };
    assert_eq!(finding.rule, RuleId("loop-list-contains"));
    assert_eq!((finding.line, finding.column, finding.end_line, finding.end_column), (4, 12, 4, 25));
    assert_eq!(finding.text, "if x not in seen:");
    assert!(finding.message.starts_with("`seen` ") && finding.confidence == Confidence::Medium);
    let json = serde_json::to_string(&facts).unwrap();
    assert_eq!(serde_json::from_str::<FileFacts>(&json).unwrap(), facts);
    assert!(serde_json::from_str::<RuleId>("\"no-such-rule\"").is_err());
}

#[test]
fn a_comment_allows_a_finding_and_is_counted() {
    let cases = [
        ("  # agentd: allow(loop-list-contains) short", 1),
        ("  # agentd: allow(other-rule)", 0),
        ("  # allow(loop-list-contains)", 0),
    ];
    for (mark, suppressed) in cases {
        let facts = facts(Language::Python, &BAD.replace("MARK", mark), RuleSet::ALL);
        assert_eq!((facts.findings.len(), facts.suppressed), (1 - suppressed as usize, suppressed), "{mark}");
    }
    let above =
        BAD.replace("MARK", "").replace("        if", "        # agentd: allow(loop-list-contains)\n        if");
    assert_eq!(facts(Language::Python, &above, RuleSet::ALL).suppressed, 1);
}

#[test]
fn a_finding_says_that_the_comment_at_it_allows_no_rule() {
    let strange = "; a comment here allows `loop-list-containz`, but no rule is called so";
    let cases = [
        ("", ""),
        ("  # agentd: allow(loop-list-containz) short", strange),
        ("  # agentd: allow(loop-sort, loop-list-containz, other)", strange),
        ("  # agentd: allow(loop-sort)", ""),
        ("  # agentd: allow(a`b)", "; a comment here allows a name, but no rule is called so"),
        ("  # agentd: allow()", "; a comment here allows a name, but no rule is called so"),
    ];
    for (mark, end) in cases {
        let source = BAD.replace("MARK", mark);
        let above = BAD.replace("MARK", "").replace("        if", &format!("      {mark}\n        if"));
        for source in [source, above] {
            let facts = facts(Language::Python, &source, RuleSet::ALL);
            let [finding] = facts.findings.as_slice() else { panic!("{source}: {:?}", facts.findings) };
            let wanted = format!("`seen` grows in a loop and is read from its start for each question{end}");
            assert_eq!(finding.message, wanted, "{source}");
        }
    }
    let both = BAD.replace("MARK", "  # agentd: allow(loop-list-containz, loop-list-contains)");
    assert_eq!(facts(Language::Python, &both, RuleSet::ALL).suppressed, 1);
}

#[test]
fn tests_and_generated_files_are_left_alone() {
    let source = BAD.replace("MARK", "");
    for quiet in [source.replace("def f", "def test_f"), format!("# @generated\n{source}")] {
        assert!(facts(Language::Python, &quiet, RuleSet::ALL).findings.is_empty(), "{quiet}");
    }
    let in_module = "#[cfg(test)]\nmod tests { fn f(xs: &[u8]) { for x in xs { Regex::new(\"a\"); } } }";
    assert!(facts(Language::Rust, in_module, RuleSet::ALL).findings.is_empty());
}

#[test]
fn a_set_says_which_rules_are_on() {
    let source = BAD.replace("MARK", "");
    let without = RuleSet::ALL.without("loop-list-contains");
    assert!(facts(Language::Python, &source, without).findings.is_empty());
    assert!(facts(Language::Python, &source, RuleSet::NONE).findings.is_empty());
    let slow = "def f(xs):\n    s = \"\"\n    for x in xs:\n        s += str(x)\n";
    assert_eq!(facts(Language::Python, slow, RuleSet::ALL).findings.len(), 1);
    assert!(facts(Language::Python, slow, RuleSet::ALL.at_least(Confidence::Medium)).findings.is_empty());
    let sets = [RuleSet::NONE, RuleSet::ALL, without, RuleSet::ALL.at_least(Confidence::High)];
    let prints: BTreeSet<u64> = sets.iter().map(|set| set.fingerprint()).collect();
    assert_eq!(prints.len(), sets.len());
    assert_eq!(RuleSet::ALL.without("loop-sort").with("loop-sort").fingerprint(), RuleSet::ALL.fingerprint());
    assert_eq!(RuleSet::NONE.fingerprint(), 0xce3e_61ad_711a_a97a, "it must not change from build to build");
}

#[test]
fn findings_of_a_file_are_bounded_and_the_cut_is_told() {
    let many = "const a = xs.filter((x) => x.id === id)[0];\n".repeat(500);
    let facts = facts(Language::JavaScript, &many, RuleSet::ALL);
    assert_eq!(facts.findings.len(), 200);
    assert!(facts.findings_cut);
}

#[test]
fn in_a_function_however_long_something_is_found() {
    for lines in [10, 1_000, 10_000, 20_000] {
        let source =
            format!("def f(xs):\n    l = []\n    for x in xs:\n{}", "        if x in l: l.append(x)\n".repeat(lines));
        let facts = facts(Language::Python, &source, RuleSet::ALL);
        let found = facts.findings.len();
        assert!(found >= 10 && facts.findings_cut == (found < lines), "{lines} lines: {found}");
    }
}

#[test]
fn the_type_of_a_declaration_is_that_of_all_its_names() {
    let declared =
        ["List<Integer> seen = g();", "List<Integer> a = g((String s) -> { int b = 1; return s; }), seen = g();"];
    let other =
        ["Set<Integer> seen = g();", "Bag a = g((String s) -> { List<Integer> b = g(); return s; }), seen = g();"];
    for (declarations, wanted) in [(declared, 1), (other, 0)] {
        for declaration in declarations {
            let body = "for (int x : xs) { if (!seen.contains(x)) { seen.add(x); } }";
            let source = format!("class A {{ void f(int[] xs) {{ {declaration} {body} }} }}");
            let facts = facts(Language::Java, &source, RuleSet::NONE.with("loop-list-contains"));
            assert_eq!((facts.findings.len(), facts.syntax_errors), (wanted, 0), "{declaration}");
        }
    }
}
