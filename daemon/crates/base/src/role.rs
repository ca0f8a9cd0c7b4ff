//! The twelve roles and the class of cores that each one asks for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::AgentId;

/// Which cores a thread asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CoreClass {
    /// The fast tiers, all but the slowest.
    Compute,
    /// The slowest tier.
    Coordinator,
}

impl fmt::Display for CoreClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Compute => "compute",
            Self::Coordinator => "coordinator",
        })
    }
}

macro_rules! roles {
    ($($variant:ident $name:literal $class:ident: $doc:literal),+ $(,)?) => {
        /// What an agent is for; steps ask for a role, not for an agent.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum Role { $(#[doc = $doc] $variant),+ }

        impl Role {
            /// All twelve: the eight compute roles, then the four coordinators.
            pub const ALL: [Self; 12] = [$(Self::$variant),+];

            /// The name, as in configuration, thread table and `agents`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Which cores agents of the role ask for.
            #[must_use]
            pub const fn class(self) -> CoreClass {
                match self { $(Self::$variant => CoreClass::$class),+ }
            }
        }
    };
}

roles! {
    Analyzer "analyzer" Compute: "Parses and measures code.",
    Architect "architect" Compute: "Finds structure and cycles.",
    Optimizer "optimizer" Compute: "Applies performance rules and reads profiles.",
    Generator "generator" Compute: "Renders templates and patches.",
    Validator "validator" Compute: "Runs tests.",
    Integrator "integrator" Compute: "Resolves dependencies and merges.",
    Researcher "researcher" Compute: "Searches code and documents.",
    Synthesizer "synthesizer" Compute: "Merges and ranks results.",
    Coordinator "coordinator" Coordinator: "Picks the strategy, decomposes, keeps deadlines.",
    Documenter "documenter" Coordinator: "Makes the task files.",
    Monitor "monitor" Coordinator: "Watches hardware and backends.",
    Reporter "reporter" Coordinator: "Renders reports.",
}

impl Role {
    /// The agent of this role; every role has exactly one.
    #[must_use]
    pub const fn agent(self) -> AgentId {
        AgentId(self as u8)
    }

    /// The role of an agent; `None` for a number above 11.
    #[must_use]
    pub fn of(agent: AgentId) -> Option<Self> {
        Self::ALL.get(usize::from(agent.0)).copied()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|role| role.name()).collect();
            format!("there is no agent `{text}`; the twelve are {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_compute_and_four_coordinators_each_with_its_agent() {
        let compute = Role::ALL.iter().filter(|role| role.class() == CoreClass::Compute).count();
        assert_eq!((compute, Role::ALL.len() - compute), (8, 4));
        for (number, role) in (0_u8..).zip(Role::ALL) {
            assert_eq!(role.agent(), AgentId(number));
            assert_eq!(Role::of(AgentId(number)), Some(role));
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert_eq!(Role::of(AgentId(12)), None);
        assert!("chef".parse::<Role>().unwrap_err().contains("researcher"));
    }
}
