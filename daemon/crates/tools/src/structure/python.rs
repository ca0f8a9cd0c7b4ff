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
    for root in roots(context, path) {
        let found = imported(context, &join(&root, &dotted), &import.names);
        if !found.is_empty() {
            return found;
        }
        // `import a.b` where only `a` is a file: then `b` is a name in it.
        if let Some((parent, _)) = dotted.rsplit_once('/')
            && let Some(file) = module(context, &join(&root, parent))
        {
            return vec![Target::File(file)];
        }
    }
    vec![Target::External(name.split('.').next().unwrap_or(name).to_owned())]
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
    context.paths().find_any([format!("{base}.py"), package, format!("{base}.pyi")])
}

/// Where absolute names begin: above the file's outermost package, then at the project's packages and their `src`.
fn roots(context: &Context<'_>, path: &str) -> Vec<String> {
    let mut own = folder_of(path);
    while !own.is_empty() && context.paths().find(&join(own, "__init__.py")).is_some() {
        own = folder_of(own);
    }
    let mut roots = vec![own.to_owned()];
    let packages = context.packages(Ecosystem::Python).map(|package| package.folder.as_str());
    for folder in packages.chain([""]) {
        roots.extend([folder.to_owned(), join(folder, "src")]);
    }
    roots
}
