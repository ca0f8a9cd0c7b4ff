//! Tests of the tests: switches that each leave out one sync, one order or one check of a room, and the proof that some
//! test turns red for every one. What is made here is compiled in the room that asks for it: without that room's feature
//! `sabotage` the question costs nothing, since the answer is a constant.

/// Makes a room's switches: lines of a variant, its name, and what happens while it is left out. Gives `Point`, `is` for
/// the places, and with the feature `sabotage` of the room `set`, `first_red` and `prove` for its tests.
#[macro_export]
macro_rules! sabotage_points {
    ($($variant:ident $name:literal $doc:literal),+ $(,)?) => {
        /// One thing that can be left out.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Point { $(#[doc = $doc] $variant),+ }

        impl Point {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name for people.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        #[cfg(feature = "sabotage")]
        mod on {
            use super::Point;

            thread_local! {
                static HERE: std::cell::Cell<Option<Point>> = const { std::cell::Cell::new(None) };
            }

            /// Leaves out `point` on this thread from now on; `None`: nothing.
            pub fn set(point: Option<Point>) {
                HERE.set(point);
            }

            pub(crate) fn is(point: Point) -> bool {
                HERE.get() == Some(point)
            }

            /// A test that can turn red, and its name.
            pub type Check<'a> = (&'a str, &'a dyn Fn());

            /// The first check that panics.
            #[must_use]
            pub fn first_red<'a>(checks: &[Check<'a>]) -> Option<&'a str> {
                let is_red = |check: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_err();
                checks.iter().find(|(_, check)| is_red(*check)).map(|(name, _)| *name)
            }

            /// Leaves out each point in turn and says which check turned red.
            ///
            /// # Panics
            /// If a point can be left out and no check notices.
            #[must_use]
            pub fn prove(checks: &[Check<'_>]) -> String {
                let (mut table, mut unseen) = (String::new(), Vec::new());
                for point in Point::ALL.iter().copied() {
                    set(Some(point));
                    match first_red(checks) {
                        Some(red) => table.push_str(&format!("{:20} {red}\n", point.name())),
                        None => unseen.push(point.name()),
                    }
                }
                set(None);
                assert!(unseen.is_empty(), "these can be left out and nothing notices: {unseen:?}\n{table}");
                table
            }
        }

        #[cfg(feature = "sabotage")]
        pub(crate) use on::is;
        #[cfg(feature = "sabotage")]
        pub use on::{Check, first_red, prove, set};

        #[cfg(not(feature = "sabotage"))]
        #[inline]
        pub(crate) const fn is(_: Point) -> bool {
            false
        }
    };
}
