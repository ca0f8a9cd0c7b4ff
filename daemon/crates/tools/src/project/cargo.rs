//! `Cargo.toml`.

use super::{Ecosystem, Neighbour, Purpose, builder::Builder};
use crate::document::{self, Toml, items};

pub(super) fn read(builder: &mut Builder, path: &str, toml: &Toml<'_>) {
    if let Some((name, line)) = toml.text(&["package", "name"]) {
        builder.package(Ecosystem::Cargo, name, path, line);
        if builder.has_beside(Neighbour::Main) {
            builder.entry(name, "src/main.rs", path, line);
        }
    } else if toml.at(&["workspace"]).is_some() {
        builder.workspace(path, toml.text(&["workspace", "package", "repository"]));
        if let Some((description, line)) = toml.text(&["workspace", "package", "description"]) {
            builder.description(description, path, line);
        }
    }
    if let Some((description, line)) = toml.text(&["package", "description"]) {
        builder.description(description, path, line);
    }
    for program in items(toml.at(&["bin"])) {
        if let Some(name) = document::text(program, "name") {
            let usual = format!("src/bin/{name}.rs");
            builder.entry(name, document::text(program, "path").unwrap_or(&usual), path, toml.line(program));
        }
    }
    builder.conventional(Purpose::Build, "cargo build", path);
    builder.conventional(Purpose::Test, "cargo test", path);
}
