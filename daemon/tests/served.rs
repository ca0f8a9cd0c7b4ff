//! The real daemon, in this process, on a real socket, asked by real clients: what it answers, whom it refuses, how it stops.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests start what they test")]

mod served {
    mod calls;
    mod life;
    mod limits;
    mod pressure;
    mod support;
}
