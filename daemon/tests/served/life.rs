//! How the daemon stops, comes back, and notices what is lost around it.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::net::UnixListener as StdListener,
    path::{Path, PathBuf},
    time::Duration,
};

use agentd::{Error, lifecycle::lock};
use agentd_proto::v1::{self, watch_response::Item};
use tokio::{io::AsyncReadExt as _, net::UnixStream};
use tonic::Code;
use v1::daemon_service_client::DaemonServiceClient;

use super::support::{Door, Place, channel, endpoint, is_served, noop, run};

#[test]
fn a_stop_gives_watchers_their_final_cursor_and_refuses_what_comes_late() {
    let place = Place::new();
    let socket = place.socket();
    place.serve(&[], |door| async move {
        let mut tasks = door.tasks();
        let submitted = tasks.submit(noop("")).await.unwrap().into_inner();
        let mut events = tasks.watch(v1::WatchRequest::default()).await.unwrap().into_inner();
        let mut seen = 0;
        while let Some(answer) = events.message().await.unwrap() {
            let Some(Item::Event(event)) = answer.item else { continue };
            seen = event.cursor;
            if matches!(event.what, Some(v1::event::What::Ended(_))) && event.task_id == submitted.task_id {
                break;
            }
        }
        let stopped = door.daemon().shutdown(v1::ShutdownRequest::default()).await.unwrap().into_inner();
        assert_eq!(stopped.in_flight, 0);
        let mut last = None;
        while let Some(answer) = events.message().await.unwrap() {
            last = answer.item;
        }
        let Some(Item::Heartbeat(cursor)) = last else { panic!("{last:?}") };
        assert!(cursor >= seen, "{cursor} after {seen}");
        assert!(UnixStream::connect(&socket).await.is_err(), "the door is closed first");
    });
}

#[test]
fn a_task_is_known_after_the_next_start() {
    let place = Place::new();
    let mut finished = None;
    place.serve(&[], |door| {
        let finished = &mut finished;
        async move {
            let submitted = door.tasks().submit(noop("once")).await.unwrap().into_inner();
            *finished = Some(submitted.task_id);
        }
    });
    place.serve(&[], |door| async move {
        let again = door.tasks().submit(noop("once")).await.unwrap().into_inner();
        assert_eq!((again.existing, Some(again.task_id.clone())), (true, finished));
        let watch = v1::WatchRequest { task_id: again.task_id.clone(), ..v1::WatchRequest::default() };
        let mut events = door.tasks().watch(watch).await.unwrap().into_inner();
        while events.message().await.unwrap().is_some() {}
        let task = door.tasks().get(v1::GetTaskRequest { task_id: again.task_id }).await.unwrap().into_inner();
        assert_eq!((task.state(), task.recoveries), (v1::TaskState::Succeeded, 0), "an orderly stop is no recovery");
        assert_eq!(door.status().await.epoch, 2);
    });
}

