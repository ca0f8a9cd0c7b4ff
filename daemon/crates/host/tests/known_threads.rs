//! Every thread of a process that uses this room is accounted for. A binary of its own: the test harness has threads
//! that nobody registered, so the one test here tells of them first.

#![cfg(target_os = "linux")]

use agentd_host::{
    Intent, PlanSettings, Topology, current_thread_runtime, place, register_foreign, spawn, table, task,
    unknown_threads,
};

#[test]
fn every_thread_is_known() {
    let topology = Topology::detect();
    let plan = |intent| place(&topology, intent, &PlanSettings::default());
    let before = unknown_threads();
    assert!(!before.is_empty(), "the harness's own threads are unknown at first");
    register_foreign("known_threads", "the program itself");
    register_foreign("every_thread_is", "the harness's thread of this test");
    assert_eq!(unknown_threads(), Vec::<String>::new());

    let (hold, held) = std::sync::mpsc::sync_channel::<()>(0);
    let runtime = spawn("net", &plan(Intent::Net), move || {
        let runtime = current_thread_runtime().unwrap();
        runtime.block_on(async {
            let answer = task::spawn("answer", async { 7 });
            assert_eq!(answer.await.unwrap(), 7);
        });
        let _ = held.recv();
    })
    .unwrap();
    assert_eq!(unknown_threads(), Vec::<String>::new());
    assert_eq!(table().len(), 1);
    drop(hold);
    runtime.join().unwrap();
}
