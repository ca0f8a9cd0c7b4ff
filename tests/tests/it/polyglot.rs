//! A small project in nine languages whose every figure is known. In each language one function holds `flat` decisions
//! side by side and three inside each other: its cyclomatic complexity is 1 + flat + 3, its cognitive one flat + 1 + 2 + 3.

use std::fmt::Write as _;

/// One heavy function: name as the report gives it, file, line, decisions side by side.
pub(crate) struct Heavy(pub(crate) &'static str, pub(crate) &'static str, pub(crate) u64, pub(crate) u64);

impl Heavy {
    pub(crate) const fn cyclomatic(&self) -> u64 {
        1 + self.3 + 3
    }

    pub(crate) const fn cognitive(&self) -> u64 {
        self.3 + 1 + 2 + 3
    }
}

/// Eleven, heaviest first: one more than the report shows.
pub(crate) const HEAVY: [Heavy; 11] = [
    Heavy("rust_heavy", "src/main.rs", 10, 12),
    Heavy("python_heavy", "python/app/core.py", 6, 11),
    Heavy("javascriptHeavy", "web/index.js", 5, 10),
    Heavy("typescriptHeavy", "web/src/a.ts", 3, 9),
    Heavy("goHeavy", "go/main.go", 7, 8),
    Heavy("c_heavy", "c/main.c", 4, 7),
    Heavy("cpp_heavy", "cpp/main.cpp", 3, 6),
    Heavy("Main.javaHeavy", "java/src/main/java/demo/Main.java", 4, 5),
    Heavy("swiftHeavy", "swift/main.swift", 1, 4),
    Heavy("rust_lighter", "src/side.rs", 5, 3),
    Heavy("python_lighter", "python/app/side.py", 4, 2),
];

/// How a language writes a decision.
#[derive(Clone, Copy)]
struct Form {
    open: &'static str,
    body: &'static str,
    close: &'static str,
}

const CURLY: Form = Form { open: "if (x > N) {", body: "x -= 1;", close: "}" };
const BARE: Form = Form { open: "if x > N {", body: "x -= 1", close: "}" };
const RUST: Form = Form { open: "if x > N {", body: "x -= 1;", close: "}" };
const PYTHON: Form = Form { open: "if x > N:", body: "x -= 1", close: "" };

/// Decisions side by side, then three inside each other, indented by `indent` spaces.
fn decisions(form: Form, flat: u64, indent: usize) -> String {
    let mut text = String::new();
    let mut line = |depth: usize, words: &str, number: u64| {
        if !words.is_empty() {
            let _ = writeln!(text, "{:1$}{2}", "", indent + 4 * depth, words.replace('N', &number.to_string()));
        }
    };
    for number in 0..flat {
        line(0, form.open, number);
        line(1, form.body, number);
        line(0, form.close, number);
    }
    for depth in 0..3 {
        line(depth, form.open, 100);
    }
    line(3, form.body, 100);
    for depth in (0..3).rev() {
        line(depth, form.close, 100);
    }
    text
}

const CARGO: &str = "[package]\nname = \"polyglot\"\nversion = \"0.1.0\"\ndescription = \"Speaks nine languages\"\n";

const MAKEFILE: &str = ".PHONY: all\nall: build\n\nbuild:\n\tcc -o c/prog c/main.c\n\ntest:\n\t./run-tests\n";

const PACKAGE: &str = r#"{
  "name": "web",
  "bin": { "web": "index.js" },
  "scripts": {
    "build": "tsc",
    "test": "node --test"
  }
}
"#;

const PYPROJECT: &str = "[build-system]\nrequires = []\n[project]\nname = 'app'\n[project.scripts]\napp = 'app.core:main'\n[tool.pytest.ini_options]\n";

/// One package in two versions.
const CARGO_LOCK: &str = "version = 4\n\n[[package]]\nname = \"itoa\"\nversion = \"0.4.8\"\n\n[[package]]\nname = \"itoa\"\nversion = \"1.0.18\"\n\n[[package]]\nname = \"polyglot\"\nversion = \"0.1.0\"\ndependencies = [\n \"itoa 0.4.8\",\n \"itoa 1.0.18\",\n]\n";

/// A package that is there to be read by tests: not one of the project's.
const FIXTURE: &str =
    "{\n  \"name\": \"page\",\n  \"bin\": \"page.js\",\n  \"scripts\": {\n    \"test\": \"node --test\"\n  }\n}\n";

