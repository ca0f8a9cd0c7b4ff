//! The server: every limit of HTTP/2 is set here, none is left to a default that may change.

use std::{os::unix::net::UnixListener as StdListener, sync::Arc, time::Duration};

use agentd_proto::{
    limits::JOURNAL_LIMIT,
    rendezvous::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES},
    v1::{
        agent_service_server::AgentServiceServer, daemon_service_server::DaemonServiceServer,
        rule_service_server::RuleServiceServer, task_service_server::TaskServiceServer,
    },
};
use tokio::{net::UnixListener, sync::mpsc};
use tonic::{
    Request, Status,
    service::{Interceptor, InterceptorLayer, Routes},
    transport::Server,
};
use tonic_health::{pb::health_server::HealthServer, server::HealthReporter};

use super::{Context, Peer, accept, agents::Agents, daemon::Daemon, health, reflection, rules::Rules, tasks::Tasks};
use crate::{
    Error,
    sabotage::{Point, is},
};

/// A client that says nothing for so long is asked whether it lives.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long it may take to say so.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Streams that a client broke and that are still remembered. The library of HTTP/2 keeps 1,024 by default.
const LOCAL_ERROR_RESETS: usize = 256;
/// Streams that a client opened and reset before they were looked at (rapid reset).
const PENDING_ACCEPT_RESETS: usize = 20;
/// All headers of a call together, in bytes.
const HEADER_LIST: u32 = 16 * 1024;
/// Largest piece of a message, in bytes; the smallest that HTTP/2 allows to ask for.
const FRAME: u32 = 16 * 1024;
/// How much a client may send before we have read it, per call: a submit fits.
const STREAM_WINDOW: u32 = 64 * 1024;
/// The same for all calls of a connection.
const CONNECTION_WINDOW: u32 = 512 * 1024;

/// Serves the socket, and the ones that come after it, until [`Stops::ending`](super::Stops::ending), then until the last call is answered. Run it on the
/// `net` thread.
///
/// # Errors
/// The system refuses the listener, or the server fails.
pub async fn serve(
    context: Arc<Context>,
    listener: StdListener,
    next: mpsc::Receiver<StdListener>,
) -> Result<(), Error> {
    let refused = |source| Error::Socket { path: context.facts.socket.clone(), source };
    let listener = UnixListener::from_std(listener).map_err(refused)?;
    let stops = context.stops.clone();
    let connections = accept::incoming((listener, next), Arc::clone(&context.gate), stops.closing.clone());
    let health = HealthReporter::new();
    let serving = limited(&context)
        .layer(InterceptorLayer::new(guard(context.gate.own_uid())))
        .add_routes(routes(&context, &health))
        .serve_with_incoming_shutdown(connections, stops.ending.clone().cancelled_owned());
    tokio::select! {
        outcome = serving => outcome.map_err(Error::Server),
        never = health::follow(health.clone(), &context) => match never {},
    }
}

/// Our services and the two standard ones.
fn routes(context: &Arc<Context>, health: &HealthReporter) -> Routes {
    let tasks = TaskServiceServer::new(Tasks(Arc::clone(context)));
    let agents = AgentServiceServer::new(Agents(Arc::clone(context)));
    let daemon = DaemonServiceServer::new(Daemon(Arc::clone(context)));
    let rules = RuleServiceServer::new(Rules(Arc::clone(context)));
    let health = HealthServer::new(health::Live::new(Arc::clone(context), health.clone()));
    let routes = Routes::default()
        .add_service(tasks.max_decoding_message_size(MAX_REQUEST_BYTES).max_encoding_message_size(MAX_RESPONSE_BYTES))
        .add_service(agents.max_decoding_message_size(MAX_REQUEST_BYTES).max_encoding_message_size(MAX_RESPONSE_BYTES))
        .add_service(daemon.max_decoding_message_size(MAX_REQUEST_BYTES).max_encoding_message_size(MAX_RESPONSE_BYTES))
        .add_service(rules.max_decoding_message_size(MAX_REQUEST_BYTES).max_encoding_message_size(MAX_RESPONSE_BYTES))
        .add_service(health.max_decoding_message_size(MAX_REQUEST_BYTES).max_encoding_message_size(MAX_RESPONSE_BYTES));
    reflection::add(routes)
}

fn limited(context: &Context) -> Server {
    let limits = context.config.server;
    Server::builder()
        .accept_http1(false)
        .max_concurrent_streams(limits.max_streams)
        .http2_max_local_error_reset_streams(Some(LOCAL_ERROR_RESETS))
        .http2_max_pending_accept_reset_streams(Some(PENDING_ACCEPT_RESETS))
        .concurrency_limit_per_connection(limits.requests_per_connection)
        .load_shed(true) // without it, calls above the limit would queue
        // The longest that any call may take; `Context::answer` knows what each one may.
        .timeout(JOURNAL_LIMIT)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .http2_max_header_list_size(HEADER_LIST)
        .max_frame_size(FRAME)
        .http2_adaptive_window(Some(false))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
}

/// Looks at who calls, on every call: whatever lets a connection in, another user's call is not answered.
fn guard(own_uid: u32) -> impl Interceptor + Clone {
    move |call: Request<()>| match call.extensions().get::<Peer>() {
        Some(peer) if peer.uid == own_uid || is(Point::CallUser) => Ok(call),
        Some(peer) => {
            let message = format!("this daemon serves user {own_uid} only, you are user {}; start your own", peer.uid);
            Err(Status::permission_denied(message))
        }
        None => Err(Status::permission_denied("the system does not say who you are; connect through the Unix socket")),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use agentd_host::ManualClock;
    use tonic::{Code, Extensions, metadata::MetadataMap};

    use super::*;
    use crate::rpc::pace::Pace;

    #[test]
    pub(crate) fn calls_of_others_are_refused() {
        for (uid, expected) in [
            (Some(501), None),
            (Some(0), Some(Code::PermissionDenied)),
            (Some(502), Some(Code::PermissionDenied)),
            (None, Some(Code::PermissionDenied)),
        ] {
            let mut extensions = Extensions::default();
            if let Some(uid) = uid {
                let pace = Arc::new(Pace::new(0, Arc::new(ManualClock::default())));
                extensions.insert(Peer { uid, pid: None, pace });
            }
            let call = Request::from_parts(MetadataMap::default(), extensions, ());
            assert_eq!(guard(501).call(call).err().map(|status| status.code()), expected, "{uid:?}");
        }
    }
}
