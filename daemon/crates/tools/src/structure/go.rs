//! Go: an import names a package, which is a folder below the module that `go.mod` names.

use agentd_syntax::Import;

use super::{
    context::{Context, Target},
    paths::join,
};
use crate::project::Ecosystem;

pub(super) fn resolve(context: &Context<'_>, import: &Import) -> Target {
    let target = import.target.as_str();
    // The longest module path wins, as in `go` itself.
    let inside = context.packages(Ecosystem::Go).filter_map(|package| {
        let rest = target.strip_prefix(package.name.as_str())?;
        (rest.is_empty() || rest.starts_with('/')).then(|| (package, rest.trim_start_matches('/')))
    });
    if let Some((package, rest)) = inside.max_by_key(|(package, _)| package.name.len()) {
        let folder = join(&package.folder, rest);
        let is_source = |path: &str| path.ends_with(".go") && !path.ends_with("_test.go");
        if let Some(file) = context.paths().first_in(&folder, is_source) {
            return Target::Folder(file);
        }
    }
    Target::External(top_name(target).to_owned())
}

/// The repository of `host.tld/owner/name/…`, or the first part of any other path.
fn top_name(target: &str) -> &str {
    let has_host = target.split('/').next().is_some_and(|first| first.contains('.'));
    let parts = if has_host { 3 } else { 1 };
    let end = target.match_indices('/').nth(parts - 1).map_or(target.len(), |(place, _)| place);
    &target[..end]
}
