//! The part of the walk that finds what a file imports, seen from the file.

use std::collections::HashSet;

use tree_sitter::Node;

use super::Walk;
use crate::{
    Import, ImportKind, Language,
    grammar::Class,
    head::{MAX_ITEMS, field},
};

/// The modules inside of a Rust file, by number: a name that one declares is no library to what stands right in it, and says
/// nothing to all others.
#[derive(Debug, Default)]
pub(super) struct Modules {
    /// How many were opened; the last one has this number.
    opened: u32,
    /// The modules with the names that they declare; at most [`MAX_ITEMS`].
    declared: HashSet<(u32, String)>,
    /// The module around each import.
    around: Vec<u32>,
}

impl Walk<'_, '_> {
    /// What a test inside the file imports is none of the file's: the program does not need it. But what tests alone declare
    /// is another file, which is theirs.
    pub(super) fn import(&mut self, node: Node<'_>) {
        let in_test = self.inspector.in_test(node.start_byte());
        if in_test && self.head.class(node) != Class::Module {
            return;
        }
        if self.found.imports.len() < MAX_ITEMS {
            let first = self.found.imports.len();
            (self.head.grammar.rules.import)(&self.head, node, &mut self.found.imports);
            self.look_from_file(first);
            if in_test || self.in_function() || node.start_byte() < self.types_until || is_for_types(node) {
                self.found.imports.iter_mut().skip(first).for_each(|import| import.deferred = true);
            }
        }
        if self.found.imports.len() >= MAX_ITEMS {
            self.found.imports.truncate(MAX_ITEMS);
            self.found.truncated = true;
        }
        if self.language == Language::Rust {
            self.modules.around.resize(self.found.imports.len(), self.context.module);
        }
    }

    /// An import that is written as a call; one of a test is left out as well.
    pub(super) fn import_call(&mut self, node: Node<'_>, mut import: Import) {
        if self.inspector.in_test(node.start_byte()) {
            return;
        }
        // What a closure around `require` is for is not known: many are run at once, to have names of their own. `import(…)` in one
        // is there to come later.
        let in_closure = || self.scratch.frames.iter().any(|frame| frame.class == Class::Closure);
        import.deferred = self.in_function() || (self.head.bytes(node).starts_with(b"import") && in_closure());
        if self.found.imports.len() < MAX_ITEMS {
            self.found.imports.push(import);
        } else {
            self.found.truncated = true;
        }
    }

    /// The module that is walked declares one of this name, here or in another file.
    pub(super) fn declare_module(&mut self, name: &str) {
        if self.language == Language::Rust {
            if self.modules.declared.len() < MAX_ITEMS {
                self.modules.declared.insert((self.context.module, name.to_owned()));
            } else {
                self.found.truncated = true;
            }
        }
    }

    /// What follows stands in a module of its own, until the top frame ends.
    pub(super) fn enter_module(&mut self) {
        self.modules.opened += 1;
        self.context.module = self.modules.opened;
    }

    /// Leaves out what modules take from those that they declare themselves: these belong to the file, or are named by `mod`.
    /// It comes last, because the declaration may.
    pub(super) fn leave_out_own_modules(&mut self) {
        let Modules { declared, around, .. } = &self.modules;
        if declared.is_empty() {
            return;
        }
        let mut around = around.iter();
        self.found.imports.retain(|import| {
            let around = around.next().filter(|_| import.kind == ImportKind::Module);
            // `::name` begins with nothing, which no module is called.
            let first = import.target.split("::").next().unwrap_or_default();
            !around.is_some_and(|module| declared.contains(&(*module, first.to_owned())))
        });
    }

    /// Whether this stands in a function of a language that runs imports where they stand.
    fn in_function(&self) -> bool {
        use Language::{JavaScript, Python, Tsx, TypeScript};
        !self.scratch.open.is_empty() && matches!(self.language, Python | JavaScript | TypeScript | Tsx)
    }

