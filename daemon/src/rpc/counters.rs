//! Counts calls by method and outcome.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use agentd_engine::Metric;
use agentd_proto::limits::{CALL_LIMIT, JOURNAL_LIMIT};
use tonic::{Code, Status};

/// Codes of gRPC: 0 to 16.
const CODES: usize = 17;

macro_rules! methods {
    ($($variant:ident $name:literal),+ $(,)?) => {
        /// A call of the contract.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Method { $($variant),+ }

        impl Method {
            const NAMES: &[&'static str] = &[$($name),+];
        }
    };
}

methods! {
    Submit "agentd.v1.TaskService/Submit",
    Get "agentd.v1.TaskService/Get",
    List "agentd.v1.TaskService/List",
    Watch "agentd.v1.TaskService/Watch",
    Cancel "agentd.v1.TaskService/Cancel",
    ReadDocument "agentd.v1.TaskService/ReadDocument",
    ListAgents "agentd.v1.AgentService/List",
    ListRules "agentd.v1.RuleService/List",
    Handshake "agentd.v1.DaemonService/Handshake",
    Status "agentd.v1.DaemonService/Status",
    Metrics "agentd.v1.DaemonService/Metrics",
    GetConfig "agentd.v1.DaemonService/GetConfig",
    Shutdown "agentd.v1.DaemonService/Shutdown",
    VerifyJournal "agentd.v1.DaemonService/VerifyJournal",
    RebuildIndex "agentd.v1.DaemonService/RebuildIndex",
    Examine "agentd.v1.DaemonService/Examine",
}

impl Method {
    /// How long its answer may take.
    pub(super) const fn limit(self) -> Duration {
        match self {
            Self::VerifyJournal | Self::RebuildIndex => JOURNAL_LIMIT,
            _ => CALL_LIMIT,
        }
    }
}

/// Calls since the start. Streams count when they open.
#[derive(Debug)]
pub(super) struct Counters([[AtomicU64; CODES]; Method::NAMES.len()]);

impl Default for Counters {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Default::default()))
    }
}

impl Counters {
    /// Counts an outcome and passes it on.
    pub(super) fn count<T>(&self, method: Method, outcome: Result<T, Status>) -> Result<T, Status> {
        let code = outcome.as_ref().map_or_else(Status::code, |_| Code::Ok);
        self.0[method as usize][code as usize].fetch_add(1, Ordering::Relaxed);
        outcome
    }

    /// Every figure that is not zero.
    pub(super) fn metrics(&self) -> impl Iterator<Item = Metric> {
        let figure = |method: usize, code: usize| {
            let value = self.0[method][code].load(Ordering::Relaxed);
            let code = Code::from_i32(i32::try_from(code).unwrap_or(0));
            (value > 0).then(|| Metric {
                name: "agentd_rpcs_total",
                help: "Calls answered since the start, by method and gRPC code; streams count when they open.",
                kind: "counter",
                labels: vec![("method", Method::NAMES[method].to_owned()), ("code", format!("{code:?}"))],
                value: value as f64,
            })
        };
        (0..Method::NAMES.len()).flat_map(move |method| (0..CODES).filter_map(move |code| figure(method, code)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_contract() {
        let set =
            <prost_types::FileDescriptorSet as prost::Message>::decode(agentd_proto::FILE_DESCRIPTOR_SET).unwrap();
        let services = set.file.iter().flat_map(|file| file.service.iter());
        let mut expected: Vec<String> = services
            .flat_map(|service| {
                service.method.iter().map(|method| format!("agentd.v1.{}/{}", service.name(), method.name()))
            })
            .collect();
        let mut names = Method::NAMES.to_vec();
        expected.sort();
        names.sort_unstable();
        assert_eq!(names, expected);
    }

    #[test]
    fn outcomes_are_counted_by_code() {
        let counters = Counters::default();
        assert!(counters.count(Method::Get, Ok(())).is_ok());
        for _ in 0..2 {
            assert!(counters.count::<()>(Method::Get, Err(Status::not_found("x"))).is_err());
        }
        let figures: Vec<_> = counters.metrics().map(|metric| (metric.labels[1].1.clone(), metric.value)).collect();
        assert_eq!(figures, [("Ok".to_owned(), 1.0), ("NotFound".to_owned(), 2.0)]);
    }
}
