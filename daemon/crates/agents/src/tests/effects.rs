//! Intents: asked for, granted or refused, and never cut off before their effect is told.

use std::{path::PathBuf, sync::Arc};

use agentd_base::{ContentHash, EffectIntent, ErrorClass, Role};
use tokio::sync::Notify;

use super::support::{Rig, said, words};
use crate::{Report, StepFault};

fn intent() -> EffectIntent {
    EffectIntent::WriteFile { path: PathBuf::from("tasks/x/y"), before: None, after: ContentHash::of(b"y") }
}

#[test]
fn a_refused_intent_gives_no_token() {
    let mut rig = Rig::code(1, |ctx| {
        Box::pin(async move {
            ctx.effect(intent()).await?;
            said("not reached")
        })
    });
    let key = rig.begin(Role::Reporter, 1, "write");
    let Report::Intent { key: asked, intent: what, granted, agent, generation } = rig.report() else { panic!() };
    assert_eq!((asked, what, agent, generation), (key, intent(), Role::Reporter.agent(), 1));
    granted.send(Err(StepFault::new(ErrorClass::Denied, "not here"))).unwrap();
    assert_eq!(words(rig.finished().1), "denied: not here");
}

#[test]
fn an_engine_that_has_gone_grants_nothing() {
    let mut rig = Rig::code(1, |ctx| {
        Box::pin(async move {
            ctx.effect(intent()).await?;
            said("not reached")
        })
    });
    rig.begin(Role::Reporter, 1, "write");
    drop(rig.report());
    assert_eq!(rig.finished().1.unwrap_err().class, ErrorClass::Unavailable);
}

#[test]
fn a_stop_waits_until_the_granted_effect_is_told() {
    let (granted, told) = std::sync::mpsc::sync_channel(1);
    let gate = Arc::new(Notify::new());
    let inside = Arc::clone(&gate);
    let mut rig = Rig::code(1, move |ctx| {
        let (gate, granted) = (Arc::clone(&inside), granted.clone());
        Box::pin(async move {
            let token = ctx.effect(intent()).await?;
            assert_eq!((token.attempt(), token.intent()), (ctx.key(), &intent()));
            granted.send(()).unwrap();
            gate.notified().await;
            ctx.effected(intent()).await;
            std::future::pending().await
        })
    });
    let key = rig.begin(Role::Reporter, 1, "write");
    let Report::Intent { granted, .. } = rig.report() else { panic!() };
    granted.send(Ok(())).unwrap();
    told.recv().unwrap();
    rig.crew.stop_attempt(Role::Reporter.agent(), key);
    gate.notify_one();
    assert!(matches!(rig.report(), Report::Effected { key: of, .. } if of == key), "first the effect");
    assert_eq!(rig.finished().1.unwrap_err().class, ErrorClass::Cancelled);
}

#[test]
fn a_stopped_attempt_gets_no_new_intent() {
    let (begun, told) = std::sync::mpsc::sync_channel(1);
    let mut rig = Rig::code(1, move |ctx| {
        let begun = begun.clone();
        Box::pin(async move {
            begun.send(()).unwrap();
            ctx.cancelled().await;
            ctx.effect(intent()).await?;
            said("not reached")
        })
    });
    let key = rig.begin(Role::Reporter, 1, "write");
    told.recv().unwrap();
    rig.crew.stop_attempt(Role::Reporter.agent(), key);
    assert_eq!(rig.finished().1.unwrap_err().class, ErrorClass::Cancelled);
}
