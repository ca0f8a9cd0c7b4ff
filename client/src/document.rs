//! Documents of a task: which one a file wants, and how they are read. Where they are written: `target`.

mod target;

use std::path::Path;

use agentd_proto::{rendezvous::state_dir, v1::ReadDocumentRequest};
use tonic::Code;

use crate::{
    connect::{Connection, within_limit},
    context::Context,
    error::Error,
    ui::text,
};

pub(crate) use target::Target;

/// Folder in the state folder with a folder for each task, in which its results are files.
const TASK_FILES: &str = "tasks";

/// The report for people.
pub(crate) const REPORT: &str = "report.md";

/// The report for programs.
pub(crate) const REPORT_JSON: &str = "report.json";

/// The findings of the report, for editors and code hosts.
const REPORT_SARIF: &str = "report.sarif";

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

/// Where a task's results lie as files, for a person at a terminal; nothing if they do not, or not on this machine.
pub(crate) fn folder(context: &Context<'_>, task_id: &str) -> Option<String> {
    let folder = state_dir(context.variable).ok()?.join(TASK_FILES).join(task_id);
    let home = (context.variable)("HOME");
    (context.ui.err.terminal && folder.is_dir())
        .then(|| text::tilde(&format!("{}/", folder.display()), home.as_deref()))
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
}
