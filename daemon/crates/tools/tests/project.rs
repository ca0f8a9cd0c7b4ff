//! Manifests are read with the lines that a reader would find, and nothing is claimed beyond them.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::fs;

use agentd_tools::{
    Workspace,
    lockfiles::LockReport,
    manifests::{Found, Said, choose, read},
    project::{Basis, Ecosystem, Project, Purpose},
    survey::{Limits, Manifest, Progress, Survey},
};

fn project(files: &[(&str, &str)]) -> Project {
    surveyed(files, |workspace, manifest| read(workspace, manifest).0)
}

fn surveyed<T>(files: &[(&str, &str)], look: impl FnOnce(&Workspace, &Manifest) -> T) -> T {
    let temp = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = temp.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let workspace = Workspace::open(temp.path()).unwrap();
    let mut survey = Survey::start(&workspace, Limits::default()).unwrap();
    while survey.step(100) == Progress::More {}
    look(&workspace, &survey.finish())
}

/// `purpose command @file:line` of each command.
fn commands(project: &Project) -> Vec<String> {
    let line = |found: &agentd_tools::project::FoundCommand| {
        let basis = if found.basis == Basis::Stated { "" } else { " (usual)" };
        format!("{:?} {} @{}:{}{basis}", found.purpose, found.command, found.source.file, found.source.line)
    };
    project.commands.iter().map(line).collect()
}

fn entries(project: &Project) -> Vec<String> {
    let line = |entry: &agentd_tools::project::Entry| {
        format!("{} = {} @{}:{}", entry.name, entry.target, entry.source.file, entry.source.line)
    };
    project.entries.iter().map(line).collect()
}

#[test]
fn a_project_is_named_after_its_top_its_repository_or_its_only_package() {
    let package = |name: &str| format!("[package]\nname = \"{name}\"\ndescription = \"About {name}\"\n");
    let (a, b) = (package("a"), package("b"));
    let workspace = "[workspace]\nmembers = [\"*\"]\n";
    let repository = format!("{workspace}[workspace.package]\nrepository = \"https://example.org/me/tool.git/\"\n");
    let described = format!("{workspace}[workspace.package]\ndescription = \"All of it\"\n");
    let fixtures =
        [("tests/fixtures/x/package.json", "{\"name\": \"x\", \"main\": \"x.js\", \"scripts\": {\"test\": \"t\"}}")];
    // Files, then name and description; packages of fixtures never matter.
    type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>, Option<&'a str>);
    let cases: [Case<'_>; 7] = [
        (&[("Cargo.toml", workspace), ("a/Cargo.toml", &a), ("b/Cargo.toml", &b)], None, None),
        (&[("Cargo.toml", workspace), ("a/Cargo.toml", &a)], None, None),
        (&[("Cargo.toml", &repository), ("a/Cargo.toml", &a)], Some("tool"), None),
        (&[("Cargo.toml", &described), ("a/Cargo.toml", &a)], None, Some("All of it")),
        (&[("code/Cargo.toml", &a)], Some("a"), Some("About a")),
        (&[("code/Cargo.toml", &a), ("more/Cargo.toml", &b)], None, None),
        (&[("Cargo.toml", &a), ("more/Cargo.toml", &b)], Some("a"), Some("About a")),
    ];
    for (files, name, description) in cases {
        let files: Vec<(&str, &str)> = files.iter().copied().chain(fixtures).collect();
        let project = project(&files);
        assert_eq!(project.name.as_ref().map(|claim| claim.text.as_str()), name, "{files:?}");
        assert_eq!(project.description.as_ref().map(|claim| claim.text.as_str()), description, "{files:?}");
        let own = project.own();
        assert_eq!(own.packages.len() + 1, project.packages.len(), "{files:?}");
        assert_eq!((own.other_packages, own.other_entries, own.other_commands), (1, 1, 1), "{files:?}");
    }
    let alone = project(&fixtures);
    assert_eq!(alone.name.as_ref().unwrap().text, "x", "what is a fixture alone is a project");
    assert_eq!((alone.own().packages.len(), alone.own().other_packages), (1, 0));
}