    /// Python's `if TYPE_CHECKING:`, which no program enters: what it imports is for types alone.
    pub(super) fn type_guard(&mut self, node: Node<'_>) {
        let fields = self.head.fields();
        if self.language != Language::Python {
            return;
        }
        let Some(condition) = field(node, fields.condition) else { return };
        if matches!(self.head.bytes(condition), b"TYPE_CHECKING" | b"typing.TYPE_CHECKING" | b"t.TYPE_CHECKING")
            && let Some(body) = field(node, fields.consequence)
        {
            self.types_until = body.end_byte();
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

/// TypeScript's `import type …` and `export type … from`, and those whose every name has the word itself. Some settings keep the
/// import of such a file, but nothing of it is read: whether it is loaded to its end makes no difference.
fn is_for_types(node: Node<'_>) -> bool {
    let begins_so = |node: Node<'_>| node.child(0).is_some_and(|word| word.kind() == "type");
    let Some(clause) = node.child(1) else { return false };
    let names = match clause.kind() {
        "type" => return true,
        "export_clause" => Some(clause),
        // A name before the braces or instead of them is one without the word.
        "import_clause" => clause.child(0).filter(|names| clause.child_count() == 1 && names.kind() == "named_imports"),
        _ => None,
    };
    names.is_some_and(|names| {
        let mut cursor = names.walk();
        let mut each = names.named_children(&mut cursor).filter(|name| !name.is_extra()).map(begins_so).peekable();
        each.peek().is_some() && each.all(|is_type| is_type)
    })
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
    fn modules_of_tests_alone_are_told_from_those_of_the_program() {
        for (source, own, for_tests) in [
            ("mod a; #[cfg(test)] mod b; mod c;", "a c", "b"),
            ("#[cfg(test)]\n#[allow(x)]\n// why\n\n/// What.\npub(crate) mod a;\nmod b;", "b", "a"),
            ("#[allow(x)]\n#[cfg( test )]\nmod a;\n#[allow(x)]\nmod b;", "b", "a"),
            ("#[cfg(all(test, unix))] mod a; #[cfg(all(unix, test))] mod b;", "", "a b"),
            (
                "#[cfg(any(test, unix))] mod a; #[cfg(not(test))] mod b; #[cfg(all(unix, any(test, x)))] mod c;",
                "a b c",
                "",
            ),
            ("#[cfg(feature = \"test\")] mod a; #[cfg_attr(test, x)] mod b; #[test] mod c;", "a b c", ""),
            (
                "#[cfg(test)] use x::Y; mod a; #[cfg(test)] fn f() {} mod b; #[cfg(test)] const X: u8 = 1; mod c;",
                "a b c",
                "",
            ),
            ("#[cfg(test)] /* x */ mod a;\n#[cfg(test)]\n/* x\n * } y\n */\n\n// z\nmod b;", "", "a b"),
            ("#[cfg(test)] /* x */ fn f() {} /* y */ mod a; /* #[cfg(test)] */ mod b;", "a b", ""),
            ("#[cfg(test)] mod tests { mod a; mod b { mod c; } } mod d;", "d", "tests::a tests::b::c"),
            ("#[cfg(test)] mod fake { mod a; use x::Y; } mod b { #[cfg(test)] mod c; mod d; }", "b::d", "fake::a b::c"),
        ] {
            let facts = Parser::new().analyze(Language::Rust, source.as_bytes(), Limits::default()).unwrap();
            let of = |deferred: bool| {
                let modules = facts.imports.iter().filter(|import| import.kind == ImportKind::ModDecl);
                let modules = modules.filter(|import| import.deferred == deferred);
                modules.map(|import| import.target.as_str()).collect::<Vec<_>>().join(" ")
            };
            assert_eq!((of(false).as_str(), of(true).as_str()), (own, for_tests), "{source}");
        }
    }

    #[test]
    fn modules_of_a_file_are_bounded_and_the_cut_is_told() {
        for (count, truncated) in [(MAX_ITEMS, false), (MAX_ITEMS + 1, true)] {
            let source: String = (0..count).map(|number| format!("mod a{number}{{}}")).collect();
            let facts = Parser::new().analyze(Language::Rust, source.as_bytes(), Limits::default()).unwrap();
            assert_eq!((facts.truncated, facts.imports.len()), (truncated, 0), "{count} modules");
        }
    }

    #[test]
    fn what_a_test_asks_for_by_a_call_is_left_out() {
        let source = "const a = require('./a');\nit('works', () => { require('./b'); });\n\
                      describe('x', () => { test('y', async () => { await import('./c'); }); });\nrequire('./d');\n";
        let facts = Parser::new().analyze(Language::JavaScript, source.as_bytes(), Limits::default()).unwrap();
        let targets: Vec<&str> = facts.imports.iter().map(|import| import.target.as_str()).collect();
        assert_eq!(targets, ["./a", "./d"]);
    }

    #[test]
    fn what_a_module_declares_is_its_own_and_hides_nothing_elsewhere() {
        for (source, expected) in [
            // The library is what others mean by the name, and what the module itself means by it.
            ("mod imp { mod serde { use serde::A; } use serde::B; } use serde::C;", "serde::A serde::C"),
            ("mod serde { use serde::A; } use ::serde::B; use serde::C;", "serde::A ::serde::B"),
            // Wherever it is declared, with or without a body.
            ("use imp::{A, b::B}; pub use imp; use other::C; mod imp { pub struct A; }", "other::C"),
            ("mod model; use model::Thing; fn f() { use model::Other; }", "model"),
            ("mod a { mod model; mod b { use model::A; } use model::B; } use model::C;", "a::model model::A model::C"),
            ("mod tests { fn f() {} } use tests::f; use test::Bencher;", "test::Bencher"),
            ("mod a { mod x {} } mod b { use x::A; }", "x::A"),
        ] {
            let facts = Parser::new().analyze(Language::Rust, source.as_bytes(), Limits::default()).unwrap();
            let targets: Vec<&str> = facts.imports.iter().map(|import| import.target.as_str()).collect();
            assert_eq!(targets.join(" "), expected, "{source}");
        }
    }

    #[test]
    fn what_loading_does_not_need_is_deferred() {
        let python = "from typing import TYPE_CHECKING\nimport a\nif TYPE_CHECKING:\n    import b\n    from c import X\nelse:\n    import d\n\
                      if typing.TYPE_CHECKING:\n    import e\ntry:\n    import f\nexcept ImportError:\n    import g\n\
                      class K:\n    import h\n    def m(self):\n        import i\n        from . import j\nif DEBUG:\n    import k\n";
        let script = "import a from './a';\nimport b = require('./b');\n(function () { require('./c'); })();\n\
                      function f() { require('./d'); }\nconst g = () => require('./e');\nroutes(() => import('./f'));\n\
                      await import('./g');\nclass K { m() { return import('./h'); } }\nimport type { I } from './i';\n\
                      export type { J } from './j';\nimport { type K2 } from './k';\nimport type from './l';\n\
                      import { type M, /* x */ type M2 as M3, } from './m';\nexport { type N } from './n';\nimport {} from './o';\n\
                      import { type P, p } from './p';\nimport q, { type Q } from './q';\nimport { type } from './r';\n\
                      import { type as s } from './s';\nexport { type T, t } from './t';\nimport './u';\n";
        let rust = "fn f() { use crate::a::X; }\nuse crate::b::Y;\n";
        for (language, source, loaded, deferred) in [
            (Language::Python, python, "typing a d f g h k", "b c e i ."),
            (
                Language::TypeScript,
                script,
                "./a ./b ./c ./g ./l ./o ./p ./q ./r ./s ./t ./u",
                "./d ./e ./f ./h ./i ./j ./k ./m ./n",
            ),
            (Language::Rust, rust, "crate::a::X crate::b::Y", ""),
        ] {
            let facts = Parser::new().analyze(language, source.as_bytes(), Limits::default()).unwrap();
            let of = |deferred: bool| {
                let imports = facts.imports.iter().filter(|import| import.deferred == deferred);
                imports.map(|import| import.target.as_str()).collect::<Vec<_>>().join(" ")
            };
            assert_eq!((of(false).as_str(), of(true).as_str()), (loaded, deferred), "{language:?}");
        }
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
