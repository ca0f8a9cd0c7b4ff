//! What can be left out here for tests of the tests; the tests of task files must turn red for every one.

agentd_base::sabotage_points! {
    FolderSync "folder_sync" "No sync of the folder above after a folder was made, or found.",
    FileSync "file_sync" "No sync of a file before it gets its name.",
    RenameOrder "rename_order" "A file gets its name before it is written.",
    NameSync "name_sync" "No sync of the folder after a file got its name.",
    SettleSync "settle_sync" "No sync for the name of a file that an earlier attempt left as it should be.",
    Sweep "sweep" "Leaves what earlier attempts left behind.",
    Leftover "leftover" "Does not make room for its own temporary file.",
    DoneCheck "done_check" "Does not see that a file is as it should be.",
    DriftCheck "drift_check" "Takes a file that somebody else changed for the one it was.",
    ContentCheck "content_check" "Writes what its intent did not promise.",
    OwnFolder "own_folder" "Writes into the folder of another task.",
}
