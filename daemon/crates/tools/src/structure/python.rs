//! Python: dotted names below a root (the folder above the outermost package), and dots relative to the file.

use agentd_syntax::Import;

use super::{
    context::{Context, Target},
    paths::{folder_of, join},
};
use crate::project::Ecosystem;

pub(super) fn resolve(context: &Context<'_>, file: u32, import: &Import) -> Vec<Target> {
    let path = context.paths().path(file);
    let name = import.target.trim_start_matches('.');
    let dots = import.target.len() - name.len();
    let dotted = name.replace('.', "/");
    if dots > 0 {
        let mut base = folder_of(path);
        for _ in 1..dots {
            base = folder_of(base);
        }
        let found = imported(context, &join(base, &dotted), &import.names);
        return if found.is_empty() { vec![Target::External(import.target.clone())] } else { found };
    }
    let folder = folder_of(path);
    // In a package the name of a member alone means something else: `subprocess` is that of the language. Only where a manifest makes
    // the folder of a package the top of a project, names may begin there for files further down. Nothing is known of what lies above
    // the workspace: if that is a package itself, another package in it is still more likely meant than a library of its name.
    let first = dotted.split('/').next().unwrap_or_default();
    let begins = |root: &str, is_top: bool| {
        !is_package(context, root) || (is_top && root != folder) || (root.is_empty() && is_package(context, first))
    };
    let found = roots(context, folder).find_map(|(root, is_top)| {
        let found = absolute(context, (&root, &dotted), &import.names);
        (!found.is_empty() && begins(&root, is_top)).then_some(found)
    });
    found.unwrap_or_else(|| vec![Target::External(name.split('.').next().unwrap_or(name).to_owned())])
}

/// What a dotted name (with `/`) needs that begins at a root.
fn absolute(context: &Context<'_>, (root, dotted): (&str, &str), names: &[String]) -> Vec<Target> {
    let found = imported(context, &join(root, dotted), names);
    if found.is_empty()
        && let Some((parent, _)) = dotted.rsplit_once('/')
        && let Some(file) = module(context, &join(root, parent))
    {
        // `import a.b` where only `a` is a file: then `b` is a name in it.
        return vec![Target::File(file)];
    }
    found
}

/// What `from <base> import <names>` needs: submodules among the names, and the module itself for every other name.
fn imported(context: &Context<'_>, base: &str, names: &[String]) -> Vec<Target> {
    let submodule = |name: &String| module(context, &join(base, name));
    let mut files: Vec<Target> = names.iter().filter_map(submodule).map(Target::File).collect();
    if files.len() < names.len() || names.is_empty() {
        files.extend(module(context, base).map(Target::File));
    }
    files
}

fn module(context: &Context<'_>, base: &str) -> Option<u32> {
    let package = join(base, "__init__.py");
    context.paths().find_any([format!("{base}.py"), package, format!("{base}.pyi"), join(base, "__init__.pyi")])
}

/// Whether the files of a folder are members of a package.
fn is_package(context: &Context<'_>, folder: &str) -> bool {
    context.paths().find_any(["__init__.py", "__init__.pyi"].map(|name| join(folder, name))).is_some()
}

/// Where absolute names may begin, and whether a manifest says so: above the outermost package around a folder, then at the project's
/// packages and their `src`.
fn roots<'c>(context: &'c Context<'_>, folder: &str) -> impl Iterator<Item = (String, bool)> + use<'c> {
    let mut own = folder;
    while !own.is_empty() && is_package(context, own) {
        own = folder_of(own);
    }
    let packages = context.packages(Ecosystem::Python).map(|package| (package.folder.as_str(), true));
    let projects = packages.chain([("", false)]);
    let folders = projects.flat_map(|(folder, is_top)| [(folder.to_owned(), is_top), (join(folder, "src"), false)]);
    std::iter::once((own.to_owned(), false)).chain(folders)
}
