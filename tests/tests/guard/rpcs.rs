//! Every call of the contract is made by some test.

use agentd_tests::{repo, source};
use prost::Message;
use prost_types::FileDescriptorSet;

/// `ReadDocument` → `read_document`, as tonic names the method of the client.
fn snake(name: &str) -> String {
    let mut found = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !found.is_empty() {
            found.push('_');
        }
        found.extend(letter.to_lowercase());
    }
    found
}

#[test]
fn every_rpc_is_called_by_a_test() {
    let contract = FileDescriptorSet::decode(agentd_proto::FILE_DESCRIPTOR_SET).expect("the build wrote it");
    let tests: Vec<_> = repo::files_with_extension("rs")
        .into_iter()
        .filter(|path| repo::is_test(path) && !path.starts_with("tests/tests/guard"))
        .map(|path| source::tokens(&path))
        .collect();
    let mut faults = Vec::new();
    for service in contract.file.iter().flat_map(|file| &file.service) {
        for method in &service.method {
            let call = [".", &snake(method.name()), "("];
            // Names like `get` are everywhere: the file must also name the client or make the request.
            let client = format!("{}Client", service.name());
            let request = method.input_type().rsplit('.').next().unwrap_or_default();
            let called = |tokens: &Vec<_>| {
                let has = |pattern: &[&str]| source::find(tokens, pattern).is_some();
                let made = has(&[request, "{"]) || has(&[request, ":", ":"]);
                has(&call) && (has(&[&client]) || made)
            };
            if !tests.iter().any(called) {
                let (name, service) = (call[1], service.name());
                faults.push(format!(
                    "{service}/{}: no test file that names {client} or makes a {request} calls .{name}(…)",
                    method.name()
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn names_become_snake_case() {
    assert_eq!(snake("ReadDocument"), "read_document");
    assert_eq!(snake("List"), "list");
}
