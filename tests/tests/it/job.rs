//! The analysis from end to end: what the report says about a project of which everything is known, and what comes of
//! folders that are no project. Who does which step: `steps`.

use std::{collections::BTreeMap, fs};

use agentd_proto::v1::{TaskState, event::What};
use agentd_tests::{
    client::{Followed, analyze},
    daemon::{Clients, Home, TestDaemon, runtime},
    fixture,
};
use serde_json::{Value, json};

use crate::polyglot::{self, HEAVY, Heavy, lines};

struct Done {
    task: String,
    seen: Followed,
    json: Value,
    page: String,
}

/// Analyses a folder on a daemon of its own.
fn analysed(home: &Home, folder: &std::path::Path) -> Done {
    let _daemon = TestDaemon::start(home);
    runtime().block_on(async {
        let clients = Clients::connect(home).await.unwrap();
        let (task, seen) = clients.run(analyze(folder)).await;
        assert_eq!(seen.state(), TaskState::Succeeded, "{:#?}", seen.events);
        let json = serde_json::from_slice(&clients.document(&task, "report.json").await.unwrap()).unwrap();
        let page = String::from_utf8(clients.document(&task, "report.md").await.unwrap()).unwrap();
        Done { task, seen, json, page }
    })
}

fn polyglot(home: &Home) -> std::path::PathBuf {
    let folder = home.folder("polyglot");
    let files = polyglot::files();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, content)| (*name, content.as_str())).collect();
    fixture::write(&folder, &files);
    folder
}

#[test]
fn every_field_of_the_report_is_true() {
    let home = Home::new();
    let folder = polyglot(&home);
    let side = fs::read_to_string(folder.join("src/side.rs")).unwrap();
    fs::write(folder.join("src/side.rs"), "fn old() {}\n").unwrap();
    fixture::commit(&folder);
    fs::write(folder.join("src/side.rs"), &side).unwrap();
    let commit = fixture::commit(&folder);
    fs::write(folder.join("notes.txt"), "not tracked").unwrap();
    let Done { json: mut report, seen, .. } = analysed(&home, &folder);
    let summary = seen.events.iter().find_map(|event| match &event.what {
        Some(What::StepSucceeded(step)) if step.step == "structure" => Some(step.summary.as_str()),
        _ => None,
    });
    assert_eq!(summary, Some("9 dependencies between files, 3 cycles"), "as many as in the report");
    let took = report["subject"].as_object_mut().unwrap().remove("took_ms");
    assert!(took.is_some_and(|took| took.is_u64()));
    assert_eq!(report["schema"], 3);
    assert_eq!(report["subject"], subject(&commit));
    check_sizes(&report);
    check_entries(&report);
    assert_eq!(report["commands"], commands());
    check_complexity(&report);
    check_structure(&report);
    check_past(&mut report);
    check_dependencies(&report);
    check_advice(&report);
    let unseen = json!({
        "truncated": false,
        "skipped": [{"reason": "hidden", "count": 1, "examples": [".git"]}],
        "failed_count": 0,
        "failed": [],
        "syntax_errors": [],
        "generated_files": 0,
        "long_line_files": 0,
        "manifests": [],
    });
    assert_eq!(report["unseen"], unseen);
}

/// Two commits, of which one file is in both.
fn check_past(report: &mut Value) {
    let history = report["history"].as_object_mut().unwrap();
    let (oldest, newest) = (history.remove("oldest").unwrap(), history.remove("newest").unwrap());
    assert!(oldest.as_i64().unwrap() <= newest.as_i64().unwrap(), "{oldest} {newest}");
    let expected = json!({"unknown": null, "commits": 2, "authors": 1, "limited": false, "gaps": []});
    assert_eq!(report["history"], expected);
    let files = polyglot::files();
    let (code, ..) = lines(&files.iter().find(|(name, _)| *name == "src/side.rs").unwrap().1);
    let lighter = HEAVY.iter().find(|heavy| heavy.0 == "rust_lighter").unwrap();
    let hot = json!({"file": "src/side.rs", "score": 2 * code, "commits": 2, "authors": 1,         "last": newest, "code": code, "max_cyclomatic": lighter.cyclomatic(), "max_cognitive": lighter.cognitive()});
    assert_eq!(report["hotspots"], json!({"ranked": 1, "files": [hot]}));
    assert_eq!(report["tests"], json!({"functions": 1, "files": 3, "code": 4}));
    let aside = json!({"packages": 1, "entries": 1, "commands": 1, "cycles": 1, "folder_cycles": 0});
    assert_eq!(report["aside"], aside);
}

