//! From the settings to what the engine is told.

use agentd_agents::{CrewConfig, RoleConfig};
use agentd_base::Role;
use agentd_engine::{EngineConfig, Keep, OverloadLimits};
use agentd_host::PlanSettings;

use super::Config;

impl Config {
    /// What the engine is told. `child_descriptors`: the limit that children get back.
    #[must_use]
    pub fn engine(&self, child_descriptors: Option<u64>) -> EngineConfig {
        let crew = &self.crew;
        let plan = PlanSettings {
            coordinator_qos: crew.coordinators_qos,
            compute_nice: crew.compute_nice,
            ..PlanSettings::default()
        };
        let roles = std::array::from_fn(|number| {
            let agent = &crew.agents[&Role::ALL[number]];
            RoleConfig {
                slots: agent.slots,
                capabilities: agent.capabilities.clone(),
                plan: agent.qos.map(|qos| PlanSettings { qos: Some(qos), ..plan }),
            }
        });
        EngineConfig {
            state_dir: self.state_dir.clone(),
            max_tasks: self.queue.max_tasks,
            segment_bytes: self.storage.segment_bytes,
            keep: Keep { age: self.storage.retention_age, bytes: self.storage.retention_bytes },
            overload: OverloadLimits { mean: crew.overload_mean, success: crew.overload_success },
            silent_after: crew.silent,
            max_children: crew.max_children,
            child_descriptors,
            pressure: crew.pressure.clone(),
            crew: CrewConfig {
                plan,
                rules: self.rules,
                cache_bytes: self.storage.cache_bytes,
                trust_times: self.storage.trust_times,
                ..CrewConfig::new(self.state_dir.clone(), roles)
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use agentd_engine::{Heed, PressureSettings};
    use agentd_host::{CoordinatorQos, Qos};
    use agentd_tools::findings::{Confidence, RuleSet};
    use agentd_workflow::Action;

    use crate::config::{Flags, load};

    #[test]
    fn every_setting_of_the_engine_reaches_it() {
        let variables = [
            ("AGENTD_HOME", "/nowhere/at/all"),
            ("AGENTD_QUEUE__MAX_TASKS", "11"),
            ("AGENTD_JOURNAL__SEGMENT_BYTES", "2097152"),
            ("AGENTD_RETENTION__DAYS", "2"),
            ("AGENTD_RETENTION__BYTES", "33554432"),
            ("AGENTD_CACHE__BYTES", "4096"),
            ("AGENTD_CACHE__TRUST_TIMES", "no"),
            ("AGENTD_ASSIGN__OVERLOAD_MEAN_MS", "7"),
            ("AGENTD_ASSIGN__OVERLOAD_SUCCESS", "0.5"),
            ("AGENTD_WEDGE__SILENT_MS", "6000"),
            ("AGENTD_PRESSURE__HEED", "low_power,thermal"),
            ("AGENTD_PRESSURE__CALM_MS", "250"),
            ("AGENTD_CHILDREN__MAX", "3"),
            ("AGENTD_RULES__OFF", "loop-sort, string-chain"),
            ("AGENTD_RULES__MIN_CONFIDENCE", "high"),
            ("AGENTD_COORDINATORS__QOS", "utility"),
            ("AGENTD_COMPUTE__NICE", "9"),
            ("AGENTD_AGENTS__ARCHITECT__SLOTS", "5"),
            ("AGENTD_AGENTS__ARCHITECT__QOS", "background"),
            ("AGENTD_AGENTS__ARCHITECT__CAPABILITIES", "structure"),
        ];
        let environment: HashMap<_, _> = variables.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let engine = load(&Flags::default(), &environment, 0).unwrap().engine(Some(256));
        assert_eq!((engine.max_tasks, engine.segment_bytes, engine.max_children), (11, 2 << 20, 3));
        assert_eq!((engine.keep.age, engine.keep.bytes), (Duration::from_secs(2 * 24 * 3_600), 32 << 20));
        assert_eq!((engine.overload.mean, engine.overload.success), (Duration::from_millis(7), 0.5));
        assert_eq!((engine.silent_after, engine.child_descriptors), (Duration::from_secs(6), Some(256)));
        assert_eq!((engine.crew.plan.coordinator_qos, engine.crew.plan.compute_nice), (CoordinatorQos::Utility, 9));
        let heed = vec![Heed::Thermal, Heed::LowPower];
        assert_eq!(engine.pressure, PressureSettings { heed, calm: Duration::from_millis(250) });
        let rules = RuleSet::ALL.without("loop-sort").without("string-chain").at_least(Confidence::High);
        let crew = &engine.crew;
        assert_eq!((crew.rules, crew.cache_bytes, crew.trust_times), (rules, 4_096, false));
        let [_, architect, optimizer, ..] = &engine.crew.roles;
        assert_eq!((architect.slots, architect.capabilities.as_deref()), (5, Some(&[Action::Structure][..])));
        assert_eq!(architect.plan.map(|plan| (plan.qos, plan.compute_nice)), Some((Some(Qos::Background), 9)));
        assert_eq!((optimizer.capabilities.as_ref(), optimizer.plan), (None, None));
    }
}
