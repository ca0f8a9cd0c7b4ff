//! A daemon that serves, and how it stops.

use std::{future::Future, os::unix::net::UnixListener, sync::Arc, time::Duration};

use agentd_engine::{Engine, EngineThreads};
use agentd_host::{Intent, PlanSettings, StopSignal, StopSignals, Thread, Topology, place};
use tokio::sync::{mpsc, oneshot};

use super::{App, hold::Hold};
use crate::{
    Error, describe,
    lifecycle::stop::{self, LONGEST_GRACE, Stages},
    rpc::{self, StopRequest, Stops},
};

/// Why the daemon stops.
#[derive(Debug)]
enum Why {
    Signal(StopSignal),
    Asked(StopRequest),
    /// A part died without which there is no going on.
    Died(Error),
    /// The state folder was taken away.
    Bereft(String),
}

/// The daemon's parts while it serves, as the stop needs them.
struct Running {
    engine: Engine,
    /// Gone once they were told to end.
    threads: Option<EngineThreads>,
    topology: Arc<Topology>,
    stops: Stops,
    /// Told how many attempts were in flight when the stop began.
    answer: Option<oneshot::Sender<u32>>,
    served: Served,
}

/// The `net` thread, and what it says when the server has ended.
struct Served {
    outcome: oneshot::Receiver<Result<(), Error>>,
    over: bool,
    _thread: Thread,
}

impl App {
    /// Serves until a signal or a client says stop, or until a vital part dies; then stops in order.
    ///
    /// # Errors
    /// [`Error::Died`], [`Error::Bereft`], and what the stop could not do.
    pub async fn run(self) -> Result<(), Error> {
        let Self { context, engine, threads, mut signals, mut requests, look_every, mut socket, lock } = self;
        let listener = socket.take_listener().expect("build gives the listener, and only run takes it");
        let topology = Arc::clone(&context.facts.topology);
        let stops = context.stops.clone();
        let (listeners, next) = mpsc::channel(1);
        let served = Served::start(&topology, Arc::clone(&context), (listener, next))?;
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            state_dir = %context.config.state_dir.display(),
            socket = %socket.path().display(),
            started_by = context.facts.started_by.name(),
            "serving"
        );
        let (premises, own_uid) = (Arc::clone(&context.premises), context.gate.own_uid());
        drop(context);
        let mut hold = Hold { socket, lock, premises, own_uid, every: look_every, listeners };
        let mut running = Running { engine, threads: Some(threads), topology, stops, answer: None, served };
        let why = running.wait(&mut signals, &mut requests, &mut hold).await;
        drop(requests); // whoever asks from here on hears that the stop is under way
        let outcome = running.stop(why, signals).await;
        let Hold { socket, lock, .. } = hold;
        drop(socket);
        drop(lock);
        match &outcome {
            Ok(()) => tracing::info!("stopped"),
            Err(error) => tracing::error!(error = describe(error), "stopped with a fault"),
        }
        outcome
    }
}

impl Served {
    fn start(
        topology: &Topology,
        context: Arc<rpc::Context>,
        (listener, next): (UnixListener, mpsc::Receiver<UnixListener>),
    ) -> Result<Self, Error> {
        let (tell, outcome) = oneshot::channel();
        let runtime = agentd_host::current_thread_runtime();
        let runtime = runtime.map_err(|source| Error::System { what: "a runtime", source })?;
        let placement = place(topology, Intent::Net, &PlanSettings::default());
        let thread = agentd_host::spawn("net", &placement, move || {
            let outcome = runtime.block_on(rpc::serve(context, listener, next));
            // Calls of clients that do not listen end here, with the runtime.
            drop(runtime);
            drop(tell.send(outcome));
        });
        let thread = thread.map_err(|source| Error::System { what: "the thread `net`", source })?;
        Ok(Self { outcome, over: false, _thread: thread })
    }

    /// Waits for the server's end; more than once is harmless.
    async fn end(&mut self) -> Result<(), Error> {
        if self.over {
            return Ok(());
        }
        let outcome = (&mut self.outcome).await;
        self.over = true;
        outcome.unwrap_or_else(|_| Err(Error::Died("the thread `net` panicked; see the log".to_owned())))
    }
}

impl Running {
    async fn wait(
        &mut self,
        signals: &mut StopSignals,
        requests: &mut mpsc::Receiver<StopRequest>,
        hold: &mut Hold,
    ) -> Why {
        let threads = self.threads.as_mut().expect("threads are there until the stop");
        tokio::select! {
            signal = signals.next() => Why::Signal(signal),
            Some(request) = requests.recv() => Why::Asked(request),
            gone = hold.watch() => Why::Bereft(gone),
            death = threads.failed() => Why::Died(Error::Died(death)),
            end = self.served.end() => {
                Why::Died(end.err().unwrap_or_else(|| Error::Died("the server ended without being told".to_owned())))
            }
        }
    }

