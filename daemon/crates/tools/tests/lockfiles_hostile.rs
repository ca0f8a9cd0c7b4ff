//! Lock files and manifests that were made to cost much: what is kept of them is bounded, and so is the work. A reader that copies a
//! name for each line below it, or looks through the whole file for each line, needs gigabytes or minutes for these.

use std::fmt::Write;

use agentd_tools::lockfiles::{Collector, LockFault, LockFinding, LockReport};

/// Bytes of a name that nobody would give.
const LONG: usize = 1 << 20;

/// Packages that one wants.
const NEEDS: usize = 80_000;

fn judge(path: &str, text: &str) -> LockReport {
    let mut collector = Collector::default();
    collector.add(path, text);
    let report = collector.finish();
    assert_eq!(report.unread, [], "{path}");
    report
}

fn several(report: &LockReport) -> Vec<&LockFinding> {
    report.findings.iter().filter(|finding| finding.fault == LockFault::SeveralVersions).collect()
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        writeln!(text, "{}", line(number)).expect("text takes all");
        text
    })
}

/// A lock file in which somebody with this name wants `b` in version 1 many times, and nobody version 2.
fn wanting(format: &str, who: &str) -> String {
    match format {
        "Cargo.lock" => {
            let package = |version| format!("[[package]]\nname = \"b\"\nversion = \"{version}\"\n");
            let needs = "\"b 1\",\n".repeat(NEEDS);
            let who = format!("[[package]]\nname = \"{who}\"\nversion = \"9\"\ndependencies = [\n{needs}]\n");
            format!("{}{}{who}", package(1), package(2))
        }
        "uv.lock" => {
            let package = |version| format!("[[package]]\nname = \"b\"\nversion = \"{version}\"\n");
            let needs = "{ name = \"b\", version = \"1\" },\n".repeat(NEEDS / 2);
            let who = format!("[[package]]\nname = \"{who}\"\nversion = \"9\"\ndependencies = [\n{needs}]\n");
            format!("{}{}{who}", package(1), package(2))
        }
        "yarn.lock" => {
            let package = |version| format!("b@{version}:\n  version \"{version}\"\n");
            let needs = "    b \"1\"\n".repeat(NEEDS);
            format!("{}{}{who}@9:\n  version \"9\"\n  dependencies:\n{needs}", package(1), package(2))
        }
        "pnpm-lock.yaml" => {
            let needs = "      b: 1\n".repeat(NEEDS);
            let packages =
                "packages:\n  b@1:\n    resolution: {directory: x}\n  b@2:\n    resolution: {directory: x}\n";
            format!("lockfileVersion: '9.0'\n{packages}snapshots:\n  {who}@9:\n    dependencies:\n{needs}")
        }
        "members/pnpm-lock.yaml" => {
            let needs = "      b:\n        specifier: 1\n        version: 1\n".repeat(NEEDS / 3);
            let packages =
                "packages:\n  b@1:\n    resolution: {directory: x}\n  b@2:\n    resolution: {directory: x}\n";
            format!("lockfileVersion: '9.0'\nimporters:\n  {who}:\n    dependencies:\n{needs}{packages}")
        }
        _ => unreachable!("{format} has no text"),
    }
}

#[test]
fn who_wants_much_is_kept_once_and_cut() {
    let all = ["Cargo.lock", "uv.lock", "yarn.lock", "pnpm-lock.yaml", "members/pnpm-lock.yaml"];
    for format in all {
        for length in [5, 2_000, LONG] {
            let report = judge(format, &wanting(format, &"a".repeat(length)));
            let found = several(&report);
            assert_eq!((found.len(), &*found[0].package), (1, "b"), "{format}");
            let [first, second] = &found[0].versions[..] else { panic!("{format} has two versions") };
            assert_eq!((&*first.version, second.wanted_by_count), ("1", 0), "{format}");
            // What stands below such a key is passed over.
            if length == LONG && format.ends_with("yaml") {
                assert_eq!(first.wanted_by_count, 0, "{format}");
                continue;
            }
            let shown = first.wanted_by[0].chars().filter(|letter| *letter == 'a').count();
            assert_eq!((first.wanted_by_count, shown), (1, length.min(300)), "{format}: {:?}", first.wanted_by);
        }
    }
}

#[test]
fn what_nobody_has_is_not_looked_for_among_all_versions() {
    let package = |version| format!("[[package]]\nname = \"b\"\nversion = \"{version}\"");
    let packages = lines(20_000, package);
    for (need, wanted) in [("b none", 0), ("b", 1), ("b 7", 1)] {
        let needs = format!("\"{need}\",\n").repeat(NEEDS);
        let lock = format!("{packages}[[package]]\nname = \"c\"\nversion = \"9\"\ndependencies = [\n{needs}]\n");
        let report = judge("Cargo.lock", &lock);
        let found = several(&report);
        assert_eq!((found.len(), found[0].version_count), (1, 20_000), "{need}");
        let seventh = found[0].versions.iter().find(|row| row.version == "1").map(|row| row.wanted_by_count);
        assert_eq!(seventh, Some(if need == "b" { wanted } else { 0 }), "{need}");
    }
}

