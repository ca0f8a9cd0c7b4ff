//! Task files in a simulated folder: the power goes at every call that changes something, and unsynced names and bytes are
//! lost, one by one, as chance has it.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    rc::Rc,
};

use super::{super::*, task, token};

/// What is seen now, and what a power cut leaves of it.
#[derive(Debug, Clone, Default)]
struct Pair<T> {
    seen: T,
    kept: T,
}

#[derive(Debug, Clone)]
enum Node {
    Folder(Pair<BTreeMap<PathBuf, usize>>),
    File(Pair<Vec<u8>>),
}

#[derive(Debug, Default)]
struct State {
    nodes: Vec<Node>,
    chance: u64,
    /// Changing calls until the power goes.
    left: Option<u32>,
}

impl State {
    /// One of two, by chance (an LCG with Knuth's constants; its high bits).
    fn coin(&mut self) -> bool {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.chance >> 63 == 1
    }

    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn names(&mut self, folder: usize) -> &mut Pair<BTreeMap<PathBuf, usize>> {
        let Node::Folder(names) = &mut self.nodes[folder] else { panic!("{folder} is a file") };
        names
    }

    fn content(&mut self, file: usize) -> &mut Pair<Vec<u8>> {
        let Node::File(content) = &mut self.nodes[file] else { panic!("{file} is a folder") };
        content
    }
}

/// A folder of the simulation.
#[derive(Debug, Clone)]
struct Sim(Rc<RefCell<State>>, usize);

impl Sim {
    fn new(chance: u64) -> Self {
        let mut state = State { chance, ..State::default() };
        let root = state.add(Node::Folder(Pair::default()));
        Self(Rc::new(RefCell::new(state)), root)
    }

    fn cut_power_at(&self, call: Option<u32>) {
        self.0.borrow_mut().left = call;
    }

    fn is_off(&self) -> bool {
        self.0.borrow().left == Some(0)
    }

    /// The power goes and comes back.
    fn crash(&self) {
        let state = &mut *self.0.borrow_mut();
        state.left = None;
        for number in 0..state.nodes.len() {
            match state.nodes[number].clone() {
                Node::Folder(Pair { seen, mut kept }) => {
                    for name in seen.keys().chain(kept.clone().keys()) {
                        if state.coin() {
                            match seen.get(name) {
                                Some(node) => kept.insert(name.clone(), *node),
                                None => kept.remove(name),
                            };
                        }
                    }
                    state.nodes[number] = Node::Folder(Pair { seen: kept.clone(), kept });
                }
                Node::File(Pair { mut seen, kept }) => {
                    // All of the unsynced bytes, half of them, or none.
                    if seen != kept && state.coin() {
                        seen.truncate(seen.len() / 2);
                    }
                    let left = if state.coin() { seen } else { kept };
                    state.nodes[number] = Node::File(Pair { seen: left.clone(), kept: left });
                }
            }
        }
    }

    /// A call that changes something. The one at which the power goes may still have its effect, unless it is a sync.
    fn change<T>(&self, sync: bool, run: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let state = &mut *self.0.borrow_mut();
        let off = || io::Error::other("the power is off");
        match state.left {
            Some(0) => return Err(off()),
            Some(1) => {
                state.left = Some(0);
                if !sync && state.coin() {
                    run(state)?;
                }
                return Err(off());
            }
            Some(left) => state.left = Some(left - 1),
            None => {}
        }
        run(state)
    }