#[test]
fn a_second_daemon_learns_who_the_first_one_is() {
    let place = Place::new();
    run(async {
        let first = place.build(&[]).await.unwrap();
        match place.build(&[]).await {
            Err(Error::AlreadyRunning { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        assert!(place.socket().exists(), "the loser must not touch the owner's socket");
        drop(first);
    });
}

#[test]
fn a_socket_that_was_handed_over_is_served_and_stays() {
    let place = Place::new();
    let elsewhere = place.dir.path().with_extension("handed-over");
    run(async {
        let listener = StdListener::bind(&elsewhere).unwrap();
        // Clients of a service may connect before it runs: they wait in the queue.
        let mut early = UnixStream::connect(&elsewhere).await.unwrap();
        let app = place.build_on(Some(listener), &[]).await.unwrap();
        let used = async {
            assert!(is_served(&mut early).await);
            let door = Door { socket: elsewhere.clone(), channel: channel(&elsewhere).await };
            let status = door.status().await;
            assert_eq!(status.socket, elsewhere.display().to_string());
            assert_eq!(status.started_by, if cfg!(target_os = "macos") { "launchd" } else { "systemd" });
            drop(early);
            door.daemon().shutdown(v1::ShutdownRequest { grace_ms: 1 }).await.unwrap();
        };
        let (outcome, ()) = tokio::join!(app.run(), used);
        outcome.unwrap();
    });
    assert!(elsewhere.exists(), "its path is the service manager's");
    fs::remove_file(elsewhere).unwrap();
}

/// What the standard way says about the service that takes tasks.
async fn takes_tasks(door: &Door) -> bool {
    use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
    let ask = HealthCheckRequest { service: "agentd.v1.TaskService".to_owned() };
    let answer = HealthClient::new(door.channel.clone()).check(ask).await.unwrap().into_inner();
    answer.status() == ServingStatus::Serving
}

#[test]
fn a_socket_whose_path_was_lost_is_found_again_and_old_connections_live_on() {
    let place = Place { look_every: Duration::from_millis(5), ..Place::new() };
    place.serve(&[], |door| async move {
        let other = door.socket.with_extension("other");
        let losses: [&dyn Fn(); 2] = [&|| fs::remove_file(&door.socket).unwrap(), &|| {
            // Another socket takes its place, and nobody listens there any more.
            drop(StdListener::bind(&other).unwrap());
            fs::rename(&other, &door.socket).unwrap();
        }];
        for lose in losses {
            lose();
            let again = loop {
                match endpoint(&door.socket).connect().await {
                    Ok(channel) => break channel,
                    Err(_) => tokio::task::yield_now().await,
                }
            };
            let status = DaemonServiceClient::new(again).status(v1::StatusRequest {}).await.unwrap().into_inner();
            assert_eq!(status.warnings, door.status().await.warnings, "old and new connections, one daemon");
            door.tasks().submit(noop("")).await.unwrap();
        }
    });
}

/// All that is in a folder, by its path in it.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = PathBuf::from(entry.file_name());
        let path = entry.path();
        if path.is_dir() {
            found.extend(content(&path).into_iter().map(|(below, bytes)| (name.join(below), bytes)));
            found.insert(name, Vec::new());
        } else {
            found.insert(name, fs::read(path).unwrap_or_default());
        }
    }
    found
}

/// Works with a daemon until it is gone: which tasks it has accepted.
async fn work_until_it_is_gone(door: &Door) -> Vec<String> {
    let mut accepted = Vec::new();
    loop {
        let Ok(submitted) = door.tasks().submit(noop("")).await else { return accepted };
        accepted.push(submitted.into_inner().task_id);
        // Opens the index, if it can be.
        drop(door.tasks().list(v1::ListTasksRequest::default()).await);
    }
}

#[test]
fn a_daemon_whose_state_folder_was_taken_away_ends_and_leaves_another_one_alone() {
    // Another daemon's, with all that one has.
    let other = Place::new();
    other.serve(&[], |door| async move {
        let task_id = door.tasks().submit(noop("")).await.unwrap().into_inner().task_id;
        let watch = v1::WatchRequest { task_id, ..v1::WatchRequest::default() };
        let mut events = door.tasks().watch(watch).await.unwrap().into_inner();
        while events.message().await.unwrap().is_some() {}
        door.tasks().list(v1::ListTasksRequest::default()).await.unwrap();
    });
    let others = content(other.dir.path());
    assert!(others.contains_key(Path::new("index/clean")) && others.contains_key(Path::new("log/lock")));
    for replaced in [false, true] {
        let place = Place { look_every: Duration::from_millis(100), ..Place::new() };
        let (home, away) = (place.dir.path().to_owned(), place.dir.path().with_extension("away"));
        let accepted = run(async {
            let app = place.build(&[]).await.unwrap();
            let used = async {
                let door = Door { socket: place.socket(), channel: channel(&place.socket()).await };
                door.tasks().submit(noop("")).await.unwrap();
                fs::rename(&home, &away).unwrap();
                if replaced {
                    fs::rename(other.dir.path(), &home).unwrap();
                }
                // Until the next look it knows nothing of that.
                work_until_it_is_gone(&door).await
            };
            let (outcome, accepted) = tokio::join!(app.run(), used);
            let error = outcome.unwrap_err();
            assert!(matches!(&error, Error::Bereft(_)) && error.exit_code() == 74, "{error:?}");
            let said = if replaced { "something else stands where" } else { "is gone" };
            assert!(error.to_string().contains(said) && error.to_string().contains("agentd ends"), "{error}");
            accepted
        });
        if replaced {
            let found = content(&home);
            assert!(others.keys().eq(found.keys()), "{:?}", found.keys());
            assert!(others == found, "it is another folder");
            fs::rename(&home, other.dir.path()).unwrap();
        }
        assert!(!home.exists());
        fs::rename(&away, &home).unwrap();
        drop(lock::take(&home).expect("the dead one holds nothing"));
        place.serve(&[], |door| async move {
            for task_id in accepted {
                door.tasks().get(v1::GetTaskRequest { task_id }).await.unwrap();
            }
            assert_eq!(door.status().await.health(), v1::Health::Serving);
        });
    }
}

#[test]
fn a_full_disk_takes_no_tasks_and_a_fuller_one_is_told() {
    // Every disk is fuller than this.
    let all = [("AGENTD_DISK__LOW_PERCENT", "100"), ("AGENTD_DISK__LOW_BYTES", "1125899906842624")];
    let tight = [all[0], all[1], ("AGENTD_DISK__CRITICAL_BYTES", "0")];
    Place::new().serve(&tight, |door| async move {
        door.tasks().submit(noop("")).await.unwrap();
        let status = door.status().await;
        assert_eq!(status.health(), v1::Health::Serving);
        assert!(status.warnings.iter().any(|text| text.contains("the disk gets full")), "{:?}", status.warnings);
    });
    let full = [all[0], all[1], ("AGENTD_DISK__CRITICAL_BYTES", "1125899906842624")];
    Place::new().serve(&full, |door| async move {
        let refused = door.tasks().submit(noop("")).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable);
        assert!(
            refused.message().contains("the disk is almost full") && refused.message().contains("need"),
            "{refused}"
        );
        let status = door.status().await;
        assert_eq!((status.health(), status.reasons.len()), (v1::Health::ReadOnly, 1));
        assert!(status.recovers, "it takes tasks as soon as there is room");
        assert!(!takes_tasks(&door).await);
    });
}

