//! Knows manifests by their paths, and what reads each.

use super::{Neighbours, builder::Builder, cargo, cpp, jvm, npm, plain, python, tasks, tsconfig, workflow};
use crate::{
    Error,
    document::{Document, Toml},
};

/// Manifests are small; a larger one is skipped and named in the result.
pub(crate) const MAX_BYTES: u64 = 1 << 20;

/// What reads a manifest: its text, or what was parsed of it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reader {
    Text(fn(&mut Builder, &str, &str)),
    Toml(fn(&mut Builder, &str, &Toml<'_>)),
    /// Of a file that names no package: how a compiler is set up, which many folders of one project may do.
    Setup(fn(&mut Builder, &str, &str)),
}

/// Which function reads a file, by its path.
pub(crate) fn reader(path: &str) -> Option<Reader> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if matches!(folder, ".github/workflows") && (name.ends_with(".yml") || name.ends_with(".yaml")) {
        return Some(Reader::Text(workflow::read));
    }
    Some(Reader::Text(match name {
        "Cargo.toml" => return Some(Reader::Toml(cargo::read)),
        "pyproject.toml" => return Some(Reader::Toml(python::read_pyproject)),
        "package.json" => npm::read,
        "setup.py" => python::read_setup,
        "tox.ini" => python::read_tox,
        "noxfile.py" => python::read_nox,
        "requirements.txt" => python::read_requirements,
        "go.mod" => plain::read_go,
        "Package.swift" => plain::read_swift,
        "pom.xml" => jvm::read_pom,
        "build.gradle" | "build.gradle.kts" => jvm::read_gradle,
        "settings.gradle" | "settings.gradle.kts" => jvm::read_gradle_settings,
        "CMakeLists.txt" => cpp::read_cmake,
        "meson.build" => cpp::read_meson,
        "Makefile" | "makefile" | "GNUmakefile" => tasks::read_make,
        "justfile" | "Justfile" => tasks::read_just,
        "README.md" | "README" | "README.rst" | "README.txt" | "readme.md" | "Readme.md" if folder.is_empty() => {
            plain::read_readme
        }
        _ if tsconfig::is_one(name) => return Some(Reader::Setup(tsconfig::read)),
        _ => return None,
    }))
}

/// Reads one manifest with these neighbours. One that is broken, too large or unreadable is named in `unread`.
pub(crate) fn read(
    builder: &mut Builder,
    reader: Reader,
    (path, neighbours): (&str, Neighbours),
    answer: &Result<Document<'_>, &Error>,
) {
    builder.neighbours = neighbours;
    let too_large = || Error::TooLarge { path: path.into(), limit: MAX_BYTES };
    let document = match answer {
        Ok(document) if document.text.len() as u64 <= MAX_BYTES => document,
        // Who reads it for another reason may take more of it.
        Ok(_) | Err(Error::TooLarge { .. }) => return builder.unread(path, 1, &too_large().to_string()),
        Err(error) => {
            if matches!(error, Error::Beyond { .. }) {
                builder.cut();
            }
            return builder.unread(path, 1, &error.to_string());
        }
    };
    match reader {
        Reader::Text(read) | Reader::Setup(read) => read(builder, path, document.text),
        Reader::Toml(read) => match document.toml() {
            Ok(toml) => read(builder, path, toml),
            Err((line, why)) => builder.unread(path, line, &why),
        },
    }
}
