//! Tests of the tests: with each switch that leaves out one gate, order or check, one of these must turn red.

use super::*;
use crate::{
    core::simulation,
    retention::tests as retention,
    sabotage::{Check, first_red, prove},
    shell::tests as shell,
};

/// The tests by their names, quick ones first.
macro_rules! checks {
    ($($path:path),+ $(,)?) => { [$((stringify!($path), &$path)),+] };
}

const CHECKS: [Check<'_>; 47] = checks![
    nothing_leaves_before_it_is_on_disk,
    one_key_makes_one_task,
    a_failed_journal_refuses_all_who_wait_and_all_who_come,
    the_index_is_told_of_nothing_that_may_still_be_missing,
    a_checkpoint_brings_open_tasks_and_the_boot,
    only_a_death_on_the_same_boot_is_unexplained,
    records_that_fit_no_task_are_refused_and_a_missing_end_is_written,
    after_an_unexplained_death_suspects_run_one_at_a_time_and_nothing_beside_them,
    deaths_with_several_in_flight_blame_nobody,
    an_intent_without_an_end_is_asked_about_and_one_that_ended_is_not,
    words_of_a_given_up_attempt_change_nothing_and_its_step_starts_again,
    a_stop_suspends_what_runs_and_says_so,
    only_what_is_on_disk_is_shown_and_cursors_have_bounds,
    storage::a_failure_with_a_full_batch_leaves_the_books_listening,
    storage::finished_tasks_stay_in_memory_until_they_are_with_the_index,
    storage::who_only_looks_is_told_what_is_on_disk_also_after_a_failure,
    attempts::an_agent_without_a_new_thread_gets_nothing_and_keeps_what_it_has,
    attempts::an_agent_that_refuses_a_step_is_not_asked_again_at_once,
    attempts::silences_are_counted_across_restarts_and_end_the_step,
    attempts::a_step_that_was_beside_others_in_a_silence_runs_apart_afterwards,
    attempts::an_intent_that_cannot_be_written_is_answered,
    attempts::an_intent_that_cannot_be_read_is_refused_at_the_start,
    attempts::a_restart_keeps_the_wait_that_was_recorded,
    attempts::a_silence_in_the_piece_of_another_step_is_charged_to_nobody_who_was_beside,
    storage::after_a_failure_nothing_that_befalls_agents_is_recorded,
    storage::a_stop_is_told_though_payloads_cannot_be_stored_but_not_to_a_log_that_failed,
    clocks::the_newest_name_outlives_the_segment_in_which_its_task_ended,
    beside::nothing_is_looked_up_where_the_log_cannot_be_read,
    simulation::a_marked_step_is_blamed_though_others_ran_beside_it,
    simulation::reboots_quarantine_nothing,
    beside::an_index_that_is_behind_the_log_reads_what_it_missed,
    beside::an_index_that_did_not_take_an_end_is_made_anew_from_the_log,
    beside::what_may_stand_in_lost_records_is_neither_new_nor_unknown,
    beside::retention_lets_old_tasks_go_and_nothing_that_is_kept,
    retention::what_is_too_old_goes_with_its_folder_and_its_payloads,
    retention::open_tasks_keep_their_folder_and_their_payloads,
    retention::a_clock_that_jumps_ahead_makes_nothing_old_and_time_that_passes_does,
    retention::nothing_goes_while_somebody_exports_and_it_is_tried_again,
    shell::one_batch_is_on_its_way_at_a_time,
    shell::what_came_to_the_disk_before_it_failed_is_answered,
    shell::payloads_that_fail_wait_for_the_batch_on_its_way_and_the_stop_is_told,
    shell::a_key_is_refused_when_the_index_cannot_be_read,
    shell::ends_wait_while_the_io_thread_has_no_room,
    storage::an_index_that_does_not_keep_up_stops_submits,
    storage::a_stop_with_thousands_in_flight_fits_the_journal,
    storage::open_tasks_never_outgrow_a_checkpoint,
    simulation::a_few_crashes,
];

#[test]
fn every_switch_turns_the_tests_red() {
    assert_eq!(first_red(&CHECKS), None, "without a switch all is green");
    println!("{}", prove(&CHECKS));
}
