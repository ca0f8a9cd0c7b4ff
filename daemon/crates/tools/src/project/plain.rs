//! `go.mod`, `Package.swift` and the README.

use super::{
    Ecosystem, Purpose,
    builder::{Builder, numbered, quoted_after},
};
use crate::document::Lines;

pub(super) fn read_go(builder: &mut Builder, path: &str, text: &str) {
    let module = numbered(text).find_map(|(line, content)| Some((line, content.trim().strip_prefix("module ")?)));
    let Some((line, name)) = module else { return };
    let name = name.split("//").next().unwrap_or(name).trim().trim_matches(['"', '`']);
    builder.package(Ecosystem::Go, name, path, line);
    builder.conventional(Purpose::Build, "go build ./...", path);
    builder.conventional(Purpose::Test, "go test ./...", path);
}

/// `Package.swift` is a program; the package's name is its first literal `name:`.
pub(super) fn read_swift(builder: &mut Builder, path: &str, text: &str) {
    let Some(start) = text.find("Package(") else { return };
    let lines = Lines::of(text);
    if let Some(name) = quoted_after(&text[start..], "name:") {
        builder.package(Ecosystem::Swift, name, path, lines.at(start));
    }
    let targets: Vec<usize> = text[start..].match_indices(".executableTarget(").map(|(at, _)| start + at).collect();
    for (number, place) in targets.iter().enumerate() {
        // What follows the next one is that one's name.
        let end = targets.get(number + 1).copied().unwrap_or(text.len());
        if let Some(name) = quoted_after(&text[*place..end], "name:") {
            builder.entry(name, &format!("Sources/{name}"), path, lines.at(*place));
        }
    }
    builder.conventional(Purpose::Build, "swift build", path);
    builder.conventional(Purpose::Test, "swift test", path);
}

/// The first paragraph that is prose: no heading, badge, picture, rule or HTML.
pub(super) fn read_readme(builder: &mut Builder, path: &str, text: &str) {
    let mut paragraph = String::new();
    let mut start = 0;
    let mut in_fence = false;
    for (line, content) in numbered(text) {
        let content = content.trim();
        in_fence ^= content.starts_with("```");
        if is_prose(content) && !in_fence {
            if paragraph.is_empty() {
                start = line;
            } else {
                paragraph.push(' ');
            }
            paragraph.push_str(content);
        } else if is_underline(content) {
            // What was collected is a heading in the underlined style.
            paragraph.clear();
        } else if !paragraph.is_empty() {
            break;
        }
    }
    if !paragraph.is_empty() {
        builder.readme(&paragraph, path, start);
    }
}

fn is_prose(line: &str) -> bool {
    let markup = ["#", "![", "[![", "<", "```", "|", "..", "---", "===", "[!", ":", "* [", "- ["];
    !line.is_empty() && !markup.iter().any(|start| line.starts_with(start)) && !is_underline(line)
}

fn is_underline(line: &str) -> bool {
    line.len() > 2 && ['=', '-', '~', '*'].iter().any(|mark| line.chars().all(|c| c == *mark))
}