#[test]
fn what_stands_where_payloads_belong_takes_no_tasks_and_is_named() {
    let place = Place::new();
    let state = place.socket().parent().unwrap().to_owned();
    place.serve(&[], |_| async {});
    for name in ["blobs", "tasks"] {
        let path = state.join(name);
        drop(fs::remove_dir_all(&path)); // perhaps nothing has needed it
        fs::write(&path, "").unwrap();
        place.serve(&[], |door| async move {
            let refused = door.tasks().submit(noop("")).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unavailable);
            assert!(refused.message().contains("is no folder; move it away"), "{refused}");
            let status = door.status().await;
            assert_eq!((status.health(), status.recovers), (v1::Health::ReadOnly, true));
            assert!(status.reasons[0].contains(name), "{:?}", status.reasons);
        });
        fs::remove_file(&path).unwrap();
        place.serve(&[], |door| async move {
            door.tasks().submit(noop("")).await.unwrap();
            assert_eq!(door.status().await.health(), v1::Health::Serving);
        });
    }
}

#[test]
fn watchers_of_health_hear_of_the_stop_and_clients_that_say_nothing_are_cut() {
    use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
    Place::new().serve(&[], |door| async move {
        let mut silent = UnixStream::connect(&door.socket).await.unwrap();
        assert!(is_served(&mut silent).await);
        let mut health = HealthClient::new(door.channel.clone());
        let all = HealthCheckRequest { service: String::new() };
        let mut watch = health.watch(all).await.unwrap().into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
        door.daemon().shutdown(v1::ShutdownRequest { grace_ms: 1 }).await.unwrap();
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
        drop(silent.read_to_end(&mut Vec::new()).await);
    });
}
