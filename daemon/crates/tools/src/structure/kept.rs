//! Where the imports of files lead, kept from one analysis to the next: as long as no file and no package comes or goes, and no
//! configuration says otherwise, those of a file that stays as it is lead where they led.

use std::path::Path;

use agentd_base::AttemptKey;

use super::{Links, Packages};
use crate::{
    Result,
    cache::{Key, Store},
    survey::SourceFile,
};

/// The name of the file in the folder of the facts.
const KIND: &str = "links";

/// The links of all files of one manifest, as an earlier analysis found them. For any thread.
#[derive(Debug)]
pub struct KnownLinks {
    /// Paths, packages and configurations: what decides where an import leads, beside the file itself.
    question: [u8; 32],
    /// By file; empty: nothing is known.
    rows: Vec<Row>,
    bytes: Vec<u8>,
}

/// The links of one file, encoded.
#[derive(Debug, Clone, Default)]
struct Row {
    /// Of its content; all zeros: nothing is known.
    mark: [u8; MARK],
    start: usize,
    end: usize,
}

const MARK: usize = 16;

/// Bytes of one row in the file: the mark, and how many bytes the links take.
const ROW: usize = MARK + 4;

/// The links of a file that was resolved now.
#[derive(Debug)]
pub struct NewLinks {
    file: u32,
    mark: [u8; MARK],
    bytes: Vec<u8>,
}

impl KnownLinks {
    /// What is known of these files. Never an error: what cannot be read is not there. Touches the disk.
    #[must_use]
    pub fn open(store: &Store, root: &Path, (files, packages): (&[SourceFile], &Packages)) -> Self {
        let mut asked = blake3::Hasher::new();
        packages.identify(&mut asked);
        for file in files {
            asked.update(&(file.path.len() as u64).to_le_bytes()).update(file.path.as_bytes());
        }
        let question = *asked.finalize().as_bytes();
        let mut known = Self { question, rows: Vec::new(), bytes: Vec::new() };
        if let Some(bytes) = store.beside(root, KIND, &question).bytes() {
            known.rows = rows(&bytes, files.len()).unwrap_or_default();
            known.bytes = bytes;
        }
        known
    }

    /// The links of a file with this content; `None`: they are to be found out.
    #[must_use]
    pub fn of(&self, file: u32, content: &Key) -> Option<Links> {
        let row = self.rows.get(file as usize).filter(|row| row.mark == mark(content))?;
        postcard::from_bytes(&self.bytes[row.start..row.end]).ok()
    }

    /// Encodes what was found out about a file; `None`: it cannot be kept.
    #[must_use]
    pub fn entry(file: u32, content: &Key, links: &Links) -> Option<NewLinks> {
        Some(NewLinks { file, mark: mark(content), bytes: postcard::to_allocvec(links).ok()? })
    }

    /// Keeps what was known and what is new for the next analysis of `files` files, if anything is new. Not synced.
    ///
    /// # Errors
    /// [`crate::Error::Io`]; then it is found out again.
    pub fn keep(
        &self,
        (files, new): (usize, Vec<NewLinks>),
        (store, root): (&Store, &Path),
        attempt: AttemptKey,
    ) -> Result<()> {
        if new.is_empty() {
            return Ok(());
        }
        let mut all: Vec<(&[u8], &[u8])> = vec![(&[0; MARK], &[]); files];
        for (place, row) in all.iter_mut().zip(&self.rows) {
            *place = (&row.mark, &self.bytes[row.start..row.end]);
        }
        for NewLinks { file, mark, bytes } in &new {
            if let Some(place) = all.get_mut(*file as usize) {
                *place = (mark, bytes);
            }
        }
        let payload: usize = all.iter().map(|(_, links)| ROW + links.len()).sum();
        let mut bytes = Vec::with_capacity(payload);
        for (mark, links) in &all {
            bytes.extend_from_slice(mark);
            bytes.extend(u32::try_from(links.len()).unwrap_or(u32::MAX).to_le_bytes());
        }
        all.iter().for_each(|(_, links)| bytes.extend_from_slice(links));
        store.beside(root, KIND, &self.question).put_bytes(&bytes, attempt)
    }
}

/// The rows of so many files; `None`: these are not they.
fn rows(bytes: &[u8], files: usize) -> Option<Vec<Row>> {
    let (heads, links) = bytes.split_at_checked(files.checked_mul(ROW)?)?;
    let mut end = heads.len();
    let rows = heads.as_chunks::<ROW>().0.iter().map(|[mark @ .., a, b, c, d]| {
        let start = end;
        end = start.checked_add(u32::from_le_bytes([*a, *b, *c, *d]) as usize)?;
        Some(Row { mark: *mark, start, end })
    });
    let rows: Vec<Row> = rows.collect::<Option<_>>()?;
    (end == heads.len() + links.len()).then_some(rows)
}

