//! Seats that change while agents compute: never more compute than there are seats, and whoever can use a new one is woken.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use agentd_base::{AgentId, Rng, Role};
use futures_util::FutureExt;
use tokio::sync::Notify;

use super::support::{Rig, said, words};
use crate::pieces::{Board, Claim, Job, Next, Reach, Scatter, ScatterSpec, Scratch, Worker};

/// Agents at a board that do what a test says, as their loop would: a piece, then the question for the next one.
struct Table {
    board: Board,
    workers: Vec<(Worker, Arc<Notify>)>,
    held: BTreeMap<usize, Claim>,
    /// Those who were woken, and have not found out yet that there is nothing for them.
    awake: BTreeSet<usize>,
    scratch: Scratch,
    done: Arc<AtomicUsize>,
}

impl Table {
    fn new(seats: usize, agents: u8) -> Self {
        let board = Board::new(seats);
        let join = |agent| {
            let (who, wake) = (Worker { agent: AgentId(agent), generation: 1 }, Arc::<Notify>::default());
            board.join(who, Arc::clone(&wake));
            (who, wake)
        };
        let workers: Vec<_> = (0..agents).map(join).collect();
        let awake = (0..workers.len()).collect();
        Self { board, workers, held: BTreeMap::new(), awake, scratch: Scratch::default(), done: Arc::default() }
    }

    /// Work of `owner`: open to all, or its own alone.
    fn post(&self, owner: usize, open: bool, pieces: usize) {
        let (done, owner) = (Arc::clone(&self.done), self.workers[owner].0);
        let piece = Box::new(move |_: &mut Scratch, _: &usize| {
            done.fetch_add(1, Ordering::Relaxed);
        });
        let only = if open { None } else { Some(owner.agent) };
        let (what, note, attempt) = ("test".to_owned(), "test".to_owned(), Arc::<AtomicBool>::default());
        let spec = ScatterSpec { what, note, owner, only, attempt, items: (0..pieces).collect(), piece };
        let job: Arc<dyn Job> = Scatter::<usize, ()>::new(spec);
        self.board.post(job);
    }

    /// Who has something to do.
    fn busy(&mut self) -> Vec<usize> {
        let woken = |(number, worker): (usize, &(Worker, Arc<Notify>))| {
            let is_woken = worker.1.notified().now_or_never().is_some();
            is_woken.then_some(number)
        };
        self.awake.extend(self.workers.iter().enumerate().filter_map(woken));
        self.awake.iter().chain(self.held.keys()).copied().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Ends the piece that an agent holds, if any, and lets it ask for the next one.
    fn turn(&mut self, number: usize) {
        let who = self.workers[number].0;
        if let Some(claim) = self.held.remove(&number) {
            claim.job.run(claim.piece, who, &mut self.scratch);
        }
        match self.board.next(who, Reach::All) {
            Next::Piece(claim) => {
                self.held.insert(number, claim);
                let (held, seats) = (self.held.len(), self.board.seats());
                assert!(held <= seats, "{held} agents compute on {seats} seats");
            }
            Next::Wait { .. } => {
                self.awake.remove(&number);
            }
        }
    }
}

/// Turns in which agents take and end pieces, and seats come and go, in an order that belongs to `seed`.
fn play(seed: u64) {
    let mut rng = Rng::new(seed);
    let mut pick = |bound: usize| usize::try_from(rng.below(bound as u64)).unwrap();
    let mut table = Table::new(1 + pick(8), 8);
    let mut pieces = 0;
    for _ in 0..=pick(5) {
        let (owner, open, count) = (pick(8), pick(3) > 0, 1 + pick(60));
        table.post(owner, open, count);
        pieces += count;
    }
    let mut changes = 0;
    loop {
        if changes < 200 && pick(4) == 0 {
            changes += 1;
            let seats = pick(9); // none is one
            table.board.set_seats(seats);
            assert_eq!(table.board.seats(), seats.max(1));
        }
        let busy = table.busy();
        if busy.is_empty() {
            break;
        }
        table.turn(busy[pick(busy.len())]);
    }
    assert_eq!(table.done.load(Ordering::Relaxed), pieces, "seed {seed}: nobody was woken for the rest");
}

#[test]
fn seats_that_come_and_go_never_seat_too_many_and_forget_nobody() {
    (0..500).for_each(play);
}

#[test]
fn a_new_seat_wakes_one_who_can_use_it_and_a_lost_one_is_given_up_after_the_piece() {
    let mut table = Table::new(1, 5);
    table.post(0, true, 60);
    let settle = |table: &mut Table| {
        while let Some(number) = table.busy().into_iter().find(|number| !table.held.contains_key(number)) {
            table.turn(number);
        }
        table.held.len()
    };
    assert_eq!(settle(&mut table), 1);
    table.board.set_seats(4);
    assert_eq!(settle(&mut table), 4, "idle agents are woken for seats that are new");
    table.board.set_seats(2);
    assert_eq!(table.held.len(), 4, "pieces under way are not cut off");
    let seated: Vec<usize> = table.held.keys().copied().collect();
    for (number, left) in seated.into_iter().zip([3, 2, 2, 2]) {
        table.turn(number);
        assert_eq!(table.held.len(), left);
    }
    table.board.set_seats(1);
    table.post(3, false, 5);
    while table.done.load(Ordering::Relaxed) < 65 {
        let busy = table.busy();
        table.turn(busy[0]);
    }
}

#[test]
fn the_crew_computes_on_as_many_threads_as_it_was_given_seats() {
    const SEATS: usize = 3;
    let (busy, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let peak = Arc::clone(&most);
    let meet = Arc::new(Mutex::new(None::<Arc<Barrier>>));
    let party = Arc::clone(&meet);
    let mut rig = Rig::code(SEATS, move |ctx| {
        let (busy, most, party) = (Arc::clone(&busy), Arc::clone(&most), party.lock().unwrap().clone());
        Box::pin(async move {
            let piece = move |_: &mut _, item: &usize| {
                most.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                if let Some(party) = party.as_ref().filter(|_| *item < SEATS) {
                    party.wait();
                }
                busy.fetch_sub(1, Ordering::SeqCst);
            };
            said(ctx.scatter((0..200).collect(), piece).await?.shares.len().to_string())
        })
    });
    assert_eq!(rig.crew.compute_seats(), SEATS);
    for (number, (asked, seats, expected)) in (0_u16..).zip([(0, 1, 1), (2, 2, 2), (1, 1, 1), (99, SEATS, SEATS)]) {
        assert_eq!(rig.crew.set_compute_seats(asked), seats);
        peak.store(0, Ordering::SeqCst);
        // With all seats back, the first pieces wait for each other: they are computed at once or never.
        *meet.lock().unwrap() = (seats == SEATS).then(|| Arc::new(Barrier::new(SEATS)));
        rig.begin(Role::Analyzer, number, "scatter");
        words(rig.finished().1).parse::<usize>().unwrap();
        assert!(peak.load(Ordering::SeqCst) <= expected, "{asked} seats were asked for");
    }
    assert_eq!(peak.load(Ordering::SeqCst), SEATS);
    rig.crew.set_compute_seats(1);
    for (number, role) in (10_u16..).zip([Role::Coordinator, Role::Documenter, Role::Monitor]) {
        *meet.lock().unwrap() = (number == 10).then(|| Arc::new(Barrier::new(SEATS)));
        rig.begin(role, number, "scatter");
        words(rig.finished().1).parse::<usize>().unwrap();
    }
}
