//! Java: a class lies in a file of its name, in folders named like its package, below some source root.

use agentd_syntax::{Import, ImportKind};

use super::{
    context::{Context, Target},
    paths::join,
};
use crate::project::Ecosystem;

pub(super) fn resolve(context: &Context<'_>, import: &Import) -> Target {
    let path = import.target.replace('.', "/");
    let wildcard = path.strip_suffix("/*");
    let mut class = wildcard.unwrap_or(&path);
    if import.kind == ImportKind::Static && wildcard.is_none() {
        class = class.rsplit_once('/').map_or(class, |(class, _)| class);
    }
    if wildcard.is_some()
        && import.kind != ImportKind::Static
        && let Some(file) = folder_ending(context, class)
    {
        return Target::Folder(file);
    }
    // A nested class lies in the file of the class around it.
    let mut outer = Some(class);
    while let Some(name) = outer.filter(|name| name.contains('/')) {
        if let Some(file) = context.paths().only_ending(&format!("{name}.java")) {
            return Target::File(file);
        }
        outer = name.rsplit_once('/').map(|(outer, _)| outer);
    }
    let parts: Vec<&str> = import.target.split('.').collect();
    Target::External(parts[..parts.len().min(2)].join("."))
}

/// The package's folder below any source root: its files are found by the end of their folder.
fn folder_ending(context: &Context<'_>, package: &str) -> Option<u32> {
    let roots = ["src/main/java", "src/test/java", "src", "java", ""];
    let packages = context.packages(Ecosystem::Jvm).map(|package| package.folder.as_str());
    packages.chain([""]).find_map(|folder| {
        roots.iter().find_map(|root| {
            let folder = join(&join(folder, root), package);
            context.paths().first_in(&folder, |path| path.ends_with(".java"))
        })
    })
}
