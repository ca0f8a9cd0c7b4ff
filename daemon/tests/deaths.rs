//! Threads without which there is no going on die by a panic in a real daemon: it ends with its own code and words, and
//! the next one goes on with everything that was acknowledged.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests start what they test")]

use std::{
    collections::HashMap,
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use agentd::{
    App, Error,
    app::{LOOK_EVERY, Launch, LogTo},
    config::{self, Flags},
};
use agentd_base::{MonoMs, WallMs};
use agentd_engine::{Disk, DiskFile, Lock, RealDisk};
use agentd_host::{Clock, SystemClock};
use agentd_proto::v1::{GetTaskRequest, SubmitRequest, task_service_client::TaskServiceClient};
use tonic::transport::{Channel, Endpoint};

/// Panics on the thread of this name, once it is armed.
#[derive(Debug, Clone)]
struct Trap {
    thread: &'static str,
    armed: Arc<AtomicBool>,
}

impl Trap {
    fn step(&self) {
        if self.armed.load(Ordering::Acquire) && std::thread::current().name() == Some(self.thread) {
            std::panic::panic_any("a fault that a test put here");
        }
    }
}

#[derive(Debug)]
struct TrapDisk(RealDisk, Trap);

#[derive(Debug)]
struct TrapFile(Arc<dyn DiskFile>, Trap);

impl TrapDisk {
    fn file(&self, file: io::Result<Arc<dyn DiskFile>>) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(TrapFile(file?, self.1.clone())))
    }
}

impl Disk for TrapDisk {
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.file(self.0.create(path))
    }
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.file(self.0.open(path))
    }
    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.0.create_dir(path)
    }
    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.0.sync_dir(path)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.0.remove(path)
    }
    fn remove_dir(&self, path: &str) -> io::Result<()> {
        self.0.remove_dir(path)
    }
    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        self.0.list(path)
    }
    fn exists(&self, path: &str) -> io::Result<bool> {
        self.0.exists(path)
    }
    fn free_bytes(&self) -> io::Result<u64> {
        self.0.free_bytes()
    }
    fn lock(&self, path: &str) -> io::Result<Lock> {
        self.0.lock(path)
    }
}

impl DiskFile for TrapFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, buffer)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.1.step();
        self.0.write_at(offset, bytes)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }
    fn sync_data(&self) -> io::Result<()> {
        self.1.step();
        self.0.sync_data()
    }
}

#[derive(Debug)]
struct TrapClock(SystemClock, Trap);

impl Clock for TrapClock {
    fn wall(&self) -> WallMs {
        self.1.step();
        self.0.wall()
    }
    fn mono(&self) -> MonoMs {
        self.1.step();
        self.0.mono()
    }
    fn awake(&self) -> MonoMs {
        self.1.step();
        self.0.awake()
    }
}

async fn build(folder: &Path, trap: &Trap) -> App {
    let environment = HashMap::from([("AGENTD_HOME".to_owned(), folder.to_str().unwrap().to_owned())]);
    let own_uid = folder.metadata().unwrap().uid();
    let config = config::load(&Flags::default(), &environment, own_uid).unwrap();
    let disk: Arc<dyn Disk> = Arc::new(TrapDisk(RealDisk::new(folder).unwrap(), trap.clone()));
    let clock = Arc::new(TrapClock(SystemClock, trap.clone()));
    let log = LogTo::Nowhere;
    let launch = Launch {
        environment,
        own_uid,
        inherited: None,
        log,
        limits: None,
        look_every: LOOK_EVERY,
        disk: Some(disk),
        clock,
        sensors: Arc::new(agentd_host::SystemSensors::default()),
    };
    App::build(config, launch).await.unwrap()
}

async fn tasks(folder: &Path) -> TaskServiceClient<Channel> {
    let address = format!("unix://{}", folder.join("agentd.sock").display());
    TaskServiceClient::new(Endpoint::from_shared(address).unwrap().connect().await.unwrap())
}

fn submit(key: &str) -> SubmitRequest {
    SubmitRequest {
        request: "nothing".to_owned(),
        workflow: "noop".to_owned(),
        idempotency_key: key.to_owned(),
        ..SubmitRequest::default()
    }
}

#[test]
fn a_panic_of_the_writer_or_the_engine_ends_the_daemon_and_loses_nothing() {
    for thread in ["writer", "engine"] {
        let dir = tempfile::tempdir().unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(dir.path(), private).unwrap();
        let trap = Trap { thread, armed: Arc::default() };
        agentd_host::current_thread_runtime().unwrap().block_on(async {
            let app = build(dir.path(), &trap).await;
            let use_it = async {
                let mut client = tasks(dir.path()).await;
                let acked = client.submit(submit("before")).await.unwrap().into_inner().task_id;
                trap.armed.store(true, Ordering::Release);
                let refused = client.submit(submit("after")).await.unwrap_err();
                assert!(!refused.message().is_empty(), "{thread}: {refused:?}");
                acked
            };
            let (ended, acked) = tokio::join!(app.run(), use_it);
            let error = ended.unwrap_err();
            assert!(matches!(error, Error::Died(_)) && error.exit_code() == 70, "{thread}: {error:?}");
            let named = error.to_string().contains(&format!("thread `{thread}` panicked; see the log"));
            assert!(named && error.to_string().contains("nothing that was acknowledged is lost"), "{thread}: {error}");

            trap.armed.store(false, Ordering::Release);
            let app = build(dir.path(), &trap).await;
            let use_it = async {
                let mut client = tasks(dir.path()).await;
                let task = client.get(GetTaskRequest { task_id: acked.clone() }).await.unwrap().into_inner();
                assert_eq!(task.task_id, acked, "{thread}");
                for key in ["before", "after"] {
                    let answer = client.submit(submit(key)).await.unwrap().into_inner();
                    assert_eq!(answer.task_id == acked, key == "before", "{thread}, {key}");
                }
                stop(dir.path()).await;
            };
            let (ended, ()) = tokio::join!(app.run(), use_it);
            ended.unwrap();
        });
    }
}

async fn stop(folder: &Path) {
    let address = format!("unix://{}", folder.join("agentd.sock").display());
    let channel = Endpoint::from_shared(address).unwrap().connect().await.unwrap();
    let mut daemon = agentd_proto::v1::daemon_service_client::DaemonServiceClient::new(channel);
    daemon.shutdown(agentd_proto::v1::ShutdownRequest { grace_ms: 0 }).await.unwrap();
}
