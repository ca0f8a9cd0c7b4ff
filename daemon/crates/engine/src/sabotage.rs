//! What can be left out here for tests of the tests; the tests of the books must turn red for every one.

use crate::core::Output;

agentd_base::sabotage_points! {
    AnswerGate "answer_gate" "Answers before it is on disk.",
    AssignGate "assign_gate" "Gives a step to an agent before it is on disk.",
    GrantGate "grant_gate" "Grants an effect before its intent is on disk.",
    EventGate "event_gate" "Shows events before they are on disk.",
    IndexGate "index_gate" "Hands an end to the index before it is on disk.",
    LateGate "late_gate" "Does not hold back a promise without records for the batch that is on its way.",
    FailedMode "failed_mode" "Goes on after the journal failed.",
    FailedAnswer "failed_answer" "Answers those who wait as if the journal had not failed.",
    FailedGrant "failed_grant" "Leaves those without an answer who want to change the world.",
    FailedForget "failed_forget" "Keeps tasks that never came to the disk.",
    FailedStop "failed_stop" "Lets attempts run on that cannot be recorded.",
    FailedRoom "failed_room" "Takes no call any more if a batch was full when the journal failed.",
    RecentEarly "recent_early" "Forgets finished tasks before the index has them.",
    IndexBehind "index_behind" "Accepts tasks although the index does not keep up.",
    OpenBound "open_bound" "Accepts tasks beyond what a checkpoint holds.",
    RollBound "roll_bound" "Writes a checkpoint that the journal does not take.",
    BatchBound "batch_bound" "Hands over more at once than the journal takes.",
    CheckpointRest "checkpoint_rest" "Writes a checkpoint that tells of records which are still to come.",
    Away "away" "Gives steps to an agent that is silent and has no new thread.",
    RefusedAway "refused_away" "Offers a step again and again to an agent that does not take it.",
    Silence "silence" "Does not count silences.",
    Apart "apart" "Lets a step that may have silenced an agent run beside others.",
    IntentText "intent_text" "Leaves who wants to change the world without an answer if that cannot be written down.",
    IntentFit "intent_fit" "Skips intents that it does not understand.",
    WaitKept "wait_kept" "Draws a wait anew that was recorded.",
    Watermark "watermark" "Tells the index that nothing is open.",
    WatermarkEnding "watermark_ending" "Tells the index that an end is there which is still to come.",
    CheckpointOpen "checkpoint_open" "Does not copy open tasks forward.",
    CheckpointBoot "checkpoint_boot" "Does not copy the boot forward.",
    NextSeq "next_seq" "Forgets that a checkpoint covers records which are not in it.",
    ReplayKeys "replay_keys" "Forgets the keys of open tasks.",
    FitCheck "fit_check" "Skips records that fit no task.",
    BootId "boot_id" "Takes a new boot of the machine for a crash.",
    Stopped "stopped" "Takes a stop for a crash.",
    Restart "restart" "Does not start again what was in flight.",
    Resume "resume" "Does not take up what was ready.",
    EndAgain "end_again" "Does not write an end that was decided.",
    Marked "marked" "Does not heed the crash marker.",
    AloneStrike "alone_strike" "Blames every step that was in flight.",
    Suspects "suspects" "Suspects nobody after an unexplained death.",
    AloneWatch "alone_watch" "Starts others beside a suspect.",
    Believed "believed" "Never believes a suspect.",
    Unfinished "unfinished" "Does not tell an attempt of intents without an end.",
    IntentKept "intent_kept" "Forgets intents.",
    EffectDone "effect_done" "Does not strike off an intent that came to its end.",
    LateResult "late_result" "Records results of attempts that were given up.",
    LateEffect "late_effect" "Records effects of attempts that were given up.",
    LateIntent "late_intent" "Grants effects to attempts that were given up.",
    EndingIntent "ending_intent" "Grants effects of tasks whose end was asked for.",
    SilentAgain "silent_again" "Does not start again what a silent agent held.",
    RefusedAgain "refused_again" "Does not start again what an agent did not take.",
    StopSuspends "stop_suspends" "Stops without suspending what is in flight.",
    StopTold "stop_told" "Stops without saying so.",
    KeyIndex "key_index" "Does not heed what the index knows of a key.",
    KeyAgain "key_again" "Does not ask memory again after the index has answered.",
    Fingerprint "fingerprint" "Takes another request with the same key for the same one.",
    WatchDurable "watch_durable" "Lets a watcher begin with events that are not on disk.",
    WatchOver "watch_over" "Tells a watcher that it is over before the end is on disk.",
    WatchFuture "watch_future" "Takes cursors of the future.",
    WatchOldest "watch_oldest" "Takes cursors that are no longer kept.",
    ListDurable "list_durable" "Lists tasks that are not on disk.",
    CatchUp "catch_up" "Trusts an index that is behind the log.",
    CatchUpMark "catch_up_mark" "Moves the index's mark beyond open tasks.",
    Blind "blind" "Makes an index from a log that cannot be read.",
    KeepFrom "keep_from" "Drops segments of tasks that are to be kept.",
    ForgetBefore "forget_before" "Keeps index entries of tasks that are gone.",
    NamedPayloads "named_payloads" "Sweeps payloads that records name.",
}

/// Lets out what a switch does not hold back until it is on disk.
pub(crate) fn open_gates(released: &mut Vec<Output>, outputs: &mut Vec<Output>) {
    if cfg!(feature = "sabotage") {
        outputs.extend(released.extract_if(.., |output| gate(output).is_some_and(is)));
    }
}

const fn gate(output: &Output) -> Option<Point> {
    match output {
        Output::Answer(..) => Some(Point::AnswerGate),
        Output::Assign(..) => Some(Point::AssignGate),
        Output::Granted(..) => Some(Point::GrantGate),
        Output::Publish(..) => Some(Point::EventGate),
        Output::Index(..) => Some(Point::IndexGate),
        Output::Stop(..) | Output::FindKey(..) => None,
    }
}
