//! The memory of what the daemon promised. It lives outside of the daemon and its disk, so no fault of theirs reaches it.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use agentd_proto::v1::{Event, ListTasksRequest, SubmitRequest, SubmitResponse, event::What, watch_response::Item};
use agentd_tests::{
    client::{noop, soon},
    daemon::Clients,
};
use tonic::{Code, Status};

use super::support::succeeded;

/// Every request that was sent, and the answer if one came.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    sent: RefCell<BTreeMap<String, Sent>>,
}

#[derive(Debug, Clone)]
struct Sent {
    request: SubmitRequest,
    /// The task, once it was acknowledged.
    task: Option<String>,
}

impl Oracle {
    /// Submits under a key and remembers the answer. Panics if a known key leads to another task.
    pub(super) async fn submit(
        &self,
        clients: &Clients,
        key: &str,
        request: SubmitRequest,
    ) -> Result<SubmitResponse, Status> {
        let request = SubmitRequest { idempotency_key: key.to_owned(), ..request };
        let sent = Sent { request: request.clone(), task: None };
        self.sent.borrow_mut().entry(key.to_owned()).or_insert(sent);
        let answer = clients.try_submit(request).await?;
        let mut all = self.sent.borrow_mut();
        let sent = all.get_mut(key).expect("it was entered above");
        match &sent.task {
            Some(task) => {
                assert_eq!(*task, answer.task_id, "key {key} now leads to another task");
                assert!(answer.existing, "key {key} made its task anew");
            }
            None => sent.task = Some(answer.task_id.clone()),
        }
        Ok(answer)
    }

    /// Repeats a request that was sent before, answered or not.
    pub(super) async fn repeat(&self, clients: &Clients, key: &str) -> Result<SubmitResponse, Status> {
        let request = self.sent.borrow()[key].request.clone();
        self.submit(clients, key, request).await
    }

    /// Key and task of everything that was acknowledged.
    pub(super) fn acked(&self) -> Vec<(String, String)> {
        let sent = self.sent.borrow();
        sent.iter().filter_map(|(key, sent)| Some((key.clone(), sent.task.clone()?))).collect()
    }

    /// Keys of requests that were never answered.
    pub(super) fn unanswered(&self) -> Vec<String> {
        self.sent.borrow().iter().filter(|(_, sent)| sent.task.is_none()).map(|(key, _)| key.clone()).collect()
    }

    /// Waits until everything that was ever asked for has succeeded; `over` holds what is known to have.
    pub(super) async fn calm(&self, clients: &Clients, over: &mut HashSet<String>) {
        for key in self.unanswered() {
            self.repeat(clients, &key).await.expect("an unanswered request may be repeated");
        }
        for (_, id) in self.acked() {
            if !over.contains(&id) {
                succeeded(clients, &id).await;
                over.insert(id);
            }
        }
    }

    /// Every acknowledged task is there, whatever its state.
    pub(super) async fn all_there(&self, clients: &Clients, when: &str) {
        for (key, id) in self.acked() {
            if let Err(status) = clients.task(&id).await {
                panic!("{when}: task {id} of key {key} was acknowledged and is lost: {status}");
            }
        }
    }

    /// Every acknowledged task is there, or is said to be out of reach for now: without room there is no index.
    pub(super) async fn all_there_or_told(&self, clients: &Clients, when: &str) {
        for (key, id) in self.acked() {
            match clients.task(&id).await {
                Err(status) if status.code() != Code::Unavailable || !is_clear(&status) => {
                    panic!("{when}: task {id} of key {key} was acknowledged and is lost: {status}")
                }
                _ => {}
            }
        }
    }

    /// Every acknowledged task succeeds, and every key leads to its task.
    pub(super) async fn all_succeed(&self, clients: &Clients, when: &str) {
        self.all_there(clients, when).await;
        for (key, id) in self.acked() {
            succeeded(clients, &id).await;
            self.repeat(clients, &key).await.unwrap_or_else(|status| panic!("{when}: key {key}: {status}"));
        }
    }

    /// No task is there that nobody asked for, and no key made two.
    pub(super) async fn nothing_else(&self, clients: &Clients) {
        let known: BTreeSet<String> = self.acked().into_iter().map(|(_, id)| id).collect();
        let listed = list(clients).await;
        let strangers: Vec<&String> = listed.iter().filter(|id| !known.contains(*id)).collect();
        assert!(strangers.len() <= self.unanswered().len(), "tasks that nobody asked for: {strangers:?}");
        assert!(known.iter().all(|id| listed.contains(id)), "List leaves out tasks that Get knows");
    }
}

/// Ids of all tasks.
pub(super) async fn list(clients: &Clients) -> BTreeSet<String> {
    let (mut ids, mut token) = (BTreeSet::new(), String::new());
    loop {
        let request = ListTasksRequest { page_size: 1000, page_token: token, ..ListTasksRequest::default() };
        let page =
            soon("a page of List", clients.tasks.clone().list(request)).await.expect("List answers").into_inner();
        for task in page.tasks {
            assert!(ids.insert(task.task_id.clone()), "List shows {} twice", task.task_id);
        }
        token = page.next_page_token;
        if token.is_empty() {
            return ids;
        }
    }
}

/// The events of one task that has ended.
pub(super) async fn history(clients: &Clients, task: &str) -> Result<Vec<Event>, Status> {
    let (mut stream, mut events) = (clients.watch(task, 0).await?, Vec::new());
    while let Some(item) = soon("an event", stream.message()).await? {
        if let Some(Item::Event(event)) = item.item {
            events.push(event);
        }
    }
    Ok(events)
}

/// Every event from the oldest on, up to one that this call causes.
pub(super) async fn journal(clients: &Clients) -> Vec<Event> {
    let marker = clients.submit(noop("marks the end of what is read")).await;
    let (mut stream, mut events) = (clients.watch("", 0).await.expect("everything can be watched"), Vec::new());
    loop {
        let item = soon("an event", stream.message()).await.expect("a whole journal").expect("it goes on live");
        if let Some(Item::Event(event)) = item.item {
            if event.task_id == marker.task_id {
                break;
            }
            events.push(event);
        }
    }
    assert!(events.is_sorted_by(|a, b| a.cursor < b.cursor), "cursors do not rise");
    events
}

/// No effect of any task was done twice, none without its intent, and nothing happened after a task's end.
pub(super) fn once(events: &[Event]) {
    let mut effects: HashMap<(&str, &str), (u32, u32)> = HashMap::new();
    let mut ended = BTreeSet::new();
    for event in events {
        assert!(!ended.contains(event.task_id.as_str()), "after the end of its task: {event:?}");
        match &event.what {
            Some(What::Effect(effect)) => {
                let (intended, done) = effects.entry((&event.task_id, &effect.what)).or_default();
                *(if effect.done { &mut *done } else { &mut *intended }) += 1;
                assert!(*done <= 1, "done twice: {event:?}");
                assert!(*done <= *intended, "done without intent: {event:?}");
            }
            Some(What::Ended(_)) => {
                ended.insert(event.task_id.as_str());
            }
            _ => {}
        }
    }
}

/// A refusal that says why. `Unavailable` and its like, never `Unknown`.
pub(super) fn is_clear(status: &Status) -> bool {
    !matches!(status.code(), Code::Ok | Code::Unknown) && status.message().len() > 10
}
