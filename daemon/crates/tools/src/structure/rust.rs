//! Rust: modules are files below the crate's root file. The deepest module file on a path is what an import needs.

use std::iter;

use agentd_syntax::{Import, ImportKind};

use super::{
    context::{Context, Target},
    paths::{folder_of, join, join_relative, name_of},
};
use crate::project::Ecosystem;

/// Where a file stands in its crate: the folder of the crate's root file, and the module path of the file with `/`.
pub(super) struct Place {
    base: String,
    module: String,
    root: Option<u32>,
    /// The file of the module itself, or of the nearest one around it that has one.
    own: Option<u32>,
}

/// Adds what an import of a file at this place means.
pub(super) fn resolve(context: &Context<'_>, (place, file): (&Place, u32), import: &Import, targets: &mut Vec<Target>) {
    match import.kind {
        ImportKind::ModDecl => targets.extend(modules(context, (place, file), import).map(Target::Module)),
        _ => targets.push(used(context, place, file, import)),
    }
}

fn used(context: &Context<'_>, place: &Place, file: u32, import: &Import) -> Target {
    let target = import.target.trim_start_matches("::");
    // By a single byte, which is looked for much faster; it never stands alone in a path.
    let (first, rest) = target.split_once(':').unwrap_or((target, ""));
    let mut rest = rest.trim_start_matches(':');
    let mut module = match first {
        "crate" => "",
        "self" => place.module.as_str(),
        "super" => folder_of(&place.module),
        _ => return by_name(context, file, place, (first, rest)),
    };
    while let Some(behind) = rest.strip_prefix("super").filter(|behind| behind.is_empty() || behind.starts_with("::")) {
        rest = behind.trim_start_matches("::");
        module = folder_of(module);
    }
    let found = deepest(context, &place.base, (module, rest)).or(place.root);
    found.map_or_else(|| Target::External("crate".into()), |to| owned_or_needed(context, file, place, to))
}

/// The files of a module that is declared. Whether a file that `#[path]` names is the module's in any case, or under a condition and
/// else the file of the module's own name, an import does not say: that one counts too if it is there, so that no file of the program
/// is known by the tests alone that declare it as well. Those that are for tests claim none in doubt.
fn modules(context: &Context<'_>, (place, file): (&Place, u32), import: &Import) -> impl Iterator<Item = u32> {
    let own = declared(context, place, file, &import.target).filter(|_| import.names.is_empty() || !import.deferred);
    // A crate's root needs no declaration: who declares it in his own crate says nothing of what it is for.
    named(context, (place, file), import).chain(own).filter(|to| !is_root(context, *to))
}

/// Whether Cargo finds a crate's root here without being told.
fn is_root(context: &Context<'_>, file: u32) -> bool {
    let path = context.paths().path(file);
    let package = context.package_around(Ecosystem::Cargo, path).map_or("", |package| package.folder.as_str());
    let inside = path[package.len()..].trim_start_matches('/');
    let parts: Vec<&str> = inside.split('/').collect();
    matches!(*parts, ["build.rs"] | ["src", "lib.rs" | "main.rs"] | ["src", "bin", _] | ["src", "bin", _, "main.rs"])
}

/// The file of a module that is declared: below the one that declares it; what is its own crate's root has its modules beside it.
fn declared(context: &Context<'_>, place: &Place, file: u32, name: &str) -> Option<u32> {
    let below = file_of(context, &mut path_of(&place.base, (&place.module, name)));
    below.or_else(|| file_of(context, &mut path_of(&place.base, ("", name))).filter(|_| place.root == Some(file)))
}

/// The files that `#[path]` names for a module: seen from the folder of the file, or, inside of modules that stand in the file, from
/// where the files of these would be.
fn named(context: &Context<'_>, (place, file): (&Place, u32), import: &Import) -> impl Iterator<Item = u32> {
    let module = if place.root == Some(file) { "" } else { place.module.as_str() };
    let folder = match import.target.rsplit_once("::") {
        Some((inside, _)) => path_of(&place.base, (module, inside)),
        None => folder_of(context.paths().path(file)).to_owned(),
    };
    let names = import.names.iter().filter(|name| !name.starts_with('/'));
    names.filter_map(move |name| context.paths().find(&join_relative(&folder, name)?)).filter(move |to| *to != file)
}