const CARGO: &str = "[package]\nname = \"tool\"\ndescription = \"A \\u001b[31mtool\"\n\n[[bin]]\nname = \"extra\"\npath = \"src/x.rs\"\n";

#[test]
fn rust_workspace() {
    let files = [
        ("Cargo.toml", CARGO),
        ("src/main.rs", ""),
        ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n"),
        ("README.md", "[![badge](x)](y)\n# Tool\n\n<p>html</p>\n\nDoes *things*\nwell.\n\nMore.\n"),
    ];
    let project = project(&files);
    let name = project.name.as_ref().unwrap();
    assert_eq!((name.text.as_str(), name.source.line), ("tool", 2));
    assert_eq!(project.description.as_ref().unwrap().text, "A \\u{1b}[31mtool");
    let readme = project.readme.as_ref().unwrap();
    assert_eq!((readme.text.as_str(), readme.source.line), ("Does *things* well.", 6));
    assert_eq!(entries(&project), ["tool = src/main.rs @Cargo.toml:2", "extra = src/x.rs @Cargo.toml:5"]);
    assert_eq!(
        commands(&project),
        ["Build cargo build @Cargo.toml:1 (usual)", "Test cargo test @Cargo.toml:1 (usual)"]
    );
    let packages: Vec<_> =
        project.packages.iter().map(|package| (package.name.as_str(), package.folder.as_str())).collect();
    assert_eq!(packages, [("tool", ""), ("a", "crates/a")]);
}

#[test]
fn scripts_of_package_json() {
    let json = r#"{
  "name": "web",
  "description": "A site",
  "main": "dist/index.js",
  "bin": { "web": "bin/web.js" },
  "scripts": {
    "build": "tsc",
    "test": "echo \"Error: no test specified\" && exit 1",
    "test:unit": "vitest",
    "lint": "eslint .",
    "postinstall": "curl evil"
  }
}"#;
    let project = project(&[("package.json", json), ("pnpm-lock.yaml", "")]);
    let expected = [
        "Build pnpm run build @package.json:7",
        "Lint pnpm run lint @package.json:10",
        "Test pnpm run test:unit @package.json:9",
    ];
    assert_eq!(commands(&project), expected);
    assert_eq!(entries(&project), ["web = bin/web.js @package.json:5", "main = dist/index.js @package.json:4"]);
}

#[test]
fn many_scripts_programs_and_targets_are_read_once() {
    let rows = |kind: &str| -> String {
        let row = |number: usize| format!("    \"{kind}-{number:05}\": \"x\"");
        (0..20_000).map(row).collect::<Vec<_>>().join(",\n")
    };
    let json = format!(
        "{{\n  \"author\": {{ \"name\": \"me\" }},\n  \"name\": \"web\",\n  \"scripts\": {{\n{}\n  }},\n  \"bin\": {{\n{}\n  }}\n}}",
        rows("test"),
        rows("test")
    );
    // Each but the last ones lacks what its name would be.
    let swift = format!(
        "Package(name: \"Kit\",\n{}.executableTarget(name: \"a\"),\n.executableTarget(name: \"b\")",
        ".executableTarget(\n".repeat(50_000)
    );
    let found = project(&[("package.json", &json)]);
    assert_eq!((found.packages[0].source.line, found.unread.len()), (3, 2));
    let (commands, programs) = (commands(&found), entries(&found));
    assert_eq!((commands.len(), programs.len()), (5_000, 5_000));
    assert_eq!(commands[4_999], "Test npm run test-04999 @package.json:5004");
    assert_eq!(programs[4_999], "test-04999 = x @package.json:25006");
    let cut: Vec<_> = found.unread.iter().map(|claim| format!("{} {}", claim.source.line, claim.text)).collect();
    let told = |line, list| format!("{line} only 5,000 {list} are listed: those from here on are not");
    assert_eq!(cut, [told(25_007, "entry points"), told(5_005, "commands")]);
    let found = project(&[("Package.swift", &swift)]);
    assert_eq!(entries(&found), ["a = Sources/a @Package.swift:50002", "b = Sources/b @Package.swift:50003"]);
}

