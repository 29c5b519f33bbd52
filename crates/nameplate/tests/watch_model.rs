//! The protocol of claims, watches and wake-ups, checked over every interleaving: two executions of one domain, one
//! thing that both would await, events that are lost, doubled, late or forged, time-outs at any moment, executions
//! stopped at any moment. What must hold is in [`Protocol::properties`]; that each rule of the protocol is needed
//! is shown by a [`Mistake`] that leaves it out. It must not know AWS: what happens there is one truth, `happened`.
//!
//! What mirrors what, one action for each call that AWS carries out as a whole:
//!
//! | here | there |
//! | --- | --- |
//! | `Start` | `Claim` in `statemachine/provision.asl.json` |
//! | `Look`, `LookAgain` | what the step asks AWS: `register` `run`, `request-cert` `run_at` |
//! | `Record` | `register` `Ledger::record_operation`; `request-cert` `Watches::record` |
//! | `Put` | `register` `Ledger::watch`; `request-cert` `Watches::arm` |
//! | `Reset`, `Forget` | `request-cert` `Watches::reset`, `Watches::forget` |
//! | `Delete` | `register` `Ledger::unwatch`; `request-cert` `Watches::remove` |
//! | `Store`, `TimeOut` | `AwaitRegistration`, `AwaitCertificate` |
//! | `Finish` | `Finish` |
//! | `Tell`, `Forge` | `resume` `resolve`, after an event that is true, or is not |
//! | `Answer` | `resume` `answer` |
//! | `Hear`, `ReleaseToken`, `ReleaseClaim` | `release-claim` `end_of` and `Table::read`, `forget_token`, `release` |

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model, Property};

/// How many turns of one execution are looked at.
const TURNS: u8 = 3;
/// How many forged events there are.
const FORGED: u8 = 1;
/// Executions of the domain.
const RUNS: usize = 2;

/// What is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thing {
    /// `poll-registrations` tells of its end as long as its watch is open; the watch is put anew in each turn.
    Registration,
    /// ACM tells of it once; the watch is put once, and changed in later turns.
    Certificate,
}

/// One rule of the protocol left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    /// A claim is taken whoever holds it.
    ClaimWithoutCondition,
    /// The step does not write down what it awaits.
    NoRecord,
    /// The step leaves a resolved watch resolved.
    NoRearm,
    /// The step takes `heldBy` out of the watch and leaves the token.
    HolderWithoutToken,
    /// The step does not look again after it has put or reset the watch.
    NoSecondLook,
    /// The token is stored although the watch is resolved.
    StoreWithoutCondition,
    /// The token is stored without saying whose it is.
    StoreWithoutHolder,
    /// A sleep has no end but a wake-up.
    NoTimeOut,
    /// A time-out leads to sleep again, not to the step.
    SleepAgain,
    /// Who is woken believes that the thing has happened.
    BelieveTheWakeUp,
    /// The watch stays when the thing has happened.
    NoDelete,
    /// `resume` looks for the token and marks the watch in two calls.
    TokenBeforeMark,
    /// `release-claim` believes the event that an execution has ended.
    BelieveTheEnd,
    /// `release-claim` leaves tokens alone.
    NoTokenReleased,
    /// `release-claim` takes a token out whoever holds it.
    ReleaseAnyToken,
    /// `release-claim` gives the domain back whoever holds it.
    ReleaseAnyClaim,
}

/// What is checked.
#[derive(Clone, Copy, Debug)]
struct Protocol {
    thing: Thing,
    /// Whether what an execution has on its way when it is stopped goes on without it: its function to the end of
    /// the step, the write of its token. It can disturb the sleep of the next one, at the price of a time-out.
    stragglers: bool,
    mistake: Option<Mistake>,
}

/// An execution, and which of its sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Token {
    run: usize,
    turn: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Watch {
    token: Option<Token>,
    held_by: Option<usize>,
    /// Which delivery resolved it: the time, in the item.
    resolved: Option<u8>,
    /// Only of a registration.
    open: bool,
}

