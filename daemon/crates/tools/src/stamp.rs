//! What the system says about a file, as the sign that its content is what it was: device, inode, size, and the times when the
//! content and the inode last changed, as git's index uses them. The time of the inode is the one that counts: every write,
//! truncation, rename and change of times moves it to the present, and no program can set it.
//!
//! Assumed: a local file system on a disk that keeps such times, and a clock that does not come back to the same nanosecond.

use std::{sync::LazyLock, time::Duration};

use agentd_base::WallMs;
use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use cap_std::fs::{Dir, Metadata, MetadataExt};
use rustix::fs::Stat as Told;

/// A file that was changed so shortly before a survey has no stamp: it might change again at what is the same time to the file
/// system, whose clock is as coarse as 2 s, and pages that a program has mapped move the times only when they are first
/// written to after they went to the disk, which they do every 30 s (`vm.dirty_expire_centisecs`).
pub const SETTLED_AFTER: Duration = Duration::from_secs(60);

/// Whether the files of a folder lie in memory: no page of them ever goes to a disk, so one that a program has mapped is written
/// to without any time that moves. Such files have no stamps. What the system does not tell counts as in memory.
#[cfg(target_os = "linux")]
pub(crate) fn is_in_memory(folder: &Dir) -> bool {
    /// `TMPFS_MAGIC` and `RAMFS_MAGIC` of `<linux/magic.h>`.
    const MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
    // The field has another width and sign on other machines; the numbers have 32 bits everywhere.
    rustix::fs::fstatfs(folder).map_or(true, |about| MEMORY.contains(&(about.f_type as u64 & 0xffff_ffff)))
}

/// macOS keeps workspaces on disks.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_in_memory(_: &Dir) -> bool {
    false
}

/// What makes this use of the hash another one than all others.
const CONTEXT: &str = "agentd 2026 stamp of a file, encoding 1";

/// The sign of one state of one file, 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub(crate) [u8; 16]);

/// What a stamp is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Traits {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds since 1970 and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Traits {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// The same of what the system tells by a name in a folder. The numbers have other widths on other systems.
    pub(crate) fn told(stat: &Told) -> Self {
        fn wide<N: Default>(number: impl TryInto<N>) -> N {
            number.try_into().unwrap_or_default()
        }
        Self {
            device: wide(stat.st_dev),
            inode: wide(stat.st_ino),
            bytes: wide(stat.st_size),
            modified: (wide(stat.st_mtime), wide(stat.st_mtime_nsec)),
            changed: (wide(stat.st_ctime), wide(stat.st_ctime_nsec)),
        }
    }

    /// `None`: it was changed too shortly before `now`, or in what is the future.
    pub(crate) fn stamp(&self, now: WallMs) -> Option<Stamp> {
        let settled = i64::try_from(now.0 / 1_000).ok()? - i64::try_from(SETTLED_AFTER.as_secs()).ok()?;
        (self.changed.0 < settled).then(|| self.hash())
    }

    fn hash(&self) -> Stamp {
        // The context is hashed once: that takes as long as the rest.
        static KEY: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(CONTEXT));
        let times = [self.modified.0, self.modified.1, self.changed.0, self.changed.1].map(i64::to_le_bytes);
        let numbers = [self.device, self.inode, self.bytes].map(u64::to_le_bytes);
        let mut bytes = [0; 7 * 8];
        for (place, number) in bytes.chunks_exact_mut(8).zip(numbers.iter().chain(&times)) {
            place.copy_from_slice(number);
        }
        let mut stamp = [0; 16];
        let mut hasher = blake3::Hasher::new_from_context_key(&KEY);
        stamp.copy_from_slice(&hasher.update(&bytes).finalize().as_bytes()[..16]);
        Stamp(stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGED: i64 = 1_000_000;

    fn traits() -> Traits {
        Traits { device: 1, inode: 2, bytes: 3, modified: (4, 5), changed: (CHANGED, 6) }
    }

    #[test]
    fn whatever_differs_makes_another_stamp() {
        let later = WallMs(u64::MAX);
        let one = traits();
        let others = [
            Traits { device: 9, ..one },
            Traits { inode: 9, ..one },
            Traits { bytes: 9, ..one },
            Traits { modified: (9, 5), ..one },
            Traits { modified: (4, 9), ..one },
            Traits { changed: (9, 6), ..one },
            Traits { changed: (CHANGED, 9), ..one },
            Traits { modified: (5, 4), ..one },
        ];
        assert_eq!(one.stamp(later), traits().stamp(later));
        assert!(one.stamp(later).is_some());
        for other in others {
            assert_ne!(other.stamp(later), one.stamp(later), "{other:?}");
        }
    }

    #[test]
    fn what_has_not_settled_has_no_stamp() {
        for (after, settled) in
            [(i64::MIN / 4, false), (-1, false), (0, false), (60, false), (61, true), (1 << 40, true)]
        {
            let now = u64::try_from(CHANGED.saturating_add(after).max(0)).unwrap() * 1_000;
            assert_eq!(traits().stamp(WallMs(now)).is_some(), settled, "{after} s after");
        }
    }
}
