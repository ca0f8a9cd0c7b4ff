//! Chooses the manifests and reads them through the workspace.

use std::path::Path;

use super::{Project, builder::Builder, cargo, cpp, jvm, npm, plain, python, tasks, workflow};
use crate::{Workspace, structure::Paths, survey::Manifest};

/// Manifests are small; a larger one is skipped and named in the result.
const MAX_BYTES: u64 = 256 * 1024;

/// Manifests that are read, outermost first.
const MAX_MANIFESTS: usize = 400;

type Reader = fn(&mut Builder<'_>, &str, &str);

/// Which function reads a file, by its path.
fn reader(path: &str) -> Option<Reader> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if matches!(folder, ".github/workflows") && (name.ends_with(".yml") || name.ends_with(".yaml")) {
        return Some(workflow::read);
    }
    Some(match name {
        "Cargo.toml" => cargo::read,
        "package.json" => npm::read,
        "pyproject.toml" => python::read_pyproject,
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
        _ => return None,
    })
}

/// Whether [`read`] would look into this file.
#[must_use]
pub fn is_read(path: &str) -> bool {
    reader(path).is_some()
}

/// Reads the manifests among the files of a survey. A manifest that is broken or unreadable is named in `unread`.
#[must_use]
pub fn read(workspace: &Workspace, manifest: &Manifest) -> Project {
    let paths = Paths::new(&manifest.files);
    let mut chosen: Vec<(&str, Reader)> =
        manifest.files.iter().filter_map(|file| reader(&file.path).map(|reader| (&*file.path, reader))).collect();
    chosen.sort_by_key(|(path, _)| (path.matches('/').count(), *path));
    let mut builder = Builder::new(&paths);
    for (path, reader) in chosen.into_iter().take(MAX_MANIFESTS) {
        match workspace.read_file(Path::new(path), MAX_BYTES) {
            Ok(content) => reader(&mut builder, path, &String::from_utf8_lossy(&content)),
            Err(error) => builder.unread(path, 1, &error.to_string()),
        }
    }
    builder.finish()
}
