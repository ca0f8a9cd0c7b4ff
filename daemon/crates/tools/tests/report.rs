//! What a report says of what was measured and found: as a page, as JSON and as SARIF, whatever order the files came in.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod report {
    mod advice;
    mod findings;
    mod measured;
    mod modules;
    mod others;
    mod page;
    mod sample;
    mod tree;
    mod whole;
}