fn check_dependencies(report: &Value) {
    let version = |version: &str, line: u32| json!({"version": version, "line": line, "wanted_by": ["polyglot 0.1.0"], "wanted_by_count": 1});
    let found = json!({"fault": "several_versions", "ecosystem": "cargo", "package": "itoa", "detail": "2 versions: 0.4.8, 1.0.18",
        "source": at("Cargo.lock", 4), "versions": [version("0.4.8", 4), version("1.0.18", 8)],
        "version_count": 2, "minor": false});
    let expected = json!({
        "files": [{"file": "Cargo.lock", "kind": "cargo", "packages": 3}],
        "findings": [found],
        "counts": [{"fault": "several_versions", "count": 1}],
        "by_file": [{"fault": "several_versions", "file": "Cargo.lock", "count": 1, "surplus": 1}],
        "unread": [],
        "left_out": 0,
    });
    assert_eq!(report["dependencies"], expected);
    // The same decisions side by side are the same text in three of the languages.
    let duplicates = &report["duplicates"];
    let files: u64 = language_rows().values().map(|row| row[0]).sum();
    assert_eq!((&duplicates["files"], &duplicates["block_count"]), (&json!(files), &json!(1)), "{duplicates}");
    let block = &duplicates["blocks"][0];
    let places: Vec<&str> =
        block["places"].as_array().unwrap().iter().map(|place| place["file"].as_str().unwrap()).collect();
    assert_eq!(places, ["c/main.c", "web/index.js", "web/src/a.ts"]);
    assert!(block["count"] == 3 && block["lines"].as_u64().unwrap() >= 12 && block["lowered"] == false, "{block}");
}

/// Three files of the web part need each other; everything else is below what is worth being put first.
fn check_advice(report: &Value) {
    let changes = report["advice"]["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{changes:#?}");
    let cycle = &changes[0];
    assert_eq!(
        (&cycle["kind"], &cycle["effort"], &cycle["place"]),
        (&json!("cycle"), &json!("M"), &at("web/src/a.ts", 1))
    );
    assert_eq!(cycle["also"], json!([at("web/src/b.ts", 1), at("web/src/c.ts", 1)]));
    assert_eq!(cycle["why"], "3 files need each other; a shortest way around has 3 imports");
}

fn at(file: &str, line: u32) -> Value {
    json!({"file": file, "line": line})
}

fn subject(commit: &str) -> Value {
    let package = |ecosystem: &str, name: &str, folder: &str, source: Value| json!({"ecosystem": ecosystem, "name": name, "folder": folder, "source": source});
    json!({
        "name": "polyglot",
        "named_in": at("Cargo.toml", 2),
        "description": {"text": "Speaks nine languages", "source": at("Cargo.toml", 4)},
        "readme": {"text": "A project to be read.", "source": at("README.md", 3)},
        "packages": [
            package("cargo", "polyglot", "", at("Cargo.toml", 2)),
            package("go", "example.org/polyglot", "go", at("go/go.mod", 1)),
            package("python", "app", "python", at("python/pyproject.toml", 4)),
            package("npm", "web", "web", at("web/package.json", 2)),
        ],
        "commit": {"commit": commit, "branch": "trunk"},
    })
}

