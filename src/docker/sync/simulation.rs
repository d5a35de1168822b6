//! The machine against a simulated engine: whatever happens in whatever order, once it is
//! quiet the inventory is what the engine has, and what was measured of the engine's work is
//! what it worked, to the nanosecond and at most once.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::inventory::Operation;

/// One step of a run.
#[derive(Clone, Debug)]
enum Step {
    Create,
    Start(usize),
    Die(usize),
    /// `docker stop`, and by force if it does not listen.
    Stop(usize, bool),
    /// `docker restart` of one that runs.
    Restart(usize),
    /// `docker kill` with a signal that is survived, or SIGKILL.
    Kill(usize, bool),
    /// The beginning of `docker rm -f`; `Destroy` is its end.
    Remove(usize),
    Pause(usize),
    Rename(usize),
    Destroy(usize),
    /// The engine looks at a call and makes its answer.
    Serve(usize),
    /// An answer that was made arrives.
    Deliver(usize),
    /// A call fails.
    Fail(usize),
    /// The next event arrives.
    Event,
    /// The stream breaks; the engine may forget what it had to say.
    Lose {
        forgets: bool,
    },
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..100_usize;
    prop_oneof![
        2 => Just(Step::Create),
        4 => which.clone().prop_map(Step::Start),
        3 => which.clone().prop_map(Step::Die),
        2 => (which.clone(), any::<bool>()).prop_map(|(which, forced)| Step::Stop(which, forced)),
        2 => which.clone().prop_map(Step::Restart),
        1 => (which.clone(), any::<bool>()).prop_map(|(which, deadly)| Step::Kill(which, deadly)),
        2 => which.clone().prop_map(Step::Remove),
        1 => which.clone().prop_map(Step::Pause),
        1 => which.clone().prop_map(Step::Rename),
        2 => which.clone().prop_map(Step::Destroy),
        8 => which.clone().prop_map(Step::Serve),
        8 => which.clone().prop_map(Step::Deliver),
        1 => which.prop_map(Step::Fail),
        12 => Just(Step::Event),
        1 => any::<bool>().prop_map(|forgets| Step::Lose { forgets }),
        2 => (1..2_000_u64).prop_map(Step::Pass),
    ]
}

/// A container as the engine has it.
#[derive(Clone, Debug, PartialEq)]
struct Real {
    name: String,
    status: Status,
    pid: u32,
    exit_code: i64,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
}

struct World {
    reconciler: Reconciler,
    /// What the engine has worked and dockmeter has not measured yet.
    work: Vec<(ContainerId, Operation, Duration)>,
    born: BTreeMap<ContainerId, Timestamp>,
    /// Removals under way, and when they began.
    removals: BTreeMap<ContainerId, Timestamp>,
    now: Moment,
    containers: BTreeMap<ContainerId, Real>,
    made: u32,
    log: Vec<Event>,
    /// How much of the log has been sent, while a stream is open.
    sent: Option<usize>,
    /// Calls in flight, with their answer once it is made.
    calls: Vec<(Action, Option<Input>)>,
}

impl World {
    fn new() -> Self {
        let now = Moment { uptime: Duration::ZERO, wall: Timestamp::from_second(1_000_000).unwrap() };
        let mut world = World {
            reconciler: Reconciler::new(Duration::from_secs(60), now),
            work: Vec::new(),
            born: BTreeMap::new(),
            removals: BTreeMap::new(),
            now,
            containers: BTreeMap::new(),
            made: 0,
            log: Vec::new(),
            sent: None,
            calls: Vec::new(),
        };
        world.give(Input::Tick);
        world
    }

