//! What every language needs to find the file that an import means: the paths, the packages, and the kinds of answer.

use std::{borrow::Cow, collections::HashMap};

use super::{
    Paths,
    aliases::{Aliases, Places},
    paths::folder_of,
};
use crate::project::{Ecosystem, Package, ScriptConfig};

/// What one import means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    File(u32),
    Folder(u32),
    /// The file owns the other one (`mod x;`, or a use of its own submodule): wiring, not a dependency.
    Part,
    /// Rust's `mod x;`: the file of the module, which is a part as well.
    Module(u32),
    External(String),
}

/// The packages of a project, and what else its manifests say of where names lead; searchable, made once, shared by threads.
#[derive(Debug, Clone, Default)]
pub struct Packages {
    /// Longest folder first: the nearest package around a file is the first that fits.
    all: Vec<Package>,
    /// Packages by their folder, each kind by itself.
    folders: HashMap<Ecosystem, HashMap<String, usize>>,
    /// Cargo packages by the name that code uses.
    crates: HashMap<String, usize>,
    aliases: Aliases,
}

impl Packages {
    /// The packages that the project's manifests name, and its configurations of TypeScript.
    #[must_use]
    pub fn new(packages: &[Package], scripts: &[ScriptConfig]) -> Self {
        let mut all = packages.to_vec();
        all.sort_by(|a, b| b.folder.len().cmp(&a.folder.len()).then_with(|| a.folder.cmp(&b.folder)));
        let (mut crates, mut folders) = (HashMap::new(), HashMap::<_, HashMap<_, _>>::new());
        for (place, package) in all.iter().enumerate() {
            if package.ecosystem == Ecosystem::Cargo {
                crates.entry(package.name.replace('-', "_")).or_insert(place);
            }
            folders.entry(package.ecosystem).or_default().entry(package.folder.clone()).or_insert(place);
        }
        Self { all, folders, crates, aliases: Aliases::new(scripts) }
    }

    /// Adds all that decides where imports lead.
    pub(super) fn identify(&self, asked: &mut blake3::Hasher) {
        for Package { ecosystem, name, folder, source } in &self.all {
            asked.update(&[*ecosystem as u8]);
            for part in [name, folder, &source.file] {
                asked.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
            }
        }
        asked.update(&(self.all.len() as u64).to_le_bytes());
        self.aliases.identify(asked);
    }
}

/// The paths and packages of one manifest.
#[derive(Debug)]
pub(super) struct Context<'a> {
    paths: Paths<'a>,
    packages: Cow<'a, Packages>,
}

impl<'a> Context<'a> {
    pub(super) const fn new(paths: Paths<'a>, packages: Cow<'a, Packages>) -> Self {
        Self { paths, packages }
    }

    pub(super) const fn paths(&self) -> &Paths<'a> {
        &self.paths
    }

    pub(super) fn packages(&self, ecosystem: Ecosystem) -> impl Iterator<Item = &Package> {
        self.packages.all.iter().filter(move |package| package.ecosystem == ecosystem)
    }

    /// Where a name may lead that a script imports.
    pub(super) fn aliased(&self, path: &str, name: &str) -> Places {
        self.packages.aliases.places(path, name)
    }

    /// The Cargo package that Rust code calls `name`.
    pub(super) fn crate_named(&self, name: &str) -> Option<&Package> {
        self.packages.crates.get(name).map(|place| &self.packages.all[*place])
    }

    /// The innermost package of an ecosystem around a path.
    pub(super) fn package_around(&self, ecosystem: Ecosystem, path: &str) -> Option<&Package> {
        let folders = self.packages.folders.get(&ecosystem)?;
        let mut folder = path;
        loop {
            folder = folder_of(folder);
            if let Some(place) = folders.get(folder) {
                return Some(&self.packages.all[*place]);
            }
            if folder.is_empty() {
                return None;
            }
        }
    }
}