/// A path that begins with a name: another crate of the workspace, a module beside or below, or a library.
fn by_name(context: &Context<'_>, file: u32, place: &Place, (first, rest): (&str, &str)) -> Target {
    // `use Kind::{A, B}`: a type of this file or of one that is imported by its own path.
    if first.starts_with(|c: char| c.is_uppercase()) {
        return Target::Part;
    }
    // Only if the first name itself is a module here; otherwise the deepest file would be this one.
    let beside = join(&place.module, first);
    let first_here = file_of(context, &mut path_of(&place.base, (&beside, "")));
    if !first.is_empty() && first_here.is_some() && first_here != place.own {
        let found = deepest(context, &place.base, (&beside, rest));
        return found.map_or(Target::Part, |to| owned_or_needed(context, file, place, to));
    }
    let Some(package) = context.crate_named(first) else {
        return Target::External(first.to_owned());
    };
    let base = join(&package.folder, "src");
    let found = deepest(context, &base, ("", rest)).or_else(|| root_in(context, &base));
    found.map_or_else(|| Target::External(first.to_owned()), Target::File)
}

/// A module's use of its own submodules wires them together, as `mod` does; it is no dependency that could make a cycle.
fn owned_or_needed(context: &Context<'_>, file: u32, place: &Place, to: u32) -> Target {
    let target = module_of(context.paths().path(to), &place.base);
    let below = target.strip_prefix(&place.module);
    let owned = below.is_some_and(|below| !below.is_empty() && (place.module.is_empty() || below.starts_with('/')));
    if owned && to != file { Target::Part } else { Target::File(to) }
}

/// The path of `names`, with `::` between them (of which each colon ends a part, one of them an empty one), in a module below
/// `base`; there is room for the end of a file's name.
fn path_of(base: &str, (module, names): (&str, &str)) -> String {
    let mut path = String::with_capacity(base.len() + module.len() + names.len() + 10);
    path.push_str(base);
    for part in iter::once(module).chain(names.split(':')).filter(|part| !part.is_empty()) {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(part);
    }
    path
}

/// The file of the module at a path, which stays as it is.
fn file_of(context: &Context<'_>, path: &mut String) -> Option<u32> {
    let end = path.len();
    [".rs", "/mod.rs"].into_iter().find_map(|tail| {
        path.push_str(tail);
        let found = context.paths().find(path);
        path.truncate(end);
        found
    })
}

/// The file of the longest prefix of the names and then of the module that has one; not the root.
fn deepest(context: &Context<'_>, base: &str, module: (&str, &str)) -> Option<u32> {
    let mut path = path_of(base, module);
    while path.len() > base.len() {
        if let Some(found) = file_of(context, &mut path) {
            return Some(found);
        }
        path.truncate(path.rfind('/').unwrap_or(0));
    }
    None
}

fn root_in(context: &Context<'_>, base: &str) -> Option<u32> {
    context.paths().find_any([join(base, "lib.rs"), join(base, "main.rs")])
}

/// Finds out once where a file stands; its imports are many.
pub(super) fn place(context: &Context<'_>, file: u32) -> Place {
    let path = context.paths().path(file);
    let package = context.package_around(Ecosystem::Cargo, path).map_or("", |package| package.folder.as_str());
    let source = join(package, "src");
    let inside = path.strip_prefix(source.as_str()).and_then(|rest| rest.strip_prefix('/'));
    let base = match inside {
        Some(rest) if !rest.starts_with("bin/") => source,
        // A program, a test, an example or a build script is a crate of its own, rooted where its first file lies.
        _ => own_root(context, path, package),
    };
    let root = if inside.is_some_and(|rest| !rest.starts_with("bin/")) {
        root_in(context, &base)
    } else {
        context.paths().find(&join(&base, "main.rs")).or(Some(file))
    };
    let module = module_of(path, &base);
    Place { own: deepest(context, &base, (module, "")), module: module.to_owned(), base, root }
}

/// The folder of the nearest `main.rs` or of the target's file, between a path and its package.
fn own_root(context: &Context<'_>, path: &str, package: &str) -> String {
    let mut folder = folder_of(path);
    while folder.len() > package.len() {
        if context.paths().find(&join(folder, "main.rs")).is_some() {
            return folder.to_owned();
        }
        if matches!(name_of(folder), "bin" | "tests" | "examples" | "benches") {
            return folder.to_owned();
        }
        folder = folder_of(folder);
    }
    folder_of(path).to_owned()
}

/// The module path of a file below `base`, with `/`; empty for root files.
fn module_of<'p>(path: &'p str, base: &str) -> &'p str {
    let inside =
        if base.is_empty() { Some(path) } else { path.strip_prefix(base).and_then(|rest| rest.strip_prefix('/')) };
    let Some(stem) = inside.and_then(|inside| inside.strip_suffix(".rs")) else {
        return "";
    };
    match name_of(stem) {
        "mod" => folder_of(stem),
        "lib" | "main" if !stem.contains('/') => "",
        _ => stem,
    }
}
