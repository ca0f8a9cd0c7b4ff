//! Which answer fits a file that has not changed since it was last read, by its stamp: then it need not be read. A table beside
//! the facts, for the same questions; one that is missing, damaged or of another build only means that files are read.

use std::path::Path;

use agentd_base::AttemptKey;
use agentd_syntax::Language;

use super::{Cache, Key, Store};
use crate::{Result, stamp::Stamp};

/// The name of the table's file.
const KIND: &str = "stamps";

/// A stamp and a language, as they were asked about: 128 bits, so that no two of them are the same by chance.
type Asked = [u8; 16];

/// Bytes of one row: what was asked, and the key of the answer.
const ROW: usize = 16 + 32;

/// The table as an earlier analysis left it: rows in the order of what was asked.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<u8>);

impl Table {
    pub(super) fn open(store: &Store, root: &Path, asked: &[u8; 32]) -> Self {
        Self(store.beside(root, KIND, asked).bytes().unwrap_or_default())
    }

    fn get(&self, asked: &Asked) -> Option<Key> {
        let (rows, _) = self.0.as_chunks::<ROW>();
        let place = rows.binary_search_by(|row| row[..asked.len()].cmp(asked)).ok()?;
        rows[place].last_chunk().copied().map(Key)
    }
}

/// A file that was read, or need not be: its stamp holds for this content.
#[derive(Debug, Clone, Copy)]
pub struct Settled {
    asked: Asked,
    key: Key,
    /// The table of the last analysis says so.
    is_noted: bool,
}

/// Takes what an analysis finds out about stamps and makes the next table of it.
#[derive(Debug)]
pub struct Stamps {
    rows: Vec<Settled>,
    /// Whether the next table is another one than the last.
    is_new: bool,
}

impl Cache {
    /// The answer for a file that has this stamp.
    #[must_use]
    pub fn settled(&self, stamp: &Stamp, language: Language) -> Option<Settled> {
        let asked = self.asked_of(stamp, language)?;
        self.stamps.get(&asked).map(|key| Settled { asked, key, is_noted: true })
    }

    /// Notes that the content with this key was read from a file that had this stamp.
    #[must_use]
    pub fn settle(&self, stamp: &Stamp, language: Language, key: Key) -> Option<Settled> {
        self.asked_of(stamp, language).map(|asked| Settled { asked, key, is_noted: false })
    }

    fn asked_of(&self, stamp: &Stamp, language: Language) -> Option<Asked> {
        let mut hasher = blake3::Hasher::new_keyed(self.asked.as_ref()?);
        hasher.update(&stamp.0).update(language.id().as_bytes());
        hasher.finalize().as_bytes().first_chunk().copied()
    }
}

impl Settled {
    /// The key of the answer.
    #[must_use]
    pub const fn key(&self) -> &Key {
        &self.key
    }
}

impl Stamps {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { rows: Vec::new(), is_new: false }
    }

    /// Adds a file of this analysis.
    pub fn add(&mut self, settled: Settled) {
        self.is_new |= !settled.is_noted;
        self.rows.push(settled);
    }

    /// Puts the table in the place of the last one, if there is anything new in it. Not synced.
    ///
    /// # Errors
    /// [`crate::Error::Io`]; the next analysis reads what this one has read.
    pub fn keep(mut self, cache: &Cache, store: &Store, root: &Path, attempt: AttemptKey) -> Result<()> {
        let Some(asked) = cache.asked.as_ref().filter(|_| self.is_new) else { return Ok(()) };
        self.rows.sort_unstable_by_key(|row| row.asked);
        let mut bytes = Vec::with_capacity(self.rows.len() * ROW);
        for Settled { asked, key, .. } in &self.rows {
            bytes.extend(asked);
            bytes.extend(key.0);
        }
        store.beside(root, KIND, asked).put_bytes(&bytes, attempt)
    }
}

