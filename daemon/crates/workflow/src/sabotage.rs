//! What can be left out here for tests of the tests; the tables of `decide` must turn red for every one.

agentd_base::sabotage_points! {
    Needs "needs" "Starts steps before those that they need are done.",
    Late "late" "Takes the result of an older attempt for that of the present one.",
    Ended "ended" "Goes on after the end.",
    Stopping "stopping" "Starts steps of a task that is being stopped.",
    Lasting "lasting" "Tries again what another try does not mend.",
    Tries "tries" "Tries again without end what may pass.",
    AtOnce "at_once" "Tries again at once what the machine has refused.",
    DiskCharge "disk_charge" "Charges a step with a full disk.",
    WaitKept "wait_kept" "Draws a wait anew that was recorded.",
    Strike "strike" "Counts no death.",
    StrikeEvery "strike_every" "Counts deaths that are no fault of the step: others ran beside it, a stop, a new boot.",
    Quarantine "quarantine" "Tries a step again however often it has killed the daemon.",
    SilenceBeside "silence_beside" "Counts silences of agents that held other steps too.",
    SilenceEnd "silence_end" "Tries a step again however often it has silenced its agent.",
    Apart "apart" "Lets a step that may have silenced an agent run beside others.",
    Resume "resume" "Forgets after a restart what was ready.",
}