    fn give(&mut self, input: Input) {
        for action in self.reconciler.handle(input, self.now) {
            match action {
                Action::Disconnect => {
                    self.calls.clear();
                    self.sent = None;
                }
                Action::Tell(_) => {}
                call => self.calls.push((call, None)),
            }
        }
        for measured in self.reconciler.take_changes().work {
            let real = self.work.iter().position(|work| *work == measured);
            let real = real.unwrap_or_else(|| panic!("{measured:?} never was, or is measured twice"));
            self.work.swap_remove(real);
        }
        let inspects = || {
            self.calls.iter().filter_map(|(call, _)| match call {
                Action::Inspect(id) => Some(*id),
                _ => None,
            })
        };
        let different: BTreeSet<_> = inspects().collect();
        assert!(inspects().count() == different.len(), "two inspects of one container at once");
        assert!(different.len() <= 8, "too many inspects at once");
    }

    fn pass(&mut self, time: Duration) {
        self.now.uptime += time;
        self.now.wall += time;
    }

    fn log(&mut self, id: ContainerId, happening: Happening) {
        let name = self.containers.get(&id).map(|real| real.name.clone());
        let at = Some(self.now.wall);
        self.log.push(Event { id, happening, at, name, image: Some("bb".into()), labels: Labels::new() });
        self.pass(Duration::from_micros(1));
    }

    fn chosen(&self, which: usize) -> Option<ContainerId> {
        let ids: Vec<_> = self.containers.keys().collect();
        ids.get(which % ids.len().max(1)).map(|id| **id)
    }

    /// The last event is the end of an operation that began then.
    fn worked(&mut self, id: ContainerId, operation: Operation, began: Timestamp) {
        let end = self.log.last().and_then(|event| event.at).unwrap();
        self.work.push((id, operation, end.duration_since(began).try_into().unwrap()));
    }

    fn create(&mut self) {
        self.made += 1;
        let id = format!("{:064x}", self.made).parse().unwrap();
        let began = self.now.wall;
        self.born.insert(id, began);
        self.pass(Duration::from_micros(30));
        let name = format!("c{}", self.made);
        let (status, pid, exit_code) = (Status::Created, 0, 0);
        let real = Real { name, status, pid, exit_code, started_at: None, finished_at: None };
        self.containers.insert(id, real);
        self.log(id, Happening::Create);
        self.worked(id, Operation::Create, began);
    }

    fn start(&mut self, id: ContainerId) {
        if self.containers[&id].pid == 0 && !self.removals.contains_key(&id) {
            let began = self.now.wall;
            self.log(id, Happening::Connect);
            self.pass(Duration::from_micros(200));
            let wall = self.now.wall;
            let real = self.containers.get_mut(&id).unwrap();
            self.made += 1;
            (real.status, real.pid, real.exit_code) = (Status::Running, self.made, 0);
            real.started_at = Some(wall);
            self.pass(Duration::from_micros(1));
            self.log(id, Happening::Start);
            self.worked(id, Operation::Start, began);
        }
    }

    fn kill(&mut self, id: ContainerId, signal: i32) {
        if self.containers[&id].pid > 0 {
            self.log(id, Happening::Kill { signal: Some(signal) });
        }
        if signal == 9 {
            self.die(id);
        }
    }

    fn stop(&mut self, id: ContainerId, forced: bool) {
        if self.containers[&id].pid > 0 {
            let began = self.now.wall;
            self.log(id, Happening::Kill { signal: Some(15) });
            self.pass(Duration::from_micros(100));
            match forced {
                true => self.kill(id, 9),
                false => self.die(id),
            }
            self.log(id, Happening::Stop);
            self.worked(id, Operation::Stop, began);
        }
    }

    fn restart(&mut self, id: ContainerId) {
        if self.containers[&id].pid > 0 {
            let began = self.now.wall;
            self.stop(id, false);
            self.start(id);
            self.log(id, Happening::Restart);
            self.worked(id, Operation::Restart, began);
        }
    }

    /// The end comes with [`World::destroy`].
    fn begin_removal(&mut self, id: ContainerId) {
        if self.containers[&id].pid > 0 {
            self.removals.insert(id, self.now.wall);
            self.kill(id, 9);
            self.containers.get_mut(&id).unwrap().status = Status::Removing;
        }
    }