impl Default for Stamps {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt, time::UNIX_EPOCH};

    use agentd_base::{StepId, TaskId, WallMs};
    use agentd_syntax::rules::RuleSet;
    use cap_std::{ambient_authority, fs::Dir};

    use super::*;
    use crate::{
        Workspace,
        stamp::is_in_memory,
        survey::{Limits, Progress, Survey},
    };

    const ATTEMPT: AttemptKey = AttemptKey { task: TaskId::from_parts(1, 1), step: StepId(1), attempt: 1 };

    /// When everything has settled.
    const LATER: WallMs = WallMs(u64::MAX);

    /// A clock of a file system may tick each 10 ms only: writes until it has ticked, so that what comes next has another time.
    fn tick(folder: &Path) {
        let path = folder.join("tick");
        let file = fs::File::create(&path).unwrap();
        let changed = |file: &fs::File| file.metadata().map(|of| (of.ctime(), of.ctime_nsec())).unwrap();
        let before = changed(&file);
        let ticked = (0..5_000_000).any(|_| {
            file.set_modified(UNIX_EPOCH).unwrap();
            changed(&file) != before
        });
        assert!(ticked, "the file system's clock stands still");
        fs::remove_file(path).unwrap();
    }

    /// All files of the workspace have one, wherever the test runs.
    fn stamps(workspace: &Workspace) -> Vec<(String, Option<Stamp>)> {
        stamps_if(workspace, |_| false)
    }

    fn stamps_if(workspace: &Workspace, in_memory: fn(&Dir) -> bool) -> Vec<(String, Option<Stamp>)> {
        let survey = Survey::start(workspace, Limits::default()).unwrap();
        let mut survey = survey.stamping(LATER).believing(in_memory);
        while survey.step(100) == Progress::More {}
        let (manifest, stamps) = survey.finish_with_stamps();
        assert_eq!(manifest.files.len(), stamps.len());
        manifest.files.iter().map(|file| file.path.to_string()).zip(stamps).collect()
    }

    /// An analysis as far as stamps go: which files it read.
    fn read(store: &Store, folder: &Path, rules: RuleSet) -> Vec<String> {
        let workspace = Workspace::open(folder).unwrap();
        let cache = store.open(folder, rules);
        let (mut table, mut read) = (Stamps::new(), Vec::new());
        for (path, stamp) in stamps(&workspace) {
            let content = fs::read(folder.join(&path)).unwrap();
            let known = stamp.and_then(|stamp| cache.settled(&stamp, Language::Rust));
            let Some(known) = known else {
                let (found, has_stamp) = workspace.read_stamped(Path::new(&path), 1 << 20, stamp).unwrap();
                assert!(found == content && has_stamp == stamp.is_some());
                let key = cache.key(Language::Rust, &content);
                let row = stamp.zip(key).and_then(|(stamp, key)| cache.settle(&stamp, Language::Rust, key));
                row.into_iter().for_each(|row| table.add(row));
                read.push(path);
                continue;
            };
            assert_eq!(Some(known.key()), cache.key(Language::Rust, &content).as_ref(), "{path} is not what it was");
            table.add(known);
        }
        table.keep(&cache, store, folder, ATTEMPT).unwrap();
        read
    }

    #[test]
    fn only_files_that_are_as_they_were_are_not_read() {
        let (state, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| folder.path().join(name);
        for name in ["a.rs", "b.rs", "c.rs", "d.rs", "e.rs"] {
            fs::write(at(name), "fn one() {}").unwrap();
        }
        let store = Store::new(state.path().to_owned(), 1 << 20);
        let read = || read(&store, folder.path(), RuleSet::ALL);
        assert_eq!(read(), ["a.rs", "b.rs", "c.rs", "d.rs", "e.rs"]);
        assert_eq!(read(), [""; 0]);
        tick(state.path());
        // As long and as old as before, by other ways: written over, another file in its place, renamed, linked.
        let old = fs::metadata(at("a.rs")).unwrap().modified().unwrap();
        fs::write(at("a.rs"), "fn two() {}").unwrap();
        fs::File::open(at("a.rs")).unwrap().set_modified(old).unwrap();
        fs::write(at("new"), "fn 333() {}").unwrap();
        fs::File::open(at("new")).unwrap().set_modified(old).unwrap();
        fs::rename(at("new"), at("b.rs")).unwrap();
        fs::rename(at("c.rs"), at("f.rs")).unwrap();
        fs::hard_link(at("d.rs"), at("g.rs")).unwrap();
        assert_eq!(read(), ["a.rs", "b.rs", "d.rs", "f.rs", "g.rs"]);
        assert_eq!(read(), [""; 0]);
        tick(state.path());
        fs::remove_file(at("g.rs")).unwrap();
        fs::write(at("e.rs"), "fn two() {}").unwrap();
        assert_eq!(read(), ["d.rs", "e.rs"]);
    }

    #[test]
    fn another_question_and_a_damaged_table_mean_reading() {
        let (state, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(folder.path().join("a.rs"), "fn one() {}").unwrap();
        let store = Store::new(state.path().to_owned(), 1 << 20);
        let read = |rules| read(&store, folder.path(), rules).len();
        assert_eq!((read(RuleSet::ALL), read(RuleSet::ALL), read(RuleSet::NONE)), (1, 0, 1));
        assert_eq!((read(RuleSet::ALL), read(RuleSet::ALL)), (1, 0), "one table for each workspace");
        let table = fs::read_dir(state.path().join("cache")).unwrap().next().unwrap().unwrap().path();
        let whole = fs::read(&table).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            fs::write(&table, bytes).unwrap();
            assert_eq!(read(RuleSet::ALL), 1, "byte {at}");
        }
    }

    #[test]
    fn a_file_that_changed_between_survey_and_reading_is_noted_as_nothing() {
        let (state, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| folder.path().join(name);
        for name in ["a.rs", "b.rs", "c.rs"] {
            fs::write(at(name), "fn one() {}").unwrap();
        }
        let workspace = Workspace::open(folder.path()).unwrap();
        let stamps = stamps(&workspace);
        tick(state.path());
        fs::write(at("a.rs"), "fn two() {}").unwrap();
        fs::rename(at("b.rs"), at("d.rs")).unwrap();
        std::os::unix::fs::symlink("d.rs", at("b.rs")).unwrap();
        let changed = fs::metadata(at("a.rs")).unwrap().ctime();
        assert!(changed > 0, "the file system knows when inodes change");
        let has = |place: usize| {
            let (path, stamp) = &stamps[place];
            workspace.read_stamped(Path::new(path), 100, *stamp).unwrap().1
        };
        assert_eq!([has(0), has(1), has(2)], [false, false, true]);
        assert!(!workspace.read_stamped(Path::new("c.rs"), 100, None).unwrap().1);
    }

    #[test]
    fn what_lies_in_memory_has_no_stamp() {
        let has = |folder: &Path, in_memory| {
            fs::write(folder.join("a.rs"), "fn one() {}").unwrap();
            let stamps = stamps_if(&Workspace::open(folder).unwrap(), in_memory);
            stamps.iter().map(|(_, stamp)| stamp.is_some()).collect::<Vec<_>>()
        };
        let folder = tempfile::tempdir().unwrap();
        assert_eq!((has(folder.path(), |_| true), has(folder.path(), |_| false)), (vec![false], vec![true]));
        let is_told = |path| is_in_memory(&Dir::open_ambient_dir(path, ambient_authority()).unwrap());
        assert!(!is_told(if cfg!(target_os = "linux") { "/proc" } else { "/" }), "what is no memory is none");
        // Linux has this one in memory (shm_overview(7)); some containers have none.
        if cfg!(target_os = "linux") && Path::new("/dev/shm").is_dir() {
            assert_eq!(has(tempfile::tempdir_in("/dev/shm").unwrap().path(), is_in_memory), [false]);
        }
    }
}
