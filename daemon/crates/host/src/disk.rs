//! Free space of file systems.

use std::path::Path;

use crate::{error::Error, sys};

/// Room on the file system that holds a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpace {
    /// Bytes that this user may still write.
    pub free_bytes: u64,
    /// All bytes.
    pub total_bytes: u64,
}

/// Asks for the room on the file system that holds `path`, which must exist.
///
/// # Errors
/// The path does not exist or may not be seen.
pub fn disk_space(path: &Path) -> Result<DiskSpace, Error> {
    let (free_bytes, total_bytes) = sys::space(path)
        .map_err(|source| Error::Unreadable { what: format!("the free space at {}", path.display()), source })?;
    Ok(DiskSpace { free_bytes, total_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_room_and_a_missing_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let space = disk_space(folder.path()).unwrap();
        assert!(space.total_bytes > 0 && space.free_bytes <= space.total_bytes);
        let error = disk_space(&folder.path().join("missing")).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }
}
