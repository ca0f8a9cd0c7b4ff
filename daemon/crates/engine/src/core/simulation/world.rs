//! The world around the engine: disk, agents, clients, files, and the book of everything that was acknowledged.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use agentd_agents::{Assignment, StepFault};
use agentd_base::{
    AgentId, AttemptKey, ContentHash, EffectIntent, ErrorClass, MonoMs, Rng, Role, Seq, StepId, TaskId, Text, WallMs,
};
use agentd_journal::{Log, Options, sim::SimDisk};
use agentd_workflow::{Action, WorkflowName};

use super::{
    Stats,
    files::{Ending, Index, intent_of, is_written, output, write_file},
    looks,
};
use crate::{
    core::{Answer, Core, Limits, Now, Origin, Output, Token},
    events::event_of,
    record::Booted,
    roster::{Duty, OverloadLimits},
    view::{EventKind, EventView, Hints, Priority, Submit},
};

/// The daemon of one life.
pub(super) struct Daemon {
    pub core: Core,
    pub log: Log,
    syncing: Option<Seq>,
    pub held: Vec<(AgentId, Assignment)>,
    waiting: HashMap<Token, Text<128>>,
    grants: HashMap<Token, (AgentId, AttemptKey, EffectIntent)>,
    /// Open since somebody asked it.
    pub index: Option<Index>,
    /// Finished tasks that the index was not told of yet.
    pub endings: Vec<Ending>,
}

/// Everything, daemon included.
pub(super) struct World {
    pub disk: SimDisk,
    pub stats: Stats,
    /// A task whose first step kills the daemon.
    pub deadly: Option<TaskId>,
    /// The step that the last process said it died in; the next start reads it.
    pub mark: Option<(TaskId, StepId)>,
    pub daemon: Option<Daemon>,
    boot: u32,
    time: u64,
    pub tokens: u64,
    ids: u128,
    /// Key of each request, and the task that was acknowledged for it.
    pub requests: BTreeMap<String, Option<TaskId>>,
    /// Events that were shown to watchers: none may ever change or vanish.
    pub shown: BTreeMap<Seq, Arc<EventView>>,
    /// Files outside of the daemon, and how often each was written.
    pub files: HashMap<String, (ContentHash, u32)>,
}

