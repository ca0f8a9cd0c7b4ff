//! What lock files prove, alone and after each has been broken in one place. Those of npm, Yarn, pnpm, Cargo, uv and Pipenv were
//! written by these programs; those of Poetry, Go, Gradle and pip, and Maven's manifest, by hand after their manuals.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::{fs, path::Path};

use agentd_tools::{
    Workspace,
    lockfiles::{Collector, LockFault, LockReport},
    manifests::read,
    survey::{Limits, Manifest, SourceFile},
};

/// The files of a folder of `fixtures/locks`, with one text replaced.
fn files(folder: &str, file: &str, from: &str, to: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/locks").join(folder);
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let read =
        |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap());
    let mut files: Vec<(String, String)> = entries.map(read).collect();
    if let Some((_, text)) = files.iter_mut().find(|(name, _)| name == file) {
        assert!(text.contains(from), "{file} has no {from}");
        *text = text.replacen(from, to, 1);
    }
    files
}

fn judge(files: &[(String, String)]) -> LockReport {
    let mut collector = Collector::default();
    files.iter().for_each(|(path, text)| collector.add(path, text));
    collector.finish()
}

/// Each finding on one line: fault, package, place, and who wants which version.
fn lines(report: &LockReport) -> Vec<String> {
    let line = |finding: &agentd_tools::lockfiles::LockFinding| {
        let versions =
            finding.versions.iter().map(|row| format!(" {}:{}<{}", row.version, row.line, row.wanted_by.join("+")));
        let place = format!("{}:{}", finding.source.file, finding.source.line);
        format!("{:?} {} {place}{}", finding.fault, finding.package, versions.collect::<String>())
    };
    report.findings.iter().map(line).collect()
}

#[test]
fn what_lock_files_of_each_manager_prove() {
    let cases: [(&str, u32, &[&str]); 13] = [
        ("npm1", 3, &["SeveralVersions ms package-lock.json:14 2.0.0:14<debug 2.6.9 2.1.3:20<"]),
        ("npm3", 3, &["SeveralVersions ms package-lock.json:25 2.0.0:25<debug 2.6.9 2.1.3:30<demo"]),
        ("yarn1", 3, &["SeveralVersions ms yarn.lock:12 2.0.0:12<debug 2.6.9 2.1.3:17<"]),
        ("berry", 3, &["SeveralVersions ms yarn.lock:26 2.0.0:26<debug 2.6.9 2.1.3:33<demo"]),
        ("pnpm", 3, &["SeveralVersions ms pnpm-lock.yaml:29 2.0.0:29<debug 2.6.9 2.1.3:32<package.json"]),
        (
            "cargo",
            4,
            &[
                "Unpinned fnv Cargo.toml:11",
                "SeveralVersions itoa Cargo.lock:21 0.4.8:21<demo 0.1.0 1.0.18:27<demo 0.1.0",
            ],
        ),
        (
            "uv",
            5,
            &[
                "SeveralVersions iniconfig uv.lock:35 2.1.0:35<demo 0.1.0 2.3.1:47<demo 0.1.0",
                "SeveralVersions six uv.lock:60 1.15.0:60<demo 0.1.0 1.17.0:73<demo 0.1.0",
            ],
        ),
        ("poetry", 2, &["Unpinned iniconfig pyproject.toml:13"]),
        ("pipenv", 2, &["Unpinned iniconfig Pipfile:10"]),
        (
            "go",
            3,
            &[
                "NotLocked golang.org/x/text go.mod:12",
                "SeveralVersions gopkg.in/yaml go.mod:7 gopkg.in/yaml.v2 v2.4.0:7< gopkg.in/yaml.v3 v3.0.1:8<",
            ],
        ),
        (
            "gradle",
            3,
            &["SeveralVersions com.google.guava:guava gradle.lockfile:4 31.1-jre:4<annotationProcessor \
                 33.0.0-jre:5<compileClasspath+runtimeClasspath"],
        ),
        ("maven", 0, &["Unpinned junit:junit pom.xml:24"]),
        (
            "pip",
            0,
            &[
                "Unhashed attrs requirements.txt:9",
                "Unhashed tool requirements.txt:11",
                "Unpinned requests requirements.txt:6",
            ],
        ),
    ];
    for (folder, packages, wanted) in cases {
        let report = judge(&files(folder, "", "", ""));
        assert_eq!(report.unread, [], "{folder}");
        assert_eq!(lines(&report), wanted, "{folder}");
        assert_eq!(report.files.iter().filter_map(|row| row.packages).sum::<u32>(), packages, "{folder}");
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<LockReport>(&json).unwrap(), report);
    }
}

