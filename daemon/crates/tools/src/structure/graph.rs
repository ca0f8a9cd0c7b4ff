//! The graph of files and the graph of folders: cycles, fan-in, fan-out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::{algo::kosaraju_scc, graph::DiGraph};
use serde::{Deserialize, Serialize};

use super::{Links, Paths, paths::folder_of};

/// One step on the way around a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// Number of the file that imports the next one.
    pub file: u32,
    /// The line where it does.
    pub line: u32,
}

/// Files that all need each other to be loaded (a strongly connected component with more than one file).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycle {
    /// All of them, sorted.
    pub files: Vec<u32>,
    /// A shortest way around through the first file; the last hop leads back to the first.
    pub around: Vec<Hop>,
}

/// Folders that need each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderCycle {
    /// All of them, sorted.
    pub folders: Vec<String>,
    /// A shortest way around: for each step the import that makes it.
    pub around: Vec<Hop>,
}

/// A folder seen as one part of the project: the files directly in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Path, empty for the top.
    pub folder: String,
    /// Measured files directly in it.
    pub files: u32,
    /// Other folders that need it.
    pub fan_in: u32,
    /// Other folders that it needs.
    pub fan_out: u32,
}

/// How much a file is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Its number.
    pub file: u32,
    /// Files that need it.
    pub fan_in: u32,
    /// Files that it needs.
    pub fan_out: u32,
}

/// What the import graph says about a project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Structure {
    /// Dependencies between files.
    pub edges: u64,
    /// Cycles of files, largest first.
    pub cycles: Vec<Cycle>,
    /// Cycles of folders, largest first.
    pub folder_cycles: Vec<FolderCycle>,
    /// All folders with measured files, by path.
    pub components: Vec<Component>,
    /// Files that others need, most needed first.
    pub used: Vec<Used>,
    /// Libraries from elsewhere with the number of imports, most used first.
    pub external: Vec<(String, u32)>,
}

/// Builds both graphs from the links of each measured file (each file once, any order).
#[must_use]
pub fn analyse<'a>(paths: &Paths<'_>, links: impl IntoIterator<Item = (u32, &'a Links)>) -> Structure {
    let mut links: Vec<(u32, &Links)> = links.into_iter().collect();
    links.sort_unstable_by_key(|(file, _)| *file);
    let mut files = Graph::default();
    let mut folders = Graph::default();
    let mut measured: BTreeMap<&str, u32> = BTreeMap::new();
    let mut external: BTreeMap<&str, u32> = BTreeMap::new();
    let mut names = Names::default();
    for (file, links) in &links {
        let here = folder_of(paths.path(*file));
        *measured.entry(here).or_insert(0) += 1;
        let here = names.number(here);
        for edge in &links.files {
            files.add((*file, edge.to), Hop { file: *file, line: edge.line }, edge.deferred);
        }
        for edge in links.files.iter().chain(&links.folders) {
            let there = names.number(folder_of(paths.path(edge.to)));
            folders.add((here, there), Hop { file: *file, line: edge.line }, edge.deferred);
        }
        for (name, count) in &links.external {
            *external.entry(name).or_insert(0) += count;
        }
    }
    let folder_cycle = |(members, around): (Vec<u32>, Vec<Hop>)| {
        let mut folders: Vec<String> = members.into_iter().map(|number| names.name(number).to_owned()).collect();
        folders.sort_unstable();
        FolderCycle { folders, around }
    };
    let component = |(folder, files): (&&str, &u32)| {
        let (fan_in, fan_out) = names.find(folder).map_or((0, 0), |number| folders.fans(number));
        Component { folder: (*folder).to_owned(), files: *files, fan_in, fan_out }
    };
    let mut external: Vec<(String, u32)> = external.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    external.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Structure {
        edges: files.edges.len() as u64,
        cycles: files.cycles().into_iter().map(|(files, around)| Cycle { files, around }).collect(),
        folder_cycles: folders.cycles().into_iter().map(folder_cycle).collect(),
        components: measured.iter().map(component).collect(),
        used: files.used(),
        external,
    }
}

/// Numbers for folder names.
#[derive(Debug, Default)]
struct Names<'a> {
    numbers: BTreeMap<&'a str, u32>,
    names: Vec<&'a str>,
}

