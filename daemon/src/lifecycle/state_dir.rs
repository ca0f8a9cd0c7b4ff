//! The state folder: made private, and refused if anybody else could get at it.

use std::{
    fs::{self, DirBuilder, Metadata, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use agentd_proto::doctor::shell_word;

use crate::{
    Error,
    sabotage::{Point, is},
};

/// Folders that the daemon itself makes; nobody but their owner may do anything with them.
const PRIVATE: u32 = 0o700;
/// Write permission for everybody.
const WORLD_WRITE: u32 = 0o002;
/// In a sticky folder everybody may make entries and nobody may touch those of others.
const STICKY: u32 = 0o1000;

/// Makes the folder if it is missing, closes it if it is empty, and checks it: no link, ours, 0700, and no folder above in which others could
/// replace it.
///
/// # Errors
/// [`Error::StateDir`] and [`Error::Unsafe`].
pub fn prepare(path: &Path, own_uid: u32) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Ok(found) => {
            close_if_empty(path, &found, own_uid)?;
            check(path, &look(path)?, own_uid)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = DirBuilder::new().recursive(true).mode(PRIVATE).create(path);
            made.map_err(|source| Error::StateDir { path: path.to_owned(), source })?;
            check(path, &look(path)?, own_uid)?; // another start may have made it, with another mode
        }
        Err(source) => return Err(Error::StateDir { path: path.to_owned(), source }),
    }
    check_parents(path)
}

/// A folder that was just made for us has the usual mode; nobody can have left anything in it yet.
fn close_if_empty(path: &Path, found: &Metadata, own_uid: u32) -> Result<(), Error> {
    let fault = |source| Error::StateDir { path: path.to_owned(), source };
    let open = found.is_dir() && found.uid() == own_uid && found.mode() & 0o777 != PRIVATE;
    if open && fs::read_dir(path).map_err(fault)?.next().is_none() {
        fs::set_permissions(path, Permissions::from_mode(PRIVATE)).map_err(fault)?;
    }
    Ok(())
}

fn check(path: &Path, found: &Metadata, own_uid: u32) -> Result<(), Error> {
    let bad = |reason: String| Err(Error::Unsafe { path: path.to_owned(), reason });
    let mode = found.mode() & 0o7777;
    if found.file_type().is_symlink() && !is(Point::FolderLink) {
        return bad("it is a symbolic link; set AGENTD_HOME to the folder that it points to".to_owned());
    }
    if !found.is_dir() && !is(Point::FolderKind) {
        return bad("it is no folder; move it away, or set AGENTD_HOME".to_owned());
    }
    if found.uid() != own_uid && !is(Point::FolderOwner) {
        return bad(format!(
            "it belongs to user {}, agentd runs as user {own_uid}; set AGENTD_HOME to a folder of yours",
            found.uid()
        ));
    }
    if mode & 0o777 != PRIVATE && !is(Point::FolderMode) {
        return bad(format!("its mode is {mode:o}, it must be 700; run `chmod 700 {}`", shell_word(path)));
    }
    Ok(())
}

/// Looks at the real folders above: links on the way (such as `/tmp` on macOS) are followed first.
fn check_parents(path: &Path) -> Result<(), Error> {
    let real = path.canonicalize().map_err(|source| Error::StateDir { path: path.to_owned(), source })?;
    for parent in real.ancestors().skip(1) {
        let mode = look(parent)?.mode();
        if mode & WORLD_WRITE != 0 && mode & STICKY == 0 && !is(Point::FolderAbove) {
            let reason = format!(
                "everybody may write to it, and so replace the state folder; run `chmod o-w {}`, or set AGENTD_HOME",
                shell_word(parent)
            );
            return Err(Error::Unsafe { path: parent.to_owned(), reason });
        }
    }
    Ok(())
}

fn look(path: &Path) -> Result<Metadata, Error> {
    fs::symlink_metadata(path).map_err(|source| Error::StateDir { path: path.to_owned(), source })
}

/// Makes a private folder inside of the state folder, unless it is there.
///
/// # Errors
/// [`Error::StateDir`].
pub fn subfolder(state_dir: &Path, name: &str) -> Result<PathBuf, Error> {
    let path = state_dir.join(name);
    let made = DirBuilder::new().recursive(true).mode(PRIVATE).create(&path);
    made.map_err(|source| Error::StateDir { path: path.clone(), source })?;
    Ok(path)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn refusal(path: &Path, uid: u32) -> String {
        match prepare(path, uid) {
            Err(error @ Error::Unsafe { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_missing_folder_is_made_private_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let uid = dir.path().metadata().unwrap().uid();
        let state = dir.path().join("a/b");
        prepare(&state, uid).unwrap();
        prepare(&state, uid).unwrap();
        assert_eq!(state.metadata().unwrap().mode() & 0o777, 0o700);
        assert_eq!(subfolder(&state, "logs").unwrap().metadata().unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    pub(crate) fn whatever_others_could_touch_is_refused_with_a_way_out() {
        let dir = tempfile::tempdir().unwrap();
        let uid = dir.path().metadata().unwrap().uid();
        let state = dir.path().join("state");
        prepare(&state, uid).unwrap();
        mode(&state, 0o755);
        assert!(refusal(&state, uid + 1).contains("belongs to user"));
        let left = (state.metadata().unwrap().mode() & 0o777, fs::read_dir(&state).unwrap().count());
        assert_eq!(left, (0o755, 0), "an empty folder of somebody else is left as it is");
        prepare(&state, uid).unwrap();
        assert_eq!(state.metadata().unwrap().mode() & 0o777, 0o700, "an empty folder is closed");
        fs::write(state.join("something"), "").unwrap();
        assert!(refusal(&state, uid + 1).contains("belongs to user"));
        for open in [0o755, 0o770, 0o701] {
            mode(&state, open);
            assert!(refusal(&state, uid).contains("chmod 700"), "{open:o}");
        }
        mode(&state, 0o700);
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&state, &link).unwrap();
        assert!(refusal(&link, uid).contains("symbolic link"));
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(refusal(&file, uid).contains("no folder"));
        mode(dir.path(), 0o777);
        assert!(refusal(&state, uid).contains("replace the state folder"));
        mode(dir.path(), 0o1777);
        prepare(&state, uid).unwrap();
        assert!(matches!(prepare(&file.join("below"), uid), Err(Error::StateDir { .. })));
    }
}
