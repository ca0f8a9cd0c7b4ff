//! Every action, end to end, on a small repository.

use std::{fs, path::Path, process::Command};

use agentd_base::{ErrorClass, Role};
use agentd_tools::report::Report;
use agentd_workflow::{Action, WorkflowName, builtin};
use tempfile::TempDir;

use super::support::{Rig, words};
use crate::{PayloadRef, StepOutput};

const FILES: [(&str, &str); 7] = [
    ("Cargo.toml", "[package]\nname = \"sample\"\nversion = \"0.1.0\"\ndescription = \"A sample.\"\n"),
    ("src/main.rs", "mod a;\nmod b;\nfn main() {\n    if a::one() == 1 { b::two(); }\n}\n"),
    ("src/a.rs", "use crate::b;\npub fn one() -> u32 { b::two() - 1 }\n"),
    ("src/b.rs", "use crate::a;\npub fn two() -> u32 { if false { a::one() } else { 2 } }\n"),
    ("tools/gen.py", "import os\n\ndef generate(x):\n    for y in x:\n        if y:\n            print(os.sep)\n"),
    ("README.md", "# Sample\n\nShows what an analysis finds.\n"),
    ("data.py", "\0\0\0\u{1}\0\0\0\u{2}"),
];

pub(super) fn repository() -> TempDir {
    repository_in(tempfile::tempdir().unwrap())
}

pub(super) fn repository_in(folder: TempDir) -> TempDir {
    for (path, content) in FILES {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

/// Runs the steps of the built-in analysis in order, up to and with the one named.
pub(super) fn analyse(rig: &mut Rig, last: &str) -> Vec<(String, StepOutput)> {
    let graph = builtin(WorkflowName::Analyze);
    let mut done: Vec<(String, StepOutput)> = Vec::new();
    for (id, step) in graph.ids().zip(graph.steps()) {
        let mut assignment = rig.assignment(id.0, &step.name, step.action);
        assignment.inputs =
            step.needs.iter().map(|need| Rig::input(&done[need.index()].0, &done[need.index()].1)).collect();
        let (result, _) = rig.run(step.role, assignment);
        done.push((step.name.to_string(), result.unwrap()));
        if step.name.as_str() == last {
            break;
        }
    }
    done
}

/// The output of a step.
pub(super) fn output<'a>(done: &'a [(String, StepOutput)], step: &str) -> &'a StepOutput {
    &done.iter().find(|(name, _)| name == step).unwrap().1
}

pub(super) fn content(rig: &Rig, payload: &PayloadRef) -> Vec<u8> {
    match payload {
        PayloadRef::Inline(bytes) => bytes.to_vec(),
        PayloadRef::Stored { hash, .. } => fs::read(rig.state.path().join("blobs").join(hash.to_string())).unwrap(),
    }
}

#[test]
fn a_small_repository_is_analysed_from_survey_to_report() {
    let folder = repository();
    let mut rig = Rig::real(folder.path());
    let done = analyse(&mut rig, "report");
    let summary = |step: &str| done.iter().find(|(name, _)| name == step).unwrap().1.summary.to_string();
    assert!(summary("survey").starts_with("7 files, "), "{}", summary("survey"));
    let measured = summary("measure");
    assert!(measured.starts_with("4 functions in 4 files, 1 not UTF-8 text; pieces: "), "{measured}");
    let (_, last) = done.last().unwrap();
    let names: Vec<&str> = last.documents.iter().map(|document| &*document.name).collect();
    assert_eq!(names, ["report.md", "report.json", "report.sarif"]);
    let sarif: serde_json::Value = serde_json::from_slice(&content(&rig, &last.documents[2].content)).unwrap();
    assert_eq!((&sarif["version"], &sarif["runs"][0]["results"]), (&"2.1.0".into(), &serde_json::json!([])));
    assert!(last.summary.starts_with("0 performance findings; "), "{}", last.summary);
    let report: Report = serde_json::from_slice(&content(&rig, &last.documents[1].content)).unwrap();
    assert_eq!((report.subject.name.as_str(), report.totals.functions, report.totals.measured_files), ("sample", 4, 4));
    assert_eq!(
        (report.structure.cycle_count, report.structure.cycles[0].size),
        (1, 2),
        "a.rs and b.rs need each other"
    );
    assert_eq!((report.unseen.failed_count, report.unseen.failed[0].file.as_str()), (1, "data.py"));
    assert_eq!(report.subject.commit, None, "it is no git repository, and that is fine");
    let page = content(&rig, &last.documents[0].content);
    let task = rig.assignment(0, "x", Action::Noop).key.task.to_string();
    assert_eq!(fs::read(rig.state.path().join("tasks").join(task).join("report.md")).unwrap(), page);
    assert!(String::from_utf8(page).unwrap().contains("sample"));

    let merged = output(&done, "merge");
    let mut again = rig.assignment(7, "report", Action::Report);
    again.key.attempt = 2;
    again.inputs = vec![Rig::input("merge", merged)];
    let (result, intents) = rig.run(Role::Reporter, again);
    assert_eq!((result.unwrap(), intents), (last.clone(), 0), "the file is there already");
}