impl<'a> Names<'a> {
    fn number(&mut self, name: &'a str) -> u32 {
        *self.numbers.entry(name).or_insert_with(|| {
            self.names.push(name);
            u32::try_from(self.names.len() - 1).expect("there are fewer folders than file numbers")
        })
    }

    fn find(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    fn name(&self, number: u32) -> &'a str {
        self.names[number as usize]
    }
}

/// The import that makes an edge.
#[derive(Debug, Clone, Copy)]
struct Via {
    hop: Hop,
    deferred: bool,
}

/// A graph of numbers; one edge per pair, with the first import that makes it. Edges that nothing needs for loading count for
/// how much depends on a node, and make no cycle.
#[derive(Debug, Default)]
struct Graph {
    edges: BTreeMap<(u32, u32), Via>,
    fan_in: BTreeMap<u32, u32>,
    fan_out: BTreeMap<u32, u32>,
}

impl Graph {
    fn add(&mut self, (from, to): (u32, u32), hop: Hop, deferred: bool) {
        let via = Via { hop, deferred };
        if let Some(known) = self.edges.get_mut(&(from, to)) {
            if known.deferred && !deferred {
                *known = via;
            }
        } else if from != to {
            self.edges.insert((from, to), via);
            *self.fan_in.entry(to).or_insert(0) += 1;
            *self.fan_out.entry(from).or_insert(0) += 1;
        }
    }

    fn fans(&self, node: u32) -> (u32, u32) {
        let of = |fans: &BTreeMap<u32, u32>| fans.get(&node).copied().unwrap_or(0);
        (of(&self.fan_in), of(&self.fan_out))
    }

    fn used(&self) -> Vec<Used> {
        let fan_out = |file| self.fan_out.get(file).copied().unwrap_or(0);
        let mut used: Vec<Used> = self
            .fan_in
            .iter()
            .map(|(file, fan_in)| Used { file: *file, fan_in: *fan_in, fan_out: fan_out(file) })
            .collect();
        used.sort_by(|a, b| b.fan_in.cmp(&a.fan_in).then(a.file.cmp(&b.file)));
        used
    }

    /// Members and a way around of each component with more than one node, largest first.
    fn cycles(&self) -> Vec<(Vec<u32>, Vec<Hop>)> {
        let nodes: Vec<u32> =
            self.fan_in.keys().chain(self.fan_out.keys()).copied().collect::<BTreeSet<_>>().into_iter().collect();
        let place =
            |node: &u32| u32::try_from(nodes.binary_search(node).expect("each end of an edge has a fan")).expect("few");
        let loaded = self.edges.iter().filter(|(_, via)| !via.deferred);
        let graph: DiGraph<(), ()> = DiGraph::from_edges(loaded.map(|((from, to), _)| (place(from), place(to))));
        // Kosaraju's algorithm, because petgraph's Tarjan is recursive and a long chain of imports would end the thread.
        let components = kosaraju_scc(&graph).into_iter().filter(|component| component.len() > 1);
        let mut cycles: Vec<(Vec<u32>, Vec<Hop>)> = components
            .map(|component| {
                let mut members: Vec<u32> = component.into_iter().map(|node| nodes[node.index()]).collect();
                members.sort_unstable();
                let around = self.around(&members);
                (members, around)
            })
            .collect();
        cycles.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        cycles
    }

    /// A shortest way from the first member back to it, by breadth-first search inside the component.
    fn around(&self, members: &[u32]) -> Vec<Hop> {
        let Some(start) = members.first().copied() else { return Vec::new() };
        let mut came_from: BTreeMap<u32, u32> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for ((_, to), via) in self.edges.range((node, 0)..=(node, u32::MAX)) {
                if via.deferred || members.binary_search(to).is_err() || came_from.contains_key(to) {
                    continue;
                }
                came_from.insert(*to, node);
                if *to == start {
                    return self.trace(start, &came_from);
                }
                queue.push_back(*to);
            }
        }
        Vec::new()
    }

    fn trace(&self, start: u32, came_from: &BTreeMap<u32, u32>) -> Vec<Hop> {
        let mut hops = VecDeque::new();
        let mut to = start;
        loop {
            let from = came_from[&to];
            hops.push_front(self.edges[&(from, to)].hop);
            to = from;
            if to == start {
                return hops.into();
            }
        }
    }
}