fn mark(content: &Key) -> [u8; MARK] {
    *content.bytes().first_chunk().expect("a key has 32 bytes")
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use agentd_base::{StepId, TaskId};
    use agentd_syntax::{Language, rules::RuleSet};

    use super::{super::Edge, *};
    use crate::project::{Ecosystem, Package, ScriptConfig, Source};

    const ROOT: &str = "/somewhere/app";
    const ATTEMPT: AttemptKey = AttemptKey { task: TaskId::from_parts(1, 1), step: StepId(3), attempt: 1 };

    fn files(paths: &[&str]) -> Vec<SourceFile> {
        let file = |path: &&str| SourceFile { path: (*path).into(), bytes: 9, language: Some(Language::Rust) };
        paths.iter().map(file).collect()
    }

    fn packages(names: &[&str]) -> Packages {
        let source = Source { file: "Cargo.toml".into(), line: 1 };
        let package = |name: &&str| Package {
            ecosystem: Ecosystem::Cargo,
            name: (*name).into(),
            folder: String::new(),
            source: source.clone(),
        };
        // What begins so is a configuration of TypeScript.
        let (scripts, names): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.starts_with('@'));
        let script = |base: &&str| ScriptConfig { base: Some((*base).into()), ..ScriptConfig::default() };
        let scripts: Vec<ScriptConfig> = scripts.iter().map(script).collect();
        Packages::new(&names.iter().map(package).collect::<Vec<_>>(), &scripts)
    }

    fn links(to: u32) -> Links {
        let edge = |to, deferred| Edge { to, deferred, line: 7 };
        Links {
            files: [edge(to, false), edge(to + 1, true)].into(),
            folders: [edge(to + 2, false)].into(),
            external: [("serde".into(), to)].into(),
            modules: [(to, true), (to + 1, false)].into(),
        }
    }

    #[test]
    fn links_are_known_as_long_as_file_paths_and_packages_stay_as_they_are() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::new(state.path().to_owned(), 1 << 20);
        let cache = store.open(Path::new(ROOT), RuleSet::ALL);
        let key = |content: &str| cache.key(Language::Rust, content.as_bytes()).unwrap();
        let open = |paths: &[&str], names: &[&str]| {
            KnownLinks::open(&store, Path::new(ROOT), (&files(paths), &packages(names)))
        };
        let keep = |known: &KnownLinks, new: Vec<NewLinks>| {
            known.keep((3, new), (&store, Path::new(ROOT)), ATTEMPT).unwrap();
        };
        let paths = ["a.rs", "b.rs", "c.rs"];
        let fresh = open(&paths, &["app"]);
        assert_eq!(fresh.of(0, &key("a")), None);
        let entry = |file, content: &str, to| KnownLinks::entry(file, &key(content), &links(to)).unwrap();
        keep(&fresh, vec![entry(2, "c", 30), entry(0, "a", 10)]);

        let known = open(&paths, &["app"]);
        assert_eq!((known.of(0, &key("a")), known.of(2, &key("c"))), (Some(links(10)), Some(links(30))));
        for (file, content) in [(0, "changed"), (0, "c"), (1, "a"), (1, "b"), (3, "a")] {
            assert_eq!(known.of(file, &key(content)), None, "{file} {content}");
        }
        for (paths, names) in [
            (&["a.rs", "b.rs", "d.rs"][..], &["app"][..]),
            (&["a.rs", "b.rs"], &["app"]),
            (&["a.rsb", ".rs", "c.rs"], &["app"]),
            (&paths, &["other"]),
            (&paths, &["app", "app2"]),
            (&paths, &["app", "@src"]),
            (&paths, &[]),
        ] {
            assert_eq!(open(paths, names).of(0, &key("a")), None, "{paths:?} {names:?}");
        }

        keep(&known, vec![entry(0, "changed", 11)]);
        let again = open(&paths, &["app"]);
        assert_eq!((again.of(0, &key("changed")), again.of(0, &key("a"))), (Some(links(11)), None));
        assert_eq!(again.of(2, &key("c")), Some(links(30)), "what was known stays");
        let written = || -> Vec<(PathBuf, Vec<u8>)> {
            let entries = fs::read_dir(state.path().join("cache")).unwrap().map(|entry| entry.unwrap().path());
            entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
        };
        let before = written();
        keep(&again, Vec::new());
        assert_eq!(written(), before, "nothing new, nothing written");
    }

    #[test]
    fn rows_that_do_not_fit_are_none() {
        let whole = [&[1; MARK][..], &3_u32.to_le_bytes(), &[2; MARK], &0_u32.to_le_bytes(), b"abc"].concat();
        assert_eq!(rows(&whole, 2).map(|rows| (rows[0].end - rows[0].start, rows[1].start)), Some((3, whole.len())));
        for (bytes, files) in
            [(&whole[..], 1), (&whole, 3), (&whole[..whole.len() - 1], 2), (&[0xff; 40], 2), (&whole, usize::MAX)]
        {
            assert!(rows(bytes, files).is_none(), "{} bytes, {files} files", bytes.len());
        }
        assert_eq!(rows(&[], 0).map(|rows| rows.len()), Some(0));
    }
}
