//! Documents of a task: read in pieces, whole or straight into a file.

use std::{
    fs::{File, OpenOptions, Permissions},
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use agentd_proto::v1::ReadDocumentRequest;
use tonic::Code;

use crate::{
    connect::{Connection, within_limit},
    error::Error,
};

/// The report for people.
pub(crate) const REPORT: &str = "report.md";

/// The report for programs.
pub(crate) const REPORT_JSON: &str = "report.json";

/// The findings of the report, for editors and code hosts.
const REPORT_SARIF: &str = "report.sarif";

/// Names of temporary files that may be taken before that is an error.
const NAMES_TRIED: u32 = 8;

/// The report that a file of this name wants: by its ending, and markdown if that says nothing.
pub(crate) fn wanted(path: &Path) -> &'static str {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if [".sarif", ".sarif.json"].iter().any(|end| name.ends_with(end)) {
        REPORT_SARIF
    } else if name.ends_with(".json") {
        REPORT_JSON
    } else {
        REPORT
    }
}

/// Reads a document, piece by piece, into `sink`.
pub(crate) async fn read(
    connection: &Connection,
    task_id: &str,
    name: &str,
    sink: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let request = ReadDocumentRequest { task_id: task_id.to_owned(), name: name.to_owned() };
    let failed = |status: tonic::Status| match status.code() {
        Code::NotFound => Error::NoDocument { task_id: task_id.to_owned(), name: name.to_owned(), found: Vec::new() },
        _ => Error::call(format!("read `{name}` of task {task_id}"))(status),
    };
    let mut chunks = connection.tasks().read_document(within_limit(request)).await.map_err(failed)?.into_inner();
    while let Some(chunk) = chunks.message().await.map_err(failed)? {
        sink(&chunk.content)?;
    }
    Ok(())
}

/// Reads a whole document.
pub(crate) async fn fetch(connection: &Connection, task_id: &str, name: &str) -> Result<Vec<u8>, Error> {
    let mut content = Vec::new();
    read(connection, task_id, name, &mut |piece| {
        content.extend_from_slice(piece);
        Ok(())
    })
    .await?;
    Ok(content)
}

/// Names of what this process has open: whatever is behind them, a file too, is written on where it stands.
const OPENED: [&str; 4] = ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"];

/// Writes a file in one go: a reader sees the old content or the new one, never half. Links are followed, and mode and
/// owner stay; another name of the file (a hard link) keeps the old content. A pipe or a device is written to as it is.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    let written = match replaced(path) {
        Ok(Some((real, mode))) => replace(&real, mode, content),
        Ok(None) => {
            let opened = OpenOptions::new().append(true).create(!path.exists()).open(path);
            opened.and_then(|mut file| file.write_all(content))
        }
        Err(error) => Err(error),
    };
    written.map_err(Error::file("write", path))
}

/// The file that gives way to a new one, and its mode; none where what is there is to be opened.
fn replaced(path: &Path) -> io::Result<Option<(PathBuf, u32)>> {
    if OPENED.iter().any(|name| path.starts_with(name)) {
        return Ok(None);
    }
    let found = match path.metadata() {
        // A link without its file is opened too, which makes the file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok((!path.is_symlink()).then(|| (path.to_owned(), 0o666)));
        }
        found => found?,
    };
    if !found.is_file() {
        return Ok(None);
    }
    if found.permissions().readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    // Asks the system whether this user may write to it; nothing is.
    OpenOptions::new().append(true).open(path)?;
    Ok(Some((path.canonicalize()?, found.mode() & 0o777)))
}

fn replace(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    let (mut file, temporary) = temporary_beside(path, mode)?;
    let mut finish = || {
        if let Ok(old) = path.metadata() {
            // Only root can give files away; everybody else writes his own.
            let _kept = fchown(&file, Some(old.uid()), Some(old.gid()));
            file.set_permissions(Permissions::from_mode(mode))?;
        }
        file.write_all(content)?;
        std::fs::rename(&temporary, path)
    };
    finish().inspect_err(|_| {
        let _unwritten = std::fs::remove_file(&temporary);
    })
}

