//! Modules of Rust: which file a declaration names, and which files only tests declare.

use agentd_syntax::{Import, ImportKind, Language, Limits, Parser};
use agentd_tools::{
    measured::Measured,
    project::{Ecosystem, Package, Source},
    structure::{Paths, Resolver},
    survey::SourceFile,
};

fn package() -> Package {
    let source = Source { file: String::new(), line: 1 };
    Package { ecosystem: Ecosystem::Cargo, name: "app".into(), folder: String::new(), source }
}

/// A file by its path with the modules that it declares, and whether tests alone have them.
type Declares<'a> = (&'a str, &'a [(&'a str, bool)]);

/// Files, and those of them that are for tests.
type Modules<'a> = (&'a [Declares<'a>], &'a [&'a str]);

#[test]
fn modules_that_only_tests_declare_are_theirs_with_all_below() {
    let cases: [Modules<'_>; 10] = [
        (
            &[
                ("src/lib.rs", &[("simulation", true), ("model", false)]),
                ("src/model.rs", &[]),
                ("src/simulation.rs", &[("deep", false), ("inline::more", false)]),
                ("src/simulation/deep.rs", &[("end", false)]),
                ("src/simulation/deep/end.rs", &[]),
                ("src/simulation/inline/more.rs", &[]),
            ],
            &[
                "src/simulation.rs",
                "src/simulation/deep.rs",
                "src/simulation/deep/end.rs",
                "src/simulation/inline/more.rs",
            ],
        ),
        // Whoever else declares it has it in the program.
        (&[("src/lib.rs", &[("a", true)]), ("src/main.rs", &[("a", false)]), ("src/a.rs", &[])], &[]),
        (&[("src/lib.rs", &[("a", true), ("a", false)]), ("src/a.rs", &[])], &[]),
        (
            &[("src/lib.rs", &[("a", false)]), ("src/a.rs", &[("fake", true)]), ("src/a/fake.rs", &[])],
            &["src/a/fake.rs"],
        ),
        (&[("src/bin/tool/main.rs", &[("fake", true)]), ("src/bin/tool/fake.rs", &[])], &["src/bin/tool/fake.rs"]),
        // A path may look as if it were for tests; who declares it knows better, for what is below it.
        (
            &[
                ("src/lib.rs", &[("test_runner", false)]),
                ("src/test_runner.rs", &[("imp", false)]),
                ("src/test_runner/imp.rs", &[]),
            ],
            &["src/test_runner.rs"],
        ),
        (
            &[
                ("src/lib.rs", &[("test_fake", true)]),
                ("src/test_fake.rs", &[("imp", false)]),
                ("src/test_fake/imp.rs", &[]),
            ],
            &["src/test_fake.rs", "src/test_fake/imp.rs"],
        ),
        (
            &[("src/test_fake.rs", &[("imp", false)]), ("src/test_fake/imp.rs", &[])],
            &["src/test_fake.rs", "src/test_fake/imp.rs"],
        ),
        (
            &[
                ("src/lib.rs", &[("a", true)]),
                ("src/a.rs", &[("test_b", false)]),
                ("src/a/test_b.rs", &[("c", false)]),
                ("src/a/test_b/c.rs", &[]),
            ],
            &["src/a.rs", "src/a/test_b.rs", "src/a/test_b/c.rs"],
        ),
        // What nobody declares is not known.
        (&[("src/lib.rs", &[]), ("src/simulation.rs", &[("deep", false)]), ("src/simulation/deep.rs", &[])], &[]),
    ];
    for (case, wanted) in cases {
        let files: Vec<SourceFile> =
            case.iter().map(|(path, _)| SourceFile { path: (*path).into(), bytes: 0, language: None }).collect();
        let resolver = Resolver::new(Paths::new(&files), &[package()], &[]);
        let measured = |order: &mut dyn Iterator<Item = (u32, &Declares<'_>)>| {
            let mut measured = Measured::default();
            for (file, (path, modules)) in order {
                let import = |(target, deferred): &(&str, bool)| Import {
                    target: (*target).into(),
                    names: Vec::new(),
                    line: 1,
                    kind: ImportKind::ModDecl,
                    deferred: *deferred,
                };
                let imports: Vec<Import> = modules.iter().map(import).collect();
                let source = b"fn f(x: u32) -> u32 { if x > 1 { 2 } else { 3 } }";
                let facts = Parser::new().analyze(Language::Rust, source, Limits::default()).unwrap();
                measured.add(file, path, &facts, resolver.resolve(file, Language::Rust, &imports));
            }
            measured.sorted()
        };
        let found = measured(&mut (0..).zip(case));
        let path = |file: u32| &*files[file as usize].path;
        let marked = found.files.iter().filter(|file| file.for_tests).map(|file| path(file.file));
        assert_eq!(marked.collect::<Vec<_>>(), wanted);
        let of_tests = found.tests.by_cyclomatic.iter().map(|heavy| path(heavy.file));
        assert_eq!(of_tests.collect::<Vec<_>>(), wanted, "their functions are set apart");
        assert_eq!(found.by_cyclomatic.len(), case.len() - wanted.len());
        assert_eq!(found.tests.functions.total, wanted.len() as u64);
        let mut backwards: Vec<_> = (0..).zip(case).collect();
        backwards.reverse();
        assert!(measured(&mut backwards.into_iter()) == found, "the order of files matters");
        let json = serde_json::to_string(&found).unwrap();
        assert!(serde_json::from_str::<Measured>(&json).unwrap() == found);
    }
}

#[test]
fn a_module_is_the_file_that_its_attribute_names() {
    let paths = [
        "src/lib.rs",
        "src/windows.rs",
        "src/imp.rs",
        "src/deep/mod.rs",
        "src/deep/flat.rs",
        "src/deep/inside/x.rs",
        "src/flat/other.rs",
        "src/flat.rs",
        "other.rs",
    ];
    let files: Vec<SourceFile> =
        paths.iter().map(|path| SourceFile { path: (*path).into(), bytes: 0, language: None }).collect();
    let packages = [package()];
    let resolver = Resolver::new(Paths::new(&files), &packages, &[]);
    for (file, source, wanted) in [
        (
            0,
            "#[cfg(windows)] #[path = \"windows.rs\"] mod imp; #[cfg(all(test, unix))] mod windows;",
            &[("src/windows.rs", false), ("src/imp.rs", false)][..],
        ),
        (0, "#[cfg(test)]\n#[path = \"./windows.rs\"]\n/// What.\nmod fake;", &[("src/windows.rs", true)]),
        (
            0,
            "#[cfg_attr(windows, path = \"windows.rs\")] #[cfg_attr(all(unix, x), allow(y), path=\"imp.rs\")] mod sys;",
            &[("src/windows.rs", false), ("src/imp.rs", false)],
        ),
        (0, "#[path = \"../other.rs\"] mod a; #[allow(x)] mod imp;", &[("src/imp.rs", false), ("other.rs", false)]),
        (
            0,
            "#[path = \"../../other.rs\"] mod a; #[path = \"/other.rs\"] mod b; #[path = \"gone.rs\"] mod imp;",
            &[("src/imp.rs", false)],
        ),
        // A path under a condition leaves the file of the module's own name to the other case; that of tests claims no file in doubt.
        (0, "#[cfg_attr(x, path = \"windows.rs\")] mod imp;", &[("src/windows.rs", false), ("src/imp.rs", false)]),
        (0, "#[cfg(test)] #[path = \"windows.rs\"] mod imp;", &[("src/windows.rs", true)]),
        // A path is that of its own item.
        (0, "#[path = \"windows.rs\"] const X: u8 = 1; mod imp;", &[("src/imp.rs", false)]),
        (0, "#[doc = \"#[path = x]\"] #[serde(path = \"windows.rs\")] mod imp;", &[("src/imp.rs", false)]),
        // Below a module in the file, from the folder of that module's files.
        (3, "mod inside { #[path = \"x.rs\"] mod y; }", &[("src/deep/inside/x.rs", false)]),
        (4, "#[path = \"mod.rs\"] mod up;", &[("src/deep/mod.rs", false)]),
        (7, "mod inside { #[path = \"../other.rs\"] mod y; }", &[("src/flat/other.rs", false)]),
    ] {
        let facts = Parser::new().analyze(Language::Rust, source.as_bytes(), Limits::default()).unwrap();
        let links = resolver.resolve(file, Language::Rust, &facts.imports);
        let found: Vec<_> = links.modules.iter().map(|(to, tests)| (paths[*to as usize], *tests)).collect();
        assert_eq!(found, wanted, "{source}");
    }
}

/// Files with their source.
type Sources<'a> = &'a [(&'a str, &'a str)];

/// Those that are for tests, of a package in this folder.
fn for_tests<'a>(folder: &str, sources: Sources<'a>) -> Vec<&'a str> {
    let path = |path: &str| [folder, path].concat();
    let files: Vec<SourceFile> = sources
        .iter()
        .map(|(name, _)| SourceFile { path: path(name).into(), bytes: 0, language: Some(Language::Rust) })
        .collect();
    let package = Package { folder: folder.trim_end_matches('/').into(), ..package() };
    let resolver = Resolver::new(Paths::new(&files), &[package], &[]);
    let mut measured = Measured::default();
    for (file, (name, source)) in (0..).zip(sources) {
        let facts = Parser::new().analyze(Language::Rust, source.as_bytes(), Limits::default()).unwrap();
        measured.add(file, &path(name), &facts, resolver.resolve(file, Language::Rust, &facts.imports));
    }
    let marked = measured.sorted().files.into_iter().filter(|file| file.for_tests);
    marked.map(|file| sources[file.file as usize].0).collect()
}