/// Where an execution is, and what its step has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    New,
    Look,
    Record,
    Put,
    Reset(u8),
    Forget(Token),
    LookAgain,
    Store,
    Asleep,
    Delete,
    Finish,
    Ended,
}

/// How far `release-claim` is with an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Release {
    Idle,
    /// It has read the item: whether that says what is awaited.
    Read(bool),
    TokenGone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Run {
    at: At,
    /// Whether Step Functions runs it.
    running: bool,
    /// Whether it went on to what follows the wait.
    went_on: bool,
    turns: u8,
    time_outs: u8,
    /// Time-outs after the thing had happened.
    late_time_outs: u8,
    release: Release,
    heard: u8,
    /// Whether `release-claim` has come to its end for it.
    released: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    happened: bool,
    watch: Option<Watch>,
    /// Of the domain item, as the next one.
    held_by: Option<usize>,
    awaited: bool,
    runs: [Run; RUNS],
    /// Answers that `resume` is about to give.
    answers: BTreeSet<Token>,
    /// Marks that a `resume` in two calls is about to set.
    marks: u8,
    /// True events that ACM has still to deliver.
    to_tell: u8,
    told: u8,
    forged: u8,
    deliveries: u8,
    /// Whether an answer has ever woken somebody.
    woken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Start(usize),
    Look(usize),
    Record(usize),
    Put(usize),
    Reset(usize, u8),
    Forget(usize, Token),
    LookAgain(usize),
    Store(usize),
    TimeOut(usize),
    Delete(usize),
    Finish(usize),
    Stop(usize),
    /// The thing happens, and so many events are sent.
    Happen(u8),
    Tell,
    Forge,
    Mark,
    Answer(Token),
    Hear(usize),
    ReleaseToken(usize),
    ReleaseClaim(usize),
}

impl Run {
    fn token(&self, run: usize) -> Token {
        Token { run, turn: self.turns }
    }

    /// Whether it works on the domain.
    fn works(&self) -> bool {
        self.running && !matches!(self.at, At::New | At::Ended)
    }

    fn sleeps(&self) -> bool {
        self.running && self.at == At::Asleep
    }

    fn leave(&mut self) {
        self.at = At::Ended;
        self.running = false;
    }

    /// To the next state of the state machine. What is left of a stopped execution ends with its step.
    fn go(&mut self, at: At) {
        self.at = if self.running { at } else { At::Ended };
    }

    fn next_turn(&mut self) {
        self.turns += 1;
        self.at = At::Look;
    }
}

impl World {
    /// Whether an event that comes now finds the token, or one has found it.
    fn can_be_woken(&self, token: Token) -> bool {
        let waits = self.watch.is_some_and(|watch| watch.resolved.is_none() && watch.token == Some(token));
        waits || self.answers.contains(&token)
    }

    fn every(&self, holds: impl Fn(usize, &Run) -> bool) -> bool {
        self.runs.iter().enumerate().all(|(run, state)| holds(run, state))
    }
}

impl Protocol {
    /// How often one event comes at most. Once with stragglers: both together hold as well, and take minutes.
    fn copies(&self) -> u8 {
        if self.stragglers { 1 } else { 2 }
    }

