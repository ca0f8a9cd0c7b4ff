//! Between the wire and plain data. Requests are checked for form here, and nowhere else; answers are moved, not copied,
//! where that is possible.

mod answer;
mod machine;
mod request;

pub(super) use answer::{agent, metric, state, task, timestamp, watched};
pub(super) use machine::{conditions, seats};
pub(super) use request::{FieldError, document_name, list, submit, task_id, watch};

#[cfg(test)]
mod tests;