/// The first finding of a fault after one text of one file was replaced.
#[test]
fn each_disagreement_is_found_where_it_stands() {
    use LockFault::{NotLocked, OutOfStep, Unhashed};
    let ms = "\"ms\": \"^2.1.3\"";
    let cases: [(&str, &str, &str, &str, LockFault, &str); 17] = [
        ("npm1", "package.json", ms, "\"left-pad\": \"1\"", NotLocked, "left-pad package.json:9"),
        ("npm3", "package.json", ms, "\"ms\": \"^2.2.0\"", OutOfStep, "ms package.json:9"),
        ("npm3", "package.json", ms, "\"left-pad\": \"1\"", NotLocked, "left-pad package.json:9"),
        (
            "npm3",
            "package-lock.json",
            "\"integrity\"",
            "\"resolved\": \"https://x/y.tgz\", \"was\"",
            Unhashed,
            "debug package-lock.json:17",
        ),
        (
            "npm3",
            "package-lock.json",
            "\"integrity\"",
            "\"resolved\": \"git+ssh://git@x/y.git\", \"was\"",
            Unhashed,
            "debug package-lock.json:17",
        ),
        ("yarn1", "package.json", ms, "\"ms\": \"^2.2.0\"", NotLocked, "ms package.json:9"),
        ("berry", "package.json", ms, "\"ms\": \"^2.2.0\"", OutOfStep, "ms package.json:9"),
        ("berry", "package.json", ms, "\"left-pad\": \"1\"", NotLocked, "left-pad package.json:9"),
        ("pnpm", "package.json", ms, "\"ms\": \"^2.2.0\"", OutOfStep, "ms package.json:9"),
        ("pnpm", "pnpm-lock.yaml", "{integrity", "{tarball: https://x/y.tgz, was", Unhashed, "debug pnpm-lock.yaml:21"),
        ("cargo", "Cargo.toml", "fnv", "fnv-other", NotLocked, "fnv-other Cargo.toml:11"),
        ("cargo", "Cargo.lock", "checksum", "was", Unhashed, "fnv Cargo.lock:15"),
        ("uv", "pyproject.toml", "iniconfig>=2", "attrs", NotLocked, "attrs pyproject.toml:11"),
        ("poetry", "pyproject.toml", "six = ", "attrs = ", NotLocked, "attrs pyproject.toml:10"),
        ("pipenv", "Pipfile", "six", "attrs", NotLocked, "attrs Pipfile:7"),
        ("pipenv", "Pipfile.lock", "\"hashes\"", "\"was\"", Unhashed, "six Pipfile.lock:17"),
        ("go", "go.mod", "v0.9.1", "v0.9.2", NotLocked, "github.com/pkg/errors go.mod:6"),
    ];
    for (folder, file, from, to, fault, wanted) in cases {
        let before = judge(&files(folder, "", "", "")).count(fault);
        let report = judge(&files(folder, file, from, to));
        let found = report.findings.iter().filter(|finding| finding.fault == fault);
        let found: Vec<_> = found
            .map(|finding| format!("{} {}:{}", finding.package, finding.source.file, finding.source.line))
            .collect();
        assert!(found.iter().any(|found| found == wanted), "{folder} with {to}: {found:?}");
        assert_eq!(report.count(fault), before + 1, "{folder} with {to}: {found:?}");
    }
}

