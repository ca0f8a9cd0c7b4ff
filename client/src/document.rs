//! Documents of a task: read in pieces, whole or straight into a file.

use std::{
    fs::File,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::{self, Write},
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

/// Writes a file in one go: a reader sees the old content or the new one, never half.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    let (mut file, temporary) = temporary_beside(path).map_err(Error::file("write", path))?;
    let written = file.write_all(content).and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|error| {
        let _unwritten = std::fs::remove_file(&temporary);
        Error::file("write", path)(error)
    })
}

/// A new file beside `path`. Nobody can know its name beforehand, and what stands there already, a link too, is never opened:
/// the folder may be one that others write to.
fn temporary_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    let mut tries = 0;
    loop {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{:016x}.tmp", RandomState::new().build_hasher().finish()));
        let temporary = path.with_file_name(name);
        match File::create_new(&temporary) {
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
        let (_, one) = temporary_beside(&path).unwrap();
        let (_, other) = temporary_beside(&path).unwrap();
        assert_ne!(one, other, "names cannot be known beforehand");
        assert!(write(&folder.path().join("nowhere/report.md"), b"x").is_err());
    }
}
