//! GitHub workflows: the single-line commands of `run:` that build, test or check, as the project itself runs them.

use super::{
    Purpose,
    builder::{Builder, numbered},
};

pub(super) fn read(builder: &mut Builder, path: &str, text: &str) {
    // The indentation of a `run: |` block's key, while inside it.
    let mut block: Option<usize> = None;
    for (line, content) in numbered(text) {
        let indent = content.len() - content.trim_start().len();
        let trimmed = content.trim();
        if let Some(key) = block {
            if trimmed.is_empty() || indent > key {
                command(builder, path, line, trimmed);
                continue;
            }
            block = None;
        }
        let item = trimmed.strip_prefix("- ").unwrap_or(trimmed);
        let Some(run) = item.strip_prefix("run:") else { continue };
        match run.trim() {
            "" => {}
            value if value.starts_with(['|', '>']) => block = Some(indent + trimmed.len() - item.len()),
            value => command(builder, path, line, value.trim_matches(['"', '\''])),
        }
    }
}

fn command(builder: &mut Builder, path: &str, line: u32, command: &str) {
    // With expressions in it, the line is not a command that anyone could repeat.
    if command.starts_with('#') || command.contains("${{") || command.ends_with('\\') {
        return;
    }
    if let Some(purpose) = purpose_of_command(command) {
        builder.stated(purpose, command, path, line);
    }
}

/// What a command line is for, by the words of the usual tools.
fn purpose_of_command(command: &str) -> Option<Purpose> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let tools = [
        "cargo",
        "npm",
        "pnpm",
        "yarn",
        "bun",
        "go",
        "make",
        "just",
        "python",
        "python3",
        "pytest",
        "tox",
        "nox",
        "uv",
        "mvn",
        "./mvnw",
        "gradle",
        "./gradlew",
        "swift",
        "ctest",
        "cmake",
        "meson",
        "ninja",
        "ruff",
        "mypy",
        "poetry",
        "hatch",
        "deno",
    ];
    let at = words.iter().position(|word| tools.contains(word))?;
    let has = |names: &[&str]| words[at..].iter().any(|word| names.contains(word));
    if has(&["cargo"]) && has(&["check"]) {
        Some(Purpose::Lint)
    } else if has(&["test", "pytest", "ctest", "tox", "nextest", "check"]) && !has(&["ruff"]) {
        Some(Purpose::Test)
    } else if has(&["clippy", "fmt", "lint", "ruff", "mypy", "vet", "format"]) {
        Some(Purpose::Lint)
    } else if has(&["build", "compile", "package", "--build", "ninja"]) {
        Some(Purpose::Build)
    } else {
        None
    }
}