    async fn stop(mut self, why: Why, mut signals: StopSignals) -> Result<(), Error> {
        let (grace, died) = match why {
            Why::Signal(signal) => {
                tracing::info!(?signal, "stopping");
                (LONGEST_GRACE, None)
            }
            Why::Asked(StopRequest { grace, answer }) => {
                tracing::info!(?grace, "stopping, as a client asked");
                self.answer = Some(answer);
                (grace, None)
            }
            // Steps get no time, but if the journal lives, it must say that this is no step's fault.
            Why::Died(error) => {
                tracing::error!(error = describe(&error), "stopping");
                (Duration::ZERO, Some(error))
            }
            Why::Bereft(gone) => return Err(self.abandon(gone).await),
        };
        let hurry = async {
            signals.next().await;
        };
        let outcome = stop::in_order(&mut self, grace, hurry).await;
        died.map_or(outcome, Err)
    }
}

impl Running {
    /// Ends without waiting for anybody: no client finds this daemon any more, and paths below the state folder lead to nothing, or
    /// into the folder of somebody else. Journal and index are held by descriptors: what their threads still write, should they
    /// come to their ends, goes into their own folder, wherever it is now, and the next start on that finds it in order.
    async fn abandon(self, gone: String) -> Error {
        self.stops.closing.cancel();
        self.stops.ending.cancel();
        if let Some(threads) = &self.threads {
            threads.children().kill_all().await;
        }
        Error::Bereft(gone)
    }
}

impl Stages for Running {
    fn close_door(&mut self) {
        self.stops.closing.cancel();
    }

    async fn drain(&mut self, grace: Duration) {
        let mut in_flight = 0;
        match self.engine.drain(grace).await {
            Ok(steps) => in_flight = steps,
            Err(error) => tracing::warn!(error = describe(&error), "steps could not be suspended"),
        }
        if let Some(threads) = &self.threads {
            threads.children().kill_all().await;
        }
        if let Some(answer) = self.answer.take() {
            let _ = answer.send(in_flight); // whoever asked may have gone
        }
    }

    fn end_streams(&mut self) {
        self.stops.ending.cancel();
    }

    async fn answered(&mut self) {
        if let Err(error) = self.served.end().await {
            tracing::warn!(error = describe(&error), "the server did not end well");
        }
    }

    fn flush(&mut self) -> impl Future<Output = Result<(), Error>> {
        let threads = self.threads.take();
        let topology = Arc::clone(&self.topology);
        async move {
            let Some(threads) = threads else { return Ok(()) };
            let (tell, told) = oneshot::channel();
            // It blocks until the last byte is on disk; here a second signal and the limit must still be heard.
            let placement = place(&topology, Intent::Io, &PlanSettings::default());
            let end = agentd_host::spawn("stop", &placement, move || drop(tell.send(threads.stop())));
            end.map_err(|source| Error::System { what: "the thread `stop`", source })?;
            match told.await {
                Ok(outcome) => outcome.map_err(Error::Engine),
                Err(_) => Err(Error::Died("the thread `stop` panicked; see the log".to_owned())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{
        app::{LOOK_EVERY, Launch, LogTo},
        config::{self, Flags},
        lifecycle::owner,
    };

    /// A real daemon whose `net` thread dies as soon as it is told to.
    #[test]
    fn the_death_of_a_vital_thread_ends_the_daemon_with_its_own_code_and_words() {
        let dir = tempfile::tempdir().unwrap();
        let environment = HashMap::from([("AGENTD_HOME".to_owned(), dir.path().to_str().unwrap().to_owned())]);
        agentd_host::current_thread_runtime().unwrap().block_on(async {
            let own_uid = owner::own_uid().unwrap();
            let config = config::load(&Flags::default(), &environment, own_uid).unwrap();
            let (log, look_every) = (LogTo::Nowhere, LOOK_EVERY);
            let launch = Launch {
                environment,
                own_uid,
                inherited: None,
                log,
                limits: None,
                look_every,
                disk: None,
                clock: Arc::new(agentd_host::SystemClock),
                sensors: Arc::new(agentd_host::SystemSensors::default()),
            };
            let app = App::build(config, launch).await.unwrap();
            let App { context, engine, threads, mut signals, mut requests, socket, lock, .. } = app;
            let (listeners, _next) = mpsc::channel(1);
            let premises = Arc::clone(&context.premises);
            let mut hold = Hold { socket, lock, premises, own_uid, every: LOOK_EVERY, listeners };
            let topology = Arc::clone(&context.facts.topology);
            let (tell, outcome) = oneshot::channel::<Result<(), Error>>();
            let placement = place(&topology, Intent::Net, &PlanSettings::default());
            let thread = agentd_host::spawn("net", &placement, move || {
                let _tell = tell;
                std::panic::panic_any("a fault in the server");
            });
            let served = Served { outcome, over: false, _thread: thread.unwrap() };
            let stops = context.stops.clone();
            let mut running = Running { engine, threads: Some(threads), topology, stops, answer: None, served };
            let why = running.wait(&mut signals, &mut requests, &mut hold).await;
            let error = running.stop(why, signals).await.unwrap_err();
            assert_eq!(error.exit_code(), 70);
            assert!(error.to_string().contains("`net` panicked") && error.to_string().contains("the log"), "{error}");
        });
    }
}
