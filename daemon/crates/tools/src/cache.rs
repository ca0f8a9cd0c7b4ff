//! Facts of files, kept from one analysis to the next, so that only what has changed is parsed: one file per workspace under
//! `cache/` in the state folder. Derived data only, never synced: it may be deleted at any time, and what is damaged or of
//! another build counts as absent. Facts are found by content and language alone, so names, times and moves do not matter.

mod beside;
mod folder;
mod format;
mod stamps;
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
use agentd_syntax::{Language, rules::RuleSet};
use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions};

use crate::{duplicates::Sketch, measured::Digest};
use format::{Index, Slot, short, sum};
use stamps::Table;
pub use stamps::{Settled, Stamps};
pub use writer::Writer;

/// What the files of facts are called behind the dot.
const KIND: &str = "facts";

/// What keys are derived from, beside what was asked: goes up whenever facts are encoded in another way.
const CONTEXT: &str = "agentd 2026 facts of one source file, encoding 6";

/// What is known about some content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It was parsed.
    Facts(Box<Known>),
    /// The parser would keep too many readings of it open.
    LeavesOpen,
    /// The parser would want too much memory for it.
    TooMuchMemory,
    /// The parser would need too much time for it.
    TakesTooLong,
}

/// How much of what is known is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    All,
    /// All but the imports, of which there are none then.
    WithoutImports,
}

/// What was found out about a file that could be parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its facts.
    pub digest: Digest,
    /// Its lines, for the search for duplicated blocks.
    pub sketch: Sketch,
}

/// Kinds of what is kept beside the facts of a workspace: stamps, links, what manifests say, and the history.
const KINDS: u64 = 4;

/// What part of the bound each of them may take. All the rest is for facts: so what is kept of one workspace never puts out
/// anything else that is kept of it.
const SHARE: u64 = 16;

/// The first bytes of encoded answers.
const FACTS: u8 = 0;
const LEAVES_OPEN: u8 = 1;
const TOO_MUCH_MEMORY: u8 = 2;
const TAKES_TOO_LONG: u8 = 3;

impl Kept {
    /// `None`: it cannot be encoded.
    fn encode(&self) -> Option<Vec<u8>> {
        match self {
            Self::Facts(known) => {
                // The imports stand for themselves: most analyses know where they lead and pass over them.
                let imports = postcard::to_allocvec(known.digest.imports()).ok()?;
                let mut bytes = vec![FACTS];
                bytes.extend(u32::try_from(imports.len()).ok()?.to_le_bytes());
                bytes.extend(imports);
                bytes = postcard::to_extend(&known.digest, bytes).ok()?;
                bytes.extend(known.sketch.encode());
                Some(bytes)
            }
            Self::LeavesOpen => Some(vec![LEAVES_OPEN]),
            Self::TooMuchMemory => Some(vec![TOO_MUCH_MEMORY]),
            Self::TakesTooLong => Some(vec![TAKES_TOO_LONG]),
        }
    }

    fn decode(bytes: &[u8], part: Part) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        match *kind {
            FACTS => {
                let (imports, rest) = rest.split_first_chunk().map(|(len, rest)| (u32::from_le_bytes(*len), rest))?;
                let (imports, rest) = rest.split_at_checked(imports as usize)?;
                let (mut digest, rest) = postcard::take_from_bytes::<Digest>(rest).ok()?;
                if part == Part::All {
                    digest.set_imports(postcard::from_bytes(imports).ok()?);
                }
                Some(Self::Facts(Box::new(Known { digest, sketch: Sketch::decode(rest)? })))
            }
            LEAVES_OPEN => Some(Self::LeavesOpen),
            TOO_MUCH_MEMORY => Some(Self::TooMuchMemory),
            TAKES_TOO_LONG => Some(Self::TakesTooLong),
            _ => None,
        }
    }
}

/// What was asked: hash of the build, the rules, the language and the content. Another question has another key, so an answer
/// can be old but never wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 32]);

impl Key {
    pub(crate) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What an answer begins with, so that one in the place of another is found out.
    fn mark(&self) -> &[u8] {
        &self.0[..8]
    }
}

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

    /// Bytes that each kind of what is kept beside the facts may take.
    const fn share(&self) -> u64 {
        self.bytes / SHARE
    }

    /// What is kept about the workspace at `root`. Never an error: what cannot be read is not there. Touches the disk.
    #[must_use]
    pub fn open(&self, root: &Path, rules: RuleSet) -> Cache {
        let Some(build) = &self.build else { return Cache::off() };
        let mut material = build.to_vec();
        material.extend(rules.fingerprint().to_le_bytes());
        let asked = blake3::derive_key(CONTEXT, &material);
        let name = format!("{:.32}.{KIND}", ContentHash::of(root.as_os_str().as_bytes()).to_string());
        let stamps = Table::open(self, root, &asked);
        let (state, limit, bound) = (self.state.clone(), self.bytes - KINDS * self.share(), self.bytes);
        let mut cache = Cache { asked: Some(asked), state, name, limit, bound, base: None, more: None, stamps };
        if let Some(folder) = folder::open(&cache.state, false) {
            cache.base = Old::open(&folder, &cache.name);
            cache.more = Old::open(&folder, &cache.more_name());
        }
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
    /// Bytes that the facts may take.
    limit: u64,
    /// Bytes of all files in the folder.
    bound: u64,
    base: Option<Old>,
    /// What was found out since the base was written, as long as that is little beside it.
    more: Option<Old>,
    stamps: Table,
}