    fn is(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// Whether a true event can still come.
    fn more_to_tell(&self, world: &World) -> bool {
        match self.thing {
            Thing::Certificate => world.to_tell > 0,
            Thing::Registration => world.happened && world.watch.is_some_and(|watch| watch.open),
        }
    }

    /// A delivery reaches `resume`.
    fn resolve(&self, world: &mut World) {
        world.deliveries += 1;
        let Some(watch) = &mut world.watch else { return };
        world.answers.extend(watch.token);
        if self.is(Mistake::TokenBeforeMark) {
            world.marks += 1;
            return;
        }
        watch.resolved = Some(world.deliveries);
        watch.open = false;
    }

    /// The call that puts the watch, and what the step does next by its answer.
    fn put(&self, world: &mut World, run: usize) {
        let fresh = Watch { open: self.thing == Thing::Registration, ..Watch::default() };
        let next = match (self.thing, world.watch) {
            (_, Some(watch)) if self.is(Mistake::NoRearm) && watch.resolved.is_some() => At::Store,
            (Thing::Registration, Some(watch)) if self.is(Mistake::HolderWithoutToken) => {
                world.watch = Some(Watch { token: watch.token, ..fresh });
                At::Store
            }
            (Thing::Registration, _) => {
                world.watch = Some(fresh);
                At::Store
            }
            (Thing::Certificate, None) => {
                world.watch = Some(fresh);
                At::LookAgain
            }
            (Thing::Certificate, Some(Watch { resolved: Some(seen), .. })) => At::Reset(seen),
            (Thing::Certificate, Some(Watch { token: Some(seen), .. })) => At::Forget(seen),
            (Thing::Certificate, Some(_)) => At::Store,
        };
        match next {
            At::Store => world.runs[run].go(At::Store),
            At::LookAgain => self.look_again(world, run),
            of_the_step => world.runs[run].at = of_the_step,
        }
    }

    fn look_again(&self, world: &mut World, run: usize) {
        if self.is(Mistake::NoSecondLook) {
            world.runs[run].go(At::Store);
        } else {
            world.runs[run].at = At::LookAgain;
        }
    }

    fn forget(&self, watch: &mut Watch) {
        watch.held_by = None;
        if !self.is(Mistake::HolderWithoutToken) {
            watch.token = None;
        }
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let run = Run {
            at: At::New,
            running: false,
            went_on: false,
            turns: 0,
            time_outs: 0,
            late_time_outs: 0,
            release: Release::Idle,
            heard: 0,
            released: false,
        };
        vec![World {
            happened: false,
            watch: None,
            held_by: None,
            awaited: false,
            runs: [run; RUNS],
            answers: BTreeSet::new(),
            marks: 0,
            to_tell: 0,
            told: 0,
            forged: 0,
            deliveries: 0,
            woken: false,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for (run, state) in world.runs.iter().enumerate() {
            match state.at {
                At::New => {
                    let first = world.runs[..run].iter().all(|earlier| earlier.at != At::New);
                    if first && (world.held_by.is_none() || self.is(Mistake::ClaimWithoutCondition)) {
                        actions.push(Action::Start(run));
                    }
                }
                At::Look => actions.push(Action::Look(run)),
                At::Record => actions.push(Action::Record(run)),
                At::Put => actions.push(Action::Put(run)),
                At::Reset(seen) => actions.push(Action::Reset(run, seen)),
                At::Forget(seen) => actions.push(Action::Forget(run, seen)),
                At::LookAgain => actions.push(Action::LookAgain(run)),
                At::Store => actions.push(Action::Store(run)),
                At::Asleep if self.is(Mistake::NoTimeOut) => {}
                At::Asleep => actions.push(Action::TimeOut(run)),
                At::Delete => actions.push(Action::Delete(run)),
                At::Finish => actions.push(Action::Finish(run)),
                At::Ended => {}
            }
            if state.works() {
                actions.push(Action::Stop(run));
            }
            match state.release {
                // The end may be told twice. Told of one that runs it is forged, and found out by asking.
                Release::Idle if state.at != At::New && state.heard < self.copies() => {
                    if !state.running || self.is(Mistake::BelieveTheEnd) {
                        actions.push(Action::Hear(run));
                    }
                }
                Release::Idle => {}
                Release::Read(_) => actions.push(Action::ReleaseToken(run)),
                Release::TokenGone => actions.push(Action::ReleaseClaim(run)),
            }
        }
        if !world.happened {
            actions.extend((1..=self.copies()).map(Action::Happen));
        }
        if self.more_to_tell(world) && world.told < 2 * self.copies() {
            actions.push(Action::Tell);
        }
        if world.forged < FORGED {
            actions.push(Action::Forge);
        }
        if world.marks > 0 {
            actions.push(Action::Mark);
        }
        actions.extend(world.answers.iter().copied().map(Action::Answer));
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Start(run) => {
                world.held_by = Some(run);
                world.runs[run].running = true;
                world.runs[run].next_turn();
            }
            // `register` reads the item before it looks, `request-cert` writes it afterwards.
            Action::Look(run) if self.thing == Thing::Registration && world.held_by != Some(run) => {
                world.runs[run].leave();
            }
            Action::Look(run) | Action::LookAgain(run) if world.happened => world.runs[run].at = At::Delete,
            Action::Look(run) => world.runs[run].at = At::Record,
            Action::LookAgain(run) => world.runs[run].go(At::Store),
            Action::Record(run) if self.thing == Thing::Certificate && world.held_by != Some(run) => {
                world.runs[run].leave();
            }
            Action::Record(run) => {
                world.awaited |= !self.is(Mistake::NoRecord);
                world.runs[run].at = At::Put;
            }
            Action::Put(run) => self.put(&mut world, run),
            Action::Reset(run, seen) => {
                if let Some(watch) = world.watch.as_mut().filter(|watch| watch.resolved == Some(seen)) {
                    watch.resolved = None;
                    self.forget(watch);
                }
                self.look_again(&mut world, run);
            }
            Action::Forget(run, seen) => {
                let same = |watch: &&mut Watch| watch.token == Some(seen) && watch.resolved.is_none();
                if let Some(watch) = world.watch.as_mut().filter(same) {
                    self.forget(watch);
                }
                world.runs[run].go(At::Store);
            }
            Action::Store(run) => {
                let token = world.runs[run].token(run);
                let free = |watch: &&mut Watch| watch.resolved.is_none() || self.is(Mistake::StoreWithoutCondition);
                match world.watch.as_mut().filter(free) {
                    Some(watch) => {
                        watch.token = Some(token);
                        if !self.is(Mistake::StoreWithoutHolder) {
                            watch.held_by = Some(run);
                        }
                        world.runs[run].go(At::Asleep);
                    }
                    None if world.runs[run].running => world.runs[run].next_turn(),
                    None => world.runs[run].leave(),
                }
            }
            Action::TimeOut(run) => {
                let state = &mut world.runs[run];
                state.time_outs += 1;
                state.late_time_outs += u8::from(world.happened);
                state.next_turn();
                if self.is(Mistake::SleepAgain) {
                    state.at = At::Store;
                }
            }
            Action::Delete(run) => {
                if !self.is(Mistake::NoDelete) {
                    world.watch = None;
                }
                world.runs[run].went_on = world.runs[run].running;
                world.runs[run].go(At::Finish);
            }
            Action::Finish(run) => {
                if world.held_by == Some(run) {
                    world.held_by = None;
                }
                world.runs[run].leave();
            }
            Action::Stop(run) => {
                let state = &mut world.runs[run];
                let on_its_way = !matches!(state.at, At::Asleep | At::Finish);
                state.running = false;
                if !(self.stragglers && on_its_way) {
                    state.leave();
                }
            }
            Action::Happen(events) => {
                world.happened = true;
                world.to_tell = if self.thing == Thing::Certificate { events } else { 0 };
            }
            Action::Tell => {
                world.to_tell = world.to_tell.saturating_sub(1);
                world.told += 1;
                self.resolve(&mut world);
            }
            Action::Forge => {
                world.forged += 1;
                self.resolve(&mut world);
            }
            Action::Mark => {
                world.marks -= 1;
                if let Some(watch) = &mut world.watch {
                    watch.resolved = Some(world.deliveries);
                    watch.open = false;
                }
            }
            Action::Answer(token) => {
                world.answers.remove(&token);
                let run = &mut world.runs[token.run];
                if run.sleeps() && run.token(token.run) == token {
                    world.woken = true;
                    run.next_turn();
                    if self.is(Mistake::BelieveTheWakeUp) {
                        run.at = At::Delete;
                    }
                }
            }
            Action::Hear(run) => {
                world.runs[run].heard += 1;
                world.runs[run].release = Release::Read(world.awaited);
            }
            Action::ReleaseToken(run) => {
                let ours = |watch: &&mut Watch| watch.held_by == Some(run) || self.is(Mistake::ReleaseAnyToken);
                let known = world.runs[run].release == Release::Read(true) && !self.is(Mistake::NoTokenReleased);
                if let Some(watch) = world.watch.as_mut().filter(ours).filter(|_| known) {
                    watch.token = None;
                    watch.held_by = None;
                }
                world.runs[run].release = Release::TokenGone;
            }
            Action::ReleaseClaim(run) => {
                if world.held_by == Some(run) || self.is(Mistake::ReleaseAnyClaim) {
                    world.held_by = None;
                }
                world.runs[run].release = Release::Idle;
                world.runs[run].released = true;
            }
        }
        Some(world)
    }

    fn within_boundary(&self, world: &World) -> bool {
        world.every(|_, run| run.turns <= TURNS)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ENDS, |protocol: &Protocol, world: &World| {
                let mut actions = Vec::new();
                protocol.actions(world, &mut actions);
                world.every(|run, state| !state.sleeps() || actions.contains(&Action::TimeOut(run)))
            }),
            Property::always(WAKES, |protocol: &Protocol, world: &World| {
                protocol.stragglers || world.every(|run, state| !state.sleeps() || world.can_be_woken(state.token(run)))
            }),
            Property::always(NOT_SLEPT_THROUGH, |protocol: &Protocol, world: &World| {
                let over = world.happened && !protocol.more_to_tell(world);
                let answered = |run, state: &Run| world.answers.contains(&state.token(run));
                protocol.stragglers || world.every(|run, state| !(state.sleeps() && over) || answered(run, state))
            }),
            Property::always(ONE_TIME_OUT, |_: &Protocol, world: &World| {
                world.every(|_, state| state.late_time_outs <= 1)
            }),
            Property::always(TRUE, |_: &Protocol, world: &World| {
                world.every(|_, state| !state.went_on || world.happened)
            }),
            Property::always(CAUSE, |protocol: &Protocol, world: &World| {
                // What a stopped execution still does, such as taking the watch away, is another cause.
                let left = |run| world.every(|other, state| other == run || state.running || state.at == At::New);
                world.every(|run, state| {
                    let strange = u8::from(protocol.stragglers && !left(run));
                    state.turns <= 1 + state.time_outs + world.deliveries + strange
                })
            }),
            Property::always(NO_TOKEN_LEFT, |protocol: &Protocol, world: &World| {
                let token = world.watch.and_then(|watch| watch.token);
                let done = |state: &Run| state.at == At::Ended && (state.went_on || state.released);
                protocol.stragglers
                    || world.every(|run, state| !done(state) || token.is_none_or(|token| token.run != run))
            }),
            Property::always(WHOSE, |_: &Protocol, world: &World| {
                world.watch.is_none_or(|watch| watch.token.map(|token| token.run) == watch.held_by)
            }),
            Property::always(KEEPS, |_: &Protocol, world: &World| {
                world.every(|run, state| !state.works() || world.held_by == Some(run))
            }),
            Property::always(ONE_WORKS, |_: &Protocol, world: &World| {
                world.runs.iter().filter(|state| state.works()).count() <= 1
            }),
            Property::always(GIVEN_BACK, |_: &Protocol, world: &World| {
                world.every(|run, state| !(state.at == At::Ended && state.released) || world.held_by != Some(run))
            }),
            Property::sometimes("an answer wakes somebody", |_: &Protocol, world: &World| world.woken),
            Property::sometimes("an answer comes for somebody who is no more", |_: &Protocol, world: &World| {
                world.answers.iter().any(|token| !world.runs[token.run].running)
            }),
            Property::sometimes(
                "who was stopped is followed by one that comes to the end",
                |_: &Protocol, world: &World| {
                    let [first, second] = world.runs;
                    first.at == At::Ended && !first.went_on && second.at == At::Ended && second.went_on
                },
            ),
            Property::sometimes(
                "a second word about one that was stopped finds another one asleep",
                |protocol: &Protocol, world: &World| {
                    let late = world.runs[0].release == Release::TokenGone && world.runs[1].sleeps();
                    late || protocol.copies() == 1
                },
            ),
        ]
    }
}