#[test]
fn all_are_counted_and_the_first_are_kept() {
    let manifest = r#"{"dependencies": {"p0": "1"}}"#.to_owned();
    let package = |number: usize| {
        let rest = r#"{"version": "1.0.0", "resolved": "https://x/y.tgz"}"#;
        format!(r#""node_modules/p{number}": {rest}"#)
    };
    let version = |number: usize| {
        let rest = r#""resolved": "https://x/y.tgz", "integrity": "sha512-x""#;
        format!(r#""node_modules/p{number}/node_modules/ms": {{"version": "{number}.0.0", {rest}}}"#)
    };
    let rows: Vec<String> = (0..1_200).map(package).chain((0..14).map(version)).collect();
    let root = "\"\": {\"dependencies\": {\"p0\": \"1\"}}";
    let lock = format!(r#"{{"lockfileVersion": 3, "packages": {{{root}, {}}}}}"#, rows.join(", "));
    let report = judge(&[("a/package.json".to_owned(), manifest), ("a/package-lock.json".to_owned(), lock)]);
    assert_eq!((report.count(LockFault::Unhashed), report.findings.len()), (1_200, 101));
    let by_file: Vec<_> =
        report.by_file.iter().map(|row| (row.fault, row.file.as_str(), row.count, row.surplus)).collect();
    let file = "a/package-lock.json";
    assert_eq!(by_file, [(LockFault::Unhashed, file, 1_200, 0), (LockFault::SeveralVersions, file, 1, 13)]);
    let ms = report.findings.last().unwrap();
    assert_eq!((ms.versions.len(), ms.version_count, ms.surplus()), (10, 14, 13));
    let mut old = serde_json::to_value(&report).unwrap();
    old.as_object_mut().unwrap().remove("by_file");
    old["findings"].as_array_mut().unwrap().iter_mut().for_each(|finding| {
        finding.as_object_mut().unwrap().remove("version_count");
    });
    let old: LockReport = serde_json::from_value(old).unwrap();
    assert_eq!((old.by_file.len(), old.findings.last().unwrap().surplus()), (0, 9), "of an older agentd");
}

/// Files by path, and the findings.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn files_that_stand_together_or_miss_are_told_once() {
    let manifest = "{\"dependencies\": {\"ms\": \"2\"}}";
    let cargo = "[package]\nname = \"a\"\n[dependencies]\nfnv = \"1\"\n";
    let cases: [Case<'_>; 11] = [
        (&[("package.json", manifest)], &["MissingLock package.json package.json:1"]),
        (&[("package.json", "{}")], &[]),
        (&[("package.json", manifest), ("bun.lockb", "")], &[]),
        (&[("pyproject.toml", "[project]\ndependencies = [\"six\"]"), ("pdm.lock", "")], &[]),
        (
            &[("pyproject.toml", "[project]\ndependencies = [\"six\"]")],
            &["MissingLock pyproject.toml pyproject.toml:1", "Unpinned six pyproject.toml:2"],
        ),
        (
            &[("package.json", manifest), ("yarn.lock", "ms@2:\n  version \"2\"\n"), ("bun.lock", "")],
            &["RivalLocks yarn, bun yarn.lock:1"],
        ),
        (
            &[("Cargo.toml", "[workspace]\nmembers = [\"*\"]"), ("a/Cargo.toml", cargo), ("b/Cargo.toml", cargo)],
            &["MissingLock Cargo.toml Cargo.toml:1"],
        ),
        (&[("a/fixtures/b/package.json", manifest), ("vendor/c/go.mod", "require a v1")], &[]),
        (&[("go.mod", "module a\nrequire b v1.0.0"), ("sub/go.sum", "")], &["MissingLock go.mod go.mod:1"]),
        (&[("pyproject.toml", "[project]\ndependencies = [\"six>1\"]"), ("requirements.txt", "six==1.16.0")], &[]),
        (&[("package.json", manifest), ("package-lock.json", "{\"packages\": {\"\": {}, \"x\": 1}}")], &[]),
    ];
    for (files, wanted) in cases {
        let files: Vec<_> = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let mut turned = files.clone();
        turned.reverse();
        let report = judge(&files);
        assert_eq!(lines(&report), wanted, "{files:?}");
        assert_eq!(judge(&turned), report, "the order of files matters");
    }
}

#[test]
fn what_cannot_be_read_is_named_with_its_line() {
    for (path, text, line) in [
        ("Cargo.lock", "[[package]]\nname = ", 2),
        ("package-lock.json", "{\n  \"packages\": 1\n}", 2),
        ("yarn.lock", "# yarn lockfile v1\n\nms@2\n", 3),
        ("pnpm-lock.yaml", "packages:\n", 1),
        ("Pipfile.lock", "1", 1),
        ("go.sum", "a v1 h1:x\nhello\n", 2),
        ("gradle.lockfile", "hello\n", 1),
        ("pom.xml", "<project>\n</dependencies>", 2),
        ("package.json", "{\"dependencies\": []}", 1),
    ] {
        let report = judge(&[(path.to_owned(), text.to_owned())]);
        let unread: Vec<_> = report.unread.iter().map(|claim| (&*claim.source.file, claim.source.line)).collect();
        assert_eq!(unread, [(path, line)], "{text}");
    }
    // However deep or odd, nothing panics.
    for kind in ["package-lock.json", "uv.lock", "pom.xml", "pnpm-lock.yaml", "yarn.lock", "requirements.txt", "go.mod"]
    {
        for text in ["[".repeat(50_000), "<a>".repeat(50_000), "é@\n '': ä\n  @:\n".repeat(9), "{\"a\":".repeat(9_000)]
        {
            judge(&[(kind.to_owned(), text)]);
        }
    }
}

#[test]
fn a_workspace_is_read_and_ignored_or_large_lock_files_count_as_there() {
    let temp = tempfile::tempdir().unwrap();
    for (name, text) in files("npm3", "", "", "") {
        fs::write(temp.path().join(name), text).unwrap();
    }
    let workspace = Workspace::open(&temp.path().canonicalize().unwrap()).unwrap();
    // The survey left the lock file out.
    let file = SourceFile { path: "package.json".into(), bytes: 100, language: None };
    let manifest = Manifest { files: vec![file], ..Manifest::default() };
    let report = read(&workspace, &manifest).1;
    assert_eq!((report.count(LockFault::MissingLock), report.count(LockFault::SeveralVersions)), (0, 1));
    fs::remove_file(temp.path().join("package-lock.json")).unwrap();
    assert_eq!(read(&workspace, &manifest).1.count(LockFault::MissingLock), 1);
    let limit = Limits::default().max_file_bytes as usize;
    fs::write(temp.path().join("package-lock.json"), " ".repeat(9 * limit)).unwrap();
    let large = read(&workspace, &manifest).1;
    assert_eq!((large.count(LockFault::MissingLock), large.unread.len()), (0, 1));
}

#[test]
fn other_words_for_the_same_requirement_are_no_disagreement() {
    for (folder, file, from, to) in [
        ("pnpm", "pnpm-lock.yaml", "importers:", "overrides:\n  ms: 2.1.3\n\nimporters:"),
        ("berry", "package.json", "\"^2.1.3\"", "\"npm:^2.1.3\""),
        ("npm3", "package.json", "\"^2.1.3\"", "\"catalog:\""),
        ("npm3", "package.json", "\"ms\": \"^2.1.3\"", "\"own\": \"workspace:*\""),
        ("cargo", "Cargo.toml", "fnv = \"*\"", "own.workspace = true"),
        ("uv", "pyproject.toml", "iniconfig>=2", "IniConfig[x] >= 2; python_version > '3'"),
        ("go", "go.mod", "example.org/local => ../local", "example.org/local => github.com/pkg/errors v0.9.1"),
    ] {
        let before = judge(&files(folder, "", "", ""));
        let mut texts = files(folder, file, from, to);
        if folder == "pnpm" {
            texts
                .iter_mut()
                .filter(|(name, _)| name == "package.json")
                .for_each(|(_, text)| *text = text.replace("^2.1.3", "2.x"));
        }
        let report = judge(&texts);
        for fault in [LockFault::NotLocked, LockFault::OutOfStep] {
            assert_eq!(report.count(fault), before.count(fault), "{folder} with {to}: {:?}", lines(&report));
        }
    }
}

#[test]
fn what_go_asks_for_twice_is_one_dependency() {
    let one = "require github.com/a/b v1.0.0\n";
    let text = format!("module m\n{one}{one}require github.com/a/b v1.1.0\nrequire github.com/c/d v1.0.0\n");
    let report = judge(&[("go.mod".to_owned(), text.clone())]);
    assert_eq!(lines(&report), ["MissingLock go.mod go.mod:1"]);
    assert_eq!(report.findings[0].detail, "2 dependencies and no lock file");
    let report = judge(&[("go.mod".to_owned(), text + "require github.com/a/b/v2 v2.0.0\n")]);
    let majors = "2 major versions: github.com/a/b v1.0.0, github.com/a/b/v2 v2.0.0";
    assert_eq!((report.findings.len(), &*report.findings[1].detail), (2, majors));
    let member = ("a/go.mod".to_owned(), "module m/a\nrequire x v1.0.0\n".to_owned());
    assert_eq!(judge(&[member]).findings[0].detail, "1 dependency and no lock file");
}

#[test]
fn members_of_a_workspace_need_no_version() {
    let asks = |who: &str, what: &str, version: &str| {
        format!("{{\"name\": \"{who}\", \"dependencies\": {{\"{what}\": \"{version}\"}}}}")
    };
    let top = "{\"name\": \"top\", \"workspaces\": [\"packages/*\"]}";
    let (a, b) = (asks("@x/a", "@x/b", "*"), "{\"name\": \"@x/b\"}");
    let entries = |b: &str| {
        format!(
            "{{\"packages\": {{\"\": {{}}, \"packages/a\": {{\"dependencies\": {{\"@x/b\": \"*\"}}}}, \"packages/b\": {{}}, \
             \"node_modules/@x/b\": {b}}}}}"
        )
    };
    let linked = entries("{\"resolved\": \"packages/b\", \"link\": true}");
    let foreign = entries("{\"version\": \"1.0.0\", \"resolved\": \"https://r/b.tgz\", \"integrity\": \"sha512-x\"}");
    let pnpm = "lockfileVersion: '9.0'\n\nimporters:\n\n  packages/a:\n    dependencies:\n      '@x/b':\n        \
                specifier: '*'\n        version: link:../b\n";
    let cargo = |version: &str| {
        format!("[package]\nname = \"a\"\n[dependencies]\nb = {{ path = \"../b\", version = \"{version}\" }}\n")
    };
    let open = "Unpinned @x/b packages/a/package.json:1";
    for (name, lock, wanted) in [
        ("package-lock.json", &*linked, &[][..]),
        ("pnpm-lock.yaml", pnpm, &[]),
        ("yarn.lock", "# yarn lockfile v1\n", &[]),
        ("package-lock.json", &foreign, &[open]),
    ] {
        let files =
            [("package.json", top), ("packages/a/package.json", &a), ("packages/b/package.json", b), (name, lock)];
        let report = judge(&files.map(|(path, text)| (path.to_owned(), text.to_owned())));
        assert_eq!(lines(&report), wanted, "{name}");
    }
    // One that lies beside the lock file's folder is no member.
    let apart = [("one/package.json", &*a), ("one/package-lock.json", "{\"packages\": {}}"), ("two/package.json", b)];
    let report = judge(&apart.map(|(path, text)| (path.to_owned(), text.to_owned())));
    assert_eq!(report.count(LockFault::Unpinned), 1);
    for (version, count) in [("*", 0), ("1", 0)] {
        let report = judge(&[("a/Cargo.toml".to_owned(), cargo(version))]);
        assert_eq!(report.count(LockFault::Unpinned), count, "a folder is no open version");
    }
}

#[test]
fn what_a_yarn_lock_says_of_members_is_compared_and_what_it_does_not_is_not() {
    let member = |name: &str, version: &str, needs: &str| {
        format!("{{\"name\": \"{name}\", \"version\": \"{version}\", \"dependencies\": {{{needs}}}}}")
    };
    let berry = |needs: &str| {
        format!(
            "__metadata:\n  version: 8\n\n\"a@workspace:packages/a\":\n  version: 0.0.0-use.local\n  \
             resolution: \"a@workspace:packages/a\"\n{needs}  linkType: soft\n\n\
             \"b@workspace:packages/b\":\n  version: 0.0.0-use.local\n  resolution: \"b@workspace:packages/b\"\n"
        )
    };
    let berry_of = |requirement: &str| berry(&format!("  dependencies:\n    b: \"npm:{requirement}\"\n"));
    let out_of_step = "OutOfStep b packages/a/package.json:1";
    let not_locked = "NotLocked b packages/a/package.json:1";
    let npm = "{\"packages\": {\"\": {}, \"packages/a\": {}, \"packages/b\": {}, \
               \"node_modules/b\": {\"resolved\": \"packages/b\", \"link\": true}}}";
    let rivals = "RivalLocks npm, yarn package-lock.json:1";
    let yarn1 = "# yarn lockfile v1\n".to_owned();
    let no_npm = "";
    // What `a` asks of `b`, the version of `b`, Yarn's lock file and npm's.
    let cases: [(&str, &str, String, &str, &[&str]); 14] = [
        ("^2.0.0", "2.1.0", berry_of("^2.0.0"), no_npm, &[]),
        ("^2.0.0", "2.1.0", berry_of("^1.0.0"), no_npm, &[out_of_step]),
        ("^2.0.0", "2.1.0", berry(""), no_npm, &[not_locked]),
        ("*", "2.1.0", berry(""), no_npm, &[not_locked]),
        ("^2.0.0", "2.1.0", yarn1.clone(), no_npm, &[]),
        ("*", "2.1.0", yarn1.clone(), no_npm, &[]),
        (">=1 <3", "2.1.0", yarn1.clone(), no_npm, &[]),
        ("1 || 2", "2.1.0", yarn1.clone(), no_npm, &[]),
        ("2.x", "2.1.0", yarn1.clone(), no_npm, &[]),
        ("^1.0.0", "2.1.0", yarn1.clone(), no_npm, &[not_locked]),
        ("~1.2", "2.1.0", yarn1.clone(), no_npm, &[not_locked]),
        ("^1.0.0", "2.1.0", format!("{yarn1}b@^1.0.0:\n  version \"1.0.0\"\n"), no_npm, &[]),
        ("^2.0.0", "2.1.0", yarn1, npm, &[not_locked, rivals]),
        ("^2.0.0", "2.1.0", "no lock file".to_owned(), npm, &[not_locked, rivals]),
    ];
    for (asked, version, yarn, npm, wanted) in cases {
        let mut files = vec![
            ("package.json".to_owned(), "{\"workspaces\": [\"packages/*\"]}".to_owned()),
            ("packages/a/package.json".to_owned(), member("a", "1.0.0", &format!("\"b\": \"{asked}\""))),
            ("packages/b/package.json".to_owned(), member("b", version, "")),
            ("yarn.lock".to_owned(), yarn),
        ];
        files.extend((!npm.is_empty()).then(|| ("package-lock.json".to_owned(), npm.to_owned())));
        assert_eq!(lines(&judge(&files)), wanted, "{files:?}");
    }
}

#[test]
fn a_manifest_is_read_by_both_or_by_none() {
    let temp = tempfile::tempdir().unwrap();
    let workspace = Workspace::open(&temp.path().canonicalize().unwrap()).unwrap();
    let file = SourceFile { path: "go.mod".into(), bytes: 100, language: None };
    let manifest = Manifest { files: vec![file], ..Manifest::default() };
    for (blanks, is_read) in [(0, true), (300 << 10, true), (1 << 20, false)] {
        let text = format!("module m\nrequire a v1.0.0\n{}", " ".repeat(blanks));
        fs::write(temp.path().join("go.mod"), text).unwrap();
        let (project, locks) = read(&workspace, &manifest);
        assert_eq!((project.packages.len() == 1, project.unread.is_empty()), (is_read, is_read), "{blanks}");
        assert_eq!((locks.findings.len() == 1, locks.unread.is_empty()), (is_read, is_read), "{blanks}");
    }
}

/// Each finding with its detail, and a mark if it is minor.
fn details(report: &LockReport) -> Vec<String> {
    let line = |finding: &agentd_tools::lockfiles::LockFinding| {
        let minor = if finding.minor { "minor " } else { "" };
        format!("{minor}{:?} {}: {}", finding.fault, finding.package, finding.detail)
    };
    report.findings.iter().map(line).collect()
}

#[test]
fn what_is_open_and_locked_all_the_same_is_no_reason_to_change_anything() {
    let star = "[packages]\nsix = \"*\"\n";
    let pipenv = r#"{"default": {"six": {"version": "==1.16.0", "hashes": ["sha256:x"]}}}"#;
    let pylock = "lock-version = \"1.0\"\n[[packages]]\nname = \"six\"\nversion = \"1.16.0\"\n\
                  [[packages.wheels]]\nurl = \"https://x\"\nhashes = {sha256 = \"x\"}\n";
    let app = "[project]\nname = \"a\"\ndependencies = [\"six\"]\n";
    let library = "[build-system]\nrequires = []\n[project]\nname = \"a\"\ndependencies = [\"six>1\"]\n";
    let program =
        "[build-system]\nrequires = []\n[project]\nname = \"a\"\ndependencies = [\"six>1\"]\nscripts.a = \"a:main\"";
    let npm = "{\"dependencies\": {\"ms\": \"*\"}}";
    let npm_lock = "{\"lockfileVersion\": 3, \"packages\": {\"\": {\"dependencies\": {\"ms\": \"*\"}}, \
                    \"node_modules/ms\": {\"version\": \"2.0.0\", \"integrity\": \"x\"}}}";
    let cases: [Case<'_>; 14] = [
        (
            &[("Pipfile", star), ("Pipfile.lock", pipenv)],
            &["minor Unpinned six: 1 of 1 requirement without a single version: six; a lock file gives the version"],
        ),
        (
            &[("package.json", npm), ("package-lock.json", npm_lock)],
            &["minor Unpinned ms: 1 of 1 requirement without a single version: ms; a lock file gives the version"],
        ),
        (
            &[("Pipfile", star)],
            &[
                "MissingLock Pipfile: 1 dependency and no lock file",
                "Unpinned six: 1 of 1 requirement without a single version: six",
            ],
        ),
        (&[("pyproject.toml", app), ("pylock.toml", pylock)], &[]),
        (&[("pyproject.toml", app), ("pylock.dev.toml", pylock)], &[]),
        (&[("pyproject.toml", app), ("pylock.toml", pylock), ("uv.lock", "")], &[]),
        (
            &[("pyproject.toml", app), ("pylock.toml", "[[packages]]\nname = \"x\"\nsdist = {}\n")],
            &[
                "Unhashed x: x  is locked without a hash and without a commit",
                "Unpinned six: 1 of 1 requirement without a single version: six",
            ],
        ),
        (
            &[("pyproject.toml", library)],
            &["minor MissingLock pyproject.toml: 1 dependency and no lock file, which a library can do without"],
        ),
        (
            &[("pyproject.toml", &format!("{library}[tool.uv]\npackage = false\n"))],
            &["MissingLock pyproject.toml: 1 dependency and no lock file"],
        ),
        (&[("pyproject.toml", program)], &["MissingLock pyproject.toml: 1 dependency and no lock file"]),
        (&[("requirements.txt", "-c constraints.txt\nsix\n"), ("constraints.txt", "Six==1.16.0\nother<2\n")], &[]),
        (
            &[
                ("a/requirements.txt", "--constraint ../upper-constraints.txt\nsix\n"),
                ("upper-constraints.txt", "six==1\n"),
            ],
            &[],
        ),
        (&[("requirements.txt", "-chttps://example.org/upper.txt\nsix\n")], &[]),
        (
            &[("requirements.txt", "-c constraints.txt\nsix\nother\n"), ("constraints.txt", "six==1.16.0\nother<2\n")],
            &["Unpinned other: 1 of 2 requirements without a single version: other"],
        ),
    ];
    for (files, wanted) in cases {
        let files: Vec<_> = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let report = judge(&files);
        assert_eq!(details(&report), wanted, "{files:?}");
        assert_eq!(report.unread, [], "{files:?}");
    }
}
