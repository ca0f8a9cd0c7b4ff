//! Switches for tests of the tests: each leaves out one sync, one order or one check, and the crash tests must turn
//! red for every one. Without the feature `sabotage` the question costs nothing: the answer is a constant.

macro_rules! points {
    ($($variant:ident $name:literal $doc:literal),+ $(,)?) => {
        /// One thing that can be left out.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Point { $(#[doc = $doc] $variant),+ }

        impl Point {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name for `AGENTD_SABOTAGE`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

points! {
    CommitSync "commit_sync" "No sync after a group is written.",
    SegmentSync "segment_sync" "No sync of a new segment before it gets its name.",
    SegmentOrder "segment_order" "A new segment gets its name before it is written.",
    SegmentDirSync "segment_dir_sync" "No sync of the folder after a new segment got its name.",
    CreateDirSync "create_dir_sync" "No sync of the state folder after the log's folder was made.",
    RecoverySync "recovery_sync" "No sync of what an unclean start found, and cut, before it is shown and written after.",
    RecoveryRewrite "recovery_rewrite" "The last group is not written again before that sync.",
    RecoveryDirSync "recovery_dir_sync" "No sync of the folder when an unclean start finds a segment without groups.",
    CutTail "cut_tail" "A torn tail is not filled with zeros.",
    OpenSync "open_sync" "No sync of the new epoch.",
    CloseSync "close_sync" "No sync of the mark of a clean end.",
    Poison "poison" "Goes on after a failed sync.",
    RetainCovered "retain_covered" "Drops segments that no newer checkpoint covers.",
    RotSearch "rot_search" "Does not look for valid groups beyond a broken one.",
    ChainCheck "chain_check" "Does not compare a group's previous hash and number.",
    GroupHash "group_hash" "Does not compare a group's own hash.",
    RecordCrc "record_crc" "Does not compare a record's checksum.",
    HeaderCrc "header_crc" "Does not compare a segment header's checksum.",
    CheckpointHash "checkpoint_hash" "Does not compare a checkpoint's hash.",
    SegmentLink "segment_link" "Does not compare a segment's end with the next one's header.",
    SegmentGap "segment_gap" "Does not notice a missing segment.",
    SegmentSize "segment_size" "Does not notice a shortened segment.",
    FormatCheck "format_check" "Reads newer formats as if they were known.",
    BlobSync "blob_sync" "No sync of a blob before it gets its name.",
    BlobOrder "blob_order" "A blob gets its name before it is written.",
    BlobDirSync "blob_dir_sync" "No sync of a blob's folder.",
    BlobParentSync "blob_parent_sync" "No sync of the folders above a blob's folder.",
    BlobKnownSync "blob_known_sync" "No sync of a blob that is already there.",
    BlobHash "blob_hash" "Does not compare a blob with its name.",
    MigrateSync "migrate_sync" "No sync of the copy's groups.",
    MigrateDirSync "migrate_dir_sync" "No sync of the state folder after the logs changed names.",
    MigrateOrder "migrate_order" "The old log gives up its name before the copy is durable.",
}

#[cfg(feature = "sabotage")]
mod on {
    use std::{cell::Cell, sync::OnceLock};

    use super::Point;

    thread_local! {
        static HERE: Cell<Option<Point>> = const { Cell::new(None) };
    }
    static EVERYWHERE: OnceLock<Option<Point>> = OnceLock::new();

    /// Leaves out `point` on this thread from now on; `None`: nothing.
    pub fn set(point: Option<Point>) {
        HERE.set(point);
    }

    pub(crate) fn is(point: Point) -> bool {
        let everywhere = EVERYWHERE.get_or_init(|| {
            let name = std::env::var("AGENTD_SABOTAGE").ok()?;
            Point::ALL.iter().copied().find(|point| point.name() == name)
        });
        HERE.get().or(*everywhere) == Some(point)
    }
}

#[cfg(feature = "sabotage")]
pub(crate) use on::is;
#[cfg(feature = "sabotage")]
pub use on::set;

#[cfg(not(feature = "sabotage"))]
#[inline]
pub(crate) const fn is(_: Point) -> bool {
    false
}