/// Files of a language as `(files, code, comment, blank, functions, tests)`, from the sources themselves.
fn language_rows() -> BTreeMap<&'static str, [u64; 6]> {
    // Functions and tests as counted by hand, in the order of the table of files.
    let counted = [("rust", 4, 1), ("python", 3, 0), ("javascript", 1, 0), ("typescript", 1, 0), ("go", 2, 0)];
    let counted = [&counted[..], &[("c", 2, 0), ("cpp", 2, 0), ("java", 2, 0), ("swift", 1, 0)]].concat();
    let mut rows = BTreeMap::new();
    for (language, functions, tests) in counted {
        rows.insert(language, [0, 0, 0, 0, functions, tests]);
    }
    for (name, content) in polyglot::files() {
        let language = match name.rsplit_once('.').map(|(_, end)| end) {
            Some("rs") => "rust",
            Some("py") => "python",
            Some("js") => "javascript",
            Some("ts") => "typescript",
            Some("go") => "go",
            Some("c") => "c",
            Some("cpp") => "cpp",
            Some("java") => "java",
            Some("swift") => "swift",
            _ => continue,
        };
        let (code, comment, blank) = lines(&content);
        let row = rows.get_mut(language).unwrap();
        for (place, more) in [1, code, comment, blank].into_iter().enumerate() {
            row[place] += more;
        }
    }
    rows
}

fn check_sizes(report: &Value) {
    let rows = language_rows();
    let expected: BTreeMap<&str, Value> = rows
        .iter()
        .map(|(language, [files, code, comment, blank, functions, tests])| {
            let row = json!({"language": language, "files": files, "code": code, "comment": comment, "blank": blank,
                "functions": functions, "tests": tests});
            (*language, row)
        })
        .collect();
    let found = report["languages"].as_array().unwrap();
    let by_name: BTreeMap<&str, Value> =
        found.iter().map(|row| (row["language"].as_str().unwrap(), row.clone())).collect();
    assert_eq!(by_name, expected);
    let code: Vec<u64> = found.iter().map(|row| row["code"].as_u64().unwrap()).collect();
    assert!(code.is_sorted_by(|a, b| a >= b), "most code first: {code:?}");
    let sum = |column: usize| rows.values().map(|row| row[column]).sum::<u64>();
    let files = polyglot::files();
    let totals = json!({
        "files": files.len() + 1,
        "bytes": files.iter().map(|(_, content)| content.len()).sum::<usize>() + "not tracked".len(),
        // The top, src, python, python/app, web, web/src, two of its fixture, go, c, cpp, swift, and five of Java.
        "folders": 17,
        "measured_files": sum(0), "code": sum(1), "comment": sum(2), "blank": sum(3), "functions": sum(4),
        // Java's class; nothing else defines a type.
        "types": 1,
        "tests": sum(5),
    });
    assert_eq!(report["totals"], totals);
    let first = &report["largest"][0];
    let (code, ..) = lines(&files.iter().find(|(name, _)| *name == "src/main.rs").unwrap().1);
    assert_eq!(*first, json!({"file": "src/main.rs", "code": code, "functions": 2, "max_cyclomatic": 16}));
    assert_eq!(report["largest"].as_array().unwrap().len(), 10);
}

fn check_entries(report: &Value) {
    let entry = |name: &str, target: &str, source: Value| json!({"name": name, "target": target, "source": source});
    let declared = json!([
        entry("polyglot", "src/main.rs", at("Cargo.toml", 2)),
        entry("app", "app.core:main", at("python/pyproject.toml", 6)),
        entry("web", "index.js", at("web/package.json", 3)),
    ]);
    assert_eq!(report["declared_entries"], declared);
    let found: Vec<String> = report["found_entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let word = |key: &str| entry[key].as_str().unwrap();
            format!("{} {} {}:{}", word("kind"), word("name"), word("file"), entry["line"])
        })
        .collect();
    let line = |file: &str, words: &str| {
        let files = polyglot::files();
        let content = &files.iter().find(|(name, _)| *name == file).unwrap().1;
        1 + content.lines().position(|line| line.contains(words)).unwrap()
    };
    let java = "java/src/main/java/demo/Main.java";
    let mut expected = [
        format!("function main c/main.c:{}", line("c/main.c", "int main")),
        format!("function main cpp/main.cpp:{}", line("cpp/main.cpp", "int main")),
        format!("function main go/main.go:{}", line("go/main.go", "func main")),
        format!("function Main.main {java}:{}", line(java, "void main")),
        format!("guard __name__=='__main__' python/app/core.py:{}", line("python/app/core.py", "__name__")),
        "function main src/main.rs:5".to_owned(),
        "shebang #!/usr/bin/env node web/index.js:1".to_owned(),
    ];
    expected.sort();
    let mut sorted = found;
    sorted.sort();
    assert_eq!(sorted, expected);
}

