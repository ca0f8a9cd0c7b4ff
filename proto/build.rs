//! Compiles the contract with protox, so that no protoc is needed on the machine.

use std::{env, error::Error, fs, path::PathBuf};

const FILES: [&str; 4] =
    ["agentd/v1/tasks.proto", "agentd/v1/agents.proto", "agentd/v1/daemon.proto", "agentd/v1/rules.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=agentd");
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // `compile_fds` writes no descriptor file itself; reflection and the additive-only check read this one.
    fs::write(out.join("agentd.binpb"), prost::Message::encode_to_vec(&descriptors))?;
    tonic_prost_build::configure().bytes(".agentd.v1").compile_fds(descriptors)?;
    Ok(())
}
