//! Short ids of tasks, for people: the beginning that `show` and its like take for the whole.

use agentd_proto::v1::Task;

/// Shorter ones would meet the next task before long: of eight characters the last one stands for a second.
const SHORTEST: usize = 8;

/// Where the neighbours of a task are not known: its time to the millisecond, and ten bits of chance.
pub const ALONE: usize = 12;

/// The beginning of an id whose neighbours are not known.
#[must_use]
pub fn alone(task_id: &str) -> &str {
    task_id.get(..ALONE).unwrap_or(task_id)
}

/// The shortest beginnings that tell these tasks, newest first, apart. `all`: there are no others between them.
#[must_use]
pub fn ids(tasks: &[Task], all: bool) -> Vec<String> {
    let id = |at: usize| tasks.get(at).map_or("", |task| task.task_id.as_str());
    let alike = |one: &str, other: &str| one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let least = if all { SHORTEST } else { ALONE };
    let short = |at: usize| {
        let before = at.checked_sub(1).map_or(0, |before| alike(id(before), id(at)));
        let length = (before.max(alike(id(at), id(at + 1))) + 1).max(least);
        id(at).get(..length).unwrap_or_else(|| id(at)).to_owned()
    };
    (0..tasks.len()).map(short).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_as_short_as_its_neighbours_allow() {
        let tasks = |ids: &[&str]| ids.iter().map(|id| Task { task_id: (*id).into(), ..Task::default() }).collect();
        let made: Vec<Task> = tasks(&["01JDBBBBBBXX01", "01JDBBBBBBXX00", "01JDBBBBAAXX00", "01JCAAAAAAXX00"]);
        assert_eq!(ids(&made, true), ["01JDBBBBBBXX01", "01JDBBBBBBXX00", "01JDBBBBA", "01JCAAAA"]);
        assert_eq!(ids(&made[2..], false), ["01JDBBBBAAXX", "01JCAAAAAAXX"]);
        assert_eq!((alone("01JCAAAAAAXX00"), alone("01")), ("01JCAAAAAAXX", "01"));
    }
}
