//! Make and just: targets and recipes with the usual names.

use super::builder::{Builder, numbered, purpose_of_name};

pub(super) fn read_make(builder: &mut Builder, path: &str, text: &str) {
    read(builder, path, text, "make");
}

pub(super) fn read_just(builder: &mut Builder, path: &str, text: &str) {
    read(builder, path, text, "just");
}

fn read(builder: &mut Builder, path: &str, text: &str, program: &str) {
    for (line, content) in numbered(text) {
        let Some((head, rest)) = content.split_once(':') else { continue };
        // An assignment, not a target; or a line of a recipe.
        if rest.starts_with('=') || content.starts_with([' ', '\t', '#', '.']) || head.contains(['$', '%']) {
            continue;
        }
        // just: parameters, with default values, follow the name. make: several targets share a rule.
        let words: Vec<&str> = head.split_whitespace().collect();
        let is_assignment =
            program == "make" && head.contains('=') || words.get(1).is_some_and(|word| word.starts_with('='));
        let names = if is_assignment {
            0
        } else if program == "just" {
            1
        } else {
            8
        };
        let names = words.into_iter().take(names);
        for name in names {
            let name = name.trim_start_matches('@');
            if let Some(purpose) = purpose_of_name(name) {
                builder.stated(purpose, &format!("{program} {name}"), path, line);
            }
        }
    }
}
