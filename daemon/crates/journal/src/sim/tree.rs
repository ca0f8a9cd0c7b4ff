//! Names of the simulated disk: folders as they are seen, as they are durable, and the changes between.

use std::{collections::BTreeMap, io};

use super::{Rng, file::Content};

const ROOT: u64 = 0;

#[derive(Debug, Clone)]
enum Change {
    Link(String, u64),
    Unlink(String),
    Rename(String, String, u64),
}

type Names = BTreeMap<String, u64>;

#[derive(Debug, Clone, Default)]
struct Folder {
    cached: Names,
    durable: Names,
    pending: Vec<Change>,
}

impl Folder {
    fn apply(names: &mut Names, change: &Change) {
        match change {
            Change::Link(name, node) => {
                names.insert(name.clone(), *node);
            }
            Change::Unlink(name) => {
                names.remove(name);
            }
            Change::Rename(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
        }
    }

    fn change(&mut self, change: Change) {
        Self::apply(&mut self.cached, &change);
        self.pending.push(change);
    }

    fn sync(&mut self) {
        self.durable.clone_from(&self.cached);
        self.pending.clear();
    }

    /// Each change survives or not, on its own.
    fn crash(&mut self, rng: &mut Rng) {
        let mode = rng.below(4);
        for change in self.pending.drain(..) {
            if mode == 1 || mode > 1 && rng.below(2) == 0 {
                Self::apply(&mut self.durable, &change);
            }
        }
        self.cached.clone_from(&self.durable);
    }
}

#[derive(Debug)]
enum Node {
    File(Content),
    Folder(Folder),
}

#[derive(Debug)]
pub(super) struct Tree {
    nodes: BTreeMap<u64, Node>,
    next: u64,
}

fn not_found(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("there is no `{path}` on the simulated disk"))
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

impl Tree {
    pub(super) fn new() -> Self {
        Self { nodes: BTreeMap::from([(ROOT, Node::Folder(Folder::default()))]), next: ROOT + 1 }
    }

    pub(super) fn find(&self, path: &str) -> io::Result<u64> {
        path.split('/').filter(|part| !part.is_empty()).try_fold(ROOT, |node, part| match &self.nodes[&node] {
            Node::Folder(folder) => folder.cached.get(part).copied().ok_or_else(|| not_found(path)),
            Node::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        })
    }

    pub(super) fn file(&self, node: u64) -> io::Result<&Content> {
        match self.nodes.get(&node) {
            Some(Node::File(content)) => Ok(content),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn file_mut(&mut self, node: u64) -> io::Result<&mut Content> {
        match self.nodes.get_mut(&node) {
            Some(Node::File(content)) => Ok(content),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    fn folder(&mut self, path: &str) -> io::Result<&mut Folder> {
        let node = self.find(path)?;
        match self.nodes.get_mut(&node) {
            Some(Node::Folder(folder)) => Ok(folder),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn link(&mut self, path: &str, node: Node) -> io::Result<u64> {
        let (parent, name) = split(path);
        let id = self.next;
        self.folder(parent)?.change(Change::Link(name.to_owned(), id));
        self.nodes.insert(id, node);
        self.next += 1;
        Ok(id)
    }

    pub(super) fn create(&mut self, path: &str) -> io::Result<u64> {
        match self.find(path) {
            Ok(node) => {
                self.file_mut(node)?.set_len(0);
                Ok(node)
            }
            Err(_) => self.link(path, Node::File(Content::default())),
        }
    }

    pub(super) fn create_dir(&mut self, path: &str) -> io::Result<()> {
        match self.find(path) {
            Ok(_) => self.folder(path).map(|_| ()),
            Err(_) => self.link(path, Node::Folder(Folder::default())).map(|_| ()),
        }
    }

    pub(super) fn sync_dir(&mut self, path: &str) -> io::Result<()> {
        self.folder(path)?.sync();
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let node = self.find(from)?;
        let ((parent, from), (new_parent, to)) = (split(from), split(to));
        if parent != new_parent {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "renames stay in one folder"));
        }
        self.folder(parent)?.change(Change::Rename(from.to_owned(), to.to_owned(), node));
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &str) -> io::Result<()> {
        self.find(path)?;
        let (parent, name) = split(path);
        self.folder(parent)?.change(Change::Unlink(name.to_owned()));
        Ok(())
    }

    pub(super) fn list(&mut self, path: &str) -> io::Result<Vec<String>> {
        match self.folder(path) {
            Ok(folder) => Ok(folder.cached.keys().cloned().collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn crash(&mut self, rng: &mut Rng) {
        for node in self.nodes.values_mut() {
            match node {
                Node::File(content) => content.crash(rng),
                Node::Folder(folder) => folder.crash(rng),
            }
        }
        let mut seen = Vec::new();
        self.walk(ROOT, "", &mut |_, node| seen.push(node));
        self.nodes.retain(|node, _| *node == ROOT || seen.contains(node));
    }

    /// Calls `each` with path and node of everything below `node`, files and folders.
    fn walk(&self, node: u64, path: &str, each: &mut dyn FnMut(&str, u64)) {
        if let Node::Folder(folder) = &self.nodes[&node] {
            for (name, child) in &folder.cached {
                let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                each(&path, *child);
                self.walk(*child, &path, each);
            }
        }
    }

    pub(super) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        self.walk(ROOT, "", &mut |path, node| {
            if self.file(node).is_ok() {
                files.push(path.to_owned());
            }
        });
        files
    }

    pub(super) fn used(&self) -> u64 {
        let mut used = 0;
        self.walk(ROOT, "", &mut |_, node| used += self.file(node).map_or(0, |file| file.cached.len() as u64));
        used
    }

    /// Puts a durable file there, with the folders above it.
    pub(super) fn plant(&mut self, path: &str, content: &[u8]) {
        let mut node = ROOT;
        let parts: Vec<&str> = path.split('/').collect();
        for (depth, part) in parts.iter().enumerate() {
            let fresh = self.next;
            let Some(Node::Folder(folder)) = self.nodes.get_mut(&node) else { return };
            let child = *folder.cached.entry((*part).to_owned()).or_insert(fresh);
            folder.durable.insert((*part).to_owned(), child);
            if depth + 1 == parts.len() {
                self.nodes.insert(child, Node::File(Content::durable(content)));
            } else {
                self.nodes.entry(child).or_insert_with(|| Node::Folder(Folder::default()));
            }
            self.next += u64::from(child == fresh);
            node = child;
        }
    }
}
