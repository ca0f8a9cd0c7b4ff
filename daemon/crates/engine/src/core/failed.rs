//! The journal cannot be written any more: the books go back to what is on disk, and from there only tell.

use agentd_agents::StepFault;
use agentd_base::{ErrorClass, MonoMs, Rng, Seq, TaskId};

use super::{Answer, Core, Mode, Output};
use crate::{
    Error,
    record::Entry,
    sabotage::{Point, is},
    task::Task,
};

impl Core {
    /// Everyone who waits to have something written is refused, and nothing new is accepted. Who only asked is told what
    /// is on disk; what was never there has not happened.
    pub(crate) fn journal_failed(&mut self, why: &str) {
        self.log_lives = false;
        self.mode = if is(Point::FailedMode) { Mode::Serving } else { Mode::ReadOnly(why.to_owned()) };
        self.records.clear();
        self.batch_bytes = if is(Point::FailedRoom) { self.batch_bytes } else { 0 };
        self.waiting_since = None;
        self.ready.clear();
        self.timers.clear();
        if !is(Point::FailedForget) {
            self.go_back();
        }
        let waiting: Vec<Output> =
            self.gates.drain(..).flat_map(|(_, outputs)| outputs).chain(self.released.drain(..)).collect();
        for output in waiting {
            match output {
                kept @ Output::Answer(..) if is(Point::FailedAnswer) => self.outputs.push(kept),
                Output::Answer(token, answer) => {
                    let answer = self.answer_anew(answer, why);
                    self.outputs.push(Output::Answer(token, answer));
                }
                Output::Granted(token, _) if !is(Point::FailedGrant) => {
                    let fault = StepFault::new(ErrorClass::Unavailable, format!("the journal failed: {why}"));
                    self.outputs.push(Output::Granted(token, Err(fault)));
                }
                _ => {}
            }
        }
        let stop = self.in_flight().into_iter().filter(|_| !is(Point::FailedStop));
        self.outputs.extend(stop.map(|(agent, key)| Output::Stop(agent, key)));
    }

    /// Payloads cannot be stored any more, and what cannot be stored can as little be recorded: all is as after
    /// [`journal_failed`](Self::journal_failed), but a stop can still be told from a crash. No batch may be on its way.
    pub(crate) fn payloads_failed(&mut self, why: &str) {
        let lives = self.log_lives || !matches!(self.mode, Mode::ReadOnly(_));
        self.journal_failed(why);
        self.log_lives = lives;
    }

    /// Every task as the disk has it. A task whose end was not written is open again.
    fn go_back(&mut self) {
        let durable = self.durable;
        self.next = durable.next();
        let ahead = self.tasks.extract_if(|_, task| task.cursor() > durable).map(|(_, task)| task);
        let ahead: Vec<Task> = ahead.chain(self.recent.ended_after(durable)).collect();
        for task in ahead {
            if let Some(task) = as_of(task, durable) {
                self.tasks.insert(task.id, task);
            }
        }
        let (tasks, recent) = (&self.tasks, &self.recent);
        self.keys.retain(|_, id| tasks.contains_key(id) || recent.get(*id).is_some());
        self.open_bytes = self.tasks.values().map(Task::size).sum();
    }

    /// The answer to the same question: a refusal, or what the disk has.
    fn answer_anew(&self, answer: Answer, why: &str) -> Answer {
        let error = || Error::ReadOnly(why.to_owned());
        match answer {
            Answer::Submitted(_) => Answer::Submitted(Err(error())),
            Answer::Cancelled(_) => Answer::Cancelled(Err(error())),
            Answer::Task(id, _) => Answer::Task(id, self.look_at(id).ok_or(Error::NoTask(id))),
            Answer::List(query, _) => {
                let tasks = self.look_for(&query);
                Answer::List(query, tasks)
            }
            Answer::Document(id, name, _) => {
                let document = self.look_into(id, &name);
                Answer::Document(id, name, document)
            }
            Answer::Drained(count) => Answer::Drained(count),
        }
    }
}

/// The task after its last record up to `durable`, by the same way as after a restart; `None` if there is none.
fn as_of(task: Task, durable: Seq) -> Option<Task> {
    let (id, mut past): (TaskId, Option<Task>) = (task.id, None);
    for (seq, record) in task.history.into_iter().filter(|(seq, _)| *seq <= durable) {
        let at = agentd_base::WallMs(record.wall_ms);
        // They were made by this very program, so they can be read; if not, the task is as far as they go.
        let Ok(mut entry) = Entry::of_record(&record) else { break };
        if let Entry::Submitted(submitted) = &entry {
            past = Task::new(id, at, submitted).ok();
        }
        let task = past.as_mut()?;
        task.apply(&mut entry, at, MonoMs(0), &mut Rng::new(0));
        task.history.push((seq, record));
    }
    past
}
