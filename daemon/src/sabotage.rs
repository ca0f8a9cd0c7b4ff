//! What can be left out here for tests of the tests: locks, checks before something is removed or served, the order of the
//! stop. The tests of the life cycle must turn red for every one.

agentd_base::sabotage_points! {
    Lock "lock" "Takes a lock that somebody else holds.",
    LockNumber "lock_number" "Leaves the number of a dead owner in the lock.",
    LockPatience "lock_patience" "Gives way at once, though the lock is about to be given back.",
    LockInode "lock_inode" "Takes another file at the lock's path for its own.",
    FolderInode "folder_inode" "Takes another folder at the state folder's path for its own.",
    FolderLink "folder_link" "Follows a link to a state folder.",
    FolderKind "folder_kind" "Takes anything for a folder.",
    FolderOwner "folder_owner" "Takes a state folder of another user.",
    FolderMode "folder_mode" "Takes a state folder that others may enter.",
    FolderAbove "folder_above" "Takes a state folder that others may replace.",
    CheckLock "check_lock" "Reads what is stored beside the daemon that writes it.",
    PartialInode "partial_inode" "Removes another file at the path of an export that was left.",
    SocketKind "socket_kind" "Removes what is no socket.",
    SocketOwner "socket_owner" "Removes the socket of another user.",
    SocketAlive "socket_alive" "Removes a socket at which somebody listens.",
    SocketMode "socket_mode" "Leaves the socket open to others.",
    SocketGone "socket_gone" "Does not notice that its socket is gone.",
    SocketForeign "socket_foreign" "Binds its socket again over that of another program.",
    SocketEnd "socket_end" "Removes at the end what is not its socket any more.",
    SocketInherited "socket_inherited" "Takes the service manager's socket for its own.",
    HoldLost "hold_lost" "Binds its socket where another daemon may be at home by now.",
    GroundLost "ground_lost" "Takes tasks though the state folder is lost.",
    GroundFull "ground_full" "Takes tasks though there is hardly any room.",
    GroundFresh "ground_fresh" "Does not look again how much room there is.",
    PeerUser "peer_user" "Lets in connections of other users.",
    CallUser "call_user" "Answers calls of other users.",
    StopDoor "stop_door" "Lets new clients in while it stops.",
    StopDrain "stop_drain" "Stops without suspending what runs.",
    StopOrder "stop_order" "Closes the journal before steps are suspended.",
    StopHurry "stop_hurry" "Suspends nothing when it is told twice.",
    StopStreams "stop_streams" "Does not end watches.",
    StopFlush "stop_flush" "Does not close the journal.",
    StopGrace "stop_grace" "Gives running steps as much time as somebody asks for.",
    StopAnswers "stop_answers" "Waits for clients that do not read.",
    StopSuspend "stop_suspend" "Waits for a disk that does not answer.",
    StopLimit "stop_limit" "Stops for ever.",
}

#[cfg(all(test, feature = "sabotage"))]
mod tests {
    use crate::{
        app::hold::tests as hold,
        lifecycle::{
            archive::partial::tests as partial, check::tests as check, lock::tests as lock,
            premises::tests as premises, socket::tests as socket, state_dir::tests as state_dir, stop::tests as stop,
        },
        rpc::{accept::tests as accept, server::tests as server},
        sabotage::{Check, first_red, prove},
    };

    /// The tests by their names.
    macro_rules! checks {
        ($($path:path),+ $(,)?) => { [$((stringify!($path), &$path)),+] };
    }

    const CHECKS: [Check<'_>; 21] = checks![
        lock::one_owner_at_a_time_and_the_others_learn_who,
        lock::what_happens_to_the_folder_and_the_lock_is_noticed,
        lock::who_comes_second_waits_a_moment_for_a_lock_that_is_given_back,
        state_dir::whatever_others_could_touch_is_refused_with_a_way_out,
        check::what_is_stored_is_not_read_beside_its_owner,
        partial::who_opened_a_file_before_it_got_its_name_leaves_it_and_its_successor_alone,
        socket::a_socket_is_private_and_goes_with_its_owner,
        socket::what_is_not_left_over_stays,
        socket::the_path_of_another_is_not_removed_at_the_end,
        socket::a_socket_that_vanished_is_bound_again_and_a_foreign_one_is_left,
        hold::nothing_is_made_where_another_daemon_may_be_at_home,
        premises::room_is_looked_at_again_after_a_while_and_then_decides,
        premises::a_lost_folder_is_told_until_it_is_back_and_unknown_room_refuses_nothing,
        accept::users_and_numbers_are_limited_and_places_come_back,
        server::calls_of_others_are_refused,
        stop::stages_come_in_order_and_the_grace_is_bounded,
        stop::clients_that_do_not_listen_hold_nothing_up,
        stop::a_second_signal_suspends_at_once_and_flushes,
        stop::what_cannot_be_suspended_is_flushed_without_it,
        stop::whatever_hangs_the_stop_ends,
        hold::a_socket_that_was_deleted_is_bound_again,
    ];

    #[test]
    fn every_switch_turns_the_tests_red() {
        assert_eq!(first_red(&CHECKS), None, "without a switch all is green");
        println!("{}", prove(&CHECKS));
    }
}
