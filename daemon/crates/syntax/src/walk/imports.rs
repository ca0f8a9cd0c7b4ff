//! The part of the walk that finds what a file imports, seen from the file.

use tree_sitter::Node;

use super::Walk;
use crate::{ImportKind, grammar::Class, head::MAX_ITEMS};

impl Walk<'_, '_> {
    /// What a test inside the file imports is none of the file's: the program does not need it.
    pub(super) fn import(&mut self, node: Node<'_>) {
        if self.inspector.in_test(node.start_byte()) {
            return;
        }
        if self.found.imports.len() < MAX_ITEMS {
            let first = self.found.imports.len();
            (self.head.grammar.rules.import)(&self.head, node, &mut self.found.imports);
            self.look_from_file(first);
        }
        if self.found.imports.len() >= MAX_ITEMS {
            self.found.imports.truncate(MAX_ITEMS);
            self.found.truncated = true;
        }
    }

    /// What a module inside the file imports relative to itself, from import `first` on, becomes relative to the file.
    fn look_from_file(&mut self, first: usize) {
        let modules = self.scratch.frames.iter().filter(|frame| frame.class == Class::Module).count();
        let found = self.found.imports.iter_mut().skip(first).filter(|_| modules > 0);
        for import in found.filter(|import| import.kind == ImportKind::Relative) {
            from_file(&mut import.target, modules);
        }
    }
}

/// Rust's `super::x` or `self::x`, written inside so many modules of a file, as the file itself would write it; `self` alone if it
/// stays inside those modules. Relative imports of other languages begin with a dot and are left as they are.
fn from_file(target: &mut String, modules: usize) {
    let segments = target.split("::").skip_while(|segment| *segment == "self");
    let ups = segments.clone().take_while(|segment| *segment == "super").count();
    let own = target.starts_with("self");
    if ups == 0 && !own {
        return;
    }
    let start = if ups > modules { vec!["super"; ups - modules] } else { vec!["self"] };
    let rest = segments.skip(ups).filter(|_| ups >= modules);
    *target = start.into_iter().chain(rest).collect::<Vec<_>>().join("::");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Language, Limits, Parser};

    #[test]
    fn what_tests_inside_a_file_import_is_left_out() {
        let source = "use a::X;\n#[cfg(test)]\nmod tests {\n    use crate::b::Y;\n    #[test]\n    fn f() {\n        use c::Z;\n    }\n}\n\
                      #[test]\nfn g() {\n    use d::V;\n}\nuse e::W;\n";
        let facts = Parser::new().analyze(Language::Rust, source.as_bytes(), Limits::default()).unwrap();
        let targets: Vec<&str> = facts.imports.iter().map(|import| import.target.as_str()).collect();
        assert_eq!(targets, ["a::X", "e::W"]);
    }

    #[test]
    fn imports_of_modules_in_a_file_are_seen_from_the_file() {
        for (target, modules, expected) in [
            ("super::X", 1, "self::X"),
            ("super::*", 1, "self::*"),
            ("super", 1, "self"),
            ("super::super::X", 1, "super::X"),
            ("super::super::super::a::X", 1, "super::super::a::X"),
            ("super::X", 2, "self"),
            ("super::super::X", 2, "self::X"),
            ("self::X", 1, "self"),
            ("self::super::X", 1, "self::X"),
            ("crate::a::X", 1, "crate::a::X"),
            ("./x", 1, "./x"),
            ("..pkg", 1, "..pkg"),
        ] {
            let mut found = target.to_owned();
            from_file(&mut found, modules);
            assert_eq!(found, expected, "{target} inside {modules}");
        }
    }
}
