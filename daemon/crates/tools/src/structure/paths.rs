//! Finding files by path, by the end of a path and by folder, in some 24 bytes per file beside the manifest itself.

use std::{borrow::Cow, collections::HashMap, sync::OnceLock};

pub(super) use crate::paths::{folder_of, join};
use crate::survey::SourceFile;

/// What makes the paths of one manifest searchable; made once, shared by threads.
#[derive(Debug, Clone, Default)]
pub struct PathIndex {
    /// By the hash of a path the first file that has it.
    by_hash: HashMap<u64, u32, Unchanged>,
    /// Made when they are first needed: most projects never look so.
    by_path: OnceLock<Vec<u32>>,
    by_name: OnceLock<Vec<u32>>,
}

impl PathIndex {
    /// Of the files of one manifest.
    #[must_use]
    pub fn new(files: &[SourceFile]) -> Self {
        let mut by_hash = HashMap::with_capacity_and_hasher(files.len(), Unchanged);
        for (number, file) in (0_u32..).zip(files) {
            by_hash.entry(hash(&file.path)).or_insert(number);
        }
        Self { by_hash, by_path: OnceLock::new(), by_name: OnceLock::new() }
    }
}

/// The paths of a manifest, searchable. A file's number is its place in the manifest.
#[derive(Debug)]
pub struct Paths<'a> {
    files: &'a [SourceFile],
    index: Cow<'a, PathIndex>,
}

/// For numbers that are hashes already.
#[derive(Debug, Clone, Copy, Default)]
struct Unchanged;

impl std::hash::BuildHasher for Unchanged {
    type Hasher = Number;

    fn build_hasher(&self) -> Number {
        Number(0)
    }
}

/// The number itself.
#[derive(Debug)]
struct Number(u64);

impl std::hash::Hasher for Number {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// Eight bytes at a time. Who makes paths on purpose that have the same hash only makes the search for them a binary one.
fn hash(path: &str) -> u64 {
    // An odd number without a pattern: the golden ratio.
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = path.as_bytes().as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = words.iter().chain(std::iter::once(&last)).map(|word| u64::from_le_bytes(*word));
    let hash = words.fold(path.len() as u64, |hash, word| {
        let product = u128::from(hash ^ word ^ MIX) * u128::from(MIX);
        (product >> 64) as u64 ^ product as u64
    });
    hash.wrapping_mul(MIX)
}

/// The last part of a path.
pub(super) fn name_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
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
    /// With an index of its own.
    #[must_use]
    pub fn new(files: &'a [SourceFile]) -> Self {
        Self { files, index: Cow::Owned(PathIndex::new(files)) }
    }

    /// With an index that was made of the same files.
    #[must_use]
    pub const fn over(files: &'a [SourceFile], index: &'a PathIndex) -> Self {
        Self { files, index: Cow::Borrowed(index) }
    }

    fn by_path(&self) -> &[u32] {
        self.index.by_path.get_or_init(|| {
            let mut numbers: Vec<u32> = (0_u32..).zip(self.files).map(|(number, _)| number).collect();
            // They come in nearly this order, of which only this kind of sorting makes use.
            numbers.sort_by_key(|number| self.path(*number));
            numbers
        })
    }

    fn by_name(&self) -> &[u32] {
        self.index.by_name.get_or_init(|| {
            let mut numbers: Vec<u32> = (0_u32..).zip(self.files).map(|(number, _)| number).collect();
            numbers.sort_unstable_by_key(|number| (name_of(self.path(*number)), *number));
            numbers
        })
    }

    /// How many files there are.
    pub(super) const fn len(&self) -> usize {
        self.files.len()
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
        let first = *self.index.by_hash.get(&hash(path))?;
        if self.path(first) == path {
            return Some(first);
        }
        // Another path has the same hash.
        let by_path = self.by_path();
        let place = by_path.binary_search_by_key(&path, |number| self.path(*number)).ok()?;
        Some(by_path[place])
    }

    /// The first of several paths that exists.
    pub(super) fn find_any<P: AsRef<str>>(&self, paths: impl IntoIterator<Item = P>) -> Option<u32> {
        paths.into_iter().find_map(|path| self.find(path.as_ref()))
    }

    /// All files with this name, in any folder.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = u32> {
        let by_name = self.by_name();
        let start = by_name.partition_point(|number| name_of(self.path(*number)) < name);
        let rest = by_name[start..].iter().copied();
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
        let by_path = self.by_path();
        let start = by_path.partition_point(|number| self.path(*number) < prefix.as_str());
        let mut inside = by_path[start..].iter().copied();
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
        let mut index = PathIndex::new(&files);
        index.by_hash.insert(hash("b/c/y.h"), 0);
        assert_eq!(Paths::over(&files, &index).find("b/c/y.h"), Some(3), "two paths with the same hash");
        assert_eq!(join_relative("a/b", "../c/./d"), Some("a/c/d".into()));
        assert_eq!(join_relative("a", "../../c"), None);
    }
}
