//! Watching: first what is on disk, then live.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use agentd_base::Seq;

use crate::{
    Error,
    handle::{CHUNK, Engine},
    lines::{Beginning, Live},
    view::{EventView, WatchItem, WatchQuery},
};

impl Engine {
    /// Follows a task, or all. After the silence `heartbeat` the watcher hears how far it is.
    ///
    /// # Errors
    /// `NoTask`, `OutOfRange`.
    pub async fn watch(&self, query: WatchQuery, heartbeat: Duration) -> Result<Watcher, Error> {
        let beginning = self.begin_watch(query).await?;
        Ok(Watcher::new(self.clone(), query, heartbeat, beginning))
    }
}

/// Follows one task, or all.
#[derive(Debug)]
pub struct Watcher {
    engine: Engine,
    query: WatchQuery,
    heartbeat: Duration,
    seen: Seq,
    ready: VecDeque<Arc<EventView>>,
    log_upto: Option<Seq>,
    /// Told once all that is ready was given.
    fault: Option<Error>,
    live: Option<Live>,
}

impl Watcher {
    fn new(engine: Engine, query: WatchQuery, heartbeat: Duration, beginning: Beginning) -> Self {
        Self {
            engine,
            query,
            heartbeat,
            seen: query.after,
            ready: beginning.events.into(),
            log_upto: beginning.log_upto,
            fault: None,
            live: beginning.live,
        }
    }

    /// The next item: events in order and without gaps. `None`: the watched task has ended and all of its events were
    /// given, or the daemon stops.
    ///
    /// # Errors
    /// `OutOfRange` if the watcher fell so far behind that the log no longer has what it missed; `Damaged`.
    pub async fn next(&mut self) -> Result<Option<WatchItem>, Error> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.seen = event.seq;
                return Ok(Some(WatchItem::Event(event)));
            }
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            if let Some(upto) = self.log_upto {
                self.read_log(upto).await?;
                continue;
            }
            let Some(live) = &mut self.live else { return Ok(None) };
            match tokio::time::timeout(self.heartbeat, live.items.recv()).await {
                Err(_) => {
                    return Ok(Some(WatchItem::Heartbeat(self.engine.durable().max(self.seen))));
                }
                Ok(Some(WatchItem::Event(event))) if event.seq <= self.seen => {}
                Ok(Some(WatchItem::Event(event))) => {
                    self.seen = event.seq;
                    return Ok(Some(WatchItem::Event(event)));
                }
                Ok(Some(item)) => return Ok(Some(item)),
                Ok(None) if live.was_cut() => self.begin_again().await?,
                Ok(None) => return Ok(None),
            }
        }
    }

    async fn read_log(&mut self, upto: Seq) -> Result<(), Error> {
        let read = self.engine.read_events(self.seen, upto).await?;
        if read.events.len() < CHUNK {
            self.log_upto = None;
        }
        self.ready.extend(read.events);
        self.fault = read.fault;
        Ok(())
    }

    async fn begin_again(&mut self) -> Result<(), Error> {
        let query = WatchQuery { after: self.seen, ..self.query };
        let beginning = self.engine.begin_watch(query).await?;
        self.ready = beginning.events.into();
        self.log_upto = beginning.log_upto;
        self.live = beginning.live;
        Ok(())
    }
}
