//! Files that tasks make, under `tasks/<task>/` in the state folder: written whole or not at all, only with the proof that
//! the intent is durable, and comparable with that intent after a crash.

mod folder;

use std::{
    io,
    path::{Component, Path, PathBuf},
};

use agentd_base::{AttemptKey, ContentHash, EffectIntent, EffectToken, TaskId};
use cap_std::{ambient_authority, fs::Dir};

use crate::{
    Error, Result,
    sabotage::{Point, is},
    workspace::refused,
};
use folder::Folder;

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
pub struct TaskFiles<F = Dir> {
    state: F,
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
}

impl<F: Folder> TaskFiles<F> {
    /// The intent that gives the file `name` of `task` the given content; reads what is there now. If that
    /// is as it should be already, it is durable afterwards: the attempt that wrote it may have been killed before its syncs.
    ///
    /// # Errors
    /// [`Error::BadTaskPath`] for a name that leaves the task's folder, [`Error::TooLarge`], or what reading meets.
    pub fn intent(&self, task: TaskId, name: &Path, content: &[u8]) -> Result<EffectIntent> {
        let path = Path::new(FOLDER).join(task.to_string()).join(name);
        let parts = parts(&path, task)?;
        check_size(&path, content)?;
        let (before, after) = (self.hash(&path)?, ContentHash::of(content));
        if before == Some(after) {
            self.settle(&path, &parts)?;
        }
        Ok(EffectIntent::WriteFile { before, after, path })
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
        if ContentHash::of(content) != *after && !is(Point::ContentCheck) {
            return Err(Error::WrongContent { path: path.clone() });
        }
        match self.observe(token.intent())? {
            EffectState::Done => return self.settle(path, &parts),
            EffectState::Drift => return Err(Error::Drift { path: path.clone() }),
            EffectState::NotDone => {}
        }
        let (name, folders) = split(&parts);
        self.folder(folders)
            .and_then(|folder| {
                sweep(&folder, token.attempt())?;
                replace(&folder, name, Path::new(&temporary(token.attempt())), content)
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
            Ok(now) if now == Some(*after) && !is(Point::DoneCheck) => Ok(EffectState::Done),
            Ok(now) if now == *before || is(Point::DriftCheck) => Ok(EffectState::NotDone),
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
        let mut folder = self.state.again().map_err(|source| Error::of("open", path, source))?;
        for part in parent.components() {
            let part = Path::new(&part);
            folder = match folder.enter(part) {
                Ok(folder) => folder,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(_) if folder.is_link(part) => return Err(Error::NotAFile { path: path.into() }),
                Err(error) => return Err(Error::of("open", path, error)),
            };
        }
        match folder.open(Path::new(name)) {
            Ok(file) => Ok(Some(ContentHash::of(&F::read(file, path, MAX_BYTES)?))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(_) if folder.is_link(Path::new(name)) => Err(Error::NotAFile { path: path.into() }),
            Err(error) => Err(refused(path, error)),
        }
    }

    /// Makes the name of a file durable that is there, and the folders on the way; its bytes were before it got its name.
    fn settle(&self, path: &Path, parts: &[&str]) -> Result<()> {
        if is(Point::SettleSync) {
            return Ok(());
        }
        let (_, folders) = split(parts);
        self.folder(folders).and_then(|folder| folder.sync()).map_err(|source| Error::of("sync", path, source))
    }

    /// Steps down into `folders`, makes those that miss, and makes their names durable: also of those that are there, since
    /// whoever made them may have been killed before he could.
    fn folder(&self, folders: &[&str]) -> io::Result<F> {
        let mut folder = self.state.again()?;
        for name in folders {
            folder.make(Path::new(name))?;
            if !is(Point::FolderSync) {
                folder.sync()?;
            }
            folder = folder.enter(Path::new(name))?;
        }
        Ok(folder)
    }
}

/// Writes beside the file, syncs, renames over it, syncs the folder: the order that survives a power cut.
fn replace<F: Folder>(folder: &F, name: &Path, temporary: &Path, content: &[u8]) -> io::Result<()> {
    if !is(Point::Leftover) {
        folder.remove(temporary)?;
    }
    let mut file = folder.create(temporary)?;
    if is(Point::RenameOrder) {
        folder.rename(temporary, name)?;
    }
    F::write(&mut file, content)?;
    if !is(Point::FileSync) {
        F::sync_file(&file)?;
    }
    if !is(Point::RenameOrder) {
        folder.rename(temporary, name)?;
    }
    if is(Point::NameSync) { Ok(()) } else { folder.sync() }
}

/// Removes what earlier attempts of the step left when they were killed in the middle of a write.
fn sweep<F: Folder>(folder: &F, attempt: AttemptKey) -> io::Result<()> {
    let start = format!(".agentd-{}-", attempt.step.0);
    for name in folder.names()? {
        let number = name.strip_prefix(&start).and_then(|rest| rest.strip_suffix(".tmp")?.parse::<u32>().ok());
        if number.is_some_and(|number| number < attempt.attempt) && !is(Point::Sweep) {
            folder.remove(Path::new(&name))?;
        }
    }
    Ok(())
}

/// The file's name and the folders above it.
fn split<'a>(parts: &'a [&'a str]) -> (&'a Path, &'a [&'a str]) {
    let (name, folders) = parts.split_last().expect("a checked path has at least three parts");
    (Path::new(name), folders)
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
    if parts.len() < 3 || parts[0] != FOLDER || parts[1] != id && !is(Point::OwnFolder) {
        return Err(bad("it has to lie in the task's own folder, `tasks/<task>/`"));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests;
