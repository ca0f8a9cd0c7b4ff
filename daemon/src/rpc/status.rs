//! What an error becomes on the wire: one table from error class to gRPC code.

use std::time::Duration;

use agentd_base::{Classify, ErrorClass};
use agentd_proto::limits::RETRY_AFTER_TRAILER;
use tonic::{Code, Status, metadata::MetadataValue};

use crate::describe;

/// The gRPC code of an error class. The client's exit code follows from it (`agentd_proto::codes`).
#[must_use]
pub const fn code_for(class: ErrorClass) -> Code {
    match class {
        ErrorClass::Invalid => Code::InvalidArgument,
        ErrorClass::NotFound => Code::NotFound,
        ErrorClass::Conflict => Code::AlreadyExists,
        ErrorClass::Denied => Code::PermissionDenied,
        ErrorClass::Busy => Code::ResourceExhausted,
        // No other try goes better until somebody has made room.
        ErrorClass::Unavailable | ErrorClass::Disk => Code::Unavailable,
        ErrorClass::Cancelled => Code::Cancelled,
        ErrorClass::TimedOut => Code::DeadlineExceeded,
        ErrorClass::OutOfRange => Code::OutOfRange,
        ErrorClass::Damaged => Code::DataLoss,
        ErrorClass::Drift => Code::Aborted,
        ErrorClass::Poison | ErrorClass::Internal => Code::Internal,
    }
}

/// An error with its causes, its code, and when to come back.
#[must_use]
pub(super) fn status_of<E: Classify + std::error::Error>(error: &E, retry_after: Option<Duration>) -> Status {
    let class = error.class();
    let message = describe(error);
    if matches!(class, ErrorClass::Internal | ErrorClass::Damaged | ErrorClass::Poison) {
        tracing::error!(%class, message, "a call failed by a fault of ours");
    }
    let mut status = Status::new(code_for(class), message);
    if let Some(time) = retry_after {
        // At least 1: a client that takes it literally must not spin.
        let value = MetadataValue::from(u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1));
        status.metadata_mut().insert(RETRY_AFTER_TRAILER, value);
    }
    status
}

/// What the engine refused.
#[must_use]
pub(super) fn refused(error: &agentd_engine::Error) -> Status {
    status_of(error, error.retry_after())
}

#[cfg(test)]
mod tests {
    use agentd_proto::codes::{Exit, exit_for};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Fault(ErrorClass, #[source] std::io::Error);

    impl Classify for Fault {
        fn class(&self) -> ErrorClass {
            self.0
        }
    }

    #[test]
    fn every_class_has_a_code_and_a_fitting_exit_code() {
        for (class, code, exit) in [
            (ErrorClass::Invalid, Code::InvalidArgument, Exit::Usage),
            (ErrorClass::NotFound, Code::NotFound, Exit::NotFound),
            (ErrorClass::Conflict, Code::AlreadyExists, Exit::Usage),
            (ErrorClass::Denied, Code::PermissionDenied, Exit::Denied),
            (ErrorClass::Busy, Code::ResourceExhausted, Exit::Busy),
            (ErrorClass::Disk, Code::Unavailable, Exit::Unavailable),
            (ErrorClass::Unavailable, Code::Unavailable, Exit::Unavailable),
            (ErrorClass::Cancelled, Code::Cancelled, Exit::Unavailable),
            (ErrorClass::TimedOut, Code::DeadlineExceeded, Exit::Unavailable),
            (ErrorClass::OutOfRange, Code::OutOfRange, Exit::Usage),
            (ErrorClass::Damaged, Code::DataLoss, Exit::DataLoss),
            (ErrorClass::Drift, Code::Aborted, Exit::Busy),
            (ErrorClass::Poison, Code::Internal, Exit::Internal),
            (ErrorClass::Internal, Code::Internal, Exit::Internal),
        ] {
            let status = status_of(&Fault(class, std::io::Error::other("inner")), None);
            assert_eq!((status.code(), exit_for(status.code())), (code, exit), "{class}");
            assert_eq!(status.message(), "outer: inner");
            assert!(status.metadata().is_empty());
        }
    }

    #[test]
    fn the_time_to_come_back_travels_in_the_trailers() {
        let hint = |error: &agentd_engine::Error| {
            let status = refused(error);
            status.metadata().get(RETRY_AFTER_TRAILER).map(|value| value.to_str().unwrap().parse::<u64>().unwrap())
        };
        assert!(hint(&agentd_engine::Error::QueueFull { open: 2, max: 2 }).unwrap() >= 1);
        assert_eq!(hint(&agentd_engine::Error::Invalid("no".to_owned())), None);
        let spins = status_of(&agentd_engine::Error::Stopping, Some(Duration::ZERO));
        assert_eq!(spins.metadata().get(RETRY_AFTER_TRAILER).unwrap().to_str().unwrap(), "1");
    }
}
