//! Files that tasks make, under `tasks/<task>/` in the state folder: written whole or not at all, only with the proof that
//! the intent is durable, and comparable with that intent after a crash.

use std::{
    io::{self, Write},
    path::{Component, Path, PathBuf},
};

use agentd_base::{AttemptKey, ContentHash, EffectIntent, EffectToken, TaskId};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions, OpenOptionsExt},
};

use crate::{
    Error, Result,
    workspace::{read_regular, refused},
};

/// The first folder of every task file's path.
const FOLDER: &str = "tasks";

/// The most bytes a task file may have: larger things are blobs. An arbitrary bound that keeps recovery short.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// What the world says about an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectState {
    /// The file is as it was before: write it.
    NotDone,
    /// The file is as it should be: nothing to do.
    Done,
    /// The file is neither: someone else changed it; ask.
    Drift,
}

/// The state folder, as far as task files go.
#[derive(Debug)]
pub struct TaskFiles {
    state: Dir,
}

impl TaskFiles {
    /// Takes hold of the state folder at `state`, which exists.
    ///
    /// # Errors
    /// As for [`Workspace::open`](crate::Workspace::open).
    pub fn open(state: &Path) -> Result<Self> {
        if !state.is_absolute() {
            return Err(Error::Relative { path: state.into() });
        }
        Dir::open_ambient_dir(state, ambient_authority())
            .map(|state| Self { state })
            .map_err(|source| Error::of("open", state, source))
    }

    /// The intent that gives the file `name` of `task` the given content; reads what is there now.
    ///
    /// # Errors
    /// [`Error::BadTaskPath`] for a name that leaves the task's folder, [`Error::TooLarge`], or what reading meets.
    pub fn intent(&self, task: TaskId, name: &Path, content: &[u8]) -> Result<EffectIntent> {
        let path = Path::new(FOLDER).join(task.to_string()).join(name);
        parts(&path, task)?;
        check_size(&path, content)?;
        Ok(EffectIntent::WriteFile { before: self.hash(&path)?, after: ContentHash::of(content), path })
    }

    /// Makes the file what the token's intent says. Safe to repeat; a crash leaves the old file or the new one, and at most
    /// a temporary file beside it, which the next try of the same attempt replaces.
    ///
    /// # Errors
    /// [`Error::WrongContent`] if `content` is not the promised one, [`Error::Drift`] if the file is neither in its old nor
    /// in its new state, [`Error::BadTaskPath`] for a path outside the folder of the token's task, or what writing meets.
    pub fn write_file(&self, token: EffectToken, content: &[u8]) -> Result<()> {
        let EffectIntent::WriteFile { path, after, .. } = token.intent();
        let parts = parts(path, token.attempt().task)?;
        check_size(path, content)?;
        if ContentHash::of(content) != *after {
            return Err(Error::WrongContent { path: path.clone() });
        }
        match self.observe(token.intent())? {
            EffectState::Done => return Ok(()),
            EffectState::Drift => return Err(Error::Drift { path: path.clone() }),
            EffectState::NotDone => {}
        }
        let (name, folders) = parts.split_last().expect("a checked path has at least three parts");
        self.folder(folders)
            .and_then(|folder| {
                sweep(&folder, token.attempt())?;
                replace(&folder, Path::new(name), &temporary(token.attempt()), content)
            })
            .map_err(|source| Error::of("write", path, source))
    }

    /// Asks the world how far an intent came.
    ///
    /// # Errors
    /// [`Error::Permission`] or [`Error::Io`] if the world cannot be asked; anything that is no regular file is a drift.
    pub fn observe(&self, intent: &EffectIntent) -> Result<EffectState> {
        let EffectIntent::WriteFile { path, before, after } = intent;
        match self.hash(path) {
            Ok(now) if now == Some(*after) => Ok(EffectState::Done),
            Ok(now) if now == *before => Ok(EffectState::NotDone),
            Ok(_) | Err(Error::NotAFile { .. } | Error::TooLarge { .. } | Error::Escapes { .. }) => {
                Ok(EffectState::Drift)
            }
            Err(error) => Err(error),
        }
    }

