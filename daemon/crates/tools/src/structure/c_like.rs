//! C and C++: beside the file first, else the only file of the project whose path ends in what was included.

use agentd_syntax::{Import, ImportKind};

use super::{
    context::{Context, Target},
    paths::{folder_of, join_relative},
};

pub(super) fn resolve(context: &Context<'_>, file: u32, import: &Import) -> Target {
    let paths = context.paths();
    let target = import.target.as_str();
    let beside = || join_relative(folder_of(paths.path(file)), target).and_then(|path| paths.find(&path));
    // Include folders are known to the build only; an end that fits one file is that file in practice.
    let elsewhere = || join_relative("", target).and_then(|end| paths.only_ending(&end));
    let found = match import.kind {
        ImportKind::System if target.contains('/') => elsewhere(),
        // `<vector>` or `<config.h>` belongs to the system until the contrary is known.
        ImportKind::System => None,
        _ => beside().or_else(elsewhere),
    };
    found.map_or_else(|| Target::External(target.split('/').next().unwrap_or(target).to_owned()), Target::File)
}
