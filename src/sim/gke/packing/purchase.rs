//! Which machines to have for pods that fit nowhere: so that little of what is paid for stays empty.
//!
//! Pods go by size, the greatest first, each onto the machine that it leaves least of; a new machine is of the shape whose
//! resources are in proportion to all that is asked for. When all have a place, every machine is exchanged for the cheapest
//! one that holds what it got.

use std::collections::BTreeMap;

use super::{Amounts, Family, Group, MachineId, Pool, Shape, Taste, Wish};

/// Larger machines are only had for pods that fit on no smaller one: what is lost with a machine should be little.
const CPUS_PREFERRED: u32 = 32;

/// A machine to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bought {
    /// What it is.
    pub shape: Shape,
    /// Which of the pods go onto it, by their place in the list.
    pub pods: Vec<usize>,
}

/// Decides which machines to have for the pods, at most `machines_max`, and which pods fit on none (or on none of so many).
#[must_use]
pub fn buy(pods: &[Amounts], family: Family, machines_max: usize) -> (Vec<Bought>, Vec<usize>) {
    let shapes = Cheapest::of(family);
    let Some(usual) = shapes.usual(pods) else { return (Vec::new(), (0..pods.len()).collect()) };
    let whole = usual.room();
    let mut order: Vec<(usize, f64)> = pods.iter().map(|pod| pod.share(&whole)).enumerate().collect();
    order.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let (mut pool, mut bought, mut left) = (Pool::default(), Vec::<Bought>::new(), Vec::new());
    let mut places: BTreeMap<MachineId, usize> = BTreeMap::new();
    for (pod, _) in order {
        let wish = Wish { amounts: pods[pod], taste: Taste::default() };
        if let Some(id) = pool.place(&wish) {
            if let Some(machine) = places.get(&id).and_then(|place| bought.get_mut(*place)) {
                machine.pods.push(pod);
            }
            continue;
        }
        let shape = if pods[pod].fits(&whole) { Some(usual) } else { shapes.holding(&pods[pod]) };
        match shape.filter(|_| bought.len() < machines_max) {
            Some(shape) => {
                let id = pool.add(&Group::default(), BTreeMap::new(), shape.room(), true);
                pool.take(id, &pods[pod]);
                places.insert(id, bought.len());
                bought.push(Bought { shape, pods: vec![pod] });
            }
            None => left.push(pod),
        }
    }
    for machine in &mut bought {
        let load = machine.pods.iter().fold(Amounts::default(), |load, pod| load.plus(&pods[*pod]));
        machine.shape = shapes.holding(&load).unwrap_or(machine.shape);
    }
    (bought, left)
}

/// The shapes of a family, the cheapest first.
struct Cheapest(Vec<Shape>);

impl Cheapest {
    fn of(family: Family) -> Self {
        let mut shapes = family.shapes();
        shapes.sort_by_key(|shape| shape.price_micro);
        Self(shapes)
    }

    fn holding(&self, load: &Amounts) -> Option<Shape> {
        self.0.iter().find(|shape| load.fits(&shape.room())).copied()
    }

    /// The shape by which all pods together would be cheapest, if they could be cut.
    fn usual(&self, pods: &[Amounts]) -> Option<Shape> {
        let sum = |part: fn(&Amounts) -> u32| pods.iter().map(|pod| f64::from(part(pod))).sum::<f64>();
        let sums =
            [sum(|pod| pod.cpu_milli), sum(|pod| pod.memory_mib), sum(|pod| pod.ephemeral_mib), sum(|pod| pod.gpus)];
        let price = |shape: &Shape| {
            let room = shape.room();
            let parts = [room.cpu_milli, room.memory_mib, room.ephemeral_mib, room.gpus];
            let parts = sums.iter().zip(parts).filter(|(sum, _)| **sum > 0.0);
            let machines = parts.fold(0.0_f64, |most, (sum, part)| most.max(sum / f64::from(part)));
            machines * f64::from(u32::try_from(shape.price_micro).unwrap_or(u32::MAX))
        };
        let preferred = self.0.iter().filter(|shape| shape.cpus <= CPUS_PREFERRED || shape.gpus > 0);
        preferred.min_by(|one, other| price(one).total_cmp(&price(other))).or(self.0.last()).copied()
    }
}