    fn die(&mut self, id: ContainerId) {
        let wall = self.now.wall;
        let real = self.containers.get_mut(&id).unwrap();
        if real.pid > 0 {
            (real.status, real.pid, real.exit_code) = (Status::Exited, 0, 3);
            real.finished_at = Some(wall);
            self.log(id, Happening::Die { exit_code: Some(3) });
        }
    }

    fn pause(&mut self, id: ContainerId) {
        let real = self.containers.get_mut(&id).unwrap();
        let (status, happening) = match real.status {
            Status::Running => (Status::Paused, Happening::Pause),
            Status::Paused => (Status::Running, Happening::Unpause),
            _ => return,
        };
        real.status = status;
        self.log(id, happening);
    }

    fn rename(&mut self, id: ContainerId) {
        self.made += 1;
        self.containers.get_mut(&id).unwrap().name = format!("r{}", self.made);
        self.log(id, Happening::Rename);
    }

    fn destroy(&mut self, id: ContainerId) {
        self.die(id);
        self.containers.remove(&id);
        self.log(id, Happening::Destroy);
        if let Some(began) = self.removals.remove(&id) {
            self.worked(id, Operation::Remove, began);
        }
    }

    /// What the engine answers to a call now.
    fn answer(&mut self, call: &Action) -> Input {
        match call {
            Action::Connect => {
                Input::Connected(Ok(Greeting { clock: Some(self.now.wall), ..Greeting::default() }))
            }
            Action::Subscribe { since } => {
                let missed = |event: &Event| since.is_some_and(|since| event.at >= Some(since));
                self.sent = Some(self.log.iter().position(missed).unwrap_or(self.log.len()));
                Input::Subscribed(Ok(()))
            }
            Action::List => {
                let containers = self.containers.iter().map(|(id, real)| Summary {
                    id: *id,
                    name: Some(real.name.clone()),
                    image: Some("bb".into()),
                    image_id: Some("sha256:bb".into()),
                    labels: None,
                    status: Some(real.status.clone()),
                    created_at: None,
                });
                Input::Listed(Ok(List { containers: containers.collect(), malformed: 0 }))
            }
            Action::Ping => Input::Pinged(Ok(())),
            Action::Inspect(id) => {
                let answer = self.containers.get(id).map(|real| found(real, self.born[id]));
                Input::Inspected(*id, answer.unwrap_or(Answer::Gone))
            }
            Action::InspectImage(key) => Input::ImageInspected(key.clone(), Answer::Found(Labels::new())),
            Action::Disconnect | Action::Tell(_) => unreachable!("these are no calls"),
        }
    }

    fn failure(call: &Action) -> Input {
        let error = || "it failed".to_owned();
        match call {
            Action::Connect => Input::Connected(Err(error())),
            Action::Subscribe { .. } => Input::Subscribed(Err(error())),
            Action::List => Input::Listed(Err(error())),
            Action::Ping => Input::Pinged(Err(error())),
            Action::Inspect(id) => Input::Inspected(*id, Answer::Failed),
            Action::InspectImage(key) => Input::ImageInspected(key.clone(), Answer::Failed),
            Action::Disconnect | Action::Tell(_) => unreachable!("these are no calls"),
        }
    }

    fn serve(&mut self, which: usize) {
        let Some(index) = which.checked_rem(self.calls.len()) else { return };
        if self.calls[index].1.is_none() {
            let call = self.calls[index].0.clone();
            self.calls[index].1 = Some(self.answer(&call));
        }
    }

    fn deliver(&mut self, which: usize) {
        let Some(index) = which.checked_rem(self.calls.len()) else { return };
        if self.calls[index].1.is_some()
            && let (_, Some(answer)) = self.calls.swap_remove(index)
        {
            self.give(answer);
        }
    }

    fn fail(&mut self, which: usize) {
        let Some(index) = which.checked_rem(self.calls.len()) else { return };
        let (call, _) = self.calls.swap_remove(index);
        self.give(World::failure(&call));
    }

