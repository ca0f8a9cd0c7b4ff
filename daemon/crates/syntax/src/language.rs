//! The languages, and how a file's name or beginning tells which it is.

mod header;

use serde::{Deserialize, Serialize};

macro_rules! languages {
    ($($variant:ident $id:literal $name:literal [$($extension:literal)+]),+ $(,)?) => {
        /// A language that can be analysed. TSX is TypeScript with JSX: another grammar, so another value here.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Language { $(#[doc = $name] #[serde(rename = $id)] $variant),+ }

        impl Language {
            /// All of them.
            pub const ALL: [Self; 10] = [$(Self::$variant),+];

            /// The name for people: `Rust`, `C++`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The name for machines, as in JSON: `rust`, `cpp`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id),+ }
            }

            fn of_extension(extension: &str) -> Option<Self> {
                match extension { $($($extension)|+ => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

languages! {
    Rust "rust" "Rust" ["rs"],
    Python "python" "Python" ["py" "pyi" "pyw"],
    JavaScript "javascript" "JavaScript" ["js" "mjs" "cjs" "jsx"],
    TypeScript "typescript" "TypeScript" ["ts" "mts" "cts"],
    Tsx "tsx" "TSX" ["tsx"],
    Go "go" "Go" ["go"],
    C "c" "C" ["c" "h"],
    Cpp "cpp" "C++" ["cc" "cpp" "cxx" "c++" "hh" "hpp" "hxx" "h++" "ipp" "tpp" "inl" "cppm" "ixx"],
    Java "java" "Java" ["java"],
    Swift "swift" "Swift" ["swift"],
}

/// Longest extension in the table above, in bytes.
const MAX_EXTENSION: usize = 5;

/// Bytes of a first line that are looked at.
const FIRST_LINE: usize = 256;

/// Programs after `#!` and the language they run; a version number after the name is ignored.
const INTERPRETERS: [(&str, Language); 12] = [
    ("python", Language::Python),
    ("pypy", Language::Python),
    ("uv", Language::Python),
    ("node", Language::JavaScript),
    ("nodejs", Language::JavaScript),
    ("bun", Language::TypeScript),
    ("deno", Language::TypeScript),
    ("ts-node", Language::TypeScript),
    ("tsx", Language::TypeScript),
    ("rust-script", Language::Rust),
    ("swift", Language::Swift),
    ("cargo", Language::Rust),
];

impl Language {
    /// The language of a file: by extension (any case; `.C` and `.H` are C++), by well-known name, and for a name without
    /// extension by the `#!` line. A `.h` file is C++ if its beginning shows it, in an Emacs mode line (`-*- C++ -*-`) or in what it
    /// declares, and C otherwise. `beginning` is that of the file, if it is at hand; [`Language::beginning`] says how much helps.
    #[must_use]
    pub fn of_path(path: &str, beginning: Option<&[u8]>) -> Option<Self> {
        let (file, extension) = parts(path);
        let Some(extension) = extension else {
            return of_name(file).or_else(|| beginning.and_then(of_shebang));
        };
        if matches!(extension, "C" | "H") {
            return Some(Self::Cpp);
        }
        if extension.len() > MAX_EXTENSION {
            return None;
        }
        let found = Self::of_extension(&extension.to_ascii_lowercase())?;
        let says_cpp = |bytes| has_cpp_mode_line(head_of(bytes)) || header::is_cpp(bytes);
        Some(if extension == "h" && beginning.is_some_and(says_cpp) { Self::Cpp } else { found })
    }

    /// Bytes at the beginning of a file that may tell more about its language than its name does; 0: none.
    #[must_use]
    pub fn beginning(path: &str) -> usize {
        match parts(path) {
            (_, Some("h")) => header::BEGINNING,
            (file, None) if of_name(file).is_none() => FIRST_LINE,
            _ => 0,
        }
    }
}

/// The name of the file, and its extension.
fn parts(path: &str) -> (&str, Option<&str>) {
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let extension = file.rsplit_once('.').filter(|(stem, _)| !stem.is_empty());
    (file, extension.map(|(_, extension)| extension))
}

fn of_name(file: &str) -> Option<Language> {
    match file {
        "SConstruct" | "SConscript" | "wscript" => Some(Language::Python),
        "Jakefile" => Some(Language::JavaScript),
        _ => None,
    }
}

/// The first line of what was given, or its beginning.
fn head_of(bytes: &[u8]) -> &[u8] {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or(bytes);
    &line[..line.len().min(FIRST_LINE)]
}

fn has_cpp_mode_line(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line).to_ascii_lowercase();
    text.split("-*-").nth(1).is_some_and(|mode| mode.contains("c++"))
}

fn of_shebang(first_line: &[u8]) -> Option<Language> {
    let line = head_of(first_line).strip_prefix(b"#!")?;
    let line = String::from_utf8_lossy(line).into_owned();
    let mut words = line.split_ascii_whitespace();
    let mut program = base_name(words.next()?);
    if program == "env" {
        // `env -S name args` and `env VAR=value name` both occur.
        program = base_name(words.find(|word| !word.starts_with('-') && !word.contains('='))?);
    }
    let program = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    INTERPRETERS.iter().find(|(name, _)| *name == program).map(|(_, language)| *language)
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_first_lines_tell_the_language() {
        let cases: [(&str, Option<&str>, Option<Language>); 27] = [
            ("src/main.rs", None, Some(Language::Rust)),
            ("a/b.PY", None, Some(Language::Python)),
            ("types.d.ts", None, Some(Language::TypeScript)),
            ("App.tsx", None, Some(Language::Tsx)),
            ("x.jsx", None, Some(Language::JavaScript)),
            ("x.go", None, Some(Language::Go)),
            ("x.h", None, Some(Language::C)),
            ("x.h", Some("//===- x.h -*- C++ -*-===//"), Some(Language::Cpp)),
            ("x.h", Some("// -*- C -*-"), Some(Language::C)),
            ("x.h", Some("#pragma once\nclass X {};\n"), Some(Language::Cpp)),
            ("x.h", Some("struct x *f(void);\n"), Some(Language::C)),
            ("x.H", Some("struct x *f(void);\n"), Some(Language::Cpp)),
            ("x.c", Some("class X {};\n"), Some(Language::C)),
            ("x.hpp", Some("struct x *f(void);\n"), Some(Language::Cpp)),
            ("x.C", None, Some(Language::Cpp)),
            ("x.c", None, Some(Language::C)),
            ("A.java", None, Some(Language::Java)),
            ("a.swift", None, Some(Language::Swift)),
            ("SConstruct", None, Some(Language::Python)),
            ("tool", Some("#!/usr/bin/env python3.12\nimport x"), Some(Language::Python)),
            ("tool", Some("#!/usr/bin/env -S node --trace"), Some(Language::JavaScript)),
            ("tool", Some("#!/usr/bin/python3\r\n"), Some(Language::Python)),
            ("tool", Some("#!/bin/sh"), None),
            ("README.md", Some("#!/usr/bin/env python3"), None),
            ("tool", None, None),
            (".py", None, None),
            ("", None, None),
        ];
        for (path, line, expected) in cases {
            assert_eq!(Language::of_path(path, line.map(str::as_bytes)), expected, "{path} {line:?}");
        }
    }

    #[test]
    fn the_beginning_is_wanted_where_it_tells_more_than_the_name() {
        for (path, wanted) in [("a/x.h", header::BEGINNING), ("tool", FIRST_LINE), ("a.b/tool", FIRST_LINE)] {
            assert_eq!(Language::beginning(path), wanted, "{path}");
        }
        for path in ["x.c", "x.H", "x.hpp", "x.rs", "README.md", "SConstruct", "a.h/x.c"] {
            assert_eq!(Language::beginning(path), 0, "{path}");
        }
    }

    #[test]
    fn the_serialised_name_is_the_id() {
        for language in Language::ALL {
            let json = serde_json::to_string(&language).unwrap();
            assert_eq!(json, format!("\"{}\"", language.id()));
            assert_eq!(serde_json::from_str::<Language>(&json).unwrap(), language);
        }
    }
}
