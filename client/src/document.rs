//! Documents of a task: read in pieces, whole or straight into a file.

use std::{
    io::Write,
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
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = std::fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|error| {
        let _unwritten = std::fs::remove_file(&temporary);
        Error::file("write", path)(error)
    })
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