#[test]
fn a_file_that_was_written_by_somebody_else_meanwhile_is_not_overwritten() {
    let folder = repository();
    let mut rig = Rig::real(folder.path());
    let done = analyse(&mut rig, "merge");
    let mut report = rig.assignment(7, "report", Action::Report);
    report.inputs = vec![Rig::input("merge", output(&done, "merge"))];
    let file = rig.state.path().join("tasks").join(report.key.task.to_string()).join("report.md");
    rig.crew.assign(Role::Reporter.agent(), report).unwrap();
    let crate::Report::Intent { granted, intent, .. } = rig.report() else { panic!() };
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "mine").unwrap();
    granted.send(Ok(())).unwrap();
    assert_eq!(rig.finished().1.unwrap_err().class, ErrorClass::Drift);
    let mut again = rig.assignment(7, "report", Action::Report);
    again.inputs = vec![Rig::input("merge", output(&done, "merge"))];
    again.unfinished = vec![intent];
    let (result, intents) = rig.run(Role::Reporter, again);
    assert_eq!((result.unwrap_err().class, intents), (ErrorClass::Drift, 0), "the next attempt asks the world first");
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[test]
fn a_workspace_that_goes_away_is_told_as_such() {
    let folder = repository();
    let mut rig = Rig::real(folder.path());
    let done = analyse(&mut rig, "survey");
    let path = folder.path().to_owned();
    drop(folder);
    for (role, action) in
        [(Role::Researcher, Action::Survey), (Role::Analyzer, Action::Measure), (Role::Integrator, Action::Project)]
    {
        let mut assignment = rig.assignment(9, action.name(), action);
        assignment.inputs = vec![Rig::input("survey", &done[0].1)];
        let fault = rig.run(role, assignment).0.unwrap_err();
        assert_eq!(fault.class, ErrorClass::NotFound, "{action}");
        assert!(fault.message.contains(&*path.to_string_lossy()), "{fault}");
    }
}

#[test]
fn single_files_may_go_between_survey_and_measure() {
    let folder = repository();
    let mut rig = Rig::real(folder.path());
    let done = analyse(&mut rig, "survey");
    fs::remove_file(folder.path().join("src/b.rs")).unwrap();
    let mut assignment = rig.assignment(1, "measure", Action::Measure);
    assignment.inputs = vec![Rig::input("survey", &done[0].1)];
    let measured = words(rig.run(Role::Analyzer, assignment).0);
    assert!(measured.starts_with("3 functions in 3 files, 1 gone since the survey, 1 not UTF-8 text"), "{measured}");
}

#[test]
fn faults_of_the_request_are_told_and_empty_folders_are_none() {
    let empty = tempfile::tempdir().unwrap();
    let mut rig = Rig::real(empty.path());
    let done = analyse(&mut rig, "report");
    assert!(done[0].1.summary.starts_with("0 files"), "{:?}", done[0].1);
    rig.workspace = None;
    let survey = rig.assignment(1, "survey", Action::Survey);
    assert_eq!(rig.run(Role::Researcher, survey).0.unwrap_err().class, ErrorClass::Invalid);
    let merge = rig.assignment(1, "merge", Action::Merge);
    assert_eq!(rig.run(Role::Synthesizer, merge).0.unwrap_err().class, ErrorClass::Internal, "inputs miss");
    let mut broken = rig.assignment(1, "report", Action::Report);
    broken.inputs =
        vec![crate::StepInput { step: agentd_base::Text::new("merge"), output: PayloadRef::Inline("{".into()) }];
    assert_eq!(rig.run(Role::Reporter, broken).0.unwrap_err().class, ErrorClass::Damaged);
    let noop = rig.assignment(1, "noop", Action::Noop);
    assert!(rig.run(Role::Coordinator, noop).0.is_ok());
}

