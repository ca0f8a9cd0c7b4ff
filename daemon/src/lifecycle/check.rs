//! The check of what is stored while no daemon runs: for whoever will not, or cannot, start one on it. It changes nothing and
//! holds nothing, so it is in nobody's way; if a daemon begins to work meanwhile, that is told instead of what was read.

use std::{fs, io, path::Path, sync::Arc};

use agentd_journal::{Disk, RealDisk};
use serde_json::json;

use super::{lock, state_dir};
use crate::{
    Error,
    sabotage::{Point, is},
};

/// Reads everything in the state folder. Answers one line of JSON, with the names that `agentd-cli journal verify --json`
/// prints, and whether all is well. Where there is no folder, or nothing in it, there is no fault.
///
/// # Errors
/// [`Error::AlreadyRunning`] (also if somebody was the owner meanwhile), and what makes the folder unusable.
pub async fn stored(folder: &Path, own_uid: u32) -> Result<(String, bool), Error> {
    let is_empty = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        entries => entries.is_ok_and(|mut entries| entries.next().is_none()),
    };
    let mut found = agentd_engine::Verification::default();
    if !is_empty {
        // It makes and closes only what is empty.
        state_dir::prepare(folder, own_uid)?;
        let fault = |source| Error::StateDir { path: folder.to_owned(), source };
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(folder).map_err(fault)?.to_look_at());
        found = undisturbed(folder, &*disk, || agentd_engine::verify(&disk)).await?;
    }
    let well = found.faults.is_empty();
    let text = json!({
        "segments": found.segments, "records": found.records, "documents": found.documents, "bytes": found.bytes,
        "faults": found.faults,
    });
    Ok((text.to_string(), well))
}

/// What was read counts only if nobody was the owner before, meanwhile or right after.
async fn undisturbed<T>(folder: &Path, disk: &dyn Disk, read: impl FnOnce() -> T) -> Result<T, Error> {
    if is(Point::CheckLock) {
        return Ok(read());
    }
    let owned_by = |pid| Error::AlreadyRunning { state_dir: folder.to_owned(), pid };
    let look = || {
        let left = lock::look(folder)?;
        // A daemon whose lock somebody deleted holds that of its journal still. Where there is none, there is no journal.
        match agentd_journal::hold(disk) {
            Err(agentd_journal::Error::Locked { pid, .. }) => Err(owned_by(pid)),
            _ => Ok(left),
        }
    };
    let before = lock::patiently(look).await?;
    let found = read();
    let after = look()?;
    if after == before { Ok(found) } else { Err(owned_by(after.and_then(|left| left.pid))) }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        agentd_host::current_thread_runtime().unwrap().block_on(future)
    }

    /// A state folder with a journal, and its user.
    fn state(dir: &Path) -> (std::path::PathBuf, u32) {
        let (folder, uid) = (dir.join("state"), dir.metadata().unwrap().uid());
        state_dir::prepare(&folder, uid).unwrap();
        let disk = Arc::new(RealDisk::new(&folder).unwrap());
        drop(agentd_journal::Log::open(disk, agentd_journal::Options::default()).unwrap());
        (folder, uid)
    }

    #[test]
    pub(crate) fn what_is_stored_is_not_read_beside_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, uid) = state(dir.path());
        let refused = |answer: Result<_, Error>| matches!(answer, Err(Error::AlreadyRunning { .. }));
        let owner = lock::take(&folder).unwrap();
        assert!(refused(run(stored(&folder, uid))));
        drop(owner);
        let disk = RealDisk::new(&folder).unwrap().to_look_at();
        let disturbed = |by: &dyn Fn()| run(undisturbed(&folder, &disk, by)).map(|()| (String::new(), true));
        assert!(disturbed(&|| {}).is_ok(), "the lock was given back");
        // Nobody is kept from beginning to work, also for a moment.
        assert!(refused(disturbed(&|| drop(lock::take(&folder).unwrap()))), "one who is gone again");
        fs::remove_file(folder.join("agentd.lock")).unwrap();
        assert!(refused(disturbed(&|| drop(lock::take(&folder).unwrap()))), "the first one");
        let journal = Arc::new(RealDisk::new(&folder).unwrap());
        let log = agentd_journal::Log::open(journal, agentd_journal::Options::default()).unwrap();
        fs::remove_file(folder.join("agentd.lock")).unwrap();
        assert!(refused(run(stored(&folder, uid))), "one whose lock was deleted");
        drop(log);
        assert!(run(stored(&folder, uid)).unwrap().1);
    }

    #[test]
    fn a_check_makes_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, uid) = state(dir.path());
        let files = || -> Vec<_> {
            let all = [&folder, &folder.join("log")].map(|folder| fs::read_dir(folder).unwrap().flatten());
            let mut all: Vec<_> = all.into_iter().flatten().map(|entry| entry.path()).collect();
            all.sort();
            let of = |path: &Path| (path.metadata().unwrap().ctime_nsec(), fs::read(path).unwrap_or_default());
            all.into_iter().map(|path| (of(&path), path)).collect()
        };
        let before = files();
        let (text, well) = run(stored(&folder, uid)).unwrap();
        assert!(well && text.contains("\"segments\":1"), "{text}");
        fs::write(folder.join("agentd.lock"), "4711\n").unwrap();
        let with_lock = files();
        // Others who look are no owners.
        let looks = fs::File::open(folder.join("agentd.lock")).unwrap();
        looks.lock_shared().unwrap();
        assert!(run(stored(&folder, uid)).unwrap().1);
        assert_eq!(files(), with_lock);
        assert_eq!(with_lock.len(), before.len() + 1);
        let disk = RealDisk::new(&folder).unwrap().to_look_at();
        assert!(agentd_journal::Blobs::new(Arc::new(disk)).put(&[7; 9000]).is_err());

        // Nobody is waited for, whatever stands where a file belongs.
        for (name, code) in
            [("index/reached", true), ("log/0000000002-00000000000000000009.seg", false), ("log/lock", false)]
        {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let _ = fs::remove_file(&path);
            #[expect(clippy::disallowed_methods, reason = "the standard library makes no pipes with names")]
            let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
            assert!(made.success());
            let (text, well) = run(stored(&folder, uid)).unwrap();
            assert!(well == code && (well || text.contains("no regular file")), "{name}: {text}");
        }

        let empty = dir.path().join("empty");
        for exists in [false, true] {
            let (text, well) = run(stored(&empty, uid)).unwrap();
            assert!(well && text.contains("\"records\":0") && empty.exists() == exists, "{text}");
            fs::create_dir_all(&empty).unwrap();
            fs::set_permissions(&empty, fs::Permissions::from_mode(0o755)).unwrap();
        }
        assert_eq!(empty.metadata().unwrap().mode() & 0o777, 0o755);
    }
}
