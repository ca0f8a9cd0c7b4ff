//! Documents of a task: read whole, or refused with the reason, a damaged one too.

use std::collections::HashSet;

use agentd_proto::v1::TaskState;
use agentd_tests::{
    client::{Followed, analyze, noop},
    daemon::{Clients, Home, TestDaemon, runtime},
    fixture,
};
use tonic::Code;

#[test]
fn documents_are_read_whole_or_refused() {
    let home = Home::new();
    let folder = home.folder("work");
    // Many languages and functions, so that the report has several pieces.
    let code: String = (0..200).map(|number| format!("fn f{number}(x: u32) {{ if x > 1 {{}} }}\n")).collect();
    for number in 0..20 {
        let name = format!("{}/{}.rs", "a-long-name-of-a-folder".repeat(3), number);
        fixture::write(&folder, &[(name.as_str(), &code)]);
    }
    let _daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let (nothing, _) = clients.run(noop("x")).await;
        let (task, seen) = clients.run(analyze(&folder)).await;
        let documents: HashSet<(&str, &str)> =
            seen.end().documents.iter().map(|it| (it.name.as_str(), it.media_type.as_str())).collect();
        let made = [
            ("report.md", "text/markdown"),
            ("report.json", "application/json"),
            ("report.sarif", "application/sarif+json"),
        ];
        assert_eq!(documents, made.into());
        for document in &seen.end().documents {
            let content = clients.document(&task, &document.name).await.unwrap();
            assert_eq!((content.len() as u64, document.hash.len()), (document.bytes, 64), "{}", document.name);
        }
        let missing =
            [(task.as_str(), "other.md"), (&nothing, "report.md"), ("01JDAAAAAAAAAAAAAAAAAAAAA1", "report.md")];
        for (id, name) in missing {
            assert_eq!(clients.document(id, name).await.unwrap_err().code(), Code::NotFound, "{id} {name}");
        }
        for (id, name, field) in
            [("x", "report.md", "task_id"), (task.as_str(), "", "name"), (&task, &"n".repeat(65), "name")]
        {
            let refused = clients.document(id, name).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument);
            assert!(refused.message().starts_with(field), "{refused:?}");
        }
        damage(&home, &seen);
        let refused = clients.document(&task, "report.json").await.unwrap_err();
        assert_eq!(refused.code(), Code::DataLoss, "{refused:?}");
        let found = clients.daemon.clone().verify_journal(agentd_proto::v1::VerifyJournalRequest {}).await.unwrap();
        assert!(!found.into_inner().faults.is_empty(), "verification finds it too");
        assert_eq!(clients.run(noop("still alive")).await.1.state(), TaskState::Succeeded);
    });
}

/// Changes one byte of the stored `report.json`, which lies in a file named after its hash.
fn damage(home: &Home, seen: &Followed) {
    let hash = &seen.end().documents.iter().find(|document| document.name == "report.json").unwrap().hash;
    let mut folders = vec![home.state()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.to_string_lossy().replace('/', "");
            if name.ends_with(hash.as_str()) || name.ends_with(&hash[2..]) {
                let mut content = std::fs::read(&path).unwrap();
                content[100] ^= 1;
                use std::os::unix::fs::PermissionsExt as _;
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
                return std::fs::write(&path, content).unwrap();
            }
        }
    }
    panic!("no file is named {hash}");
}
