//! JavaScript and TypeScript: relative paths with the extensions and index files that bundlers and `tsc` try, and packages
//! of the same workspace by name, and the aliases of a `tsconfig.json`. Those of bundlers are programs and are not followed.

use agentd_syntax::Import;

use super::{
    context::{Context, Target},
    paths::{folder_of, join, join_relative},
};
use crate::project::Ecosystem;

const EXTENSIONS: [&str; 11] = ["ts", "tsx", "d.ts", "mts", "cts", "js", "jsx", "mjs", "cjs", "vue", "svelte"];

pub(super) fn resolve(context: &Context<'_>, file: u32, import: &Import) -> Target {
    // Loaders hang questions on a path: `./icon.svg?raw`. One may begin with such a sign: `#lib/x`.
    let end = import.target.match_indices(['?', '#']).map(|(place, _)| place).find(|place| *place > 0);
    let target = &import.target[..end.unwrap_or(import.target.len())];
    let path = context.paths().path(file);
    let external = || Target::External(top_name(&import.target).to_owned());
    if matches!(target.split('/').next(), Some("." | "..")) {
        let base = join_relative(folder_of(path), target);
        let found = base.and_then(|base| module(context, &base));
        return found.map_or_else(|| Target::External(target.to_owned()), Target::File);
    }
    let aliased = context.aliased(path, target);
    if let Some(found) = aliased.tries.iter().find_map(|base| module(context, base)) {
        return Target::File(found);
    }
    let mut packages = context.packages(Ecosystem::Npm);
    let inside = packages.find_map(|package| {
        let rest = target.strip_prefix(package.name.as_str())?;
        (rest.is_empty() || rest.starts_with('/')).then(|| (package, rest.trim_start_matches('/')))
    });
    let Some((package, rest)) = inside else { return if aliased.is_own { Target::Part } else { external() } };
    let tries = [join(&package.folder, rest), join(&join(&package.folder, "src"), rest), join(&package.folder, "lib")];
    tries.iter().find_map(|base| module(context, base)).map_or_else(external, Target::File)
}

fn module(context: &Context<'_>, base: &str) -> Option<u32> {
    let paths = context.paths();
    let with_extension = |stem: &str| paths.find_any(EXTENSIONS.iter().map(|extension| format!("{stem}.{extension}")));
    // TypeScript names the file that will be there after compiling: `./x.js` for `x.ts`.
    let compiled = || [".js", ".jsx", ".mjs", ".cjs"].iter().find_map(|end| with_extension(base.strip_suffix(end)?));
    let found =
        if base.is_empty() { None } else { paths.find(base).or_else(|| with_extension(base)).or_else(compiled) };
    found.or_else(|| with_extension(&join(base, "index")))
}

/// `react` of `react/jsx-runtime`, `@scope/name` of `@scope/name/x`.
fn top_name(target: &str) -> &str {
    let parts = if target.starts_with('@') { 2 } else { 1 };
    let end = target.match_indices('/').nth(parts - 1).map_or(target.len(), |(place, _)| place);
    &target[..end]
}
