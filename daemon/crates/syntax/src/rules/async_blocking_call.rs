//! A call that blocks its thread, in asynchronous code. While it sleeps or waits for a disk or peer, no other task of the thread goes
//! on, so one slow file holds up all requests. Write: the asynchronous call (`tokio::time::sleep`, `asyncio.sleep`,
//! `fs.promises`), or hand it to a thread for blocking work. Wrong if the program runs one task only, or at its start.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, SCRIPT, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "async-blocking-call",
    version: 2,
    title: "blocking call in asynchronous code",
    languages: &[
        Language::Python,
        Language::Rust,
        Language::JavaScript,
        Language::TypeScript,
        Language::Tsx,
        Language::Swift,
    ],
    severity: Severity::High,
    why: "the thread waits, and with it all other tasks that share it",
    instead: "use the asynchronous call, or hand it to a thread for blocking work (`spawn_blocking`, `asyncio.to_thread`)",
    wrong_when: "no other task runs at that time, as in a script or at the start of a program",
    example_bad: "async def f():\n    time.sleep(1)\n",
    example_good: "async def f():\n    await asyncio.sleep(1)\n",
    watches: &[
        Watch {
            languages: &[Language::Python],
            on: On::Calls(&[
                "sleep",
                "get",
                "post",
                "put",
                "delete",
                "patch",
                "head",
                "request",
                "urlopen",
                "run",
                "check_output",
                "check_call",
                "call",
                "system",
            ]),
            only: Only::InAsync,
            check,
        },
        Watch {
            languages: &[Language::Rust],
            on: On::Calls(&[
                "sleep",
                "read_to_string",
                "read",
                "write",
                "read_dir",
                "copy",
                "remove_file",
                "remove_dir_all",
                "create_dir_all",
                "metadata",
                "rename",
                "canonicalize",
                "get",
            ]),
            only: Only::InAsync,
            check,
        },
        Watch {
            languages: SCRIPT,
            on: On::Calls(&[
                "readFileSync",
                "writeFileSync",
                "appendFileSync",
                "readdirSync",
                "execSync",
                "spawnSync",
                "execFileSync",
                "statSync",
                "copyFileSync",
                "rmSync",
                "gzipSync",
                "gunzipSync",
                "pbkdf2Sync",
                "scryptSync",
            ]),
            only: Only::InAsync,
            check,
        },
        Watch {
            languages: &[Language::Swift],
            on: On::Calls(&["sleep", "usleep", "wait"]),
            only: Only::InAsync,
            check,
        },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let call = site.call?;
    let path = call.path;
    let sure = match site.language {
        Language::Python => {
            let http = path.starts_with("requests.");
            let waits = matches!(path, "time.sleep" | "os.system" | "urllib.request.urlopen");
            let child = matches!(
                path,
                "subprocess.run" | "subprocess.check_output" | "subprocess.check_call" | "subprocess.call"
            );
            // `requests` may be a list of them; the module has functions only, called with an address.
            (http && call.name != "run" && site.bindings("requests").is_empty()) || waits || child
        }
        Language::Rust => {
            let files = path.starts_with("std::fs::");
            files
                || path.ends_with("std::thread::sleep")
                || path == "thread::sleep"
                || path.starts_with("reqwest::blocking::")
        }
        Language::Swift => match call.name {
            "wait" => false,
            "sleep" => matches!(path, "sleep" | "Thread.sleep"),
            _ => path == "usleep",
        },
        _ => true,
    };
    if !sure || site.ancestors().first().is_some_and(|above| above.kind().contains("await")) {
        return None;
    }
    // A program for the command line mostly has nothing else to do while it looks at a file; who answers requests has.
    let alone = site.language == Language::Rust && path.starts_with("std::fs::") || site.is_script() && !answers(site);
    let confidence = if alone { Confidence::Medium } else { Confidence::High };
    // Reading a file is short on most days; sleeping and requests are not.
    let long = call.name.contains("sleep")
        || path.starts_with("requests.")
        || call.name.starts_with("exec")
        || call.name.starts_with("spawn")
        || path.starts_with("subprocess");
    let severity = if long { Severity::High } else { Severity::Medium };
    let message = format!("`{path}` blocks the thread inside of an async function");
    Some(Hit { severity: Some(severity), ..hit(site.node, confidence, message) })
}

/// Whether the function around is given a request.
fn answers(site: &Site<'_, '_, '_>) -> bool {
    let Some(function) = site.function().map(|scope| scope.node) else { return false };
    let list = function.child_by_field_name("parameters").or_else(|| function.child_by_field_name("parameter"));
    let list = list.map(|list| site.text(list)).unwrap_or_default();
    let mut words = list.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.any(|word| matches!(word, "req" | "request" | "res" | "response" | "ctx" | "reply" | "socket"))
}
