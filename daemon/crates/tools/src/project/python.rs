//! Python: `pyproject.toml`, `setup.py`, `requirements.txt`, tox and nox.

use super::{
    Ecosystem, Purpose,
    builder::{Builder, numbered, purpose_of_name, quoted_after},
};
use crate::document::{Toml, entries};

pub(super) fn read_pyproject(builder: &mut Builder, path: &str, toml: &Toml<'_>) {
    let of = |key| toml.text(&["project", key]).or_else(|| toml.text(&["tool", "poetry", key]));
    if let Some((name, line)) = of("name") {
        builder.package(Ecosystem::Python, name, path, line);
    }
    if let Some((description, line)) = of("description") {
        builder.description(description, path, line);
    }
    for keys in [&["project", "scripts"][..], &["project", "gui-scripts"], &["tool", "poetry", "scripts"]] {
        for (name, value) in entries(toml.at(keys)) {
            if let Some(target) = value.get_ref().as_str() {
                builder.entry(name, target, path, toml.line(value));
            }
        }
    }
    if let Some(pytest) = toml.at(&["tool", "pytest"]) {
        builder.stated(Purpose::Test, "python -m pytest", path, toml.line(pytest));
    }
    for (tool, command) in [("ruff", "ruff check"), ("mypy", "mypy ."), ("black", "black --check .")] {
        if let Some(table) = toml.at(&["tool", tool]) {
            builder.stated(Purpose::Lint, command, path, toml.line(table));
        }
    }
    if let Some(system) = toml.at(&["build-system"]) {
        builder.stated(Purpose::Build, "python -m build", path, toml.line(system));
    }
}

/// `setup.py` is a program; only literal names on lines of their own are read.
pub(super) fn read_setup(builder: &mut Builder, path: &str, text: &str) {
    for (line, content) in numbered(text) {
        let content = content.trim();
        let literal = |key: &str| content.starts_with(key).then(|| quoted_after(content, key)).flatten();
        if let Some(name) = literal("name=").or_else(|| literal("name =")) {
            builder.package(Ecosystem::Python, name, path, line);
        }
        if let Some(description) = literal("description=").or_else(|| literal("description =")) {
            builder.description(description, path, line);
        }
    }
}

pub(super) fn read_requirements(builder: &mut Builder, path: &str, text: &str) {
    let tests = |content: &str| content.split(['=', '<', '>', '~', '[', ';', ' ']).next() == Some("pytest");
    if let Some((line, _)) = numbered(text).find(|(_, content)| tests(content.trim())) {
        builder.stated(Purpose::Test, "python -m pytest", path, line);
    }
}

pub(super) fn read_tox(builder: &mut Builder, path: &str, text: &str) {
    for (line, content) in numbered(text) {
        let Some(section) = content.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
            continue;
        };
        if section == "testenv" {
            builder.stated(Purpose::Test, "tox", path, line);
        } else if let Some(name) = section.strip_prefix("testenv:")
            && let Some(purpose) = purpose_of_name(name)
        {
            builder.stated(purpose, &format!("tox -e {name}"), path, line);
        }
    }
}

pub(super) fn read_nox(builder: &mut Builder, path: &str, text: &str) {
    let mut in_session = false;
    for (line, content) in numbered(text) {
        if content.starts_with("@nox.session") || content.starts_with("@session") {
            in_session = true;
        } else if let Some(rest) = content.strip_prefix("def ").filter(|_| in_session) {
            in_session = false;
            let name = rest.split('(').next().unwrap_or_default();
            if let Some(purpose) = purpose_of_name(name) {
                builder.stated(purpose, &format!("nox -s {name}"), path, line);
            }
        }
    }
}
