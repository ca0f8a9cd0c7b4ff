//! Other derived data in the folder of the facts: one small file per workspace and kind, found by what was asked. It has a
//! checksum with the question in it, so that what is damaged, of another build or the answer to something else counts as absent.
//! It counts for the folder's bound and goes, like the facts, when it was not used for longest.

use std::{
    io::{self, Read, Write},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use agentd_base::{AttemptKey, ContentHash};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt, SystemTimeSpec};
use cap_std::fs::{Dir, OpenOptions};
use serde::{Serialize, de::DeserializeOwned};

use super::{Store, folder};
use crate::{Error, Result};

/// The first bytes of the file, with the number of this format.
const MAGIC: &[u8; 8] = b"agbeside";

/// What checksums are derived from: goes up whenever such data is encoded in another way.
const CONTEXT: &str = "agentd 2026 derived data of one workspace, encoding 3";

/// Bytes of a checksum.
const SUM: usize = 32;

/// Bytes before the payload.
pub(super) const HEAD: usize = MAGIC.len() + SUM;

/// A file with more is not ours.
const MOST: u64 = 64 << 20;

/// The place of one kind of data about one workspace.
#[derive(Debug)]
pub(crate) struct Beside<'a> {
    store: &'a Store,
    name: String,
    kind: &'static str,
    question: &'a [u8],
}

impl Store {
    /// Where data of a kind (a word) about the workspace at `root` is kept, as the answer to a question.
    pub(crate) fn beside<'a>(&'a self, root: &Path, kind: &'static str, question: &'a [u8]) -> Beside<'a> {
        let name = format!("{:.32}.{kind}", ContentHash::of(root.as_os_str().as_bytes()).to_string());
        Beside { store: self, name, kind, question }
    }
}

impl Beside<'_> {
    /// What was kept as a value. Never an error: what cannot be read is not there.
    pub(crate) fn get<T: DeserializeOwned>(&self) -> Option<T> {
        postcard::from_bytes(&self.bytes()?).ok()
    }

    /// What was kept as bytes. Never an error: what cannot be read is not there.
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        let folder = self.folder(false)?;
        let mut options = OpenOptions::new();
        // Whatever else stands there is not waited for.
        options.read(true).nonblock(true).follow(FollowSymlinks::No);
        let file = folder.open_with(&self.name, &options).ok()?;
        let mut bytes = Vec::new();
        file.take(MOST).read_to_end(&mut bytes).ok()?;
        let (sum, payload) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<SUM>()?;
        if self.sum(payload)? != *sum {
            return None;
        }
        // It was of use; at worst it is dropped sooner.
        let _ = folder.set_times(&self.name, None, Some(SystemTimeSpec::SymbolicNow));
        bytes.drain(..HEAD);
        Some(bytes)
    }

    /// Keeps a value, in the place of what was there. `attempt` names the temporary file. What is more than its share of the
    /// folder's bound is not kept, and what was there stays.
    ///
    /// # Errors
    /// [`Error::Io`]; what was there is as it was.
    pub(crate) fn put<T: Serialize>(&self, value: &T, attempt: AttemptKey) -> Result<()> {
        // What cannot be encoded is found out anew.
        postcard::to_allocvec(value).map_or(Ok(()), |payload| self.put_bytes(&payload, attempt))
    }

    /// The same with bytes.
    ///
    /// # Errors
    /// [`Error::Io`]; what was there is as it was.
    pub(crate) fn put_bytes(&self, payload: &[u8], attempt: AttemptKey) -> Result<()> {
        let bytes = (HEAD + payload.len()) as u64;
        let Some(sum) = self.sum(payload).filter(|_| bytes <= self.store.share().min(MOST)) else { return Ok(()) };
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let written = self.folder(true).ok_or_else(missing).and_then(|folder| {
            let temporary = folder::temporary(attempt, self.kind);
            let settled = settle(&folder, &temporary, &self.name, &[MAGIC, &sum, payload]);
            if settled.is_err() {
                // At worst it is swept later.
                let _ = folder.remove_file(&temporary);
            }
            settled.and_then(|()| folder::bound(&folder, &self.name, self.store.bytes))
        });
        let path = Path::new(folder::FOLDER).join(&self.name);
        written.map_err(|source| Error::Io { action: "write", path, source })
    }

    /// `None`: nothing is kept at all.
    fn sum(&self, payload: &[u8]) -> Option<[u8; SUM]> {
        let build = self.store.build.as_deref()?;
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        for part in [build, self.kind.as_bytes(), self.question, payload] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        Some(*hasher.finalize().as_bytes())
    }

    /// The folder, if anything is kept at all.
    fn folder(&self, make: bool) -> Option<Dir> {
        self.store.build.as_ref()?;
        folder::open(&self.store.state, make)
    }
}

