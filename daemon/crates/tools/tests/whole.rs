//! The whole analysis over a real folder: survey, manifests, parsing, links, measurements, page.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::{fs, path::Path};

use agentd_syntax::Parser;
use agentd_tools::{
    Workspace, manifests,
    measured::Measured,
    report::{Others, Parts, Report, Run, build, render_markdown},
    structure::{Paths, Resolver, analyse},
    survey::{Limits, Progress, Survey},
};

/// Language, files, the members of the expected cycle, and a library.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str], &'a str);

fn analysed(root: &Path) -> Report {
    let workspace = Workspace::open(root).unwrap();
    let mut survey = Survey::start(&workspace, Limits::default()).unwrap();
    while survey.step(1_000) == Progress::More {}
    let manifest = survey.finish();
    let project = manifests::read(&workspace, &manifest).0;
    let resolver = Resolver::new(Paths::new(&manifest.files), &project.packages, &project.scripts);
    let (mut parser, mut measured) = (Parser::new(), Measured::default());
    let mut run = Run { folder: "folder".into(), ..Run::default() };
    for (number, file) in (0..).zip(&manifest.files) {
        let Some(language) = file.language else { continue };
        let content = workspace.read_file(Path::new(&*file.path), 1 << 20).unwrap();
        match parser.analyze(language, &content, agentd_syntax::Limits::default()) {
            Ok(facts) => measured.add(number, &file.path, &facts, resolver.resolve(number, language, &facts.imports)),
            Err(error) => run.failed.push((number, error.to_string())),
        }
    }
    let measured = measured.sorted();
    let structure = analyse(&Paths::new(&manifest.files), measured.files.iter().map(|file| (file.file, &file.links)));
    build(&Parts {
        manifest: &manifest,
        measured: &measured,
        structure: &structure,
        project: &project,
        others: &Others::default(),
        run: &run,
    })
}

#[test]
fn small_projects_in_each_language() {
    let cases: [Case<'_>; 7] = [
        (
            "rust",
            &[
                ("Cargo.toml", "[package]\nname = \"demo\"\n"),
                ("src/lib.rs", "mod a;\nmod b;\npub use a::A;\n"),
                ("src/a.rs", "use crate::b::{B, C as D};\nuse serde::Serialize;\npub struct A;\n"),
                ("src/b.rs", "use super::a::*;\n#[cfg(test)]\nmod tests { use super::*; }\n"),
            ],
            &["src/a.rs", "src/b.rs"],
            "serde",
        ),
        (
            "python",
            &[
                ("pyproject.toml", "[project]\nname = 'demo'\n"),
                ("pkg/__init__.py", ""),
                ("pkg/a.py", "import os\nimport numpy\nfrom . import b\n"),
                ("pkg/b.py", "from pkg.a import x\nif __name__ == '__main__':\n    pass\n"),
            ],
            &["pkg/a.py", "pkg/b.py"],
            "numpy",
        ),
        (
            "typescript",
            &[
                ("package.json", "{\"name\": \"demo\"}"),
                ("src/a.ts", "import { b } from './b';\nimport React from 'react';\n"),
                ("src/b.ts", "export * from './a.js';\n"),
            ],
            &["src/a.ts", "src/b.ts"],
            "react",
        ),
        (
            "javascript",
            &[
                ("package.json", "{\"name\": \"demo\"}"),
                ("a.js", "const b = require('./b');\nconst fs = require('left-pad');\n"),
                ("b.js", "import('./a.js');\n"),
            ],
            &["a.js", "b.js"],
            "left-pad",
        ),
        (
            "c",
            &[
                ("CMakeLists.txt", "project(demo)\n"),
                ("a.h", "#include \"inc/b.h\"\n#include <zlib.h>\n"),
                ("inc/b.h", "#include \"../a.h\"\n"),
            ],
            &["a.h", "inc/b.h"],
            "zlib.h",
        ),
        (
            "java",
            &[
                ("pom.xml", "<project><artifactId>demo</artifactId></project>"),
                ("src/main/java/x/A.java", "package x;\nimport x.y.B;\nimport org.junit.Test;\nclass A {}\n"),
                ("src/main/java/x/y/B.java", "package x.y;\nimport static x.A.make;\nclass B {}\n"),
            ],
            &["src/main/java/x/A.java", "src/main/java/x/y/B.java"],
            "org.junit",
        ),
        (
            "go",
            &[
                ("go.mod", "module demo\n"),
                (
                    "a/a.go",
                    "package a\n\nimport (\n\t\"example.org/x/y\"\n\tb \"demo/b\"\n)\n\nfunc F() { fmt.Println(b.X) }\n",
                ),
                ("b/b.go", "package b\n\nimport \"demo/a\"\n\nvar X = a.F\n"),
            ],
            &["a", "b"],
            "example.org/x/y",
        ),
    ];
    for (language, files, cycle, library) in cases {
        let temp = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = temp.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let report = analysed(temp.path());
        assert_eq!(report.subject.name, "demo", "{language}");
        let found = report.structure.cycles.first().or_else(|| report.structure.folder_cycles.first());
        assert_eq!(found.unwrap_or_else(|| panic!("no cycle in {language}: {report:#?}")).members, cycle, "{language}");
        let libraries: Vec<&str> = report.structure.external.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(libraries, [library], "{language}");
        assert_eq!(report.unseen.failed_count, 0, "{language}");
    }
}

#[test]
fn this_crate_has_no_cycles_of_files() {
    let report = analysed(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert_eq!(report.structure.cycles, [], "{}", render_markdown(&report));
    assert_eq!(report.subject.name, "agentd-tools");
    assert!(report.languages.iter().any(|row| row.language == agentd_syntax::Language::Rust && row.functions > 100));
    assert!(report.structure.edges > 20);
}