    /// The hash of a file's content; `None`: there is no such file. Links are not followed, neither on the way nor at the end.
    fn hash(&self, path: &Path) -> Result<Option<ContentHash>> {
        let parent = path.parent().unwrap_or_else(|| Path::new(""));
        let Some(name) = path.file_name() else {
            return Err(Error::NotAFile { path: path.into() });
        };
        let mut folder = self.state.try_clone().map_err(|source| Error::of("open", path, source))?;
        for part in parent.components() {
            folder = match folder.open_dir_nofollow(part) {
                Ok(folder) => folder,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(_) if is_link(&folder, Path::new(&part)) => {
                    return Err(Error::NotAFile { path: path.into() });
                }
                Err(error) => return Err(Error::of("open", path, error)),
            };
        }
        let mut options = OpenOptions::new();
        options.read(true).nonblock(true).follow(FollowSymlinks::No);
        match folder.open_with(name, &options) {
            Ok(file) => Ok(Some(ContentHash::of(&read_regular(file, path, MAX_BYTES)?))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(_) if is_link(&folder, Path::new(name)) => Err(Error::NotAFile { path: path.into() }),
            Err(error) => Err(refused(path, error)),
        }
    }

    /// Steps down into `folders`, makes those that miss, and makes their names durable.
    fn folder(&self, folders: &[&str]) -> io::Result<Dir> {
        let mut folder = self.state.try_clone()?;
        for name in folders {
            match folder.create_dir(name) {
                Ok(()) => sync(&folder)?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            folder = folder.open_dir_nofollow(name)?;
        }
        Ok(folder)
    }
}

/// Writes beside the file, syncs, renames over it, syncs the folder: the order that survives a power cut.
fn replace(folder: &Dir, name: &Path, temporary: &str, content: &[u8]) -> io::Result<()> {
    match folder.remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    // `create_new` follows no link and takes over no file.
    options.write(true).create_new(true).mode(0o600);
    let mut file = folder.open_with(temporary, &options)?;
    file.write_all(content)?;
    file.sync_all()?;
    folder.rename(temporary, folder, name)?;
    sync(folder)
}

/// Removes what earlier attempts of the step left when they were killed in the middle of a write.
fn sweep(folder: &Dir, attempt: AttemptKey) -> io::Result<()> {
    let start = format!(".agentd-{}-", attempt.step.0);
    for entry in folder.open_dir(".")?.entries()? {
        let name = entry?.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_prefix(&start)?.strip_suffix(".tmp")?.parse::<u32>().ok());
        if number.is_some_and(|number| number < attempt.attempt) {
            match folder.remove_file(&name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Folders are held by descriptors that only lead on (`O_PATH`); syncing needs one for reading.
fn sync(folder: &Dir) -> io::Result<()> {
    folder.open(".")?.sync_all()
}

fn is_link(folder: &Dir, name: &Path) -> bool {
    folder.symlink_metadata(name).is_ok_and(|metadata| metadata.is_symlink())
}

/// One name per attempt, so that a crashed try is replaced and never piles up.
fn temporary(attempt: AttemptKey) -> String {
    format!(".agentd-{}-{}.tmp", attempt.step.0, attempt.attempt)
}

fn check_size(path: &Path, content: &[u8]) -> Result<()> {
    if content.len() as u64 > MAX_BYTES {
        return Err(Error::TooLarge { path: path.into(), limit: MAX_BYTES });
    }
    Ok(())
}

/// The parts of `tasks/<task>/<name>…`, where every part is an ordinary name.
fn parts(path: &Path, task: TaskId) -> Result<Vec<&str>> {
    let bad = |why| Error::BadTaskPath { path: PathBuf::from(path), why };
    let mut parts = Vec::new();
    for component in path.components() {
        let Component::Normal(part) = component else {
            return Err(bad("it has to be relative, without `.` and `..`"));
        };
        let part = part.to_str().ok_or_else(|| bad("it has to be UTF-8"))?;
        if part.eq_ignore_ascii_case(".git") || part.starts_with(".agentd") {
            return Err(bad("`.git` and `.agentd…` are reserved"));
        }
        parts.push(part);
    }
    let id = task.to_string();
    if parts.len() < 3 || parts[0] != FOLDER || parts[1] != id {
        return Err(bad("it has to lie in the task's own folder, `tasks/<task>/`"));
    }
    Ok(parts)
}
