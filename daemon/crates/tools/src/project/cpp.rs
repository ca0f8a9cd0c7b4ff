//! `CMake` and Meson.

use super::{
    Ecosystem, Purpose,
    builder::{Builder, numbered, quoted_after},
};
use crate::document::Lines;

pub(super) fn read_cmake(builder: &mut Builder, path: &str, text: &str) {
    for (line, content) in numbered(text) {
        let content = content.trim();
        let argument = |name: &str| {
            let rest = content.strip_prefix(name)?.trim_start().strip_prefix('(')?;
            rest.split([' ', ')', '\t']).find(|word| !word.is_empty())
        };
        if let Some(name) = argument("project").or_else(|| argument("PROJECT")) {
            builder.package(Ecosystem::C, name, path, line);
            builder.conventional(Purpose::Build, "cmake -B build && cmake --build build", path);
        }
        if let Some(name) = argument("add_executable") {
            builder.entry(name, content, path, line);
        }
        if argument("enable_testing").is_some() || content.starts_with("enable_testing(") {
            builder.stated(Purpose::Test, "ctest --test-dir build", path, line);
        }
    }
}

pub(super) fn read_meson(builder: &mut Builder, path: &str, text: &str) {
    // The name may stand on the line after the parenthesis.
    if let Some(name) = quoted_after(text, "project(") {
        let line = Lines::of(text).at(text.find("project(").unwrap_or(0));
        builder.package(Ecosystem::C, name, path, line);
        builder.conventional(Purpose::Build, "meson setup build && meson compile -C build", path);
        builder.conventional(Purpose::Test, "meson test -C build", path);
    }
    for (line, content) in numbered(text) {
        if let Some(name) = quoted_after(content, "executable(") {
            builder.entry(name, content, path, line);
        }
    }
}
