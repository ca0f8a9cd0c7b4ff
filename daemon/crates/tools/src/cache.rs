//! Facts of files, kept from one analysis to the next, so that only what has changed is parsed: one file per workspace under
//! `cache/` in the state folder. Derived data only, never synced: it may be deleted at any time, and what is damaged or of
//! another build counts as absent. Facts are found by content and language alone, so names, times and moves do not matter.

mod format;
mod writer;

use std::{
    fs::File,
    os::unix::{ffi::OsStrExt, fs::FileExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::UNIX_EPOCH,
};

use agentd_base::{AttemptKey, ContentHash};
use agentd_syntax::{FileFacts, Language, rules::RuleSet};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions},
};
use serde::{Deserialize, Serialize};

use format::{Index, Slot, sum};
pub use writer::Writer;

/// The folder in the state folder.
const FOLDER: &str = "cache";

/// What keys are derived from, beside what was asked: goes up whenever facts are encoded in another way.
const CONTEXT: &str = "agentd 2026 facts of one source file, encoding 1";

/// What is known about some content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kept {
    /// It was parsed.
    Facts(FileFacts),
    /// The parser would keep too many readings of it open.
    LeavesOpen,
    /// The parser would want too much memory for it.
    TooMuchMemory,
}

/// What was asked: hash of the build, the rules, the language and the content. Another question has another key, so an answer
/// can be old but never wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 32]);

/// An answer, ready to be written.
#[derive(Debug)]
pub struct Entry {
    key: Key,
    payload: Vec<u8>,
}

/// The folder of all workspaces' files.
#[derive(Debug, Clone)]
pub struct Store {
    state: PathBuf,
    bytes: u64,
    build: Option<Box<[u8]>>,
}

impl Store {
    /// At most `bytes` in all under the state folder; 0: nothing is kept. To be made when the program starts: what it keeps is
    /// good for this build alone, and the program's file may be replaced later.
    #[must_use]
    pub fn new(state: PathBuf, bytes: u64) -> Self {
        let build = if bytes > 0 { build() } else { None };
        Self { state, bytes, build }
    }

    /// What is kept about the workspace at `root`. Never an error: what cannot be read is not there. Touches the disk.
    #[must_use]
    pub fn open(&self, root: &Path, rules: RuleSet) -> Cache {
        let Some(build) = &self.build else { return Cache::off() };
        let mut material = build.to_vec();
        material.extend(rules.fingerprint().to_le_bytes());
        let asked = blake3::derive_key(CONTEXT, &material);
        let name = format!("{:.32}.facts", ContentHash::of(root.as_os_str().as_bytes()).to_string());
        let mut cache = Cache { asked: Some(asked), state: self.state.clone(), name, limit: self.bytes, old: None };
        cache.old = cache.folder(false).and_then(|folder| Old::open(&folder, &cache.name));
        cache
    }
}

/// Which build this is: its version, and size and time of its program's file, so that whoever builds one himself is not shown
/// what the one before found. Grammars and limits are part of a build. `None`: the system does not tell.
fn build() -> Option<Box<[u8]>> {
    let program = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { std::env::current_exe().ok()? };
    let found = std::fs::metadata(program).ok()?;
    let made = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let build = format!("{} {} {}", env!("CARGO_PKG_VERSION"), found.len(), made.as_nanos());
    Some(build.into_bytes().into_boxed_slice())
}

/// What is kept about one workspace, as it was when it was opened. For any thread.
#[derive(Debug)]
pub struct Cache {
    /// The part of the keys that is the same for all; `None`: nothing is kept.
    asked: Option<[u8; 32]>,
    state: PathBuf,
    name: String,
    limit: u64,
    old: Option<Old>,
}

impl Cache {
    /// Keeps nothing and knows nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self { asked: None, state: PathBuf::new(), name: String::new(), limit: 0, old: None }
    }

    /// The key of what is asked; `None`: nothing is kept.
    #[must_use]
    pub fn key(&self, language: Language, content: &[u8]) -> Option<Key> {
        let mut hasher = blake3::Hasher::new_keyed(self.asked.as_ref()?);
        hasher.update(language.id().as_bytes()).update(&[0]).update(content);
        Some(Key(*hasher.finalize().as_bytes()))
    }

    /// What is known, checked against its checksum.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Kept> {
        let old = self.old.as_ref()?;
        let at = old.index.slots.binary_search_by(|slot| slot.key.cmp(key)).ok()?;
        let slot = &old.index.slots[at];
        let mut payload = vec![0; slot.len as usize];
        old.file.read_exact_at(&mut payload, slot.at).ok()?;
        if sum(key, &payload) != slot.sum {
            return None;
        }
        let kept = postcard::from_bytes(&payload).ok()?;
        old.used[at].store(true, Ordering::Relaxed);
        Some(kept)
    }

    /// Encodes what was found out, for [`Writer::add`].
    #[must_use]
    pub fn entry(key: Key, kept: &Kept) -> Option<Entry> {
        // What cannot be encoded is parsed again the next time.
        let payload = postcard::to_allocvec(kept).ok()?;
        Some(Entry { key, payload })
    }

    /// Takes what this analysis finds out. `attempt` names the temporary file.
    #[must_use]
    pub fn writer(self: &Arc<Self>, attempt: AttemptKey) -> Writer {
        Writer::new(Arc::clone(self), attempt)
    }

    /// The folder; made if it is missing and is to be made. A link in its place is not followed.
    fn folder(&self, make: bool) -> Option<Dir> {
        let state = Dir::open_ambient_dir(&self.state, ambient_authority()).ok()?;
        if make {
            // It may be there.
            let _ = state.create_dir(FOLDER);
        }
        state.open_dir_nofollow(FOLDER).ok()
    }
}

/// The file as an earlier analysis left it. It is held open: another analysis may put its own in its place.
#[derive(Debug)]
struct Old {
    file: File,
    index: Index,
    /// Which slots this analysis asked for.
    used: Box<[AtomicBool]>,
}

impl Old {
    fn open(folder: &Dir, name: &str) -> Option<Self> {
        let mut options = OpenOptions::new();
        // Whatever else stands there is not waited for.
        options.read(true).nonblock(true).follow(FollowSymlinks::No);
        let file = folder.open_with(name, &options).ok()?.into_std();
        let index = Index::read(&file)?;
        let used = index.slots.iter().map(|_| AtomicBool::new(false)).collect();
        Some(Self { file, index, used })
    }

    /// The slots by whether this analysis asked for them.
    fn slots(&self) -> impl Iterator<Item = (&Slot, bool)> {
        self.index.slots.iter().zip(&self.used).map(|(slot, used)| (slot, used.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests;
