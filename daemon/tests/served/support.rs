//! A daemon in this process on a state folder of its own, and the way in.

use std::{
    collections::HashMap,
    future::Future,
    os::unix::{fs::MetadataExt as _, net::UnixListener as StdListener},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use agentd::{
    App, Error,
    app::{LOOK_EVERY, Launch, LogTo},
    config::{self, Flags},
    lifecycle::lock,
};
use agentd_host::{Sensors, SystemClock, SystemSensors};
use agentd_proto::v1;
use tokio::{io::AsyncReadExt as _, net::UnixStream};
use tonic::transport::{Channel, Endpoint};
use v1::{daemon_service_client::DaemonServiceClient, task_service_client::TaskServiceClient};

/// A state folder and who owns it.
pub(super) struct Place {
    pub(super) dir: tempfile::TempDir,
    pub(super) uid: u32,
    pub(super) look_every: Duration,
    pub(super) sensors: Arc<dyn Sensors>,
}

/// Ways to reach the daemon.
pub(super) struct Door {
    pub(super) socket: PathBuf,
    pub(super) channel: Channel,
}

impl Place {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let uid = dir.path().metadata().unwrap().uid();
        Self { dir, uid, look_every: LOOK_EVERY, sensors: Arc::new(SystemSensors::default()) }
    }

    pub(super) async fn build(&self, settings: &[(&str, &str)]) -> Result<App, Error> {
        self.build_on(None, settings).await
    }

    pub(super) async fn build_on(
        &self,
        inherited: Option<StdListener>,
        settings: &[(&str, &str)],
    ) -> Result<App, Error> {
        let home = ("AGENTD_HOME", self.dir.path().to_str().unwrap());
        let environment: HashMap<String, String> =
            settings.iter().copied().chain([home]).map(|(key, value)| (key.into(), value.into())).collect();
        let config = config::load(&Flags::default(), &environment, self.uid)?;
        let (log, look_every) = (LogTo::Nowhere, self.look_every);
        let (own_uid, clock, sensors) = (self.uid, Arc::new(SystemClock), Arc::clone(&self.sensors));
        let launch =
            Launch { environment, own_uid, inherited, log, limits: None, look_every, disk: None, clock, sensors };
        App::build(config, launch).await
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.dir.path().join("agentd.sock")
    }

    /// Runs a daemon, lets `body` use it, stops it over the wire, and holds that it left nothing behind.
    pub(super) fn serve<F: Future<Output = ()>>(&self, settings: &[(&str, &str)], body: impl FnOnce(Door) -> F) {
        run(async {
            let app = self.build(settings).await.unwrap();
            let used = async {
                body(Door { socket: self.socket(), channel: channel(&self.socket()).await }).await;
                // Again until it is heard: the places of connections that `body` dropped come back in their own time, and
                // if `body` has stopped the daemon already, the socket goes with it.
                while self.socket().exists() {
                    // The daemon's own stop runs on this thread too: a refused connection does not wait for anything.
                    tokio::task::yield_now().await;
                    let Ok(channel) = endpoint(&self.socket()).connect().await else { continue };
                    let stop = v1::ShutdownRequest { grace_ms: 1 };
                    if DaemonServiceClient::new(channel).shutdown(stop).await.is_ok() {
                        break;
                    }
                }
            };
            let (outcome, ()) = tokio::join!(app.run(), used);
            outcome.unwrap();
        });
        assert!(!self.socket().exists(), "the socket was left behind");
        drop(lock::take(self.dir.path()).unwrap());
    }
}

pub(super) fn run<F: Future>(future: F) -> F::Output {
    agentd_host::current_thread_runtime().unwrap().block_on(future)
}

pub(super) fn endpoint(socket: &Path) -> Endpoint {
    Endpoint::from_shared(format!("unix://{}", socket.display())).unwrap()
}

pub(super) async fn channel(socket: &Path) -> Channel {
    endpoint(socket).connect().await.unwrap()
}

impl Door {
    pub(super) fn tasks(&self) -> TaskServiceClient<Channel> {
        TaskServiceClient::new(self.channel.clone())
    }

    pub(super) fn daemon(&self) -> DaemonServiceClient<Channel> {
        DaemonServiceClient::new(self.channel.clone())
    }

    pub(super) async fn status(&self) -> v1::StatusResponse {
        self.daemon().status(v1::StatusRequest {}).await.unwrap().into_inner()
    }
}

pub(super) fn noop(key: &str) -> v1::SubmitRequest {
    v1::SubmitRequest {
        request: "nothing".to_owned(),
        workflow: "noop".to_owned(),
        idempotency_key: key.to_owned(),
        ..v1::SubmitRequest::default()
    }
}

/// Whether a raw connection is served: the server speaks first, and hangs up on whom it refuses.
pub(super) async fn is_served(stream: &mut UnixStream) -> bool {
    stream.read(&mut [0; 1]).await.is_ok_and(|read| read > 0)
}