#[test]
fn the_commit_is_told_where_git_and_children_are_at_hand() {
    let folder = repository();
    let git = |args: &[&str]| {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@t"];
        #[expect(clippy::disallowed_methods, reason = "a test prepares its repository")]
        let output = Command::new("git").args(identity).args(args).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "-q", "-b", "trunk"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "one"]);
    let commit = git(&["rev-parse", "HEAD"]);
    let mut rig = Rig::real_with_children(folder.path());
    let done = analyse(&mut rig, "merge");
    let report: Report = serde_json::from_slice(&content(&rig, &output(&done, "merge").output)).unwrap();
    let head = report.subject.commit.unwrap();
    assert_eq!((head.commit, head.branch), (commit, Some("trunk".to_owned())));
    assert!(Path::new(folder.path()).exists());
}

/// Some hundred files in many pieces, and one that is a piece of its own.
fn wide_repository() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..300 {
        let body = "    if x > 1 { return x; }\n".repeat(number % 40);
        let content = format!("use crate::m{};\npub fn f{number}(x: u32) -> u32 {{\n{body}    x\n}}\n", number / 2);
        fs::write(folder.path().join(format!("m{number}.rs")), content).unwrap();
    }
    let large: String = (0..5_000).map(|number| format!("fn g{number}() {{ if true {{}} }}\n")).collect();
    fs::write(folder.path().join("large.rs"), large).unwrap();
    folder
}

#[test]
fn one_agent_and_all_agents_measure_the_same() {
    let folder = wide_repository();
    let mut rig = Rig::real(folder.path());
    let done = analyse(&mut rig, "survey");
    let sizes = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
    let (bytes, mut outputs) = (sizes.sum(), Vec::new());
    for quiet in [false, true] {
        rig.quiet = quiet;
        let mut assignment = rig.assignment(1, "measure", Action::Measure);
        assignment.inputs = vec![Rig::input("survey", &done[0].1)];
        rig.crew.assign(Role::Analyzer.agent(), assignment).unwrap();
        let mut told = Vec::new();
        let output = loop {
            match rig.reports.blocking_recv().unwrap() {
                crate::Report::Progress { unit, done, total, bytes_done, bytes_total, .. } => {
                    assert!(bytes_done <= bytes_total && (bytes_done == bytes_total) == (done == total));
                    told.push((unit, done, total, bytes_total));
                }
                crate::Report::Finished { result, .. } => break result.unwrap(),
                other => panic!("measuring changes nothing, but: {other:?}"),
            }
        };
        assert!(output.summary.starts_with("5,300 functions in 301 files"), "{}", output.summary);
        // The clock of the test stands still: the first report goes, the rest is too early, the last one goes anyway.
        assert!((1..=2).contains(&told.len()) && told.last() == Some(&("files", 301, 301, bytes)), "{told:?}");
        outputs.push(content(&rig, &output.output));
    }
    assert_eq!(outputs[0], outputs[1]);
}

#[test]
fn what_others_wrote_is_measured_and_in_no_list() {
    const SLOW: &str = "package x\n\nimport \"regexp\"\n\nfunc Find(all []string) (n int) {\n\tfor _, s := range all {\n\
                        \t\tif regexp.MustCompile(\"a+\").MatchString(s) {\n\t\t\tn++\n\t\t}\n\t}\n\treturn n\n}\n";
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in [
        ("go.mod", "module demo\n"),
        (".gitattributes", "/gen/** linguist-generated\n"),
        ("main.go", SLOW),
        ("main_test.go", SLOW),
        ("gen/a.go", SLOW),
        ("vendor/modules.txt", "# github.com/x/y v1.0.0\n"),
        ("vendor/github.com/x/y/y.go", SLOW),
    ] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let mut rig = Rig::real(folder.path());
    let done = analyse(&mut rig, "report");
    let (_, last) = done.last().unwrap();
    let found = "1 performance finding (1 more in files for tests, 2 more in files by others); ";
    assert!(last.summary.starts_with(found), "{}", last.summary);
    let report: Report = serde_json::from_slice(&content(&rig, &last.documents[1].content)).unwrap();
    let found = &report.findings;
    assert_eq!((found.files, found.counts.total, found.counts.in_tests), (2, 2, 1));
    assert_eq!((report.vendored.files, report.vendored.code, report.vendored.findings), (2, 20, 2));
    assert_eq!((report.totals.measured_files, report.totals.code, report.complexity.counts.total), (4, 40, 1));
    let page = String::from_utf8(content(&rig, &last.documents[0].content)).unwrap();
    assert!(
        !page.contains("gen/a.go") && page.contains("only counted: 2 files with 20 lines of code; 2 perf"),
        "{page}"
    );
    for row in &report.advice.changes {
        assert_eq!(row.place.file, "main.go");
    }
    assert!(report.advice.changes.len() == 1 && report.duplicates.is_some_and(|found| found.files == 2), "{page}");
}