impl Cache {
    /// Keeps nothing and knows nothing.
    #[must_use]
    pub fn off() -> Self {
        Self {
            asked: None,
            state: PathBuf::new(),
            name: String::new(),
            limit: 0,
            bound: 0,
            base: None,
            more: None,
            stamps: Table::default(),
        }
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
    pub fn get(&self, key: &Key, part: Part) -> Option<Kept> {
        self.olds().find_map(|old| old.get(key, part))
    }

    fn olds(&self) -> impl Iterator<Item = &Old> {
        self.more.iter().chain(&self.base)
    }

    /// The name of the file beside the base.
    fn more_name(&self) -> String {
        format!("{}+", self.name)
    }

    /// Encodes what was found out, for [`Writer::add`].
    #[must_use]
    pub fn entry(key: Key, kept: &Kept) -> Option<Entry> {
        // What cannot be encoded is parsed again the next time.
        let encoded = kept.encode()?;
        Some(Entry { key, payload: [key.mark(), &encoded].concat() })
    }

    /// Takes what this analysis finds out. `attempt` names the temporary file.
    #[must_use]
    pub fn writer(self: &Arc<Self>, attempt: AttemptKey) -> Writer {
        Writer::new(Arc::clone(self), attempt)
    }
}

/// What stands behind the mark of this key and of no other.
fn answer(key: &Key, payload: &[u8], part: Part) -> Option<Kept> {
    Kept::decode(payload.strip_prefix(key.mark())?, part)
}

/// A file with at most so many bytes of answers is read as a whole, which takes less time than to read and check each of them.
const WHOLE: u64 = 16 << 20;

/// A file as an earlier analysis left it. It is held open: another analysis may put its own in its place.
#[derive(Debug)]
struct Old {
    file: File,
    index: Index,
    /// All answers, if they are few and none is damaged.
    whole: Option<Vec<u8>>,
    /// Which slots this analysis asked for.
    used: Box<[AtomicBool]>,
}

impl Old {
    fn open(folder: &Dir, name: &str) -> Option<Self> {
        let mut options = OpenOptions::new();
        // Whatever else stands there is not waited for.
        options.read(true).nonblock(true).follow(FollowSymlinks::No);
        let file = folder.open_with(name, &options).ok()?.into_std();
        let (index, end) = Index::read(&file)?;
        let used = index.slots.iter().map(|_| AtomicBool::new(false)).collect();
        let whole = usize::try_from(end).ok().filter(|_| end <= WHOLE).and_then(|end| {
            let mut answers = vec![0; end];
            file.read_exact_at(&mut answers, 0).ok()?;
            (short(blake3::Hasher::new().update(&answers)) == index.answers).then_some(answers)
        });
        Some(Self { file, index, whole, used })
    }

    fn get(&self, key: &Key, part: Part) -> Option<Kept> {
        let place = self.index.slots.binary_search_by(|slot| slot.key.cmp(key)).ok()?;
        let slot = &self.index.slots[place];
        let kept = match &self.whole {
            Some(whole) => {
                let payload = whole.get(usize::try_from(slot.at).ok()?..)?.get(..slot.len as usize)?;
                answer(key, payload, part)
            }
            None => answer(key, &self.read(slot)?, part),
        }?;
        self.used[place].store(true, Ordering::Relaxed);
        Some(kept)
    }

    fn read(&self, slot: &Slot) -> Option<Vec<u8>> {
        let mut payload = vec![0; slot.len as usize];
        self.file.read_exact_at(&mut payload, slot.at).ok()?;
        (sum(&slot.key, &payload) == slot.sum).then_some(payload)
    }

    /// The slots by whether this analysis asked for them.
    fn slots(&self) -> impl Iterator<Item = (&Slot, bool)> {
        self.index.slots.iter().zip(&self.used).map(|(slot, used)| (slot, used.load(Ordering::Relaxed)))
    }

    /// What all its answers take.
    fn cost(&self) -> u64 {
        self.index.slots.iter().map(Slot::cost).sum()
    }
}

#[cfg(test)]
mod tests;
