//! The folder of all that is kept: how it is opened, how files in it are begun beside those that they will replace, and which of
//! them go when all take too much.

use std::{
    io,
    path::Path,
    time::{Duration, SystemTime},
};

use agentd_base::AttemptKey;
use cap_fs_ext::DirExt;
use cap_std::{
    ambient_authority,
    fs::{Dir, File, OpenOptions, OpenOptionsExt},
};

/// The folder in the state folder.
pub(super) const FOLDER: &str = "cache";

const TEMPORARY: &str = ".tmp";

/// A temporary file that nobody has written to for so long belongs to nobody.
const FORGOTTEN: Duration = Duration::from_secs(3_600);

/// The folder; made if it is missing and is to be made. A link in its place is not followed.
pub(super) fn open(state: &Path, make: bool) -> Option<Dir> {
    let state = Dir::open_ambient_dir(state, ambient_authority()).ok()?;
    if make {
        // It may be there.
        let _ = state.create_dir(FOLDER);
    }
    state.open_dir_nofollow(FOLDER).ok()
}

/// The name of a file of this kind while it is written: one per attempt, so that two analyses never write to the same file,
/// and per kind, so that neither do two parts of one.
pub(super) fn temporary(attempt: AttemptKey, kind: &str) -> String {
    format!("{}-{}-{}.{kind}{TEMPORARY}", attempt.task, attempt.step.0, attempt.attempt)
}

/// Begins a file that will get another name.
pub(super) fn begin(folder: &Dir, temporary: &str) -> io::Result<File> {
    // Left by this attempt in a daemon that was killed.
    let _ = folder.remove_file(temporary);
    folder.open_with(temporary, OpenOptions::new().write(true).create_new(true).mode(0o600))
}

/// Removes the files that were used longest ago until all take no more than `limit`, but not `own`, those of its workspace only
/// after all others, and of these the facts last, which take longest to find out; and temporary files that nobody writes to any more.
pub(super) fn bound(folder: &Dir, own: &str, limit: u64) -> io::Result<()> {
    let mut found = Vec::new();
    // Folders are held by descriptors that only lead on; listing needs one for reading.
    for entry in folder.open_dir(".")?.entries()?.flatten() {
        let (Ok(about), Ok(name)) = (entry.metadata(), entry.file_name().into_string()) else { continue };
        let changed = about.modified().map_or(SystemTime::UNIX_EPOCH, cap_std::time::SystemTime::into_std);
        let (of, kind) = parts(&name);
        let is_own = of == parts(own).0;
        found.push((is_own, is_own && kind.starts_with(super::KIND), changed, name, about.len()));
    }
    found.sort_unstable();
    let now =
        found.iter().find(|(.., name, _)| name == own).map_or(SystemTime::UNIX_EPOCH, |(_, _, changed, ..)| *changed);
    let mut total: u64 = found.iter().map(|(.., len)| len).sum();
    for (_, _, changed, name, len) in found.iter().filter(|(.., name, _)| name != own) {
        let age = now.duration_since(*changed).unwrap_or_default();
        let is_temporary = name.ends_with(TEMPORARY);
        if if is_temporary { age > FORGOTTEN } else { total > limit } && folder.remove_file(name).is_ok() {
            total -= len;
        }
    }
    Ok(())
}

/// What the names of a workspace's files begin with, and the kind of this one.
fn parts(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or((name, ""))
}
