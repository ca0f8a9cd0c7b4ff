//! What a client is told of a machine that is pressed: by status, agents, figures and settings.

use std::sync::Arc;

use agentd_host::{Conditions, ManualSensors, Measured, Pressure, Sensors, Thermal};
use agentd_proto::v1::{self, agent_service_client::AgentServiceClient};

use super::support::{Door, Place};

fn pressed() -> Conditions {
    Conditions {
        thermal: Measured::Value(Thermal::Critical),
        memory: Measured::Value(Pressure::Normal),
        ..Conditions::unmeasured("nobody tells")
    }
}

/// The first status that tells of a reading: on a busy machine the first answers may come without one.
async fn status_with_a_reading(door: &Door) -> v1::StatusResponse {
    // Each waits a while for a reading.
    for _ in 0..500 {
        let status = door.status().await;
        if status.conditions.is_some() {
            return status;
        }
    }
    panic!("nobody read how hard the machine is pressed");
}

#[test]
fn pressure_is_told_everywhere_in_the_same_words() {
    let place = Place { sensors: Arc::new(ManualSensors::new(pressed())), ..Place::new() };
    place.serve(&[], |door| async move {
        let status = status_with_a_reading(&door).await;
        let seats = status.compute.unwrap();
        assert!(seats.open == 1 && seats.all >= 1, "{seats:?}");
        if seats.all > 1 {
            assert_eq!(seats.reason, "thermal pressure: critical");
        }
        let told = status.conditions.unwrap();
        assert_eq!((told.thermal(), told.memory()), (v1::ThermalPressure::Critical, v1::MemoryPressure::Normal));
        assert!(told.unmeasured.contains(&"power: nobody tells".to_owned()), "{told:?}");
        let agents = AgentServiceClient::new(door.channel.clone()).list(v1::ListAgentsRequest {}).await;
        let agents = agents.unwrap().into_inner();
        assert_eq!((agents.compute, agents.agents.len()), (Some(seats), 12));
        let metrics = door.daemon().metrics(v1::MetricsRequest {}).await.unwrap().into_inner().prometheus;
        for line in ["agentd_compute_seats 1", "agentd_thermal_pressure 3", "agentd_memory_pressure 0"] {
            assert!(metrics.lines().any(|other| other == line), "{line}\n{metrics}");
        }
        assert!(!metrics.contains("agentd_on_battery"), "what nobody tells is no figure");
    });
}

#[test]
fn whoever_does_not_want_it_is_left_alone() {
    let place = Place { sensors: Arc::new(ManualSensors::new(pressed())), ..Place::new() };
    place.serve(&[("AGENTD_PRESSURE__HEED", "")], |door| async move {
        let status = door.status().await;
        let seats = status.compute.unwrap();
        assert_eq!((seats.open, seats.reason), (seats.all, String::new()));
        assert_eq!(status.conditions, None);
    });
    place.serve(&[("AGENTD_PRESSURE__HEED", "memory")], |door| async move {
        let status = status_with_a_reading(&door).await;
        let seats = status.compute.unwrap();
        assert_eq!(seats.open, seats.all, "heat is told, and not heeded");
        assert_eq!(status.conditions.unwrap().thermal(), v1::ThermalPressure::Critical);
    });
}

/// Whoever lists the agents of an idle daemon is told of now, as by status.
#[test]
fn the_agents_of_an_idle_daemon_are_told_with_the_pressure_of_now() {
    let sensors = Arc::new(ManualSensors::new(Conditions::unmeasured("nobody tells")));
    let place = Place { sensors: Arc::clone(&sensors) as Arc<dyn Sensors>, ..Place::new() };
    place.serve(&[("AGENTD_PRESSURE__CALM_MS", "0")], |door| async move {
        sensors.change(|told| told.thermal = Measured::Value(Thermal::Critical));
        let mut agents = AgentServiceClient::new(door.channel.clone());
        // Without any status before. Each list waits a while for a reading.
        for _ in 0..500 {
            let answer = agents.list(v1::ListAgentsRequest {}).await.unwrap().into_inner();
            let seats = answer.compute.unwrap();
            if seats.open == 1 {
                return;
            }
        }
        panic!("nobody looked");
    });
}