/// A new file beside `path`. Nobody can know its name beforehand, and what stands there already, a link too, is never opened:
/// the folder may be one that others write to.
fn temporary_beside(path: &Path, mode: u32) -> io::Result<(File, PathBuf)> {
    let mut tries = 0;
    loop {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{:016x}.tmp", RandomState::new().build_hasher().finish()));
        let temporary = path.with_file_name(name);
        match OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < NAMES_TRIED => tries += 1,
            made => return made.map(|file| (file, temporary)),
        }
    }
}

/// Finds out before any work is done whether a file can stand at `path`.
pub(crate) fn check_target(path: PathBuf) -> Result<PathBuf, Error> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if path.is_dir() {
        return Err(Error::usage(format!("{} is a folder", path.display()), "name a file: --output report.md"));
    }
    if !folder.is_dir() {
        let hint = format!("make it: mkdir -p {}", folder.display());
        return Err(Error::usage(format!("there is no folder {}", folder.display()), hint));
    }
    let _writable = replaced(&path).map_err(Error::file("write", &path))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_chooses_the_document() {
        for (path, name) in [
            ("report.md", REPORT),
            ("out/r.JSON", REPORT_JSON),
            ("r.sarif", REPORT_SARIF),
            ("r.sarif.json", REPORT_SARIF),
            ("sarif", REPORT),
        ] {
            assert_eq!(wanted(Path::new(path)), name, "{path}");
        }
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.md");
        for content in [&b"old"[..], b"new and longer", b""] {
            write(&path, content).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), content);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let (_, one) = temporary_beside(&path, 0o600).unwrap();
        let (_, other) = temporary_beside(&path, 0o600).unwrap();
        assert_ne!(one, other, "names cannot be known beforehand");
        assert!(write(&folder.path().join("nowhere/report.md"), b"x").is_err());
    }

    #[test]
    fn what_is_there_keeps_its_mode_and_a_file_that_nobody_may_write_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.md");
        let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
        for (before, content) in [(0o600, &b"new"[..]), (0o664, b"new"), (0o444, b"old")] {
            std::fs::write(&path, "old").unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
            assert_eq!(write(&path, b"new").is_ok(), content == b"new", "{before:o}");
            assert_eq!(check_target(path.clone()).is_ok(), content == b"new", "{before:o}");
            assert_eq!((std::fs::read(&path).unwrap().as_slice(), mode(&path)), (content, before));
            std::fs::remove_file(&path).unwrap();
        }
        write(&path, b"new").unwrap();
        std::fs::write(folder.path().join("plain"), "").unwrap();
        assert_eq!(mode(&path), mode(&folder.path().join("plain")), "a new one has the mode of new files");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the standard library makes no pipes with names")]
    fn links_are_followed_and_what_is_no_file_is_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("below")).unwrap();
        for (link, target) in [("link", "below/report.md"), ("second", "link")] {
            std::os::unix::fs::symlink(target, at(link)).unwrap();
            for content in ["made by it", "replaced"] {
                write(&at(link), content.as_bytes()).unwrap();
                assert!(at(link).is_symlink() && std::fs::read_to_string(at("below/report.md")).unwrap() == content);
            }
        }
        let pipe = at("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        // Open for both, so that neither side waits for the other.
        let mut reader = File::options().read(true).write(true).open(&pipe).unwrap();
        write(&check_target(pipe.clone()).unwrap(), b"through it").unwrap();
        let mut through = [0; 10];
        io::Read::read_exact(&mut reader, &mut through).unwrap();
        assert_eq!(&through, b"through it");
        assert!(!pipe.metadata().unwrap().is_file());
        let open = File::options().append(true).create(true).open(at("open")).unwrap();
        (&open).write_all(b"before; ").unwrap();
        let own = PathBuf::from(format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&open)));
        write(&check_target(own).unwrap(), b"after").unwrap();
        assert_eq!(std::fs::read_to_string(at("open")).unwrap(), "before; after");
    }
}
