//! The contract only grows: what the committed baseline promises must still be there, with the same number, type and label.
//! `UPDATE_PROTO_BASELINE=1` rewrites the baseline; do that at a release, with its new file in the same commit.

use std::{collections::BTreeMap, fs, path::PathBuf};

use agentd_tests::repo;
use prost::Message as _;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorSet, field_descriptor_proto};

const UPDATE_VARIABLE: &str = "UPDATE_PROTO_BASELINE";

fn baseline() -> PathBuf {
    repo::root().join("tests/fixtures/proto/agentd-v1.binpb")
}

/// What clients rely on: a key that must stay, and what must not change about it.
type Promises = BTreeMap<String, String>;

fn promises(contract: &FileDescriptorSet) -> Promises {
    let mut found = Promises::new();
    for file in contract.file.iter().filter(|file| file.package().starts_with("agentd.")) {
        let package = file.package();
        for message in &file.message_type {
            promise_message(&format!("{package}.{}", message.name()), message, &mut found);
        }
        for values in &file.enum_type {
            promise_enum(&format!("{package}.{}", values.name()), values, &mut found);
        }
        for service in &file.service {
            let name = format!("{package}.{}", service.name());
            found.insert(format!("service {name}"), String::new());
            for rpc in &service.method {
                let stream = |is| if is { "stream " } else { "" };
                let (asks, answers) = (stream(rpc.client_streaming()), stream(rpc.server_streaming()));
                let shape = format!("{asks}{} returns {answers}{}", rpc.input_type(), rpc.output_type());
                found.insert(format!("rpc {name}/{}", rpc.name()), shape);
            }
        }
    }
    found
}

fn promise_message(name: &str, message: &DescriptorProto, found: &mut Promises) {
    found.insert(format!("message {name}"), String::new());
    for field in &message.field {
        let label = match field.label() {
            field_descriptor_proto::Label::Repeated => "repeated",
            _ if field.proto3_optional() => "optional",
            _ => "single",
        };
        let group =
            field.oneof_index.filter(|_| !field.proto3_optional()).and_then(|at| message.oneof_decl.get(at as usize));
        let group = group.map(|oneof| format!(" in oneof {}", oneof.name())).unwrap_or_default();
        let shape = format!("{label} {:?} {} {}{group}", field.r#type(), field.type_name(), field.name());
        found.insert(format!("field {name} = {}", field.number()), shape);
    }
    for nested in &message.nested_type {
        promise_message(&format!("{name}.{}", nested.name()), nested, found);
    }
    for values in &message.enum_type {
        promise_enum(&format!("{name}.{}", values.name()), values, found);
    }
}

fn promise_enum(name: &str, values: &EnumDescriptorProto, found: &mut Promises) {
    found.insert(format!("enum {name}"), String::new());
    for value in &values.value {
        found.insert(format!("value {name} = {}", value.number()), value.name().to_owned());
    }
}

/// Promises of `old` that `new` breaks, one line each.
fn broken(old: &FileDescriptorSet, new: &FileDescriptorSet) -> Vec<String> {
    let new = promises(new);
    let mut faults = Vec::new();
    for (key, was) in promises(old) {
        match new.get(&key) {
            None => faults.push(format!("{key} ({was}) is gone")),
            Some(is) if *is != was => faults.push(format!("{key} was {was} and is {is}")),
            Some(_) => {}
        }
    }
    faults
}

fn current() -> FileDescriptorSet {
    FileDescriptorSet::decode(agentd_proto::FILE_DESCRIPTOR_SET).expect("the build wrote it")
}

#[test]
fn the_contract_only_grows() {
    let mut contract = current();
    if std::env::var_os(UPDATE_VARIABLE).is_some_and(|value| value == "1") {
        // Comments are no promise; without them the file changes only when the contract does.
        contract.file.iter_mut().for_each(|file| file.source_code_info = None);
        fs::write(baseline(), contract.encode_to_vec()).expect("the fixtures folder can be written");
        return;
    }
    let bytes = fs::read(baseline())
        .unwrap_or_else(|error| panic!("{}: {error}; run with {UPDATE_VARIABLE}=1", baseline().display()));
    let committed = FileDescriptorSet::decode(bytes.as_slice()).expect("the baseline is a descriptor set");
    assert!(promises(&committed).len() > 50, "the baseline holds next to nothing");
    let faults = broken(&committed, &contract);
    assert!(faults.is_empty(), "clients in the field rely on these; add beside them instead:\n{}", faults.join("\n"));
}

/// One change of the contract, and how many promises it breaks at least.
type Change = (&'static str, fn(&mut FileDescriptorSet), bool);

const CHANGES: [Change; 9] = [
    ("nothing", |_| {}, false),
    ("a field is removed", |set| drop(message(set).field.remove(0)), true),
    ("a field is renumbered", |set| message(set).field[0].number = Some(4000), true),
    ("a field is retyped", |set| message(set).field[0].set_type(field_descriptor_proto::Type::Sfixed64), true),
    ("a field is relabelled", |set| message(set).field[0].set_label(field_descriptor_proto::Label::Repeated), true),
    ("a message is renamed", |set| message(set).name = Some("Elsewhere".to_owned()), true),
    (
        "an enum value is removed",
        |set| drop(first(set, |file| !file.enum_type.is_empty()).enum_type[0].value.pop()),
        true,
    ),
    (
        "a call becomes a stream",
        |set| first(set, |file| !file.service.is_empty()).service[0].method[0].client_streaming = Some(true),
        true,
    ),
    (
        "a field, a value and a call are added",
        |set| {
            let field = prost_types::FieldDescriptorProto {
                name: Some("more".to_owned()),
                number: Some(4000),
                ..Default::default()
            };
            message(set).field.push(field);
            let file = first(set, |file| !file.enum_type.is_empty());
            file.enum_type[0]
                .value
                .push(prost_types::EnumValueDescriptorProto { number: Some(4000), ..Default::default() });
            let call = prost_types::MethodDescriptorProto { name: Some("More".to_owned()), ..Default::default() };
            first(set, |file| !file.service.is_empty()).service[0].method.push(call);
        },
        false,
    ),
];

fn first(
    set: &mut FileDescriptorSet,
    wanted: fn(&prost_types::FileDescriptorProto) -> bool,
) -> &mut prost_types::FileDescriptorProto {
    set.file.iter_mut().find(|file| file.package() == "agentd.v1" && wanted(file)).expect("the contract has one")
}

/// A message whose first field is a plain string or number, so that every change below changes it.
fn message(set: &mut FileDescriptorSet) -> &mut DescriptorProto {
    let plain = |message: &DescriptorProto| {
        message.field.first().is_some_and(|field| {
            field.label() == field_descriptor_proto::Label::Optional && field.type_name().is_empty()
        })
    };
    let messages =
        set.file.iter_mut().filter(|file| file.package() == "agentd.v1").flat_map(|file| &mut file.message_type);
    messages.into_iter().find(|message| plain(message)).expect("the contract has one")
}

#[test]
fn every_kind_of_breakage_is_seen_and_additions_are_not() {
    for (change, apply, breaks) in CHANGES {
        let mut changed = current();
        apply(&mut changed);
        let faults = broken(&current(), &changed);
        assert_eq!(!faults.is_empty(), breaks, "{change}: {faults:?}");
    }
}