#[test]
fn python_in_its_many_files() {
    let files = [
        (
            "pyproject.toml",
            "[build-system]\nrequires = []\n[project]\nname = 'py'\n[project.scripts]\npy = 'py.cli:main'\n[tool.pytest.ini_options]\n",
        ),
        ("old/setup.py", "from setuptools import setup\nsetup(\n    name='old',\n    description = \"Old\",\n)\n"),
        ("tox.ini", "[tox]\n[testenv]\n[testenv:lint]\n"),
        ("noxfile.py", "@nox.session\ndef tests(session):\n    pass\n\ndef build(): pass\n"),
    ];
    let project = project(&files);
    let expected = [
        "Test nox -s tests @noxfile.py:2",
        "Test python -m pytest @pyproject.toml:7",
        "Build python -m build @pyproject.toml:1",
        "Test tox @tox.ini:2",
        "Lint tox -e lint @tox.ini:3",
    ];
    assert_eq!(commands(&project), expected);
    assert_eq!(entries(&project), ["py = py.cli:main @pyproject.toml:6"]);
    assert!(project.packages.iter().all(|package| package.ecosystem == Ecosystem::Python));
    assert_eq!(project.packages[1].source.line, 3);
}

#[test]
fn other_tools() {
    let pom = "<project>\n <parent><artifactId>up</artifactId></parent>\n <artifactId>mine</artifactId>\n</project>";
    let workflow = "jobs:\n  t:\n    steps:\n      - run: cargo test --all\n      - name: x\n        run: |\n          make check\n          echo ${{ secrets.X }} | cargo build\n      - run: cargo clippy\n";
    let swift = "let package = Package(\n  name: \"Kit\",\n  targets: [.executableTarget(name: \"kit\")])";
    let files = [
        (".github/workflows/ci.yml", workflow),
        (
            "CMakeLists.txt",
            "cmake_minimum_required(VERSION 3)\nproject(engine C)\nenable_testing()\nadd_executable(run main.c)\n",
        ),
        ("Makefile", "X := test\nall: build\ntest check:\n\tcc: no\n.PHONY: lint\nbuild-%: x\n"),
        ("go/go.mod", "// c\nmodule example.org/x // y\n"),
        ("jvm/pom.xml", pom),
        ("jvm2/settings.gradle", "rootProject.name = 'g'\n"),
        ("just/justfile", "x := 'y'\n@test filter='':\n  cargo test\n"),
        ("meson/meson.build", "project(\n  'mes',\n  'c')\nexecutable('m', 'm.c')\n"),
        ("swift/Package.swift", swift),
    ];
    let project = project(&files);
    let names: Vec<_> =
        project.packages.iter().map(|package| format!("{}@{}", package.name, package.source.line)).collect();
    assert_eq!(names, ["engine@2", "example.org/x@2", "mine@3", "g@1", "mes@1", "Kit@1"]);
    let all = commands(&project);
    for expected in [
        "Build cmake -B build && cmake --build build @CMakeLists.txt:1 (usual)",
        "Test ctest --test-dir build @CMakeLists.txt:3",
        "Build make all @Makefile:2",
        "Test make test @Makefile:3",
        "Test make check @Makefile:3",
        "Test just test @just/justfile:2",
        "Test cargo test --all @.github/workflows/ci.yml:4",
        "Test make check @.github/workflows/ci.yml:7",
        "Lint cargo clippy @.github/workflows/ci.yml:9",
        "Test ./mvnw test @jvm/pom.xml:1 (usual)",
    ] {
        // Already found in the Makefile: one line per command and folder.
        let known = expected == "Test make check @.github/workflows/ci.yml:7" || expected.contains("mvnw");
        assert_eq!(all.contains(&expected.to_owned()), !known, "{expected} in {all:#?}");
    }
    assert!(!all.iter().any(|command| command.contains("secrets") || command.contains("lint @Makefile")), "{all:#?}");
    assert!(project.commands.iter().any(|found| found.purpose == Purpose::Test && found.folder == "swift"));
}