fn commands() -> Value {
    let found = |purpose: &str, command: &str, folder: &str, basis: &str, source: Value| json!({"purpose": purpose, "command": command, "folder": folder, "basis": basis, "source": source});
    json!([
        found("build", "cargo build", "", "convention", at("Cargo.toml", 1)),
        found("test", "cargo test", "", "convention", at("Cargo.toml", 1)),
        found("build", "make all", "", "stated", at("Makefile", 2)),
        found("build", "make build", "", "stated", at("Makefile", 4)),
        found("test", "make test", "", "stated", at("Makefile", 7)),
        found("build", "go build ./...", "go", "convention", at("go/go.mod", 1)),
        found("test", "go test ./...", "go", "convention", at("go/go.mod", 1)),
        found("test", "python -m pytest", "python", "stated", at("python/pyproject.toml", 7)),
        found("build", "python -m build", "python", "stated", at("python/pyproject.toml", 1)),
        found("build", "npm run build", "web", "stated", at("web/package.json", 5)),
        found("test", "npm run test", "web", "stated", at("web/package.json", 6)),
    ])
}

fn check_complexity(report: &Value) {
    let counts =
        json!({"total": 18, "cyclomatic_over_limit": 6, "cyclomatic_over_alarm": 0, "cognitive_over_limit": 3});
    assert_eq!(report["complexity"]["counts"], counts);
    for list in ["by_cyclomatic", "by_cognitive"] {
        let rows = report["complexity"][list].as_array().unwrap();
        assert_eq!(rows.len(), 10, "{list}");
        for (row, heavy) in rows.iter().zip(&HEAVY) {
            let Heavy(name, file, line, flat) = heavy;
            let expected = json!({
                "name": name, "file": file, "line": line, "cyclomatic": heavy.cyclomatic(),
                "cognitive": heavy.cognitive(), "parameters": 1, "nesting": 3, "length": row["length"],
            });
            assert_eq!(*row, expected, "{list}");
            // Three lines for each decision side by side, or two without brackets, and what is around them.
            let lines = row["length"].as_u64().unwrap();
            assert!((2 * flat + 6..3 * flat + 12).contains(&lines), "{name}: {lines}");
        }
    }
}

fn check_structure(report: &Value) {
    let structure = &report["structure"];
    let cycles: Vec<(Vec<&str>, Vec<String>)> = structure["cycles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cycle| {
            let members: Vec<&str> = cycle["members"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            assert_eq!(cycle["size"], members.len());
            let places = cycle["around"].as_array().unwrap().iter();
            let around = places.map(|place| format!("{}:{}", place["file"].as_str().unwrap(), place["line"]));
            (members, around.collect())
        })
        .collect();
    let cycle = |members: &[&'static str], around: &[&str]| {
        (members.to_vec(), around.iter().map(|place| (*place).to_owned()).collect::<Vec<_>>())
    };
    let expected = [
        cycle(
            &["web/src/a.ts", "web/src/b.ts", "web/src/c.ts"],
            &["web/src/a.ts:1", "web/src/b.ts:1", "web/src/c.ts:1"],
        ),
        cycle(&["python/app/core.py", "python/app/side.py"], &["python/app/core.py:3", "python/app/side.py:1"]),
        cycle(&["src/peer.rs", "src/side.rs"], &["src/peer.rs:2", "src/side.rs:2"]),
    ];
    assert_eq!(cycles, expected);
    assert_eq!((&structure["cycle_count"], &structure["folder_cycle_count"]), (&json!(3), &json!(0)));
    assert_eq!(structure["folder_cycles"], json!([]));
    // Two of Rust, two of Python between modules, three of TypeScript and two of its fixtures.
    assert_eq!(structure["edges"], 9);
    let external: BTreeMap<&str, u64> = structure["external"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["name"].as_str().unwrap(), row["imports"].as_u64().unwrap()))
        .collect();
    // What comes with a language is none.
    assert_eq!(external, [("serde", 1)].into());
    let components: Vec<&str> =
        structure["components"].as_array().unwrap().iter().filter_map(|row| row["folder"].as_str()).collect();
    let mut sorted = components.clone();
    sorted.sort_unstable();
    let folders = [
        "c",
        "cpp",
        "go",
        "java/src/main/java/demo",
        "python/app",
        "src",
        "swift",
        "web",
        "web/fixtures/page",
        "web/src",
    ];
    assert_eq!(sorted, folders);
    assert_eq!(structure["component_count"], 10);
    assert_eq!(structure["most_used"].as_array().unwrap().len(), 9);
}

