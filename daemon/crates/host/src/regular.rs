//! Regular files where a regular file must stand: whoever opens a pipe waits for its other end, perhaps for ever, and a link
//! leads wherever somebody wished.

use std::{
    fs::{self, File, FileType, OpenOptions},
    io,
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::Path,
};

/// Says whether a regular file is at the path, or nothing.
///
/// # Errors
/// Something else is there: what it is, and what to do. The path cannot be looked at.
pub fn check_regular(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(found) => Err(other(found.file_type())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens a regular file as `options` say, and nothing else, without ever waiting for whoever has the other end of it.
///
/// # Errors
/// As [`check_regular`], and whatever the system says.
pub fn open_regular(path: &Path, options: &OpenOptions) -> io::Result<File> {
    let opened = options.clone().custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW).open(path);
    // Of a link or a pipe that nobody reads the system says only that there are too many of it, or no such device.
    let file = opened.map_err(|error| check_regular(path).err().unwrap_or(error))?;
    let found = file.metadata()?;
    if found.is_file() { Ok(file) } else { Err(other(found.file_type())) }
}

fn other(found: FileType) -> io::Error {
    let what = match found {
        found if found.is_symlink() => "a symbolic link",
        found if found.is_fifo() => "a named pipe",
        found if found.is_dir() => "a folder",
        found if found.is_socket() => "a socket",
        _ => "a device",
    };
    io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what} and no regular file; move it away"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "the standard library makes no pipes with names")]

    use std::{
        io::{Read as _, Write as _},
        os::unix::{fs::symlink, net::UnixListener},
        process::Command,
    };

    use super::*;

    #[test]
    fn only_regular_files_are_opened_and_nobody_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "text").unwrap();
        fs::create_dir(at("folder")).unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        let _listens = UnixListener::bind(at("socket")).unwrap();
        assert!(Command::new("mkfifo").args([at("pipe"), at("read")]).status().unwrap().success());
        let _reader = OpenOptions::new().read(true).write(true).open(at("read")).unwrap();
        let ways = [OpenOptions::new().read(true), OpenOptions::new().append(true).create(true)].map(|way| way.clone());
        for (name, what) in [
            ("folder", "a folder"),
            ("link", "a symbolic link"),
            ("dangling", "a symbolic link"),
            ("socket", "a socket"),
            ("pipe", "a named pipe"),
            ("read", "a named pipe"),
        ] {
            let opened = ways.iter().map(|way| open_regular(&at(name), way).map(drop));
            for refused in opened.chain([check_regular(&at(name))]) {
                let error = refused.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name}: {error}");
                assert!(error.to_string().contains(what) && error.to_string().contains("move it away"), "{error}");
            }
        }
        assert!(!at("nowhere").exists());
        check_regular(&at("file")).unwrap();
        check_regular(&at("new")).unwrap();
        assert_eq!(open_regular(&at("new"), &ways[0]).unwrap_err().kind(), io::ErrorKind::NotFound);
        open_regular(&at("file"), &ways[1]).unwrap().write_all(b" and more").unwrap();
        let mut text = String::new();
        open_regular(&at("file"), &ways[0]).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "text and more");
    }
}
