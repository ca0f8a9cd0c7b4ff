//! What every language needs to find the file that an import means: the paths, the packages, and the kinds of answer.

use std::collections::HashMap;

use super::Paths;
use crate::project::{Ecosystem, Package};

/// What one import means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    File(u32),
    Folder(u32),
    /// The file owns the other one (`mod x;`, or a use of its own submodule): wiring, not a dependency.
    Part,
    External(String),
}

/// The paths and packages of one manifest.
#[derive(Debug)]
pub(super) struct Context<'a> {
    paths: Paths<'a>,
    packages: Vec<Package>,
    /// Cargo packages by the name that code uses.
    crates: HashMap<String, usize>,
}

impl<'a> Context<'a> {
    pub(super) fn new(paths: Paths<'a>, packages: &[Package]) -> Self {
        let mut packages = packages.to_vec();
        // Longest folder first: the nearest package around a file is the first that fits.
        packages.sort_by(|a, b| b.folder.len().cmp(&a.folder.len()).then_with(|| a.folder.cmp(&b.folder)));
        let mut crates = HashMap::new();
        for (place, package) in packages.iter().enumerate().filter(|(_, package)| package.ecosystem == Ecosystem::Cargo)
        {
            crates.entry(package.name.replace('-', "_")).or_insert(place);
        }
        Self { paths, packages, crates }
    }

    pub(super) const fn paths(&self) -> &Paths<'a> {
        &self.paths
    }

    pub(super) fn packages(&self, ecosystem: Ecosystem) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(move |package| package.ecosystem == ecosystem)
    }

    /// The Cargo package that Rust code calls `name`.
    pub(super) fn crate_named(&self, name: &str) -> Option<&Package> {
        self.crates.get(name).map(|place| &self.packages[*place])
    }

    /// The innermost package of an ecosystem around a path.
    pub(super) fn package_around(&self, ecosystem: Ecosystem, path: &str) -> Option<&Package> {
        self.packages(ecosystem).find(|package| {
            let rest = path.strip_prefix(package.folder.as_str());
            package.folder.is_empty() || rest.is_some_and(|rest| rest.starts_with('/'))
        })
    }
}