    /// Events flow only once the subscription has been answered.
    fn event(&mut self) -> bool {
        let subscribing = self.calls.iter().any(|(call, _)| matches!(call, Action::Subscribe { .. }));
        let Some(sent) = self.sent.filter(|sent| !subscribing && *sent < self.log.len()) else {
            return false;
        };
        self.sent = Some(sent + 1);
        self.give(Input::Event(self.log[sent].clone()));
        true
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Create => self.create(),
            Step::Serve(which) => self.serve(*which),
            Step::Deliver(which) => self.deliver(*which),
            Step::Fail(which) => self.fail(*which),
            Step::Event => drop(self.event()),
            Step::Lose { forgets } => {
                if *forgets {
                    self.log.clear();
                }
                if self.sent.is_some() {
                    self.give(Input::StreamEnded("it broke".into()));
                }
            }
            Step::Pass(milliseconds) => {
                self.pass(Duration::from_millis(*milliseconds));
                self.give(Input::Tick);
            }
            Step::Start(which)
            | Step::Die(which)
            | Step::Stop(which, _)
            | Step::Restart(which)
            | Step::Kill(which, _)
            | Step::Remove(which)
            | Step::Pause(which)
            | Step::Rename(which)
            | Step::Destroy(which) => {
                let Some(id) = self.chosen(*which) else { return };
                match step {
                    Step::Start(_) => self.start(id),
                    Step::Die(_) => self.die(id),
                    Step::Stop(_, forced) => self.stop(id, *forced),
                    Step::Restart(_) => self.restart(id),
                    Step::Kill(_, deadly) => self.kill(id, if *deadly { 9 } else { 1 }),
                    Step::Remove(_) => self.begin_removal(id),
                    Step::Pause(_) => self.pause(id),
                    Step::Rename(_) => self.rename(id),
                    _ => self.destroy(id),
                }
            }
        }
    }

    /// Lets everything arrive and the time of retries and of lingering pass.
    fn come_to_rest(&mut self) {
        for _ in 0..200 {
            self.settle();
            self.pass(Duration::from_secs(1));
            self.give(Input::Tick);
        }
    }

    /// Lets everything arrive.
    fn settle(&mut self) {
        while self.event() || !self.calls.is_empty() {
            self.serve(0);
            self.deliver(0);
        }
    }

    /// The inventory in the engine's terms.
    fn inventory(&self) -> BTreeMap<ContainerId, Real> {
        let real = |id: ContainerId| {
            let container = &self.reconciler.shown(&id)?.0.container;
            let state = &container.state;
            let exit_code = if state.is_live() { 0 } else { state.exit_code.unwrap_or(0) };
            let real = Real {
                name: container.name.to_string(),
                status: state.status.clone(),
                pid: state.pid.unwrap_or(0),
                exit_code,
                started_at: state.started_at,
                finished_at: state.finished_at,
            };
            Some((id, real))
        };
        self.reconciler.ids().filter_map(real).collect()
    }
}

fn found(real: &Real, born: Timestamp) -> Answer<Box<Details>> {
    Answer::Found(Box::new(Details {
        created_at: Some(born),
        stop_signal: Some(15),
        name: Some(real.name.clone()),
        image_id: Some("sha256:bb".into()),
        status: Some(real.status.clone()),
        pid: Some(real.pid),
        exit_code: Some(real.exit_code),
        started_at: real.started_at,
        finished_at: real.finished_at,
        restart_policy: Some("no".into()),
        ..Details::default()
    }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn once_it_is_quiet_the_inventory_is_what_the_engine_has(
        steps in proptest::collection::vec(step(), 1..150)
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        world.come_to_rest();
        prop_assert!(world.reconciler.engine().connected);
        prop_assert_eq!(world.inventory(), world.containers);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn with_nothing_lost_every_operation_is_measured(
        steps in proptest::collection::vec(step(), 1..80)
    ) {
        let mut world = World::new();
        world.come_to_rest();
        for step in &steps {
            if !matches!(step, Step::Lose { .. } | Step::Fail(_) | Step::Serve(_) | Step::Deliver(_)) {
                world.take(step);
                world.settle();
            }
        }
        prop_assert!(world.work.is_empty(), "{:?} were not measured", world.work);
    }
}
