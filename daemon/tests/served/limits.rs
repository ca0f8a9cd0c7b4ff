//! Whom the daemon refuses, and how many it takes.

use std::sync::Arc;

use agentd::{config::Server, rpc};
use agentd_proto::v1;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
};
use tokio_util::sync::CancellationToken;
use v1::daemon_service_client::DaemonServiceClient;

use super::support::{Door, Place, channel, is_served, run};

#[test]
fn one_process_has_its_share_of_connections_and_gets_them_back() {
    let limit = [("AGENTD_SERVER__MAX_CONNECTIONS_PER_PROCESS", "3")];
    Place::new().serve(&limit, |door| async move {
        // One is the channel's; each answer shows that it is really in.
        door.status().await;
        let mut first = UnixStream::connect(&door.socket).await.unwrap();
        let mut second = UnixStream::connect(&door.socket).await.unwrap();
        assert!(is_served(&mut first).await && is_served(&mut second).await);
        for _ in 0..50 {
            assert!(!is_served(&mut UnixStream::connect(&door.socket).await.unwrap()).await);
        }
        drop(first);
        // The server notices the end in its own time.
        while !is_served(&mut UnixStream::connect(&door.socket).await.unwrap()).await {}
        door.status().await;
        drop(second);
    });
}

#[test]
fn all_connections_together_are_limited() {
    let limit = [("AGENTD_SERVER__MAX_CONNECTIONS", "2")];
    Place::new().serve(&limit, |door| async move {
        door.status().await;
        let mut other = UnixStream::connect(&door.socket).await.unwrap();
        assert!(is_served(&mut other).await);
        assert!(!is_served(&mut UnixStream::connect(&door.socket).await.unwrap()).await);
        let metrics = door.daemon().metrics(v1::MetricsRequest {}).await.unwrap().into_inner().prometheus;
        assert!(metrics.contains("agentd_connections 2\n"), "{metrics}");
        assert!(metrics.contains("agentd_connections_refused_total{reason=\"full\"} 1\n"), "{metrics}");
    });
}

#[test]
fn another_user_is_hung_up_on() {
    let place = Place::new();
    let limits = Server {
        max_connections: 9,
        max_connections_per_process: 9,
        max_streams: 9,
        requests_per_connection: 9,
        submits_per_second: 0,
    };
    run(async {
        let listener = UnixListener::bind(place.socket()).unwrap();
        let gate = Arc::new(rpc::Gate::new(place.uid + 1, limits, Arc::new(agentd_host::SystemClock)));
        let (_listeners, next) = tokio::sync::mpsc::channel(1);
        let taken = rpc::incoming((listener, next), Arc::clone(&gate), CancellationToken::new());
        let mut taken = std::pin::pin!(taken);
        let mut stream = UnixStream::connect(place.socket()).await.unwrap();
        let taken = async { futures_util::StreamExt::next(&mut taken).await };
        tokio::select! {
            served = is_served(&mut stream) => assert!(!served),
            connection = taken => panic!("{connection:?}"),
        }
        assert_eq!(gate.refused().map(|(_, times)| times).collect::<Vec<_>>(), [1, 0, 0, 0]);
    });
}

#[test]
fn what_is_no_grpc_harms_nobody() {
    Place::new().serve(&[], |door| async move {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let mut noise: Vec<u8> = (0..65_536_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let garbage = [
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            std::mem::take(&mut noise[..4_096].to_vec()),
            [&preface[..], &noise].concat(),
            // A frame that says it has 16 MiB.
            [&preface[..], &[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]].concat(),
            // Settings with a length that is no multiple of six.
            [&preface[..], &[0, 0, 5, 4, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5]].concat(),
        ];
        for bytes in garbage {
            let mut stream = UnixStream::connect(&door.socket).await.unwrap();
            // The server may hang up in the middle.
            drop(stream.write_all(&bytes).await);
            drop(stream.read_to_end(&mut Vec::new()).await);
            door.status().await;
        }
        noise.clear();
    });
}

#[test]
fn more_calls_than_a_connection_may_have_are_refused_not_queued() {
    let limit = [("AGENTD_SERVER__MAX_STREAMS", "4")];
    Place::new().serve(&limit, |door| async move {
        let mut tasks = door.tasks();
        let mut open = Vec::new();
        for _ in 0..4 {
            open.push(tasks.watch(v1::WatchRequest::default()).await.unwrap());
        }
        // The fifth waits in the client until a stream ends: the server announced the limit.
        let mut other = door.tasks();
        let fifth = other.list(v1::ListTasksRequest::default());
        let mut fifth = std::pin::pin!(fifth);
        tokio::select! {
            biased;
            answer = &mut fifth => panic!("{answer:?}"),
            () = other_connection(&door) => {}
        }
        drop(open);
        fifth.await.unwrap();
    });
}

async fn other_connection(door: &Door) {
    let mut daemon = DaemonServiceClient::new(channel(&door.socket).await);
    daemon.status(v1::StatusRequest {}).await.unwrap();
}
