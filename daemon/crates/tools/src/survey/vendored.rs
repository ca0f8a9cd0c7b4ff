//! Files of the tree that its people did not write: by the names of folders that hold the code of others, as far as GitHub's
//! linguist (`vendor.yml`) takes them for that too, and by what `.gitattributes` at the root says to linguist.

use cap_std::fs::Dir;
use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

use super::{SourceFile, rules};
use crate::paths::folder_of;

/// Folders of others, wherever they are and in whatever case.
const ANYWHERE: [&str; 12] = [
    "vendor",
    "_vendor",
    "vendored",
    "_vendored",
    "third_party",
    "third-party",
    "thirdparty",
    "3rd_party",
    "3rd-party",
    "3rdparty",
    "godeps",
    "site-packages",
];

/// The same at the root alone: deeper, many a project calls its own code so that deals with vendors or what is outside.
const AT_ROOT: [&str; 5] = ["vendors", "deps", "extern", "external", "externals"];

/// Patterns with more are passed over: each file is compared with all of them, and people write two or three.
const MOST_WILDCARDS: usize = 8;

/// Whether a file that lies in this folder (with `/`, empty for the root) is the work of others, as far as names tell.
fn is_in_vendored(folder: &str) -> bool {
    let is_one_of = |words: &[&str], name: &str| words.iter().any(|word| name.eq_ignore_ascii_case(word));
    let mut names = folder.split('/');
    names.clone().any(|name| is_one_of(&ANYWHERE, name)) || names.next().is_some_and(|name| is_one_of(&AT_ROOT, name))
}

/// What `.gitattributes` says of `linguist-vendored` and `linguist-generated`.
#[derive(Debug)]
pub(super) struct Attributes {
    vendored: Gitignore,
    generated: Gitignore,
}

impl Attributes {
    /// Reads the file at the root; without one it says nothing.
    pub(super) fn read(root: &Dir) -> Self {
        let content = rules::read(root, ".gitattributes").unwrap_or_default();
        Self::of(&String::from_utf8_lossy(&content))
    }

    /// Each line is a pattern and what is set or unset for it. Patterns are those of ignore rules, but for `!` and quotation
    /// marks at the beginning: the first is not allowed, the second is hardly ever used, and both are passed over.
    fn of(text: &str) -> Self {
        let [mut vendored, mut generated] = [(); 2].map(|()| GitignoreBuilder::new(""));
        for line in text.lines().take(rules::MAX_LINES) {
            let mut words = line.split_ascii_whitespace();
            let Some(pattern) = words.next() else { continue };
            let is_costly = pattern.chars().filter(|c| "*?[{".contains(*c)).count() > MOST_WILDCARDS;
            if is_costly || pattern.starts_with(['#', '!', '"']) || pattern.starts_with("[attr]") {
                continue;
            }
            for word in words {
                let (builder, is_set) = match word {
                    "linguist-vendored" | "linguist-vendored=true" => (&mut vendored, true),
                    "-linguist-vendored" | "linguist-vendored=false" => (&mut vendored, false),
                    "linguist-generated" | "linguist-generated=true" => (&mut generated, true),
                    "-linguist-generated" | "linguist-generated=false" => (&mut generated, false),
                    _ => continue,
                };
                let rule = if is_set { pattern.to_owned() } else { format!("!{pattern}") };
                // git passes over a pattern that it cannot read, and so do we.
                let _ = builder.add_line(None, &rule);
            }
        }
        let [vendored, generated] =
            [vendored, generated].map(|rules| rules.build().unwrap_or_else(|_| Gitignore::empty()));
        Self { vendored, generated }
    }

    /// Whether nobody here writes the file, whose folder's name says that `by_name`.
    fn judge(&self, path: &str, by_name: bool) -> bool {
        // Of several patterns that match the last one holds, as with ignore rules.
        let is_vendored = match self.vendored.matched(path, false) {
            Match::None => by_name,
            Match::Ignore(_) => true,
            Match::Whitelist(_) => false,
        };
        is_vendored || self.generated.matched(path, false).is_ignore()
    }
}

/// Runs of such files by their numbers, each from the first to the one behind the last. None at all if there is no source file
/// beside them: then they are the project.
pub(super) fn runs(files: &[SourceFile], attributes: &Attributes) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    let (mut last, mut has_own) = (("", false), false);
    for (number, file) in (0..).zip(files) {
        // Files of a folder come one after the other.
        let folder = folder_of(&file.path);
        if folder != last.0 {
            last = (folder, is_in_vendored(folder));
        }
        if !attributes.judge(&file.path, last.1) {
            has_own |= file.language.is_some();
            continue;
        }
        match runs.last_mut() {
            Some((_, behind)) if *behind == number => *behind += 1,
            _ => runs.push((number, number + 1)),
        }
    }
    if has_own { runs } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use agentd_syntax::Language;

    use super::*;

    #[test]
    fn folders_of_others_are_known_by_their_names() {
        for word in ANYWHERE {
            for folder in [word.to_owned(), format!("a/{}/b", word.to_uppercase())] {
                assert!(is_in_vendored(&folder), "{folder}");
            }
            for folder in [format!("{word}x"), format!("a/x{word}/b"), format!("a/{word}.rs")] {
                assert!(!is_in_vendored(&folder), "{folder}");
            }
        }
        for word in AT_ROOT {
            for (folder, expected) in
                [(word.to_owned(), true), (format!("{word}/a"), true), (format!("a/{word}"), false)]
            {
                assert_eq!(is_in_vendored(&folder), expected, "{folder}");
            }
        }
        assert!(!is_in_vendored(""));
    }

    #[test]
    fn attributes_say_what_names_do_not() {
        let attributes = Attributes::of(
            "# vendor/** linguist-vendored\n* text=auto\n[attr]own -linguist-vendored\n\"a b\" linguist-vendored\n\
             lib/jquery/** linguist-vendored\r\nlib/jquery/ours.js -linguist-vendored\n*.pb.go linguist-generated=true\n\
             vendor/ours/** linguist-vendored=false\nvendor/ours/*.pb.go -linguist-generated\nsrc linguist-vendored\n[bad linguist-vendored",
        );
        for (path, by_name, expected) in [
            ("lib/jquery/deep/a.js", false, true),
            ("lib/jquery/ours.js", false, false),
            ("lib/a.js", false, false),
            ("api/x.pb.go", false, true),
            ("vendor/x/a.go", true, true),
            ("vendor/ours/a.go", true, false),
            ("vendor/ours/a.pb.go", true, false),
            ("vendor/ours/deep/a.pb.go", true, true),
            ("src/a.go", false, false),
        ] {
            assert_eq!(attributes.judge(path, by_name), expected, "{path}");
        }
    }

    #[test]
    fn files_of_others_are_told_in_runs_unless_there_are_no_others() {
        let file = |path: &&str| SourceFile { path: (*path).into(), bytes: 0, language: Language::of_path(path, None) };
        let none = Attributes::of("");
        for (paths, expected) in [
            (
                &["a.go", "vendor/x/a.go", "vendor/x/b.go", "vendor/y/c.go", "w.go", "x/vendor/d.go"][..],
                &[(1, 4), (5, 6)][..],
            ),
            (&["go.mod", "vendor/x/a.go"], &[]),
            (&["a.go", "b/c.go"], &[]),
            (&[], &[]),
        ] {
            let files: Vec<SourceFile> = paths.iter().map(file).collect();
            assert_eq!(runs(&files, &none), expected, "{paths:?}");
        }
    }
}
