//! Imports lead to the files that a reader would open, and cycles are those known by hand, for each language.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use agentd_syntax::{Import, ImportKind, Language};
use agentd_tools::{
    project::{Ecosystem, Package, Source},
    structure::{Links, Paths, Resolver, Structure, analyse},
    survey::SourceFile,
};

use ImportKind::{ModDecl, Module, Quoted, Relative, Static, System};

/// A file with its imports: how, target, names.
type File<'a> = (&'a str, &'a [(ImportKind, &'a str, &'a [&'a str])]);

struct Case<'a> {
    name: &'a str,
    packages: &'a [(Ecosystem, &'a str, &'a str)],
    files: &'a [File<'a>],
    /// `from -> to`, by path; `to/` for a folder.
    edges: &'a [&'a str],
    cycles: &'a [&'a [&'a str]],
    external: &'a [&'a str],
}

/// A package of Cargo.
fn package(name: &str, folder: &str) -> Package {
    let source = Source { file: String::new(), line: 1 };
    Package { ecosystem: Ecosystem::Cargo, name: name.into(), folder: folder.into(), source }
}

fn links(case: &Case<'_>, files: &[SourceFile]) -> Vec<(u32, Links)> {
    let named = |(ecosystem, name, folder): &(Ecosystem, &str, &str)| {
        let ecosystem = *ecosystem;
        Package { ecosystem, ..package(name, folder) }
    };
    let packages: Vec<Package> = case.packages.iter().map(named).collect();
    let resolver = Resolver::new(Paths::new(files), &packages, &[]);
    let mut links = Vec::new();
    for ((file, (path, imports)), line) in (0..).zip(case.files).zip(1..) {
        let import = |(kind, target, names): &(ImportKind, &str, &[&str])| Import {
            target: (*target).into(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            line,
            kind: *kind,
            deferred: false,
        };
        let imports: Vec<Import> = imports.iter().map(import).collect();
        links.push((file, resolver.resolve(file, Language::of_path(path, None).unwrap(), &imports)));
    }
    links
}

fn sources(case: &Case<'_>) -> Vec<SourceFile> {
    case.files.iter().map(|(path, _)| SourceFile { path: (*path).into(), bytes: 0, language: None }).collect()
}

fn check(case: &Case<'_>) -> Structure {
    let files = sources(case);
    let path = |file: u32| &*files[file as usize].path;
    let links = links(case, &files);
    let mut edges: Vec<String> = Vec::new();
    for (file, links) in &links {
        edges.extend(links.files.iter().map(|edge| format!("{} -> {}", path(*file), path(edge.to))));
        let folder = |to: u32| path(to).rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        edges.extend(links.folders.iter().map(|edge| format!("{} -> {}/", path(*file), folder(edge.to))));
    }
    edges.sort();
    let mut expected: Vec<String> = case.edges.iter().map(|edge| (*edge).to_owned()).collect();
    expected.sort();
    assert_eq!(edges, expected, "edges of {}", case.name);

    let structure = analyse(&Paths::new(&files), links.iter().map(|(file, links)| (*file, links)));
    let cycles: Vec<Vec<&str>> =
        structure.cycles.iter().map(|cycle| cycle.files.iter().map(|file| path(*file)).collect()).collect();
    assert_eq!(cycles, case.cycles, "cycles of {}", case.name);
    let external: Vec<&str> = structure.external.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(external, case.external, "external of {}", case.name);

    // A way around is a way: each hop is an edge to the file of the next hop.
    for cycle in &structure.cycles {
        for (hop, next) in cycle.around.iter().zip(cycle.around.iter().cycle().skip(1)) {
            let (_, links) = &links[hop.file as usize];
            assert!(links.files.iter().any(|edge| edge.to == next.file && edge.line == hop.line), "{cycle:?}");
        }
        assert!(cycle.around.len() > 1);
    }

    // The order of the files' links does not matter.
    let backwards = analyse(&Paths::new(&files), links.iter().rev().map(|(file, links)| (*file, links)));
    assert_eq!(backwards, structure);
    structure
}

#[test]
fn rust_modules_and_crates() {
    let structure = check(&Case {
        name: "rust",
        packages: &[(Ecosystem::Cargo, "my-core", "crates/core"), (Ecosystem::Cargo, "app", "")],
        files: &[
            ("crates/core/src/lib.rs", &[(ModDecl, "a", &[]), (ModDecl, "b", &[]), (Module, "a::Thing", &[])]),
            (
                "crates/core/src/a.rs",
                &[(Relative, "crate::b::inner::Deep", &[]), (ModDecl, "sub", &[]), (Module, "std::fmt", &[])],
            ),
            ("crates/core/src/a/sub.rs", &[(Relative, "super::super::b", &[]), (Relative, "self::x", &[])]),
            ("crates/core/src/b/mod.rs", &[(Relative, "super::a::Thing", &[]), (Relative, "crate::Error", &[])]),
            ("crates/core/src/b/inner.rs", &[(Relative, "super::Trait", &[])]),
            (
                "src/main.rs",
                &[
                    (Module, "my_core::a::Thing", &[]),
                    (Module, "my_core::Error", &[]),
                    (Module, "serde::Serialize", &[]),
                ],
            ),
            ("src/bin/tool.rs", &[(Module, "app::x", &[]), (Relative, "crate::helper", &[])]),
            (
                "tests/it.rs",
                &[(ModDecl, "common", &[]), (Relative, "crate::common::x", &[]), (Module, "my_core::b", &[])],
            ),
            ("tests/common/mod.rs", &[]),
        ],
        edges: &[
            "crates/core/src/a.rs -> crates/core/src/b/inner.rs",
            "crates/core/src/a/sub.rs -> crates/core/src/b/mod.rs",
            "crates/core/src/b/mod.rs -> crates/core/src/a.rs",
            "crates/core/src/b/mod.rs -> crates/core/src/lib.rs",
            "crates/core/src/b/inner.rs -> crates/core/src/b/mod.rs",
            "src/main.rs -> crates/core/src/a.rs",
            "src/main.rs -> crates/core/src/lib.rs",
            "src/bin/tool.rs -> src/main.rs",
            "tests/it.rs -> tests/common/mod.rs",
            "tests/it.rs -> crates/core/src/b/mod.rs",
        ],
        cycles: &[&["crates/core/src/a.rs", "crates/core/src/b/mod.rs", "crates/core/src/b/inner.rs"]],
        external: &["serde"],
    });
    assert_eq!(structure.folder_cycles.len(), 1);
    assert_eq!(structure.folder_cycles[0].folders, ["crates/core/src", "crates/core/src/b"]);
    assert_eq!((structure.used[0].fan_in, structure.used[0].file), (3, 3));
}

#[test]
fn python_packages() {
    check(&Case {
        name: "python",
        packages: &[(Ecosystem::Python, "pkg", "")],
        files: &[
            ("src/pkg/__init__.py", &[(Relative, ".", &["a"])]),
            ("src/pkg/a.py", &[(Module, "pkg.b", &[]), (Module, "os.path", &[]), (Module, "numpy", &[])]),
            ("src/pkg/b.py", &[(Relative, ".a", &["Thing"]), (Relative, ".sub", &["deep", "NAME"])]),
            ("src/pkg/sub/__init__.py", &[]),
            ("src/pkg/sub/deep.py", &[(Relative, "..a", &["Thing"]), (Module, "pkg.sub.deep.NAME", &[])]),
            ("tests/test_a.py", &[(Module, "pkg", &["a"]), (Module, "helpers", &[])]),
            ("tests/helpers.py", &[]),
        ],
        edges: &[
            "src/pkg/__init__.py -> src/pkg/a.py",
            "src/pkg/a.py -> src/pkg/b.py",
            "src/pkg/b.py -> src/pkg/a.py",
            "src/pkg/b.py -> src/pkg/sub/__init__.py",
            "src/pkg/b.py -> src/pkg/sub/deep.py",
            "src/pkg/sub/deep.py -> src/pkg/a.py",
            "tests/test_a.py -> src/pkg/a.py",
            "tests/test_a.py -> tests/helpers.py",
        ],
        cycles: &[&["src/pkg/a.py", "src/pkg/b.py", "src/pkg/sub/deep.py"]],
        external: &["numpy"],
    });
}

#[test]
fn javascript_and_typescript() {
    check(&Case {
        name: "scripts",
        packages: &[(Ecosystem::Npm, "@me/core", "packages/core"), (Ecosystem::Npm, "root", "")],
        files: &[
            ("packages/core/src/index.ts", &[(Relative, "./a.js", &[]), (Relative, "./parts", &[])]),
            ("packages/core/src/a.ts", &[(Relative, "./parts/one", &[]), (Module, "react/jsx-runtime", &[])]),
            ("packages/core/src/parts/index.tsx", &[(Relative, "..", &[]), (Module, "@scope/lib/x", &[])]),
            ("packages/core/src/parts/one.js", &[(Relative, "../a?raw", &[]), (Module, "node:fs", &[])]),
            ("app/main.jsx", &[(Module, "@me/core", &[]), (Module, "@me/core/a", &[]), (Relative, "./gone", &[])]),
        ],
        edges: &[
            "packages/core/src/index.ts -> packages/core/src/a.ts",
            "packages/core/src/index.ts -> packages/core/src/parts/index.tsx",
            "packages/core/src/a.ts -> packages/core/src/parts/one.js",
            "packages/core/src/parts/index.tsx -> packages/core/src/index.ts",
            "packages/core/src/parts/one.js -> packages/core/src/a.ts",
            "app/main.jsx -> packages/core/src/index.ts",
            "app/main.jsx -> packages/core/src/a.ts",
        ],
        cycles: &[
            &["packages/core/src/index.ts", "packages/core/src/parts/index.tsx"],
            &["packages/core/src/a.ts", "packages/core/src/parts/one.js"],
        ],
        external: &["./gone", "@scope/lib", "react"],
    });
}

#[test]
fn go_packages_are_folders() {
    let structure = check(&Case {
        name: "go",
        packages: &[(Ecosystem::Go, "example.org/me/app", ""), (Ecosystem::Go, "example.org/me/app/tool", "tool")],
        files: &[
            ("main.go", &[(Module, "fmt", &[]), (Module, "example.org/me/app/store", &[])]),
            ("store/a_test.go", &[]),
            (
                "store/store.go",
                &[
                    (Module, "example.org/me/app/model", &[]),
                    (Module, "github.com/x/y/z", &[]),
                    (Module, "corp/db", &[]),
                ],
            ),
            ("model/model.go", &[(Module, "example.org/me/app/store", &[])]),
            (
                "tool/run/run.go",
                &[(Module, "example.org/me/app/tool/run/deep", &[]), (Module, "example.org/me/app", &[])],
            ),
        ],
        edges: &["main.go -> store/", "store/store.go -> model/", "model/model.go -> store/", "tool/run/run.go -> /"],
        cycles: &[],
        external: &["corp", "example.org/me/app", "github.com/x/y"],
    });
    assert_eq!(structure.folder_cycles.len(), 1);
    assert_eq!(structure.folder_cycles[0].folders, ["model", "store"]);
    let fans: Vec<_> =
        structure.components.iter().map(|part| (part.folder.as_str(), part.fan_in, part.fan_out)).collect();
    assert_eq!(fans, [("", 1, 1), ("model", 1, 1), ("store", 2, 1), ("tool/run", 0, 1)]);
}

#[test]
fn c_and_cpp_headers() {
    check(&Case {
        name: "c",
        packages: &[],
        files: &[
            ("src/a.c", &[(Quoted, "a.h", &[]), (Quoted, "lib/only.h", &[]), (System, "stdio.h", &[])]),
            ("src/a.h", &[(Quoted, "../inc/b.hpp", &[])]),
            ("inc/b.hpp", &[(Quoted, "a.h", &[]), (System, "lib/only.h", &[])]),
            ("inc/lib/only.h", &[(Quoted, "twice.h", &[])]),
            ("x/twice.h", &[]),
            ("y/twice.h", &[(System, "vector", &[])]),
        ],
        edges: &[
            "src/a.c -> src/a.h",
            "src/a.c -> inc/lib/only.h",
            "src/a.h -> inc/b.hpp",
            "inc/b.hpp -> src/a.h",
            "inc/b.hpp -> inc/lib/only.h",
        ],
        cycles: &[&["src/a.h", "inc/b.hpp"]],
        external: &["twice.h"],
    });
}

#[test]
fn java_packages_and_swift_modules() {
    check(&Case {
        name: "java",
        packages: &[(Ecosystem::Jvm, "app", "app")],
        files: &[
            ("app/src/main/java/org/me/A.java", &[(Module, "org.me.sub.B", &[]), (Module, "java.util.List", &[])]),
            ("app/src/main/java/org/me/sub/B.java", &[(Module, "org.me.A.Nested", &[]), (Module, "org.me.*", &[])]),
            ("app/src/test/java/org/me/ATest.java", &[(Static, "org.me.A.make", &[]), (Static, "org.me.sub.B.*", &[])]),
            ("ios/Main.swift", &[(Module, "Foundation", &[]), (Module, "Alamofire", &[])]),
        ],
        edges: &[
            "app/src/main/java/org/me/A.java -> app/src/main/java/org/me/sub/B.java",
            "app/src/main/java/org/me/sub/B.java -> app/src/main/java/org/me/A.java",
            "app/src/main/java/org/me/sub/B.java -> app/src/main/java/org/me/",
            "app/src/test/java/org/me/ATest.java -> app/src/main/java/org/me/A.java",
            "app/src/test/java/org/me/ATest.java -> app/src/main/java/org/me/sub/B.java",
        ],
        cycles: &[&["app/src/main/java/org/me/A.java", "app/src/main/java/org/me/sub/B.java"]],
        external: &["Alamofire"],
    });
}

/// The edges of files that import each other by `imports`: from, to, line, deferred.
fn of_imports(paths: &[&str], imports: &[(u32, &str, u32, bool)]) -> Structure {
    let files: Vec<SourceFile> =
        paths.iter().map(|path| SourceFile { path: (*path).into(), bytes: 0, language: None }).collect();
    let resolver = Resolver::new(Paths::new(&files), &[], &[]);
    let links = |file: u32| {
        let own = imports.iter().filter(|import| import.0 == file);
        let import = |(_, target, line, deferred): &(u32, &str, u32, bool)| Import {
            target: (*target).into(),
            names: Vec::new(),
            line: *line,
            kind: Module,
            deferred: *deferred,
        };
        resolver.resolve(file, Language::Python, &own.map(import).collect::<Vec<_>>())
    };
    let links: Vec<(u32, Links)> = (0..).zip(paths).map(|(file, _)| (file, links(file))).collect();
    analyse(&Paths::new(&files), links.iter().map(|(file, links)| (*file, links)))
}

#[test]
fn what_loading_does_not_need_makes_no_cycle() {
    let paths = ["p/a.py", "p/b.py", "q/c.py"];
    let there = [(0, "b", 1, false), (1, "q.c", 2, false)];
    for (back, cycle, folders, line) in [
        (&[(1, "a", 7, false)][..], 2, 0, 7),
        (&[(1, "a", 7, true)], 0, 0, 0),
        // One that is needed beside it, wherever it stands.
        (&[(1, "a", 7, true), (1, "a", 9, false)], 2, 0, 9),
        (&[(2, "p.a", 5, true)], 0, 0, 0),
        (&[(2, "p.a", 5, false)], 3, 1, 2),
    ] {
        let structure = of_imports(&paths, &[&there, back].concat());
        assert_eq!(structure.edges, 3, "{back:?}: it counts for who needs whom");
        let found = structure.cycles.first().map_or(0, |cycle| cycle.files.len());
        assert_eq!((found, structure.folder_cycles.len()), (cycle, folders), "{back:?}");
        let hop = structure.cycles.first().and_then(|cycle| cycle.around.iter().find(|hop| hop.file == 1));
        assert_eq!(hop.map_or(0, |hop| hop.line), line, "{back:?}");
    }
}

#[test]
fn a_chain_of_a_hundred_thousand_files_ends_no_thread() {
    const LENGTH: u32 = 100_000;
    let file = |number| SourceFile { path: format!("{number:06}.c").into(), bytes: 0, language: None };
    let files: Vec<SourceFile> = (0..LENGTH).map(file).collect();
    let paths = Paths::new(&files);
    let resolver = Resolver::new(Paths::new(&files), &[], &[]);
    let link = |number: u32| {
        let target = format!("{:06}.c", (number + 1) % LENGTH);
        let import = Import { target, names: Vec::new(), line: 1, kind: Quoted, deferred: false };
        (number, resolver.resolve(number, Language::C, &[import]))
    };
    let links: Vec<(u32, Links)> = (0..LENGTH).map(link).collect();
    let structure = analyse(&paths, links.iter().map(|(number, links)| (*number, links)));
    assert_eq!((structure.cycles.len(), structure.edges), (1, u64::from(LENGTH)));
    assert_eq!(structure.cycles[0].around.len(), LENGTH as usize);
}
