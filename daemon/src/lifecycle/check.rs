//! The check of what is stored while no daemon runs: for whoever will not, or cannot, start one on it.

use std::path::Path;

use agentd_engine::Verification;
use serde_json::json;

use super::{lock, state_dir};
use crate::{
    Error,
    sabotage::{Point, is},
};

/// Reads everything in the state folder, as its owner for that time. Answers one line of JSON, with the names that
/// `agentd-cli journal verify --json` prints, and whether all is well. Where there is no folder there is no fault.
///
/// # Errors
/// [`Error::AlreadyRunning`], and what makes the folder unusable.
pub async fn stored(folder: &Path, own_uid: u32) -> Result<(String, bool), Error> {
    let found = if folder.exists() {
        state_dir::prepare(folder, own_uid)?;
        let _lock = if is(Point::CheckLock) { None } else { Some(lock::own(folder).await?) };
        agentd_engine::verify(folder)?
    } else {
        Verification::default()
    };
    let Verification { segments, records, documents, bytes, faults } = found;
    let well = faults.is_empty();
    let text = json!({
        "segments": segments, "records": records, "documents": documents, "bytes": bytes, "faults": faults,
    });
    Ok((text.to_string(), well))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    pub(crate) fn what_is_stored_is_read_by_one_owner_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let uid = dir.path().metadata().unwrap().uid();
        let folder = dir.path().join("state");
        let read = || agentd_host::current_thread_runtime().unwrap().block_on(stored(&folder, uid));
        let (text, well) = read().unwrap();
        assert!(well && text.contains("\"records\":0"), "where there is no folder there is no fault: {text}");
        state_dir::prepare(&folder, uid).unwrap();
        let owner = lock::take(&folder).unwrap();
        assert!(matches!(read(), Err(Error::AlreadyRunning { .. })));
        drop(owner);
        assert!(!matches!(read(), Err(Error::AlreadyRunning { .. })), "the lock is given back");
    }
}
