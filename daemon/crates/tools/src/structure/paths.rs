//! Finding files by path, by the end of a path and by folder, in 8 bytes per file beside the manifest itself.

use crate::survey::SourceFile;

/// The paths of a manifest, searchable. A file's number is its place in the manifest.
#[derive(Debug)]
pub struct Paths<'a> {
    files: &'a [SourceFile],
    by_path: Vec<u32>,
    by_name: Vec<u32>,
}

/// The folder of a path, empty for the top.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The last part of a path.
pub(super) fn name_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// `folder/rest`, or `rest` at the top.
pub(super) fn join(folder: &str, rest: &str) -> String {
    match (folder, rest) {
        ("", _) => rest.to_owned(),
        (_, "") => folder.to_owned(),
        _ => format!("{folder}/{rest}"),
    }
}

/// Applies the `.` and `..` of `relative` to `folder`; `None` if it leads above the top.
pub(super) fn join_relative(folder: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

impl<'a> Paths<'a> {
    /// Sorts the files' numbers by path and by name.
    #[must_use]
    pub fn new(files: &'a [SourceFile]) -> Self {
        let mut by_path: Vec<u32> = (0_u32..).zip(files).map(|(number, _)| number).collect();
        let mut by_name = by_path.clone();
        let path = |number: u32| &*files[number as usize].path;
        by_path.sort_unstable_by_key(|number| path(*number));
        by_name.sort_unstable_by_key(|number| (name_of(path(*number)), *number));
        Self { files, by_path, by_name }
    }

    /// The path of a file.
    ///
    /// # Panics
    /// If the number is none of the manifest's.
    #[must_use]
    pub fn path(&self, file: u32) -> &'a str {
        &self.files[file as usize].path
    }

    /// The file with exactly this path.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<u32> {
        let place = self.by_path.binary_search_by_key(&path, |number| self.path(*number)).ok()?;
        Some(self.by_path[place])
    }

    /// The first of several paths that exists.
    pub(super) fn find_any<P: AsRef<str>>(&self, paths: impl IntoIterator<Item = P>) -> Option<u32> {
        paths.into_iter().find_map(|path| self.find(path.as_ref()))
    }

    /// All files with this name, in any folder.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = u32> {
        let start = self.by_name.partition_point(|number| name_of(self.path(*number)) < name);
        let rest = self.by_name[start..].iter().copied();
        rest.take_while(move |number| name_of(self.path(*number)) == name)
    }

    /// The only file whose path ends in `end`, whole parts compared; `None` if there is none or more than one.
    pub(super) fn only_ending(&self, end: &str) -> Option<u32> {
        let ends = |number: &u32| {
            let before = self.path(*number).strip_suffix(end);
            before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
        };
        // A name that thousands of folders have (`mod.rs`, `index.ts`) is never looked for by its end alone.
        let mut found = self.named(name_of(end)).take(1_000).filter(ends);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// A file directly in `folder` for which `fits` holds: the first by path, which then stands for its folder.
    pub(super) fn first_in(&self, folder: &str, fits: impl Fn(&str) -> bool) -> Option<u32> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let start = self.by_path.partition_point(|number| self.path(*number) < prefix.as_str());
        let mut inside = self.by_path[start..].iter().copied();
        inside
            .by_ref()
            .take_while(|number| self.path(*number).starts_with(&prefix))
            .find(|number| !self.path(*number)[prefix.len()..].contains('/') && fits(self.path(*number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_path_end_and_folder() {
        let files: Vec<SourceFile> = ["b/x.h", "a.c", "b/c/x.h", "b/c/y.h", "b.h"]
            .map(|path| SourceFile { path: path.into(), bytes: 0, language: None })
            .into();
        let paths = Paths::new(&files);
        assert_eq!(paths.find("b/c/x.h"), Some(2));
        assert_eq!(paths.find("b/c"), None);
        assert_eq!(paths.only_ending("c/x.h"), Some(2));
        assert_eq!(paths.only_ending("x.h"), None, "two files end so");
        assert_eq!(paths.only_ending("y.h"), Some(3));
        assert_eq!(paths.first_in("b", |_| true), Some(0), "not b.h and not b/c");
        assert_eq!(paths.first_in("", |_| true), Some(1));
        assert_eq!(join_relative("a/b", "../c/./d"), Some("a/c/d".into()));
        assert_eq!(join_relative("a", "../../c"), None);
    }
}