fn settle(folder: &Dir, temporary: &str, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = folder::begin(folder, temporary)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    folder.rename(temporary, folder, name)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use agentd_base::{StepId, TaskId};

    use super::*;

    const ROOT: &str = "/somewhere/app";

    fn attempt() -> AttemptKey {
        AttemptKey { task: TaskId::from_parts(1, 1), step: StepId(2), attempt: 1 }
    }

    fn kept(store: &Store, root: &str, kind: &'static str, question: &str) -> Option<Vec<u32>> {
        store.beside(Path::new(root), kind, question.as_bytes()).get()
    }

    #[test]
    fn only_the_answer_to_the_question_comes_back() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::new(state.path().to_owned(), 1 << 20);
        assert_eq!(kept(&store, ROOT, "list", "a"), None);
        store.beside(Path::new(ROOT), "list", b"a").put(&vec![1_u32, 2, 3], attempt()).unwrap();
        assert_eq!(kept(&store, ROOT, "list", "a"), Some(vec![1, 2, 3]));
        for (root, kind, question) in [("/elsewhere", "list", "a"), (ROOT, "other", "a"), (ROOT, "list", "b")] {
            assert_eq!(kept(&store, root, kind, question), None, "{root} {kind} {question}");
        }
        store.beside(Path::new(ROOT), "list", b"b").put(&vec![4_u32], attempt()).unwrap();
        assert_eq!((kept(&store, ROOT, "list", "a"), kept(&store, ROOT, "list", "b")), (None, Some(vec![4])));
        let mut other = store;
        other.build.as_mut().unwrap()[0] ^= 1;
        assert_eq!(kept(&other, ROOT, "list", "b"), None, "another build");
        assert_eq!(fs::read_dir(state.path().join("cache")).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_file_is_none_at_every_byte() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::new(state.path().to_owned(), 1 << 20);
        store.beside(Path::new(ROOT), "list", b"a").put(&vec![1_u32, 2, 3], attempt()).unwrap();
        let file = fs::read_dir(state.path().join("cache")).unwrap().next().unwrap().unwrap().path();
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&file, &bytes).unwrap();
            assert_eq!(kept(&store, ROOT, "list", "a"), None, "byte {at}");
            fs::write(&file, &whole[..at]).unwrap();
            assert_eq!(kept(&store, ROOT, "list", "a"), None, "cut at {at}");
        }
        fs::write(&file, &whole).unwrap();
        assert_eq!(kept(&store, ROOT, "list", "a"), Some(vec![1, 2, 3]));
    }

    #[test]
    fn what_does_not_fit_is_not_kept_and_old_files_make_room() {
        let state = tempfile::tempdir().unwrap();
        let off = Store::new(state.path().to_owned(), 0);
        off.beside(Path::new(ROOT), "list", b"a").put(&vec![1_u32], attempt()).unwrap();
        assert!(!state.path().join("cache").exists());
        let store = Store::new(state.path().to_owned(), 16 * 200);
        let large: Vec<u32> = vec![1; 200];
        store.beside(Path::new(ROOT), "list", b"a").put(&large, attempt()).unwrap();
        assert_eq!(kept(&store, ROOT, "list", "a"), None);
        let middling: Vec<u32> = vec![1; 150];
        for root in 0..40 {
            let root = format!("/{root}");
            store.beside(Path::new(&root), "list", b"a").put(&middling, attempt()).unwrap();
            assert_eq!(kept(&store, &root, "list", "a"), Some(middling.clone()), "the newest stays");
        }
        assert_eq!(fs::read_dir(state.path().join("cache")).unwrap().count(), 16);
    }

    #[test]
    fn files_of_other_workspaces_make_room_first_and_facts_last() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::new(state.path().to_owned(), 1_000);
        let question = store.beside(Path::new(ROOT), "list", b"a");
        question.put(&vec![1_u32], attempt()).unwrap();
        let folder = state.path().join("cache");
        let workspace = question.name.strip_suffix("list").unwrap();
        let names = ["facts", "facts+", "old"].map(|kind| format!("{workspace}{kind}"));
        let left = |name: &str| folder.join(name).exists();
        for (len, wanted) in [(300, [true, true, true]), (850, [true, true, false])] {
            fs::write(folder.join("0123.facts"), [0; 600]).unwrap();
            for (name, len) in names.iter().zip([len, 50, 100]) {
                fs::write(folder.join(name), vec![0; len]).unwrap();
            }
            // Facts that were written a moment before are older than what leads to them.
            for (age, name) in names.iter().enumerate() {
                let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(age as u64);
                fs::File::open(folder.join(name)).unwrap().set_modified(at).unwrap();
            }
            question.put(&vec![2_u32], attempt()).unwrap();
            assert_eq!((left("0123.facts"), names.each_ref().map(|name| left(name))), (false, wanted), "{len}");
        }
    }
}
