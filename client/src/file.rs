//! Opens files that others may have put there: a pipe or a device under a known name is refused instead of waited for, and a
//! link is not followed, as the daemon does it.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use rustix::fs::OFlags;

/// Opens a regular file to be read.
///
/// # Errors
/// As [`open_as`].
pub(crate) fn open(path: &Path) -> io::Result<File> {
    open_as(path, OpenOptions::new().read(true))
}

/// Opens a regular file as `options` say, and nothing else: whoever opens a pipe waits for its other end, perhaps for ever.
///
/// # Errors
/// It is something else, and whatever the system says.
pub(crate) fn open_as(path: &Path, options: &OpenOptions) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
    let other = || io::Error::other("it is no regular file; move it away");
    match options.clone().custom_flags(flags).open(path) {
        Ok(file) if file.metadata()?.is_file() => Ok(file),
        Ok(_) => Err(other()),
        // Of a link the system says that there are too many of it, of a pipe that nobody reads that there is no such device.
        Err(_) if path.symlink_metadata().is_ok_and(|found| !found.is_file()) => Err(other()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::{fs::symlink, net::UnixListener},
    };

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the standard library makes no pipes with names")]
    fn only_regular_files_are_opened_and_nobody_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "text").unwrap();
        fs::create_dir(at("folder")).unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        let _listens = UnixListener::bind(at("socket")).unwrap();
        assert!(std::process::Command::new("mkfifo").args([at("pipe"), at("read")]).status().unwrap().success());
        let _reader = OpenOptions::new().read(true).write(true).open(at("read")).unwrap();
        let ways = [OpenOptions::new().read(true), OpenOptions::new().append(true).create(true)].map(|way| way.clone());
        for way in &ways {
            for name in ["folder", "link", "dangling", "socket", "pipe", "read"] {
                let error = open_as(&at(name), way).unwrap_err();
                assert!(error.to_string().contains("no regular file"), "{name}: {error}");
            }
            open_as(&at("file"), way).unwrap();
        }
        assert!(!at("nowhere").exists());
        assert_eq!(open(&at("new")).unwrap_err().kind(), io::ErrorKind::NotFound);
        open_as(&at("new"), &ways[1]).unwrap();
    }
}
