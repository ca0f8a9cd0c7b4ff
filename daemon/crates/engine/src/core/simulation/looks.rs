//! Who looks at the world while it breaks: what is shown must be on disk, and what was acknowledged must be found, here or in
//! the index. And the agents and journals that fail while somebody looks.

use std::{collections::BTreeMap, sync::Arc};

use agentd_base::{AgentId, AttemptKey, MonoMs, Rng, Seq, TaskId, WallMs};

use super::{
    files::{Index, output},
    world::{Fault, World},
};
use crate::{
    core::{Answer, Now, Origin, Token, WatchStart},
    view::{EventKind, EventView, ListQuery, TaskView, WatchQuery},
};

type Shown = BTreeMap<Seq, Arc<EventView>>;

/// What an answer tells must be on disk.
pub(super) fn check(answer: &Answer, shown: &Shown, durable: Seq) {
    let ended =
        |id: TaskId| shown.values().any(|event| event.task == id && matches!(event.what, EventKind::Ended { .. }));
    let is_there = |view: &TaskView| {
        assert!(view.cursor <= durable, "{} is shown as of {}, and {durable} is on disk", view.id, view.cursor);
        assert_eq!(view.state.is_final(), ended(view.id), "{}: shown is {:?}", view.id, view.state);
    };
    match answer {
        Answer::Task(_, Ok(view)) => is_there(view),
        Answer::List(_, tasks) => tasks.iter().for_each(is_there),
        Answer::Document(id, _, Some(Ok(_))) => assert!(ended(*id), "{id}: a document before the end"),
        _ => {}
    }
}

impl World {
    /// Somebody looks, or the index gets what has ended.
    pub(super) fn look(&mut self, rng: &mut Rng) {
        self.tokens += 1;
        let token = Token(self.tokens);
        let known: Vec<TaskId> = self.requests.values().flatten().copied().collect();
        let place = usize::try_from(rng.below(known.len() as u64)).expect("small");
        let Some(daemon) = &mut self.daemon else { return };
        match (rng.below(5), known.get(place)) {
            (0, _) => daemon.core.list(token, Box::new(ListQuery { limit: 1_000, ..ListQuery::default() })),
            (1, Some(task)) => daemon.core.document(token, *task, "a.md".to_owned()),
            (2, _) => self.hand_over(),
            _ => self.find_everything(),
        }
        self.perform();
    }

    fn hand_over(&mut self) {
        let Some(daemon) = &mut self.daemon else { return };
        let endings = std::mem::take(&mut daemon.endings);
        if let Some(index) = &mut daemon.index {
            endings.iter().for_each(|ending| index.add(ending));
        } else {
            daemon.index = Some(Index::open(&daemon.log.reader()));
        }
        daemon.core.indexed(endings.len());
    }

    /// What was acknowledged is in memory or in the index, at every moment, for those who show it and who watch it.
    pub(super) fn find_everything(&mut self) {
        let known: Vec<TaskId> = self.requests.values().flatten().copied().collect();
        let Some(daemon) = &mut self.daemon else { return };
        let index = daemon.index.get_or_insert_with(|| Index::open(&daemon.log.reader()));
        for task in known {
            self.tokens += 1;
            let query = WatchQuery { task: Some(task), after: Seq(0), progress: false };
            let watched = daemon.core.watch(&query, Seq(1)).expect("0 is a cursor");
            let shown = daemon.core.task(Token(self.tokens), task) && !matches!(watched, WatchStart::Index);
            assert!(
                shown || index.has(task),
                "task {task} was acknowledged, and neither memory nor the index knows it"
            );
        }
    }

    /// A sync fails. What was on its way has not happened, and the rest can be looked at.
    pub(super) fn fail_journal(&mut self) -> Result<(), Fault> {
        if let Some(daemon) = &mut self.daemon {
            daemon.core.journal_failed("the disk says no");
            assert!(daemon.core.has_room(), "it still listens");
        }
        self.perform();
        self.find_everything();
        if let Some(daemon) = &mut self.daemon {
            self.tokens += 1;
            daemon.core.list(Token(self.tokens), Box::new(ListQuery { limit: 1_000, ..ListQuery::default() }));
            let now = Now { wall: WallMs(0), mono: MonoMs(u64::MAX) };
            assert!(daemon.core.end_turn(now).is_none(), "nothing is written any more");
        }
        self.perform();
        Err("the journal failed".into())
    }

    /// An agent falls silent and is replaced; its late report must change nothing.
    pub(super) fn wedge(&mut self, rng: &mut Rng) {
        let now = self.now();
        let Some(daemon) = &mut self.daemon else { return };
        let agent = AgentId(u8::try_from(rng.below(12)).expect("small"));
        let late: Vec<AttemptKey> =
            daemon.held.iter().filter(|(holder, _)| *holder == agent).map(|(_, held)| held.key).collect();
        let generation = daemon.core.roster().generation(agent);
        if rng.below(3) == 0 {
            // There is no thread to be had, or the old one is back.
            daemon.core.agent_away(agent, rng.below(2) == 0);
            return;
        }
        daemon.held.retain(|(holder, _)| *holder != agent);
        daemon.core.agent_silent(agent, rng.below(4) == 0, now);
        for key in late {
            daemon.core.finished(Origin { agent, generation, key }, Ok(output()), std::time::Duration::ZERO, now);
        }
    }
}
