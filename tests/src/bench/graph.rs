//! Row `graph`: a task of forty steps that wait, beside the same graph as bare futures.

use super::table::{Line, Table};

/// Row `graph`.
pub(super) fn graph(table: &mut Table) {
    let why = "no way to submit a graph yet; the workflows are built in";
    table.add(Line::missing("graph", "graph of forty steps, wall beyond bare futures, ms", why));
}
