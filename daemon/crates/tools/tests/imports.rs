//! Whole folders: where the imports of their files lead, as their manifests and configurations say, and which of them make a cycle.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::{fs, path::Path};

use agentd_syntax::{Limits, Parser};
use agentd_tools::{
    Workspace,
    manifests::{self, Said, choose},
    project::Project,
    structure::{Edge, Links, Paths, Resolver, Structure, analyse},
    survey::{self, Manifest, Progress, Survey},
};

/// Files with their content.
type Tree<'a> = &'a [(&'a str, &'a str)];

/// What a folder's imports say.
struct Seen {
    /// `from to`, by path, with `?` behind what loading does not need; a Go package ends in `/`.
    edges: Vec<String>,
    structure: Structure,
    project: Project,
}

impl Seen {
    fn external(&self) -> Vec<&str> {
        self.structure.external.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn cycles(&self) -> (usize, usize) {
        (self.structure.cycles.len(), self.structure.folder_cycles.len())
    }
}

fn surveyed<T>(tree: Tree<'_>, look: impl FnOnce(&Workspace, &Manifest) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in tree {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let workspace = Workspace::open(folder.path()).unwrap();
    let mut survey = Survey::start(&workspace, survey::Limits::default()).unwrap();
    while survey.step(1_000) == Progress::More {}
    look(&workspace, &survey.finish())
}

fn seen(tree: Tree<'_>) -> Seen {
    surveyed(tree, look)
}

fn look(workspace: &Workspace, files: &Manifest) -> Seen {
    let project = manifests::read(workspace, files).0;
    let resolver = Resolver::new(Paths::new(&files.files), &project.packages, &project.scripts);
    let (mut parser, mut links, mut edges) = (Parser::new(), Vec::<(u32, Links)>::new(), Vec::new());
    for (number, file) in (0..).zip(&files.files) {
        let Some(language) = file.language else { continue };
        let content = workspace.read_file(Path::new(&*file.path), 1 << 20).unwrap();
        let facts = parser.analyze(language, &content, Limits::default()).unwrap();
        let found = resolver.resolve(number, language, &facts.imports);
        let to = |number: u32| &*files.files[number as usize].path;
        let mark = |deferred| if deferred { "?" } else { "" };
        let to_file = |edge: &Edge| format!("{} {}{}", file.path, to(edge.to), mark(edge.deferred));
        edges.extend(found.files.iter().map(to_file));
        edges.extend(found.folders.iter().map(|edge| {
            let folder = to(edge.to).rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{} {folder}/{}", file.path, mark(edge.deferred))
        }));
        links.push((number, found));
    }
    edges.sort();
    let structure = analyse(&Paths::new(&files.files), links.iter().map(|(file, links)| (*file, links)));
    Seen { edges, structure, project }
}

#[test]
fn a_member_of_a_python_package_is_not_found_by_its_bare_name() {
    let events = ("events.py", "import subprocess\n");
    let back = ("subprocess.py", "from . import events\n");
    let project = ("pyproject.toml", "[project]\nname = \"x\"\n");
    let cases: [(Tree<'_>, &[&str]); 10] = [
        (&[("__init__.py", ""), events, back], &["subprocess.py events.py"]),
        // No manifest says where names begin: another package here is meant, and still no module of the language's name.
        (
            &[
                ("__init__.py", ""),
                ("subprocess.py", ""),
                ("app/__init__.py", ""),
                ("app/db.py", ""),
                ("app/main.py", "from app.db import x\nimport subprocess\n"),
            ],
            &["app/main.py app/db.py"],
        ),
        (&[("__init__.py", ""), events, back, project], &["subprocess.py events.py"]),
        (&[("__init__.pyi", ""), events, back], &["subprocess.py events.py"]),
        // Scripts find what lies beside them.
        (&[events, back], &["events.py subprocess.py", "subprocess.py events.py"]),
        // The same further down; the package's own name leads into it.
        (
            &[
                ("p/__init__.py", ""),
                ("p/a.py", "import abc\nfrom p.abc import x\n"),
                ("p/abc.py", ""),
                ("p/pyproject.toml", project.1),
            ],
            &["p/a.py p/abc.py"],
        ),
        (&[("__init__.py", ""), ("abc.py", ""), ("sub/__init__.py", ""), ("sub/a.py", "import abc\n")], &[]),
        (
            &[
                ("src/__init__.py", ""),
                ("src/redis.py", "import redis\n"),
                ("src/x.py", "import redis\nimport src.redis\n"),
            ],
            &["src/x.py src/redis.py"],
        ),
        // A project's top with a file that makes a package of it by mistake.
        (
            &[("__init__.py", ""), project, ("p/__init__.py", ""), ("p/a.py", "import p.b\n"), ("p/b.py", "")],
            &["p/a.py p/b.py"],
        ),
        (
            &[("p/__init__.py", ""), ("p/tool/run.py", "import help\n"), ("p/tool/help.py", "")],
            &["p/tool/run.py p/tool/help.py"],
        ),
    ];
    for (tree, edges) in cases {
        assert_eq!(seen(tree).edges, edges, "{tree:?}");
    }
}

#[test]
fn what_loads_nothing_makes_no_cycle() {
    let go = ("go.mod", "module example.com/x\n");
    let a = ("a/a.go", "package a\nimport \"example.com/x/b\"\n");
    let cases: [(Tree<'_>, &[&str], (usize, usize)); 7] = [
        (
            &[go, a, ("b/b.go", "package b\n"), ("b/b_test.go", "package b_test\nimport \"example.com/x/a\"\n")],
            &["a/a.go b/", "b/b_test.go a/?"],
            (0, 0),
        ),
        (&[go, a, ("b/b.go", "package b\nimport \"example.com/x/a\"\n")], &["a/a.go b/", "b/b.go a/"], (0, 1)),
        (&[("a.pyi", "import b\n"), ("b.pyi", "import a\n")], &["a.pyi b.pyi?", "b.pyi a.pyi?"], (0, 0)),
        (&[("a.py", "import b\n"), ("b.py", "import a\n")], &["a.py b.py", "b.py a.py"], (1, 0)),
        (
            &[("a.d.ts", "import { B } from \"./b\";\n"), ("b.d.ts", "import { A } from \"./a\";\n")],
            &["a.d.ts b.d.ts?", "b.d.ts a.d.ts?"],
            (0, 0),
        ),
        (
            &[("a.ts", "import { type B } from \"./b\";\n"), ("b.ts", "import { a } from \"./a\";\n")],
            &["a.ts b.ts?", "b.ts a.ts"],
            (0, 0),
        ),
        (
            &[("a.ts", "import { type B, b } from \"./b\";\n"), ("b.ts", "import { a } from \"./a\";\n")],
            &["a.ts b.ts", "b.ts a.ts"],
            (1, 0),
        ),
    ];
    for (tree, edges, cycles) in cases {
        let seen = seen(tree);
        assert_eq!(seen.edges, edges, "{tree:?}");
        assert_eq!(seen.cycles(), cycles, "{tree:?}");
    }
}

const AB: [(&str, &str); 2] =
    [("src/a.ts", "import { b } from \"@/b\";\n"), ("src/b.ts", "import { a } from \"@/a\";\n")];
const AB_EDGES: &[&str] = &["src/a.ts src/b.ts", "src/b.ts src/a.ts"];

#[test]
fn aliases_lead_to_files_however_they_are_set_up() {
    let paths = |folder: &str| format!("{{\"compilerOptions\": {{\"paths\": {{\"@/*\": [\"{folder}/*\"]}}}}}}");
    let (plain, above, own) = (paths("./src"), paths("../src"), paths("${configDir}/src"));
    let setups: &[Tree<'_>] = &[
        &[("tsconfig.json", &plain)],
        &[("jsconfig.json", &plain)],
        &[("tsconfig.json", &format!("\u{feff}{plain}"))],
        &[("src/tsconfig.json", &paths("."))],
        &[("tsconfig.json", "{\"compilerOptions\":{\"baseUrl\":\"./src\",\"paths\":{\"@/*\":[\"*\"]}}}")],
        &[(
            "tsconfig.json",
            "// Ours.\n{\n  /* as vite wants it */ \"compilerOptions\": {\n    \"paths\": { \"@/*\": [\"src/*\",], }, // \"x\"\n  },\n}\n",
        )],
        // Of what it extends: from there, unless it has a base of its own.
        &[("tsconfig.json", "{\"extends\": \"./tsconfig.base\"}"), ("tsconfig.base.json", &plain)],
        &[("tsconfig.json", "{\"extends\": \"./conf/tsconfig.x.json\"}"), ("conf/tsconfig.x.json", &above)],
        &[("tsconfig.json", "{\"extends\": \"./conf/tsconfig.x.json\"}"), ("conf/tsconfig.x.json", &own)],
        &[
            ("tsconfig.json", "{\"extends\": \"./conf/tsconfig.x.json\", \"compilerOptions\": {\"baseUrl\": \".\"}}"),
            ("conf/tsconfig.x.json", &plain),
        ],
        &[
            ("tsconfig.json", "{\"extends\": [\"@tsconfig/strictest\", \"./tsconfig.1.json\", \"./tsconfig.2.json\"]}"),
            ("tsconfig.1.json", &paths("./gone")),
            (
                "tsconfig.2.json",
                "{\"extends\": \"./tsconfig.json\", \"compilerOptions\": {\"paths\": {\"@/*\": [\"./src/*\"]}}}",
            ),
        ],
        // Of what does its work.
        &[
            (
                "tsconfig.json",
                "{\"files\": [], \"references\": [{\"path\": \"./tsconfig.node.json\"}, {\"path\": \"./tsconfig.app.json\"}]}",
            ),
            ("tsconfig.node.json", "{}"),
            ("tsconfig.app.json", &plain),
        ],
        // The best pattern counts, and of its targets the first that is there.
        &[(
            "tsconfig.json",
            "{\"compilerOptions\":{\"paths\":{\"*\":[\"./none/*\"],\"@*\":[\"./other/*\"],\"@/*\":[\"./gone/*\",\"./src/*\"],\"@/a\":[\"./src/a.ts\"]}}}",
        )],
        &[("tsconfig.json", "{\"compilerOptions\":{\"baseUrl\":\"x\"}}"), ("src/jsconfig.json", &paths("."))],
    ];
    for setup in setups {
        let tree = [setup, &AB[..]].concat();
        let seen = seen(&tree);
        assert_eq!(seen.edges, AB_EDGES, "{setup:?}");
        assert_eq!((seen.cycles(), seen.external().len()), ((1, 0), 0), "{setup:?}");
        assert!(seen.project.unread.is_empty(), "{:?}", seen.project.unread);
    }
}

#[test]
fn what_no_alias_leads_to_is_a_library_unless_the_project_claims_its_name() {
    let config = |options: &str| format!("{{\"compilerOptions\": {{{options}}}}}");
    let names = "import '@/gone';\nimport 'react';\nimport 'deep/x?raw';\nimport '#h/x';\nimport './src/x';\n";
    let tree =
        |config: &str| seen(&[("tsconfig.json", config), ("a.ts", names), ("src/deep/x.ts", ""), ("src/x.ts", "")]);
    let all = ["#h", "@/gone", "deep", "react"];
    for (options, edges, external) in [
        ("", &["a.ts src/x.ts"][..], &all[..]),
        ("\"baseUrl\": \"src\"", &["a.ts src/deep/x.ts", "a.ts src/x.ts"], &["#h", "@/gone", "react"]),
        ("\"paths\": {\"@/*\": [\"./src/*\"], \"#h/*\": [\"./src/*\"]}", &["a.ts src/x.ts"], &["deep", "react"]),
        ("\"paths\": {\"*\": [\"./src/*\"]}", &["a.ts src/deep/x.ts", "a.ts src/x.ts"], &["#h", "@/gone", "react"]),
        ("\"paths\": {\"react\": [\"./node_modules/@types/react\"]}", &["a.ts src/x.ts"], &all),
        ("\"paths\": {\"react\": [\"../../../x\"], \"@/*\": [], \"deep/*\": 7}", &["a.ts src/x.ts"], &all),
        (
            "\"paths\": {\"d*/x\": [\"./src/d*/x\"]}",
            &["a.ts src/deep/x.ts", "a.ts src/x.ts"],
            &["#h", "@/gone", "react"],
        ),
        ("\"paths\": []", &["a.ts src/x.ts"], &all),
    ] {
        let seen = tree(&config(options));
        let found: Vec<&str> = seen.edges.iter().map(String::as_str).collect();
        assert_eq!((found.as_slice(), seen.external().as_slice()), (edges, external), "{options}");
    }
    // The nearest one counts alone, and one that is broken says nothing.
    let near =
        [("tsconfig.json", "{\"compilerOptions\":{\"paths\":{\"@/*\":[\"./src/*\"]}}}"), ("src/tsconfig.json", "{}")];
    assert_eq!(seen(&[&near[..], &AB].concat()).external(), ["@/a", "@/b"]);
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let deep_objects = "{\"a\": [".repeat(100_000);
    for broken in ["{\n\"compilerOptions\": oops", &deep, &deep_objects] {
        let seen = seen(&[&[("tsconfig.json", broken)], &AB[..]].concat());
        assert_eq!((seen.external(), seen.project.unread.len()), (vec!["@/a", "@/b"], 1));
        assert_eq!(seen.project.unread[0].source.file, "tsconfig.json");
    }
    for nothing in ["", "null", "[]", "7", "{\"extends\": 7, \"references\": {}}", "{\"extends\": \"./tsconfig.json\"}"]
    {
        let seen = seen(&[&[("tsconfig.json", nothing)], &AB[..]].concat());
        assert_eq!((seen.external(), seen.project.unread.len()), (vec!["@/a", "@/b"], 0), "{nothing:?}");
    }
}

#[test]
fn configurations_and_their_patterns_are_bounded() {
    // Those before the bound count, and files below the others have none.
    let many = |folder: &str, count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("\"{folder}{number}/*\": [\"./*\"]")).collect();
        format!("{{\"compilerOptions\": {{\"paths\": {{\"@/*\": [\"./*\"], {}}}}}}}", names.join(","))
    };
    let file = "import '@/b';\n";
    let configs = [many("a", 2_000), many("b", 2_000), many("c", 2_000), many("d", 1)];
    let mut tree: Vec<(String, &str)> = Vec::new();
    for (folder, config) in ["a", "b", "c", "d"].iter().zip(&configs) {
        tree.extend(
            [("tsconfig.json", config.as_str()), ("a.ts", file), ("b.ts", "")]
                .map(|(name, text)| (format!("{folder}/{name}"), text)),
        );
    }
    let tree: Vec<(&str, &str)> = tree.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    surveyed(&tree, |workspace, files| {
        let seen = look(workspace, files);
        assert_eq!(seen.edges, ["a/a.ts a/b.ts", "b/a.ts b/b.ts"]);
        for size in [1, 2, 3] {
            let mut said = Said::default();
            let chosen = choose(files, &[]);
            chosen.chunks(size).for_each(|piece| said.join(Said::by(piece, workspace, &mut || true)));
            assert_eq!(said.finish().project, seen.project, "{size} files per piece");
        }
    });
    // So is how many build on each other.
    for (length, external) in [(15, &[][..]), (16, &["@/a", "@/b"])] {
        let config = |number: usize| match number {
            0 => ("tsconfig.json".to_owned(), "{\"extends\": \"./tsconfig.1\"}".to_owned()),
            _ if number < length => {
                (format!("tsconfig.{number}.json"), format!("{{\"extends\": \"./tsconfig.{}\"}}", number + 1))
            }
            _ => (format!("tsconfig.{number}.json"), many("x", 1).replace("./*", "./src/*")),
        };
        let configs: Vec<(String, String)> = (0..=length).map(config).collect();
        let configs = configs.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        assert_eq!(seen(&configs.chain(AB).collect::<Vec<_>>()).external(), external, "{length}");
    }
}
