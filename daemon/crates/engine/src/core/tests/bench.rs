//! A daemon on a bench: real books, the real log on a simulated disk, agents that hold what they are given.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use agentd_agents::{Assignment, PayloadRef, StepOutput};
use agentd_base::{AgentId, AttemptKey, ContentHash, EffectIntent, MonoMs, Rng, Role, Seq, TaskId, Text, WallMs};
use agentd_journal::{Log, Options, Reader, Record, sim::SimDisk};
use agentd_workflow::{Action, WorkflowName};
use bytes::Bytes;

use super::super::{Core, Known, Limits, Now, Origin, Output, Token, recover::Restored};
use crate::{
    record::Booted,
    roster::{Duty, OverloadLimits},
    view::{Hints, Priority, Submit},
};

/// Empty books of a daemon on some boot of the machine.
pub(super) fn books(boot: &str) -> Core {
    let limits = Limits { max_tasks: 64, segment_bytes: 2 << 10, overload: OverloadLimits::default() };
    let duty = |role: Role| Duty { agent: role.agent(), can: Action::ALL.to_vec(), slots: 2 };
    let boot = Booted { boot_id: boot.to_owned(), version: "test".to_owned() };
    Core::new(limits, Role::ALL.into_iter().map(duty).collect(), boot, Rng::new(7))
}

pub(super) fn output() -> StepOutput {
    let output = PayloadRef::Inline(Bytes::from_static(b"{}"));
    StepOutput { summary: Text::new("done"), output, documents: Vec::new() }
}

pub(super) fn intent(key: AttemptKey) -> EffectIntent {
    EffectIntent::WriteFile { path: format!("tasks/{}/a", key.task).into(), before: None, after: ContentHash::of(b"a") }
}

/// A question for the index.
pub(super) type Find = (Token, TaskId, Box<Submit>);

pub(super) struct Bench {
    pub core: Core,
    pub disk: SimDisk,
    pub log: Log,
    /// Attempts that were given to agents.
    pub agents: Vec<(AgentId, Assignment)>,
    /// A checkpoint was written.
    pub rolled: bool,
    pub time: u64,
    pending: bool,
    count: u64,
}

impl Bench {
    pub(super) fn new(boot: &str) -> Self {
        Self::on(SimDisk::new(1), boot, (1_000, 0)).0
    }

    fn on(disk: SimDisk, boot: &str, (time, count): (u64, u64)) -> (Self, Restored) {
        let options = Options { segment_bytes: 4 << 10, store: Some([7; 16]) };
        let opened = Log::open(Arc::new(disk.clone()), options).unwrap();
        let now = Now { wall: WallMs(time), mono: MonoMs(time) };
        let mut core = books(boot);
        let restored = core.restore(opened.checkpoint, opened.tail, None, now).unwrap();
        let log = opened.log;
        (Self { core, disk, log, agents: Vec::new(), rolled: false, time, pending: false, count }, restored)
    }

    /// The process is killed and the next one starts.
    pub(super) fn again(self, boot: &str) -> (Self, Restored) {
        self.disk.kill();
        Self::on(self.disk.clone(), boot, (self.time, self.count))
    }

    pub(super) const fn now(&self) -> Now {
        Now { wall: WallMs(self.time), mono: MonoMs(self.time) }
    }

    pub(super) fn wait(&mut self, ms: u64) {
        self.time += ms;
        self.core.tick(self.now());
    }

    pub(super) const fn token(&mut self) -> Token {
        self.count += 1;
        Token(self.count)
    }

    fn request(&mut self, key: Option<&str>, request: &str) -> TaskId {
        let token = self.token();
        let id = TaskId::from_parts(self.time, u128::from(self.count));
        let submit = Submit {
            request: Text::new(request),
            workspace: None,
            workflow: WorkflowName::Noop,
            key: key.map(Text::new),
            priority: Priority::Normal,
            hints: Hints::default(),
            path: None,
        };
        self.core.submit(token, id, submit, self.now());
        id
    }

    /// A no-op is submitted; with a key, the index knows nothing of it.
    pub(super) fn submit(&mut self, key: Option<&str>) -> TaskId {
        match key {
            None => self.request(None, "noop"),
            Some(key) => {
                let find = self.ask(key, "noop");
                let id = find.as_ref().map(|(_, id, _)| *id).expect("memory does not know the key");
                self.found(find, None);
                id
            }
        }
    }

    /// The same up to the question for the index, if there is one.
    pub(super) fn ask(&mut self, key: &str, request: &str) -> Option<Find> {
        self.request(Some(key), request);
        let find = |output| match output {
            Output::FindKey(token, id, submit) => Some((token, id, submit)),
            _ => None,
        };
        self.take().into_iter().find_map(find)
    }

    pub(super) fn found(&mut self, find: Option<Find>, known: Option<Known>) {
        let (token, id, submit) = find.expect("the index was asked");
        self.core.key_found(token, id, *submit, known, self.now());
    }

    /// What came out; agents keep theirs.
    pub(super) fn take(&mut self) -> Vec<Output> {
        let out = self.core.take_outputs();
        let given = |output: &Output| match output {
            Output::Assign(agent, assignment) => Some((*agent, (**assignment).clone())),
            _ => None,
        };
        self.agents.extend(out.iter().filter_map(given));
        out
    }

    /// Ends the turn; its batch is on its way.
    pub(super) fn turn(&mut self) {
        if let Some(batch) = self.core.end_turn(self.now()) {
            self.rolled |= batch.checkpoint.is_some();
            self.log.append(&batch).unwrap();
            self.pending = true;
        }
    }

    pub(super) fn expect_nothing_before_the_sync(&mut self) {
        self.turn();
        assert!(self.pending, "there is something to write");
        let out = self.take();
        assert!(out.is_empty(), "before it is on disk: {out:?}");
    }

    /// The batch is on disk.
    pub(super) fn sync(&mut self) -> Vec<Output> {
        if std::mem::take(&mut self.pending) {
            let durable = self.log.sync().unwrap();
            self.core.durable(durable);
        }
        self.take()
    }

    /// A turn, and another one for what it set free.
    pub(super) fn settle(&mut self) -> Vec<Output> {
        let mut out = Vec::new();
        for _ in 0..2 {
            self.turn();
            out.extend(self.sync());
        }
        out
    }

    /// The attempt that some agent holds.
    pub(super) fn held(&self, place: usize) -> Origin {
        let (agent, assignment) = &self.agents[place];
        Origin { agent: *agent, generation: self.core.roster().generation(*agent), key: assignment.key }
    }

    pub(super) fn succeed(&mut self, from: Origin) {
        self.agents.retain(|(_, held)| held.key != from.key);
        self.core.finished(from, Ok(output()), Duration::ZERO, self.now());
    }

    pub(super) fn reader(&self) -> Reader {
        self.log.reader()
    }

    /// All records on disk.
    pub(super) fn records(&self) -> Vec<(Seq, Record)> {
        let mut records = Vec::new();
        let reader = self.reader();
        let from = Seq(reader.oldest().0.saturating_sub(1));
        let mut take = |seq, record: &Record| {
            records.push((seq, record.clone()));
            ControlFlow::Continue(())
        };
        reader.scan(from, reader.durable(), &mut take).unwrap();
        records
    }
}