/// All files.
pub(crate) fn files() -> Vec<(&'static str, String)> {
    let body = |form, name: &str, indent| {
        let heavy = HEAVY.iter().find(|heavy| heavy.0 == name).expect("it is in the table");
        decisions(form, heavy.3, indent)
    };
    let text = str::to_owned;
    vec![
        ("Cargo.toml", text(CARGO)),
        ("Cargo.lock", text(CARGO_LOCK)),
        ("web/fixtures/page/package.json", text(FIXTURE)),
        // Two fixtures that need each other: no cycle of the project's.
        ("web/fixtures/page/a.ts", text("import { b } from './b';\nexport const a = b;\n")),
        ("web/fixtures/page/b.ts", text("import { a } from './a';\nexport const b = a;\n")),
        ("Makefile", text(MAKEFILE)),
        ("README.md", text("# Polyglot\n\nA project to be read.\n")),
        ("web/package.json", text(PACKAGE)),
        ("python/pyproject.toml", text(PYPROJECT)),
        ("go/go.mod", text("module example.org/polyglot\n")),
        (
            "src/main.rs",
            format!(
                "//! Starts.\nmod peer;\nmod side;\n\nfn main() {{\n    rust_heavy(1);\n    side::rust_lighter(1);\n}}\n\npub fn rust_heavy(mut x: i32) -> i32 {{\n{}    x\n}}\n",
                body(RUST, "rust_heavy", 4)
            ),
        ),
        (
            "src/side.rs",
            format!(
                "//! The other side: needs its peer, which needs it.\nuse crate::peer::PEER;\nuse serde::Serialize;\n\npub fn rust_lighter(mut x: i32) -> i32 {{\n{}    x + PEER\n}}\n\n#[test]\nfn counts_as_a_test() {{}}\n",
                body(RUST, "rust_lighter", 4)
            ),
        ),
        (
            "src/peer.rs",
            text(
                "//! A peer.\nuse crate::side::rust_lighter;\n\npub const PEER: i32 = 1;\npub const LIGHTER: fn(i32) -> i32 = rust_lighter;\n",
            ),
        ),
        ("python/app/__init__.py", text("")),
        (
            "python/app/core.py",
            format!(
                "# The core.\nimport os\nfrom app import side\n\n\ndef python_heavy(x):\n{}    return side.python_lighter(x)\n\n\ndef main():\n    python_heavy(len(os.sep))\n\n\nif __name__ == '__main__':\n    main()\n",
                body(PYTHON, "python_heavy", 4)
            ),
        ),
        (
            "python/app/side.py",
            format!(
                "from app import core\n\n\ndef python_lighter(x):\n{}    return (x, core)\n",
                body(PYTHON, "python_lighter", 4)
            ),
        ),
        (
            "web/index.js",
            format!(
                "#!/usr/bin/env node\n// The page.\nconst fs = require('fs');\n\nfunction javascriptHeavy(x) {{\n{}    return [fs, x];\n}}\n\nmodule.exports = {{ javascriptHeavy }};\n",
                body(CURLY, "javascriptHeavy", 4)
            ),
        ),
        (
            "web/src/a.ts",
            format!(
                "import {{ b }} from './b';\n\nexport function typescriptHeavy(x: number): number {{\n{}    return b + x;\n}}\n",
                body(CURLY, "typescriptHeavy", 4)
            ),
        ),
        ("web/src/b.ts", text("import { c } from './c';\n\nexport const b = c;\n")),
        ("web/src/c.ts", text("import { typescriptHeavy } from './a';\n\nexport const c = typescriptHeavy.length;\n")),
        (
            "go/main.go",
            format!(
                "// Package main starts.\npackage main\n\nimport \"fmt\"\n\n// goHeavy decides.\nfunc goHeavy(x int) int {{\n{}\treturn x\n}}\n\nfunc main() {{\n\tfmt.Println(goHeavy(1))\n}}\n",
                body(BARE, "goHeavy", 4)
            ),
        ),
        (
            "c/main.c",
            format!(
                "/* Starts. */\n#include <stdio.h>\n\nstatic int c_heavy(int x) {{\n{}    return x;\n}}\n\nint main(void) {{\n    return printf(\"%d\", c_heavy(1));\n}}\n",
                body(CURLY, "c_heavy", 4)
            ),
        ),
        (
            "cpp/main.cpp",
            format!(
                "#include <vector>\n\nstatic int cpp_heavy(int x) {{\n{}    return x;\n}}\n\nint main() {{\n    return cpp_heavy(std::vector<int>{{}}.size());\n}}\n",
                body(CURLY, "cpp_heavy", 4)
            ),
        ),
        (
            "java/src/main/java/demo/Main.java",
            format!(
                "package demo;\n\npublic class Main {{\n    static int javaHeavy(int x) {{\n{}        return x;\n    }}\n\n    public static void main(String[] args) {{\n        javaHeavy(1);\n    }}\n}}\n",
                body(CURLY, "Main.javaHeavy", 8)
            ),
        ),
        (
            "swift/main.swift",
            format!(
                "func swiftHeavy(_ y: Int) -> Int {{\n    var x = y\n{}    return x\n}}\n\nprint(swiftHeavy(1))\n",
                body(BARE, "swiftHeavy", 4)
            ),
        ),
    ]
}

/// Lines with code, with comment only, and empty: each line of the files above is one of them as a whole.
pub(crate) fn lines(text: &str) -> (u64, u64, u64) {
    let mut counts = (0, 0, 0);
    for line in text.lines() {
        let comment = ["//", "# ", "/*", "#!"].iter().any(|mark| line.starts_with(mark));
        match line.trim() {
            "" => counts.2 += 1,
            _ if comment => counts.1 += 1,
            _ => counts.0 += 1,
        }
    }
    counts
}