#[test]
fn broken_manifests_are_named_and_nothing_is_claimed() {
    let large = format!("[package]\nname = \"{}\"", "x".repeat(1_100_000));
    let broken = [("Cargo.toml", "[package]\nname = \n"), ("package.json", "{\n oops"), ("a/Cargo.toml", &large)];
    let project = project(&broken);
    let unread: Vec<_> = project.unread.iter().map(|claim| (claim.source.file.as_str(), claim.source.line)).collect();
    assert_eq!(unread, [("Cargo.toml", 2), ("package.json", 2), ("a/Cargo.toml", 1)]);
    assert_eq!((project.name, project.commands.len()), (None, 0));
}

#[test]
fn what_is_read_in_pieces_is_what_is_read_at_once() {
    let package = |name: &str| {
        format!(
            "[package]\nname = \"{name}\"\ndescription = \"About {name}\"\n[dependencies]\nfnv = \"*\"\n[[bin]]\nname = \"{name}\"\n"
        )
    };
    // More commands than are kept, some of them in several files.
    let target = |number: usize| format!("test-{number}:\n");
    let (few, many): (String, String) = ((0..90).map(target).collect(), (0..5_050).map(target).collect());
    let crates: Vec<(String, String)> =
        (0..410).map(|number| (format!("c{number}/Cargo.toml"), package(&format!("c{number}")))).collect();
    let script = "{\"name\": \"web\", \"scripts\": {\"test\": \"t\"}, \"dependencies\": {\"ms\": \"*\"}}";
    let files = vec![
        ("Cargo.toml", "[workspace]\n[workspace.package]\nrepository = \"https://example.org/all\"\n"),
        ("Cargo.lock", "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n"),
        ("README.md", "All of it.\n"),
        (".github/workflows/ci.yml", "jobs:\n  - run: cargo test\n  - run: make test-1\n"),
        ("Makefile", &few),
        ("a/Makefile", &many),
        ("a/package.json", script),
        ("b/package.json", script),
        ("b/go.mod", "module example.org/b\nrequire example.org/x v1.0.0\n"),
        ("b/pyproject.toml", "[project]\nname = \n"),
        ("z/pyproject.toml", "[project]\nname = \"z\"\ndependencies = [\"six\"]\n"),
    ];
    let pieces = |workspace: &Workspace, manifest: &Manifest, files: usize| -> (Project, LockReport) {
        let mut said = Said::default();
        for piece in choose(manifest, &[]).chunks(files) {
            said.join(Said::by(piece, workspace, &mut || true));
        }
        let Found { project, locks, .. } = said.finish();
        (project, locks)
    };
    let compare = |files: &[(&str, &str)], packages: usize, commands: usize| {
        surveyed(files, |workspace, manifest| {
            let whole = read(workspace, manifest);
            assert_eq!((whole.0.packages.len(), whole.0.commands.len()), (packages, commands));
            assert!(
                !whole.1.findings.is_empty()
                    && whole.0.is_cut
                    && whole.0.unread.len() == 2
                    && whole.1.unread.len() == 1
            );
            for files in [1, 2, 3, 8] {
                assert_eq!(pieces(workspace, manifest, files), whole, "{files} files per piece");
            }
        });
    };
    compare(&files, 4, 5_000);
    let many = files.into_iter().chain(crates.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    compare(&many.collect::<Vec<_>>(), 414, 5_000);
}

#[test]
fn thousands_of_manifests_are_read_and_what_lies_beyond_them_is_told() {
    for (number, beyond) in [(1_000, 0), (5_010, 11)] {
        let mut files: Vec<(String, String)> = (0..number)
            .map(|at| (format!("p{at:05}/package.json"), format!("{{\"name\": \"p{at}\", \"main\": \"a.js\"}}")))
            .collect();
        files.push(("package.json".to_owned(), "{\"name\": \"root\"}".to_owned()));
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let (project, locks) = surveyed(&files, read);
        assert_eq!((project.packages.len(), locks.left_out), (files.len() - beyond, beyond as u64));
        assert_eq!(
            (project.is_cut, project.unread.len(), locks.unread.len()),
            (beyond > 0, beyond.min(1), beyond.min(1))
        );
        for unread in project.unread.iter().chain(&locks.unread) {
            assert_eq!(unread.source.file, "p04999/package.json");
            assert!(unread.text.contains("5,000") && unread.text.contains("11 files"), "{}", unread.text);
        }
    }
}