#[test]
fn folders_in_folders_are_looked_through_as_far_as_a_system_has_them() {
    let ms = |version| format!("{{\"version\": \"{version}\"}}");
    let lock = |folder: &str, needs: &str| {
        format!(
            "{{\"packages\": {{\"node_modules/x\": {}, \"{folder}\": {{\"dependencies\": {{{needs}}}}}, \
             \"y/node_modules/x\": {}}}}}",
            ms(1),
            ms(2)
        )
    };
    let many: Vec<String> = (0..NEEDS).map(|number| format!("\"n{number}\": \"1\"")).collect();
    let many = format!("\"x\": \"1\", {}", many.join(", "));
    for (folder, needs, wanted) in [
        ("a/".repeat(10), "\"x\": \"1\"", 1),
        ("a/".repeat(60), &*many, 1),
        ("a/".repeat(LONG / 2), "\"x\": \"1\"", 0),
        ("a".repeat(LONG), &*many, 0),
    ] {
        let report = judge("package-lock.json", &lock(&folder, needs));
        let found = several(&report);
        let wanted_by: Vec<u32> = found[0].versions.iter().map(|row| row.wanted_by_count).collect();
        assert_eq!(wanted_by, [wanted, 0], "{} bytes", folder.len());
    }
}

#[test]
fn packages_in_packages_of_long_names_are_left_out() {
    let inner: Vec<String> = (0..NEEDS).map(|number| format!("\"p{number}\": {{\"version\": \"2\"}}")).collect();
    for (length, packages) in [(5, 50_000), (LONG, 1)] {
        let (name, inner) = ("a".repeat(length), inner.join(","));
        let text = format!(
            "{{\"dependencies\": {{\"b\": {{\"version\": \"1\"}}, \
             \"{name}\": {{\"version\": \"1\", \"dependencies\": {{{inner}}}}}}}}}"
        );
        assert_eq!(judge("package-lock.json", &text).files[0].packages, Some(packages), "{length}");
    }
}

#[test]
fn lines_of_keys_are_found_however_they_are_indented() {
    let package =
        |number: usize| format!("\"p{number}\": {{\n\"version\": \"1\",\n\"requires\": {{\"q\": \"1\"}}\n}},");
    let packages = lines(40_000, package);
    let text = format!(
        " {{\n \"name\": \"x\",\n\"dependencies\": {{\n{packages}\"q\": {{\n\"version\": \"git+https://x/y\"\n}}\n}}\n}}"
    );
    let report = judge("package-lock.json", &text);
    assert_eq!(report.files[0].packages, Some(40_001));
    let found: Vec<_> = report.findings.iter().map(|found| (found.fault, &*found.package, found.source.line)).collect();
    assert_eq!(found, [(LockFault::Unhashed, "q", 160_004)]);
}

#[test]
fn manifests_do_not_multiply_what_they_hold() {
    // One long value that each dependency names.
    let dependency = "<dependency><groupId>g</groupId><artifactId>a</artifactId><version>${v}</version></dependency>";
    let pom = |value: &str, name: &str| {
        let all = dependency.replace("${v}", &format!("${{{name}}}")).repeat(5_000);
        format!(
            "<project><properties><{name}>{value}</{name}></properties><dependencies>{all}</dependencies></project>"
        )
    };
    let snapshot = |length: usize| format!("{}-SNAPSHOT", "1".repeat(length));
    for (length, open) in [(5, 1), (LONG / 2, 0)] {
        assert_eq!(judge("pom.xml", &pom(&snapshot(length), "v")).count(LockFault::Unpinned), open, "{length}");
    }
    // A name that is told for each piece of its text.
    let name = "v".repeat(LONG / 2);
    let pieces = "x<!---->".repeat(60_000);
    let text = format!("<project><properties><{name}>{pieces}</{name}></properties></project>");
    assert_eq!(judge("pom.xml", &text).findings, []);
    // Each module is replaced, the first one twice.
    let required = lines(5_000, |number| format!("require m{number:06} v1.0.0"));
    let replaced = lines(120_000, |number| format!("r{number:06}=>."));
    let known = "m000000 => other v2.0.0\nm000000 => ./local\n";
    let text = format!("module m\n{required}replace (\n{}{known})\n", replaced.replace("=>", " => "));
    let report = judge("go.mod", &text);
    assert_eq!(report.findings[0].detail, "5,000 dependencies and no lock file");
}

#[test]
fn of_many_findings_the_first_are_kept() {
    let package = |number: usize| {
        format!("\"node_modules/p{number:05}\": {{\"version\": \"1\", \"resolved\": \"https://x/y\"}},")
    };
    // The last lines come first by name.
    let packages = lines(10_000, |line| package(9_999 - line));
    let report = judge("package-lock.json", &format!("{{\"packages\": {{\n{packages}\"x\": {{}}\n}}}}"));
    assert_eq!((report.count(LockFault::Unhashed), report.by_file[0].count), (10_000, 10_000));
    let found = report.findings.iter().map(|found| (found.package.clone(), found.source.line));
    assert!(found.eq((0..100).map(|line| (format!("p{:05}", 9_999 - line), line + 2))), "{:?}", report.findings);
}