#[test]
fn a_program_that_tests_declare_is_no_test() {
    let cases: [(Sources<'_>, &[&str]); 8] = [
        // The root of a crate needs no declaration, so one of tests says nothing of it.
        (
            &[("src/main.rs", "mod a;"), ("src/a.rs", ""), ("tests/cli.rs", "#[path = \"../src/main.rs\"] mod main;")],
            &["tests/cli.rs"],
        ),
        (
            &[("src/lib.rs", "#[cfg(test)] #[path = \"main.rs\"] mod m;"), ("src/main.rs", "mod a;"), ("src/a.rs", "")],
            &[],
        ),
        (&[("src/bin/tool.rs", "#[cfg(test)] mod other;"), ("src/bin/other.rs", "fn main() {}")], &[]),
        (&[("build.rs", ""), ("tests/b.rs", "#[path = \"../build.rs\"] mod build;")], &["tests/b.rs"]),
        (&[("src/bin/x/main.rs", ""), ("tests/x.rs", "#[path = \"../src/bin/x/main.rs\"] mod x;")], &["tests/x.rs"]),
        // Others are none, whatever their names.
        (
            &[("src/lib.rs", "#[cfg(test)] mod deep;"), ("src/deep/mod.rs", "mod main;"), ("src/deep/main.rs", "")],
            &["src/deep/mod.rs", "src/deep/main.rs"],
        ),
        // Whose path is named under a condition has the file of its own name too.
        (
            &[
                ("src/lib.rs", "#[cfg_attr(windows, path = \"win.rs\")] mod sys;"),
                ("src/sys.rs", ""),
                ("src/win.rs", ""),
                ("tests/a.rs", "#[path = \"../src/sys.rs\"] mod sys; #[path = \"../src/win.rs\"] mod win;"),
            ],
            &["tests/a.rs"],
        ),
        (
            &[
                ("src/lib.rs", "#[cfg(test)] mod fake;"),
                ("src/fake.rs", "#[cfg_attr(windows, path = \"win.rs\")] mod sys;"),
                ("src/fake/sys.rs", ""),
                ("src/win.rs", ""),
            ],
            &["src/fake.rs", "src/fake/sys.rs", "src/win.rs"],
        ),
    ];
    for (sources, wanted) in cases {
        for folder in ["", "crates/app/"] {
            assert_eq!(for_tests(folder, sources), wanted, "{folder:?} {sources:?}");
        }
    }
}