const ENDS: &str = "every sleep ends by itself";
const WAKES: &str = "the next event wakes who sleeps, or an answer is on its way";
const NOT_SLEPT_THROUGH: &str = "nobody sleeps on what has happened once its events have come";
const ONE_TIME_OUT: &str = "a lost wake-up costs one time-out at most";
const TRUE: &str = "nobody goes on before the thing has happened";
const CAUSE: &str = "every turn has a time-out or an event of its own";
const NO_TOKEN_LEFT: &str = "no token is left of an execution that has finished or was released";
const WHOSE: &str = "a token and whose it is come and go together";
const KEEPS: &str = "who works holds the domain";
const ONE_WORKS: &str = "one execution at a time works on the domain";
const GIVEN_BACK: &str = "who was released holds nothing";

const THINGS: [Thing; 2] = [Thing::Registration, Thing::Certificate];

#[test]
fn every_rule_holds_in_every_interleaving() {
    for thing in THINGS {
        for stragglers in [false, true] {
            let checker = Protocol { thing, stragglers, mistake: None }.checker().spawn_bfs().join();
            checker.assert_properties();
            let states = checker.unique_state_count();
            eprintln!("{thing:?}, stragglers {stragglers}: {states} states");
            // Of a model that comes to a halt early everything would be true.
            assert!(states > 10_000, "{thing:?}: {states} states");
        }
    }
}