    fn find(&self, name: &Path) -> io::Result<usize> {
        self.0.borrow_mut().names(self.1).seen.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Folder for Sim {
    type File = Self;

    fn again(&self) -> io::Result<Self> {
        Ok(self.clone())
    }

    fn make(&self, name: &Path) -> io::Result<()> {
        if self.find(name).is_ok() {
            return Ok(());
        }
        self.change(false, |state| {
            let folder = state.add(Node::Folder(Pair::default()));
            state.names(self.1).seen.insert(name.into(), folder);
            Ok(())
        })
    }

    fn enter(&self, name: &Path) -> io::Result<Self> {
        Ok(Self(Rc::clone(&self.0), self.find(name)?))
    }

    fn is_link(&self, _: &Path) -> bool {
        false
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let names = self.0.borrow_mut().names(self.1).seen.clone();
        Ok(names.into_keys().map(|name| name.display().to_string()).collect())
    }

    fn create(&self, name: &Path) -> io::Result<Self> {
        if self.find(name).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.change(false, |state| {
            let file = state.add(Node::File(Pair::default()));
            state.names(self.1).seen.insert(name.into(), file);
            Ok(Self(Rc::clone(&self.0), file))
        })
    }

    fn open(&self, name: &Path) -> io::Result<Self> {
        self.enter(name)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let file = self.find(from)?;
        self.change(false, |state| {
            let names = &mut state.names(self.1).seen;
            names.remove(from);
            names.insert(to.into(), file);
            Ok(())
        })
    }

    fn remove(&self, name: &Path) -> io::Result<()> {
        self.change(false, |state| {
            state.names(self.1).seen.remove(name);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.change(true, |state| {
            let names = state.names(self.1);
            names.kept = names.seen.clone();
            Ok(())
        })
    }

    fn read(file: Self, _: &Path, _: u64) -> Result<Vec<u8>> {
        Ok(file.0.borrow_mut().content(file.1).seen.clone())
    }

    fn write(file: &mut Self, content: &[u8]) -> io::Result<()> {
        file.change(false, |state| {
            state.content(file.1).seen.extend_from_slice(content);
            Ok(())
        })
    }

    fn sync_file(file: &Self) -> io::Result<()> {
        file.change(true, |state| {
            let content = state.content(file.1);
            content.kept = content.seen.clone();
            Ok(())
        })
    }
}

/// Whether an earlier task file was there; when the power goes; what chance keeps.
fn worlds() -> impl Iterator<Item = (bool, u32, u64)> {
    let cuts = [false, true].into_iter().flat_map(|old| (1..=16).map(move |cut| (old, cut)));
    cuts.flat_map(|(old, cut)| (0..24).map(move |chance| (old, cut, chance)))
}

/// A folder with an intent to write `new`, and the intent.
fn begin(old: bool, chance: u64) -> (TaskFiles<Sim>, EffectIntent) {
    let files = TaskFiles { state: Sim::new(chance) };
    let name = Path::new("a/report.md");
    if old {
        let intent = files.intent(task(), name, b"old").unwrap();
        files.write_file(token(&intent, 1), b"old").unwrap();
    }
    let intent = files.intent(task(), name, b"new").unwrap();
    (files, intent)
}

/// The next attempt finds the old file or the new one, makes it the new one, and leaves nothing else behind.
fn finish(files: &TaskFiles<Sim>, intent: &EffectIntent, world: &str) {
    assert_ne!(files.observe(intent).unwrap(), EffectState::Drift, "{world}: neither the old file nor the new one");
    files.write_file(token(intent, 3), b"new").unwrap();
    let folder = files.folder(&["tasks", &task().to_string(), "a"]).unwrap();
    assert_eq!(folder.names().unwrap(), ["report.md"], "{world}");
    files.state.crash();
    assert_eq!(files.observe(intent).unwrap(), EffectState::Done, "{world}: told as done, and lost");
}

#[test]
pub(super) fn what_was_told_as_done_survives_power_cuts() {
    let mut cuts = 0;
    for (old, cut, chance) in worlds() {
        let world = format!("old {old}, cut at call {cut}, chance {chance}");
        let (files, intent) = begin(old, chance);
        files.state.cut_power_at(Some(cut));
        let told = files.write_file(token(&intent, 2), b"new");
        assert_eq!(told.is_err(), files.state.is_off(), "{world}: {told:?}");
        cuts += u32::from(told.is_err());
        files.state.crash();
        if told.is_ok() {
            assert_eq!(files.observe(&intent).unwrap(), EffectState::Done, "{world}: told as done, and lost");
        }
        finish(&files, &intent, &world);
    }
    assert!(cuts > 300, "{cuts} cuts");
}

/// A killed process leaves everything as it was seen; nobody has synced it, and the power may go later.
#[test]
pub(super) fn what_a_killed_attempt_wrote_is_durable_before_it_counts() {
    for (old, cut, chance) in worlds() {
        let world = format!("old {old}, killed at call {cut}, chance {chance}");
        let (files, intent) = begin(old, chance);
        files.state.cut_power_at(Some(cut));
        let _ = files.write_file(token(&intent, 2), b"new");
        files.state.cut_power_at(None);
        // Either way of the next attempt: it asks for a new intent and sees that there is nothing to do, or it writes.
        let EffectIntent::WriteFile { before, after, .. } =
            files.intent(task(), Path::new("a/report.md"), b"new").unwrap();
        if before == Some(after) && chance % 2 == 0 {
            files.state.crash();
            assert_eq!(files.observe(&intent).unwrap(), EffectState::Done, "{world}: told as done, and lost");
        }
        finish(&files, &intent, &world);
    }
}
