//! The graph of files and the graph of folders: cycles, fan-in, fan-out.

use std::collections::{BTreeMap, HashMap, VecDeque};

use petgraph::{algo::kosaraju_scc, graph::DiGraph};
use serde::{Deserialize, Serialize};

use super::{Edge, Links, Paths, paths::folder_of};

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
    let (mut between_files, mut between_folders) = (Vec::new(), Vec::new());
    let mut external: HashMap<&str, u32> = HashMap::new();
    let mut names = Names::of(paths);
    // Files by the number of their folder.
    let mut measured: Vec<u32> = Vec::new();
    for (file, links) in &links {
        let here = names.number(*file);
        measured.resize(measured.len().max(here as usize + 1), 0);
        measured[here as usize] += 1;
        let via = |edge: &Edge| Via { hop: Hop { file: *file, line: edge.line }, deferred: edge.deferred };
        between_files.extend(links.files.iter().map(|edge| ((*file, edge.to), via(edge))));
        let folders = links.files.iter().chain(&links.folders);
        between_folders.extend(folders.map(|edge| ((here, names.number(edge.to)), via(edge))));
        for (name, count) in &links.external {
            *external.entry(name).or_insert(0) += count;
        }
    }
    let (files, folders) = (Graph::of(between_files), Graph::of(between_folders));
    let folder_cycle = |(members, around): (Vec<u32>, Vec<Hop>)| {
        let mut folders: Vec<String> = members.into_iter().map(|number| names.name(number).to_owned()).collect();
        folders.sort_unstable();
        FolderCycle { folders, around }
    };
    let component = |(number, files): (u32, u32)| {
        let (fan_in, fan_out) = folders.fans(number);
        Component { folder: names.name(number).to_owned(), files, fan_in, fan_out }
    };
    // A folder without measured files is only led to.
    let measured = (0_u32..).zip(measured).filter(|(_, files)| *files > 0);
    let mut components: Vec<Component> = measured.map(component).collect();
    components.sort_unstable_by(|a, b| a.folder.cmp(&b.folder));
    let mut external: Vec<(String, u32)> = external.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    external.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Structure {
        edges: files.edges.len() as u64,
        cycles: files.cycles().into_iter().map(|(files, around)| Cycle { files, around }).collect(),
        folder_cycles: folders.cycles().into_iter().map(folder_cycle).collect(),
        components,
        used: files.used(),
        external,
    }
}

/// Numbers for the folders of files.
#[derive(Debug)]
struct Names<'a> {
    paths: &'a Paths<'a>,
    /// By file; each is looked up by name once.
    of_files: Vec<Option<u32>>,
    numbers: HashMap<&'a str, u32>,
    names: Vec<&'a str>,
}

impl<'a> Names<'a> {
    fn of(paths: &'a Paths<'a>) -> Self {
        Self { paths, of_files: vec![None; paths.len()], numbers: HashMap::new(), names: Vec::new() }
    }

    /// The number of the folder in which a file lies.
    fn number(&mut self, file: u32) -> u32 {
        *self.of_files[file as usize].get_or_insert_with(|| {
            let name = folder_of(self.paths.path(file));
            *self.numbers.entry(name).or_insert_with(|| {
                self.names.push(name);
                u32::try_from(self.names.len() - 1).expect("there are fewer folders than file numbers")
            })
        })
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

/// From one node to another.
type Pair = (u32, u32);

/// A graph of numbers; one edge per pair, with the first import that makes it. Edges that nothing needs for loading count for
/// how much depends on a node, and make no cycle.
#[derive(Debug, Default)]
struct Graph {
    /// By pair.
    edges: Vec<(Pair, Via)>,
    /// How many edges end and begin at each node.
    fan_in: Vec<u32>,
    fan_out: Vec<u32>,
}

impl Graph {
    /// Of all that one file needs of another, in order.
    fn of(mut edges: Vec<(Pair, Via)>) -> Self {
        edges.retain(|((from, to), _)| from != to);
        // Stable: of the imports of a pair the first one stays, and one that loading needs before all others.
        edges.sort_by_key(|(pair, via)| (*pair, via.deferred));
        edges.dedup_by_key(|(pair, _)| *pair);
        let nodes = edges.iter().map(|((from, to), _)| from.max(to) + 1).max().unwrap_or(0) as usize;
        let (mut fan_in, mut fan_out) = (vec![0; nodes], vec![0; nodes]);
        for ((from, to), _) in &edges {
            fan_in[*to as usize] += 1;
            fan_out[*from as usize] += 1;
        }
        Self { edges, fan_in, fan_out }
    }

    fn fans(&self, node: u32) -> (u32, u32) {
        let of = |fans: &[u32]| fans.get(node as usize).copied().unwrap_or(0);
        (of(&self.fan_in), of(&self.fan_out))
    }

    fn used(&self) -> Vec<Used> {
        let fans = (0_u32..).zip(self.fan_in.iter().zip(&self.fan_out)).filter(|(_, (fan_in, _))| **fan_in > 0);
        let used = fans.map(|(file, (fan_in, fan_out))| Used { file, fan_in: *fan_in, fan_out: *fan_out });
        let mut used: Vec<Used> = used.collect();
        used.sort_by(|a, b| b.fan_in.cmp(&a.fan_in).then(a.file.cmp(&b.file)));
        used
    }

    /// Members and a way around of each component with more than one node, largest first.
    fn cycles(&self) -> Vec<(Vec<u32>, Vec<Hop>)> {
        let loaded = self.edges.iter().filter(|(_, via)| !via.deferred);
        let graph: DiGraph<(), ()> = DiGraph::from_edges(loaded.map(|(pair, _)| *pair));
        // Kosaraju's algorithm, because petgraph's Tarjan is recursive and a long chain of imports would end the thread.
        let components = kosaraju_scc(&graph).into_iter().filter(|component| component.len() > 1);
        let mut cycles: Vec<(Vec<u32>, Vec<Hop>)> = components
            .map(|component| {
                let mut members: Vec<u32> =
                    component.into_iter().filter_map(|node| u32::try_from(node.index()).ok()).collect();
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
            for ((_, to), via) in self.from(node) {
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

    /// The edges that begin at a node.
    fn from(&self, node: u32) -> &[(Pair, Via)] {
        let start = self.edges.partition_point(|((from, _), _)| *from < node);
        let end = start + self.fans(node).1 as usize;
        &self.edges[start..end]
    }

    fn trace(&self, start: u32, came_from: &BTreeMap<u32, u32>) -> Vec<Hop> {
        let mut hops = Vec::new();
        let mut to = start;
        loop {
            let from = came_from[&to];
            hops.extend(self.from(from).iter().find(|((_, end), _)| *end == to).map(|(_, via)| via.hop));
            to = from;
            if to == start {
                hops.reverse();
                return hops;
            }
        }
    }
}