#[test]
fn every_rule_left_out_is_found() {
    use Mistake::*;
    for (mistake, broken) in [
        (ClaimWithoutCondition, ONE_WORKS),
        (NoRecord, NO_TOKEN_LEFT),
        (NoRearm, CAUSE),
        (HolderWithoutToken, WHOSE),
        (NoSecondLook, NOT_SLEPT_THROUGH),
        (StoreWithoutCondition, WAKES),
        (StoreWithoutHolder, NO_TOKEN_LEFT),
        (NoTimeOut, ENDS),
        (SleepAgain, ONE_TIME_OUT),
        (BelieveTheWakeUp, TRUE),
        (NoDelete, NO_TOKEN_LEFT),
        (TokenBeforeMark, WAKES),
        (BelieveTheEnd, KEEPS),
        (NoTokenReleased, NO_TOKEN_LEFT),
        (ReleaseAnyToken, WAKES),
        (ReleaseAnyClaim, KEEPS),
    ] {
        for thing in THINGS {
            // There is no second look where the poll tells of what is, and not of what changes.
            let needed = (mistake, thing) != (NoSecondLook, Thing::Registration);
            let found = Protocol { thing, stragglers: false, mistake: Some(mistake) }
                .checker()
                .finish_when(HasDiscoveries::AnyOf(BTreeSet::from([broken])))
                .spawn_bfs()
                .join()
                .discovery(broken)
                .is_some();
            assert_eq!(found, needed, "{mistake:?} of a {thing:?} and `{broken}`");
        }
    }
}