pub(super) type Fault = Box<dyn std::error::Error>;

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            disk: SimDisk::new(seed),
            stats: Stats::default(),
            deadly: None,
            mark: None,
            daemon: None,
            boot: 1,
            time: 1_000,
            tokens: 0,
            ids: 0,
            requests: BTreeMap::new(),
            shown: BTreeMap::new(),
            files: HashMap::new(),
        }
    }

    pub(super) const fn now(&self) -> Now {
        Now { wall: WallMs(self.time), mono: MonoMs(self.time) }
    }

    /// Starts a daemon on what the disk holds, and compares it with the book.
    pub(super) fn start(&mut self) -> Result<(), Fault> {
        let options = Options { segment_bytes: 16 << 10, store: Some([7; 16]) };
        let opened = Log::open(Arc::new(self.disk.clone()), options)?;
        let limits = Limits { max_tasks: 64, segment_bytes: 8 << 10, overload: OverloadLimits::default() };
        let duty = |role: Role| Duty { agent: role.agent(), can: Action::ALL.to_vec(), slots: 2 };
        let boot = Booted { boot_id: self.boot.to_string(), version: "test".to_owned() };
        let duties = Role::ALL.into_iter().map(duty).collect();
        let mut core = Core::new(limits, duties, boot, Rng::new(self.time));
        let restored = core.restore(opened.checkpoint, opened.tail, self.mark.take(), self.now())?;
        self.stats.starts += 1;
        self.stats.recovered_steps += restored.in_flight as u64;
        self.daemon = Some(Daemon {
            core,
            log: opened.log,
            syncing: None,
            held: Vec::new(),
            waiting: HashMap::new(),
            grants: HashMap::new(),
            index: None,
            endings: Vec::new(),
        });
        self.compare_with_book();
        self.turn()
    }

    /// One random thing happens.
    pub(super) fn act(&mut self, rng: &mut Rng) -> Result<(), Fault> {
        self.time += rng.below(2_000);
        match rng.below(12) {
            0 => {
                self.submit_noop(rng);
            }
            1 => {
                self.submit_analysis(rng);
            }
            2 => self.repeat_request(rng),
            3 => self.cancel_something(rng),
            4 | 5 => self.sync()?,
            6 if rng.below(8) == 0 => self.wedge(rng),
            6 if rng.below(60) == 0 => return self.fail_journal(),
            7 => self.look(rng),
            _ => self.agent_acts(rng)?,
        }
        self.turn()
    }

    /// Ends the turn as the engine's thread does: one batch on its way at a time.
    fn turn(&mut self) -> Result<(), Fault> {
        let now = self.now();
        if let Some(daemon) = &mut self.daemon {
            daemon.core.tick(now);
            if daemon.syncing.is_none()
                && let Some(batch) = daemon.core.end_turn(now)
            {
                let last = Seq(batch.first.0 + batch.records.len() as u64 - 1);
                daemon.log.append(&batch)?;
                daemon.syncing = Some(last);
            }
        }
        self.perform();
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Fault> {
        if let Some(daemon) = &mut self.daemon
            && let Some(last) = daemon.syncing.take()
        {
            let durable = daemon.log.sync()?;
            assert!(durable >= last, "a sync covers what was appended before it");
            daemon.core.durable(durable);
        }
        self.perform();
        Ok(())
    }

    pub(super) fn perform(&mut self) {
        let Some(daemon) = &mut self.daemon else { return };
        for output in daemon.core.take_outputs() {
            match output {
                Output::Answer(token, Answer::Submitted(Ok(submitted))) => {
                    let Some(key) = daemon.waiting.remove(&token) else { continue };
                    let known = self.requests.entry(key.to_string()).or_default();
                    assert!(known.is_none_or(|task| task == submitted.task), "{key}: one key, two tasks");
                    self.stats.acknowledged += u64::from(known.is_none());
                    *known = Some(submitted.task);
                }
                Output::Assign(agent, assignment) => daemon.held.push((agent, *assignment)),
                Output::Stop(agent, key) => {
                    if let Some(place) = daemon.held.iter().position(|(_, held)| held.key == key) {
                        daemon.held.remove(place);
                        let origin = Origin { agent, generation: daemon.core.roster().generation(agent), key };
                        let fault = StepFault::new(ErrorClass::Cancelled, "stopped");
                        let now = Now { wall: WallMs(self.time), mono: MonoMs(self.time) };
                        daemon.core.finished(origin, Err(fault), std::time::Duration::ZERO, now);
                    }
                }
                Output::Granted(token, Ok(())) => {
                    if let Some((agent, key, intent)) = daemon.grants.remove(&token) {
                        // A thread that was given up may still get its answer; it too looks before it writes.
                        if !is_written(&self.files, &intent) {
                            write_file(&mut self.files, &mut self.stats, &intent);
                        }
                        let origin = Origin { agent, generation: daemon.core.roster().generation(agent), key };
                        let now = Now { wall: WallMs(self.time), mono: MonoMs(self.time) };
                        daemon.core.effected(origin, &intent, now);
                    }
                }
                Output::Publish(seq, record) => {
                    let Some(event) = event_of(seq, &record).expect("it was just made") else { continue };
                    self.stats.events += 1;
                    self.stats.ended += u64::from(matches!(event.what, EventKind::Ended { .. }));
                    assert!(event.seq <= daemon.core.durable_seq(), "only what is on disk is shown");
                    self.shown.insert(event.seq, event);
                }
                Output::FindKey(token, id, submit) => {
                    let index = daemon.index.get_or_insert_with(|| Index::open(&daemon.log.reader()));
                    let found = index.find_key(submit.key.as_deref().unwrap_or_default());
                    let now = Now { wall: WallMs(self.time), mono: MonoMs(self.time) };
                    daemon.core.key_found(token, id, *submit, found, now);
                }
                Output::Index(view, key, fingerprint, first) => {
                    daemon.endings.push((view.id, key, fingerprint, first));
                }
                Output::Answer(_, answer) => looks::check(&answer, &self.shown, daemon.core.durable_seq()),
                Output::Granted(..) => {}
            }
        }
    }

    pub(super) fn submit_noop(&mut self, rng: &mut Rng) -> TaskId {
        self.submit(WorkflowName::Noop, rng)
    }

    pub(super) fn submit_analysis(&mut self, rng: &mut Rng) -> TaskId {
        self.submit(WorkflowName::Analyze, rng)
    }

    fn submit(&mut self, workflow: WorkflowName, rng: &mut Rng) -> TaskId {
        let key = format!("{workflow}-{}", self.requests.len());
        self.requests.insert(key.clone(), None);
        self.send(&key, rng)
    }

    /// A client that heard no answer asks again; one that did may ask again too.
    fn repeat_request(&mut self, rng: &mut Rng) {
        let place = rng.below(self.requests.len() as u64);
        let key = self.requests.keys().nth(usize::try_from(place).expect("small")).cloned();
        if let Some(key) = key {
            self.send(&key, rng);
        }
    }

    fn send(&mut self, key: &str, rng: &mut Rng) -> TaskId {
        self.tokens += 1;
        self.ids += 1;
        let id = TaskId::from_parts(self.time, self.ids);
        let workflow = if key.starts_with("noop") { WorkflowName::Noop } else { WorkflowName::Analyze };
        let submit = Submit {
            request: Text::new(key),
            workspace: workflow.needs_workspace().then(|| "/somewhere".into()),
            workflow,
            key: Some(Text::new(key)),
            priority: [Priority::Low, Priority::Normal, Priority::High][usize::try_from(rng.below(3)).expect("small")],
            hints: Hints::default(),
            path: None,
        };
        let (token, now) = (Token(self.tokens), self.now());
        if let Some(daemon) = &mut self.daemon {
            daemon.waiting.insert(token, Text::new(key));
            daemon.core.submit(token, id, submit, now);
        }
        self.perform();
        id
    }

    fn cancel_something(&mut self, rng: &mut Rng) {
        let known: Vec<TaskId> = self.requests.values().flatten().copied().collect();
        let place = usize::try_from(rng.below(known.len() as u64)).expect("small");
        let now = self.now();
        self.tokens += 1;
        if let (Some(task), Some(daemon)) = (known.get(place), &mut self.daemon) {
            daemon.core.cancel(Token(self.tokens), *task, now);
        }
    }

    fn agent_acts(&mut self, rng: &mut Rng) -> Result<(), Fault> {
        let now = self.now();
        let Some(daemon) = &mut self.daemon else { return Ok(()) };
        let place = usize::try_from(rng.below(daemon.held.len() as u64)).expect("small");
        let Some((agent, assignment)) = daemon.held.get(place).cloned() else { return Ok(()) };
        let key = assignment.key;
        if self.deadly == Some(key.task) {
            return Err("the step killed the daemon".into());
        }
        let origin = Origin { agent, generation: daemon.core.roster().generation(agent), key };
        if assignment.action == Action::Report && rng.below(3) > 0 {
            let intent = intent_of(key.task);
            // As StepCtx does: what an earlier attempt may have done is looked for in the world first.
            if is_written(&self.files, &intent) {
                daemon.core.effected(origin, &intent, now);
            } else if !daemon.grants.values().any(|(_, asked, _)| *asked == key) {
                self.tokens += 1;
                daemon.grants.insert(Token(self.tokens), (agent, key, intent.clone()));
                daemon.core.intend(Token(self.tokens), origin, &intent, now);
            }
            return Ok(());
        }
        daemon.held.remove(place);
        let result = match rng.below(20) {
            0 => Err(StepFault::new(ErrorClass::Unavailable, "try again")),
            1 => Err(StepFault::new(ErrorClass::Denied, "never")),
            _ => Ok(output()),
        };
        daemon.core.finished(origin, result, std::time::Duration::from_millis(rng.below(50)), now);
        Ok(())
    }

    /// Time goes by, in milliseconds.
    pub(super) const fn wait(&mut self, ms: u64) {
        self.time += ms;
    }

    /// Attempts that agents hold.
    pub(super) fn in_flight(&self) -> usize {
        self.daemon.as_ref().map_or(0, |daemon| daemon.held.len())
    }

    /// Lets ready steps be assigned and no more.
    pub(super) fn assign_only(&mut self) -> Result<(), Fault> {
        self.turn()?;
        self.sync()?;
        self.turn()?;
        self.sync()
    }

    pub(super) fn stop(&mut self) -> Result<(), Fault> {
        let now = self.now();
        self.tokens += 1;
        if let Some(daemon) = &mut self.daemon {
            daemon.core.begin_stop();
            daemon.core.suspend_all(Token(self.tokens), now);
        }
        self.sync()?;
        self.turn()?;
        self.sync()?;
        match self.daemon.take() {
            Some(daemon) => Ok(daemon.log.close()?),
            None => Ok(()),
        }
    }

    /// The process is gone; with `power_cut`, so is everything that was not synced.
    pub(super) fn end_of_life(&mut self, power_cut: bool) {
        let cut = self.disk.is_off();
        self.daemon = None;
        if power_cut || cut {
            self.disk.crash();
            if power_cut {
                self.reboot();
            }
        } else {
            self.disk.kill();
        }
    }

    /// The machine starts anew.
    pub(super) const fn reboot(&mut self) {
        self.boot += 1;
    }

    pub(super) fn run_until_quiet(&mut self, rng: &mut Rng) -> Result<(), Fault> {
        for _ in 0..100_000 {
            self.time += 1_000;
            self.agent_acts(rng)?;
            self.turn()?;
            self.sync()?;
            if self.daemon.as_ref().is_some_and(|daemon| daemon.core.is_idle()) {
                return Ok(());
            }
        }
        Err("the work does not come to an end".into())
    }
}
