//! From what a user types to a task: a full id, the unique beginning of one, or `last`.

use agentd_proto::{
    limits::MAX_PAGE_SIZE,
    v1::{ListTasksRequest, Task},
};

use crate::{
    connect::{Connection, within_limit},
    error::Error,
};

/// Characters of a whole id.
const ID_LENGTH: usize = 26;

/// The first characters of an id are the time of its making; ids are listed newest first.
const TIME_LENGTH: usize = 10;

/// How many candidates an error names.
pub(crate) const NAMED: usize = 10;

/// The id of the task that the user means.
///
/// # Errors
/// [`Error::NoTask`], [`Error::NoTasks`], [`Error::Ambiguous`], [`Error::Usage`] (no id at all), [`Error::Call`].
pub async fn resolve(connection: &Connection, name: &str) -> Result<String, Error> {
    if name.eq_ignore_ascii_case("last") {
        let (page, _) = page(connection, 1, String::new()).await?;
        return page.into_iter().next().map(|task| task.task_id).ok_or(Error::NoTasks);
    }
    let prefix = name.to_ascii_uppercase();
    if prefix.is_empty() || prefix.len() > ID_LENGTH || !prefix.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(Error::usage(
            format!("`{name}` is no task id"),
            "give an id as `agentd-cli list` prints it, the beginning of one, or `last`",
        ));
    }
    if prefix.len() == ID_LENGTH {
        return Ok(prefix);
    }
    let mut found = search(connection, &prefix).await?;
    match found.len() {
        0 => Err(Error::NoTask { name: name.to_owned() }),
        1 => Ok(found.remove(0)),
        _ => Err(Error::Ambiguous { name: name.to_owned(), found }),
    }
}

/// All ids that begin with `prefix`, at most [`NAMED`].
async fn search(connection: &Connection, prefix: &str) -> Result<Vec<String>, Error> {
    let time = &prefix[..prefix.len().min(TIME_LENGTH)];
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let (tasks, next) = page(connection, MAX_PAGE_SIZE, token).await?;
        for task in tasks {
            if task.task_id.starts_with(prefix) {
                found.push(task.task_id);
                if found.len() == NAMED {
                    return Ok(found);
                }
            } else if task.task_id.get(..time.len()).is_some_and(|older| older < time) {
                return Ok(found);
            }
        }
        if next.is_empty() {
            return Ok(found);
        }
        token = next;
    }
}

async fn page(connection: &Connection, size: u32, token: String) -> Result<(Vec<Task>, String), Error> {
    let request = ListTasksRequest { page_size: size, page_token: token, ..Default::default() };
    let answer =
        connection.tasks().list(within_limit(request)).await.map_err(Error::call("list the tasks"))?.into_inner();
    Ok((answer.tasks, answer.next_page_token))
}
