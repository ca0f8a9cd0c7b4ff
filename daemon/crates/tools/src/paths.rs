//! Paths below the workspace, as text with `/` between their parts.

/// The folder of a path, empty for the top.
pub(crate) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Where `path` leads from the folder; `None`: out of the workspace.
pub(crate) fn from(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// `folder/rest`, or `rest` at the top.
pub(crate) fn join(folder: &str, rest: &str) -> String {
    match (folder, rest) {
        ("", _) => rest.to_owned(),
        (_, "") => folder.to_owned(),
        _ => [folder, "/", rest].concat(),
    }
}

/// True if `path` lies in the folder or below it.
pub(crate) fn is_below(path: &str, above: &str) -> bool {
    above.is_empty() || path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/') || rest.is_empty())
}

/// A folder and all above it, from the top on.
pub(crate) fn folders_above(folder: &str) -> impl DoubleEndedIterator<Item = &str> {
    let between = folder.match_indices('/').map(|(end, _)| &folder[..end]);
    std::iter::once("").chain(between).chain((!folder.is_empty()).then_some(folder))
}