#[test]
fn the_page_says_what_the_document_says_and_the_task_file_is_the_page() {
    let home = Home::new();
    let Done { task, seen, json, page } = analysed(&home, &polyglot(&home));
    let mut expected = vec!["# polyglot".to_owned(), "Speaks nine languages".to_owned()];
    for change in json["advice"]["changes"].as_array().unwrap() {
        expected.push(format!("1. **{}**", change["what"].as_str().unwrap()));
        expected.push(format!(
            "`{}:{}`, effort M (3 lines in 3 files)",
            change["place"]["file"].as_str().unwrap(),
            change["place"]["line"]
        ));
    }
    let top = page.find("\n## ").map(|at| page[at..].trim_start().lines().next().unwrap());
    assert_eq!(top, Some("## What to change first"), "it comes before everything else");
    for row in json["languages"].as_array().unwrap() {
        let number = |key: &str| row[key].as_u64().unwrap();
        let columns = [number("files"), number("code"), number("comment"), number("blank")].map(|it| it.to_string());
        expected.push(format!("| {} |", columns.join(" | ")));
    }
    for command in json["commands"].as_array().unwrap() {
        expected.push(format!("`{}`", command["command"].as_str().unwrap()));
    }
    for entry in json["found_entries"].as_array().unwrap() {
        expected.push(format!("`{}:{}`", entry["file"].as_str().unwrap(), entry["line"]));
    }
    for (heavy, row) in HEAVY[..10].iter().zip(json["complexity"]["by_cyclomatic"].as_array().unwrap()) {
        let figures = format!("| {} | {} | {} |", heavy.cyclomatic(), heavy.cognitive(), row["length"]);
        expected.push(format!("{figures} `{}` `{}:{}` |", heavy.0, heavy.1, heavy.2));
    }
    for cycle in json["structure"]["cycles"].as_array().unwrap() {
        for place in cycle["around"].as_array().unwrap() {
            expected.push(format!("`{}:{}`", place["file"].as_str().unwrap(), place["line"]));
        }
    }
    for words in expected {
        assert!(page.contains(&words), "{words:?} is missing in\n{page}");
    }
    assert!(!page.contains("python_lighter"), "the eleventh is left out");
    let file = fs::read_to_string(home.state().join("tasks").join(&task).join("report.md")).unwrap();
    assert_eq!(file, page);
    let documents: BTreeMap<&str, u64> =
        seen.end().documents.iter().map(|document| (document.name.as_str(), document.bytes)).collect();
    assert_eq!(documents.keys().copied().collect::<Vec<_>>(), ["report.json", "report.md", "report.sarif"]);
    assert_eq!(documents["report.md"], page.len() as u64);
}

#[test]
fn folders_that_are_no_project_have_a_report_too() {
    let home = Home::new();
    let (empty, single) = (home.folder("empty"), home.folder("single"));
    fs::write(single.join("only.py"), "def f(x):\n    return x\n").unwrap();
    for (folder, files, functions) in [(&empty, 0, 0), (&single, 1, 1)] {
        let Done { json, page, .. } = analysed(&home, folder);
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert_eq!((json["subject"]["name"].as_str(), &json["subject"]["commit"]), (Some(name), &Value::Null));
        let told = "Analysed the files in the folder as they are (no git commit was found) in ";
        assert!(page.contains(told), "{page}");
        assert_eq!((&json["totals"]["files"], &json["totals"]["functions"]), (&json!(files), &json!(functions)));
        assert_eq!(json["totals"]["folders"], 1);
        assert!(page.starts_with(&format!("# {name}\n")), "{page}");
    }
}
