//! From the imports of one file to the files that they mean.

use std::{borrow::Cow, collections::BTreeMap};

use agentd_syntax::{Import, Language};
use serde::{Deserialize, Serialize, Serializer};

use super::{
    Paths, c_like,
    context::{Context, Packages, Target},
    go, java, python, rust, script, standard,
};
use crate::project::{Package, ScriptConfig};

/// One file needs another. Written as a list of its fields, in their order; the same with names is read too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct Edge {
    /// Number of the file that is needed.
    pub to: u32,
    /// No import of it is needed to load the file: such an edge makes no cycle.
    #[serde(default)]
    pub deferred: bool,
    /// First line that says so, from 1; of those that loading needs, if there are any.
    pub line: u32,
}

impl Serialize for Edge {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.to, self.deferred, self.line).serialize(serializer)
    }
}

/// Where the imports of one file lead. Each list is sorted by target, without repetition and without the file itself. Written like an
/// [`Edge`]: there are thousands of them, and a form that knows no names has room for each field and no less.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Links {
    /// Files that it needs.
    pub files: Box<[Edge]>,
    /// Folders that it needs as a whole (a Go package, a Java wildcard); `to` is a file that stands for its folder.
    pub folders: Box<[Edge]>,
    /// Libraries from elsewhere, by their top name, with the number of imports; those that come with the language are left out.
    #[serde(default)]
    pub external: BTreeMap<Box<str>, u32>,
    /// Files of the modules that it declares (Rust's `mod x;`), sorted; with whether tests alone have the module.
    #[serde(default)]
    pub modules: Box<[(u32, bool)]>,
}

impl Serialize for Links {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.files, &self.folders, &self.external, &self.modules).serialize(serializer)
    }
}

/// Resolves imports of all files of one manifest. Built once, shared by pieces; resolving changes nothing.
#[derive(Debug)]
pub struct Resolver<'a>(Context<'a>);

impl<'a> Resolver<'a> {
    /// Takes the paths, and the packages and configurations of TypeScript that the project's manifests name.
    #[must_use]
    pub fn new(paths: Paths<'a>, packages: &[Package], scripts: &[ScriptConfig]) -> Self {
        Self(Context::new(paths, Cow::Owned(Packages::new(packages, scripts))))
    }

    /// The same over what was made before.
    #[must_use]
    pub const fn over(paths: Paths<'a>, packages: &'a Packages) -> Self {
        Self(Context::new(paths, Cow::Borrowed(packages)))
    }

    /// Resolves the imports of one file.
    ///
    /// # Panics
    /// If `file` is no number of the manifest.
    #[must_use]
    pub fn resolve(&self, file: u32, language: Language, imports: &[Import]) -> Links {
        let (mut files, mut folders, mut external) = (Vec::new(), Vec::new(), BTreeMap::new());
        let (mut modules, mut targets) = (BTreeMap::new(), Vec::new());
        let place = (language == Language::Rust && !imports.is_empty()).then(|| rust::place(&self.0, file));
        let is_unneeded = !imports.is_empty() && is_unneeded(self.0.paths().path(file));
        for import in imports {
            let (line, deferred) = (import.line, import.deferred || is_unneeded);
            self.targets((file, language, place.as_ref()), import, &mut targets);
            for target in targets.drain(..) {
                match target {
                    Target::File(to) if to != file => files.push(Edge { to, line, deferred }),
                    Target::Folder(to) => folders.push(Edge { to, line, deferred }),
                    // A module may be declared twice, under conditions.
                    Target::Module(to) => *modules.entry(to).or_insert(true) &= deferred,
                    Target::External(name) if standard::has(language, &name) => {}
                    Target::External(name) => *external.entry(name.into_boxed_str()).or_insert(0) += 1,
                    Target::File(_) | Target::Part => {}
                }
            }
        }
        Links { files: tidy(files), folders: tidy(folders), external, modules: modules.into_iter().collect() }
    }

    fn targets(
        &self,
        (file, language, place): (u32, Language, Option<&rust::Place>),
        import: &Import,
        targets: &mut Vec<Target>,
    ) {
        let context = &self.0;
        match language {
            Language::Rust => {
                let place = place.into_iter();
                place.for_each(|place| rust::resolve(context, (place, file), import, targets));
            }
            Language::Python => targets.extend(python::resolve(context, file, import)),
            Language::JavaScript | Language::TypeScript | Language::Tsx => {
                targets.push(script::resolve(context, file, import));
            }
            Language::Go => targets.push(go::resolve(context, import)),
            Language::C | Language::Cpp => targets.push(c_like::resolve(context, file, import)),
            Language::Java => targets.push(java::resolve(context, import)),
            // Swift imports whole modules, and its manifest is a program.
            Language::Swift => targets.push(Target::External(import.target.clone())),
        }
    }
}

/// Whether no program is loaded for what a file imports: one that only declares types, and a test of Go, which may need packages
/// that need its own.
fn is_unneeded(path: &str) -> bool {
    [".pyi", ".d.ts", ".d.mts", ".d.cts", "_test.go"].iter().any(|end| path.ends_with(end))
}

/// Sorted by target, each target once: with the first line that needs it for loading, or else the first that names it.
fn tidy(mut edges: Vec<Edge>) -> Box<[Edge]> {
    edges.sort_unstable();
    edges.dedup_by_key(|edge| edge.to);
    edges.into_boxed_slice()
}
