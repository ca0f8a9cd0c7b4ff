//! The program `agentd-cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(u8::from(agentd_cli::run(std::env::args_os())))
}
