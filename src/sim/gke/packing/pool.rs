//! The machines there are, and the best one of them for a pod.
//!
//! Machines of one group are ordered by the processor time that is left on them. The best fit is searched from the first one
//! that has enough upwards, so a decision looks at a few machines and not at all of them.

use std::collections::{BTreeMap, BTreeSet};

use super::taste::Dislike;
use super::{Amounts, Group, Taste};

/// Machines that fit, of which the one is taken that is left with least. More change little and cost time.
const COMPARED_MAX: usize = 8;

/// A machine, as the pool knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MachineId(u32);

/// What a pod needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// How much it takes.
    pub amounts: Amounts,
    /// Where it may go.
    pub taste: Taste,
}

/// All machines. Cheap to ask: see the module.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    machines: Vec<Option<Machine>>,
    /// Numbers of machines that are gone, to be given again.
    vacant: Vec<u32>,
    groups: Vec<Kin>,
    count: usize,
}

#[derive(Clone, Debug)]
struct Machine {
    group: usize,
    own: BTreeMap<String, String>,
    whole: Amounts,
    /// May be more than the whole, where somebody else than the scheduler puts pods onto it.
    used: Amounts,
    free: Amounts,
    /// Whether new pods may come.
    open: bool,
}

#[derive(Clone, Debug)]
struct Kin {
    group: Group,
    /// Open machines by what is left: processor, memory.
    by_free: BTreeSet<(u32, u32, u32)>,
}

impl Pool {
    /// How many machines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a machine with nothing on it. `own` are the labels that only it has.
    ///
    /// # Panics
    /// When there are four billion machines.
    pub fn add(&mut self, group: &Group, own: BTreeMap<String, String>, whole: Amounts, open: bool) -> MachineId {
        let known = self.groups.iter().position(|kin| kin.group == *group);
        let group = known.unwrap_or_else(|| {
            self.groups.push(Kin { group: group.clone(), by_free: BTreeSet::new() });
            self.groups.len() - 1
        });
        let machine = Machine { group, own, whole, used: Amounts::default(), free: whole, open: false };
        let id = self.vacant.pop().unwrap_or_else(|| {
            self.machines.push(None);
            u32::try_from(self.machines.len() - 1).expect("a cluster has fewer machines")
        });
        self.machines[id as usize] = Some(machine);
        self.count += 1;
        self.set_open(MachineId(id), open);
        MachineId(id)
    }

    /// Takes a machine away.
    pub fn remove(&mut self, id: MachineId) {
        self.set_open(id, false);
        if self.machines.get_mut(id.0 as usize).and_then(Option::take).is_some() {
            self.vacant.push(id.0);
            self.count -= 1;
        }
    }

    /// Says whether new pods may come onto a machine.
    pub fn set_open(&mut self, id: MachineId, open: bool) {
        self.change(id, |machine| machine.open = open);
    }

    /// What is left on a machine.
    #[must_use]
    pub fn free(&self, id: MachineId) -> Amounts {
        self.machines.get(id.0 as usize).and_then(Option::as_ref).map(|machine| machine.free).unwrap_or_default()
    }

    /// What a machine has in all.
    #[must_use]
    pub fn whole(&self, id: MachineId) -> Amounts {
        self.machines.get(id.0 as usize).and_then(Option::as_ref).map(|machine| machine.whole).unwrap_or_default()
    }

    /// Says that something is on a machine, whoever put it there.
    pub fn take(&mut self, id: MachineId, amounts: &Amounts) {
        self.change(id, |machine| machine.used = machine.used.plus(amounts));
    }

    /// Says that something is on a machine no more.
    pub fn give(&mut self, id: MachineId, amounts: &Amounts) {
        self.change(id, |machine| machine.used = machine.used.minus(amounts));
    }

    /// Chooses the machine for a pod, and takes the room there; `None` when there is none.
    pub fn place(&mut self, wish: &Wish) -> Option<MachineId> {
        let best = self.groups.iter().filter(|kin| wish.taste.of_group(&kin.group).is_ok());
        let best = best.filter_map(|kin| self.best_of(kin, wish)).min_by(|(one, _), (other, _)| one.total_cmp(other));
        let (_, id) = best?;
        self.take(id, &wish.amounts);
        Some(id)
    }

    fn best_of(&self, kin: &Kin, wish: &Wish) -> Option<(f64, MachineId)> {
        let enough = kin.by_free.range((wish.amounts.cpu_milli, 0, 0)..);
        let machines = enough.filter_map(|(_, _, id)| Some((*id, self.machines.get(*id as usize)?.as_ref()?)));
        let fitting = machines
            .filter(|(_, machine)| wish.amounts.fits(&machine.free) && wish.taste.of_machine(&kin.group, &machine.own));
        let rated = fitting.take(COMPARED_MAX).map(|(id, machine)| {
            let left = machine.free.minus(&wish.amounts);
            let part = |left: u32, whole: u32| f64::from(left) / f64::from(whole.max(1));
            let waste = part(left.cpu_milli, machine.whole.cpu_milli) + part(left.memory_mib, machine.whole.memory_mib);
            (waste, MachineId(id))
        });
        rated.min_by(|(one, _), (other, _)| one.total_cmp(other))
    }

    /// Why the pod is on none of the machines: each reason, in the scheduler's words, with the number of machines.
    #[must_use]
    pub fn obstacles(&self, wish: &Wish) -> BTreeMap<String, usize> {
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        let dislikes: Vec<_> = self.groups.iter().map(|kin| wish.taste.of_group(&kin.group)).collect();
        let mut count = |reason: String| *reasons.entry(reason).or_default() += 1;
        for machine in self.machines.iter().flatten() {
            match &dislikes[machine.group] {
                Err(Dislike::Taint(taint)) => count(format!("node(s) had untolerated taint {{{taint}}}")),
                Err(Dislike::Labels) => count("node(s) didn't match Pod's node affinity/selector".into()),
                Ok(()) if !machine.open => count("node(s) were unschedulable".into()),
                Ok(()) if !wish.taste.of_machine(&self.groups[machine.group].group, &machine.own) => {
                    count("node(s) didn't match Pod's node affinity/selector".into());
                }
                Ok(()) => {
                    let lacks = wish.amounts.named().into_iter().zip(machine.free.named());
                    for ((name, _), _) in lacks.filter(|((_, needed), (_, free))| needed > free) {
                        count(if name == "pods" { "Too many pods".into() } else { format!("Insufficient {name}") });
                    }
                }
            }
        }
        reasons
    }

    fn change(&mut self, id: MachineId, how: impl FnOnce(&mut Machine)) {
        let Some(machine) = self.machines.get_mut(id.0 as usize).and_then(Option::as_mut) else { return };
        let by_free = &mut self.groups[machine.group].by_free;
        if machine.open {
            by_free.remove(&(machine.free.cpu_milli, machine.free.memory_mib, id.0));
        }
        how(machine);
        machine.free = machine.whole.minus(&machine.used);
        if machine.open {
            by_free.insert((machine.free.cpu_milli, machine.free.memory_mib, id.0));
        }
    }
}
