//! Maven and Gradle. Gradle's files are programs; only literal names are read.

use super::{
    Ecosystem, Neighbour, Purpose,
    builder::{Builder, numbered, quoted_after},
};
use crate::document::Lines;

pub(super) fn read_pom(builder: &mut Builder, path: &str, text: &str) {
    let lines = Lines::of(text);
    // The parent's, dependencies' and plugins' names come in blocks; the project's own stands outside them.
    let outside = blank(text, &["parent", "dependencies", "dependencyManagement", "build", "profiles", "reporting"]);
    if let Some((name, place)) = element(&outside, "artifactId") {
        builder.package(Ecosystem::Jvm, name, path, lines.at(place));
    }
    if let Some((description, place)) = element(&outside, "description") {
        builder.description(description, path, lines.at(place));
    }
    let maven = if builder.has_beside(Neighbour::MavenWrapper) { "./mvnw" } else { "mvn" };
    builder.conventional(Purpose::Build, &format!("{maven} package"), path);
    builder.conventional(Purpose::Test, &format!("{maven} test"), path);
}

pub(super) fn read_gradle(builder: &mut Builder, path: &str, _text: &str) {
    let gradle = if builder.has_beside(Neighbour::GradleWrapper) { "./gradlew" } else { "gradle" };
    builder.conventional(Purpose::Build, &format!("{gradle} build"), path);
    builder.conventional(Purpose::Test, &format!("{gradle} test"), path);
}

pub(super) fn read_gradle_settings(builder: &mut Builder, path: &str, text: &str) {
    for (line, content) in numbered(text) {
        if let Some(name) = quoted_after(content, "rootProject.name") {
            builder.package(Ecosystem::Jvm, name, path, line);
        }
    }
}

/// The text and place of the first `<tag>…</tag>`.
fn element<'t>(text: &'t str, tag: &str) -> Option<(&'t str, usize)> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let start = text.find(&open)? + open.len();
    let length = text[start..].find(&close)?;
    Some((text[start..start + length].trim(), start))
}

/// `text` with whole blocks replaced by as many blanks, so that places stay; a block that never ends goes to the end.
fn blank(text: &str, tags: &[&str]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for tag in tags {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        let mut from = 0;
        while let Some(start) = text[from..].find(&open).map(|place| from + place) {
            let end = text[start..].find(&close).map_or(text.len(), |place| start + place + close.len());
            bytes[start..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
            from = end;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
