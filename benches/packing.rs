//! How fast simulated pods find their machines, and how little of the machines stays empty.
//!
//! The trace is generated: sizes as of a cluster with many small services and few large jobs (each resource's logarithm is
//! about normal). What no packing can do better is bounded from below: the sum of each resource over what one machine has.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use spore::os::clock::{Clock as _, SystemClock};
use spore::sim::gke::packing::{Amounts, Family, Group, Pool, Shape, Taste, Wish, buy};
use spore::sim::gke::{Cluster, Kind};

const PODS: usize = 5_000;
const MACHINES: usize = 500;

#[expect(clippy::print_stdout, reason = "a bench reports to its terminal")]
pub(crate) fn run() {
    let pods = trace(PODS);
    let shape = shape("e2-standard-16");
    decisions(&pods, &shape);
    quality(&pods, &shape);
    let clock = SystemClock::new();
    let start = clock.monotonic();
    let (bought, left) = buy(&pods, Family::General, usize::MAX);
    let taken = clock.monotonic().saturating_sub(start);
    assert!(left.is_empty());
    let paid: f64 = bought.iter().map(|machine| dollars(&machine.shape)).sum();
    let least = Family::General
        .shapes()
        .iter()
        .map(|shape| bound(&pods, &shape.room()) * dollars(shape))
        .fold(f64::MAX, f64::min);
    println!(
        "packing: {PODS} pods at once: {} machines had in {:.1} ms, {:.2} $/h; with one shape cut at will {least:.2} $/h, ratio {:.3}",
        bought.len(),
        taken.as_secs_f64() * 1e3,
        paid,
        paid / least
    );
    bound_in_a_cluster();
}

fn shape(name: &str) -> Shape {
    Family::General.shapes().into_iter().find(|shape| shape.name() == name).expect("a shape")
}

fn dollars(shape: &Shape) -> f64 {
    f64::from(u32::try_from(shape.price_micro).expect("small")) / 1e6
}

/// `SplitMix64`, so that the trace is the same everywhere.
fn trace(count: usize) -> Vec<Amounts> {
    let mut state = 42_u64;
    let mut uniform = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(u32::try_from((bits ^ (bits >> 31)) >> 32).expect("32 bits")) / f64::from(u32::MAX)
    };
    let mut size = |middle: u32, least: u32, most: u32| {
        let normal: f64 = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
        let factor = normal.exp2().mul_add(256.0, 0.5);
        let steps =
            (1..=65_536_u32).map_while(|step| (f64::from(step * 16) <= factor).then_some(step)).last().unwrap_or(1);
        (middle * steps / 16).clamp(least, most)
    };
    (0..count)
        .map(|_| {
            let cpu_milli = size(500, 50, 12_000);
            let memory_mib = (cpu_milli * size(3, 1, 6) * 1_024 / 1_000).clamp(52, 48 * 1_024);
            Amounts { cpu_milli, memory_mib, ephemeral_mib: 1_024, gpus: 0, pods: 1 }
        })
        .collect()
}

/// Machines that are needed at least.
fn bound(pods: &[Amounts], room: &Amounts) -> f64 {
    let sum = |part: fn(&Amounts) -> u32| pods.iter().map(|pod| f64::from(part(pod))).sum::<f64>();
    let parts: [fn(&Amounts) -> u32; 4] =
        [|pod| pod.cpu_milli, |pod| pod.memory_mib, |pod| pod.ephemeral_mib, |pod| pod.pods];
    parts.into_iter().map(|part| sum(part) / f64::from(part(room))).fold(0.0, f64::max)
}

/// What a decision costs while pods come and go on full machines.
#[expect(clippy::print_stdout, reason = "a bench reports to its terminal")]
fn decisions(pods: &[Amounts], shape: &Shape) {
    let mut pool = Pool::default();
    for _ in 0..MACHINES {
        pool.add(&Group::default(), BTreeMap::new(), shape.room(), true);
    }
    let wish = |amounts: &Amounts| Wish { amounts: *amounts, taste: Taste::default() };
    let wishes: Vec<Wish> = pods.iter().map(wish).collect();
    let mut placed: Vec<_> = wishes.iter().map(|wish| (pool.place(wish), wish.amounts)).collect();
    let without = placed.iter().filter(|(id, _)| id.is_none()).count();
    let clock = SystemClock::new();
    let mut decided = 0_u32;
    let start = clock.monotonic();
    while clock.monotonic().saturating_sub(start) < Duration::from_millis(300) {
        for (at, wish) in wishes.iter().enumerate() {
            let old = (at * 7 + 3) % placed.len();
            if let (Some(id), amounts) = placed[old] {
                pool.give(id, &amounts);
            }
            placed[old] = (pool.place(wish), wish.amounts);
            decided += 1;
        }
    }
    let each = clock.monotonic().saturating_sub(start).as_secs_f64() * 1e6 / f64::from(decided);
    println!("packing: {each:.2} µs a decision with {MACHINES} machines and {} pods on them", pods.len() - without);
}

/// Machines of one shape: ours, those of first fit decreasing, and how many it takes at least.
#[expect(clippy::print_stdout, reason = "a bench reports to its terminal")]
fn quality(pods: &[Amounts], shape: &Shape) {
    let room = shape.room();
    let mut order = pods.to_vec();
    order.sort_by(|one, other| other.share(&room).total_cmp(&one.share(&room)));
    let mut first_fit: Vec<Amounts> = Vec::new();
    for pod in &order {
        match first_fit.iter_mut().find(|free| pod.fits(free)) {
            Some(free) => *free = free.minus(pod),
            None => first_fit.push(room.minus(pod)),
        }
    }
    let best_fit = |pods: &[Amounts]| {
        let mut pool = Pool::default();
        for amounts in pods {
            let wish = Wish { amounts: *amounts, taste: Taste::default() };
            if pool.place(&wish).is_none() {
                let id = pool.add(&Group::default(), BTreeMap::new(), room, true);
                pool.take(id, amounts);
            }
        }
        pool.len()
    };
    let (ours, one_by_one, least) = (best_fit(&order), best_fit(pods), bound(pods, &room).ceil());
    let ratio = |machines: usize| f64::from(u32::try_from(machines).expect("few")) / least;
    println!(
        "packing: machines of {}: at least {least}; ours {ours} ({:.3}), in the order of arrival {one_by_one} ({:.3}), first fit decreasing {} ({:.3}, proven 11/9 in one dimension)",
        shape.name(),
        ratio(ours),
        ratio(one_by_one),
        first_fit.len(),
        ratio(first_fit.len())
    );
}

/// The whole way, through the store: pods are there, and are bound.
#[expect(clippy::print_stdout, reason = "a bench reports to its terminal")]
fn bound_in_a_cluster() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let clock = Arc::new(SystemClock::new());
    let cluster = Arc::new(Cluster::new(Arc::clone(&clock) as _, PathBuf::from("/nowhere")));
    for number in 0..PODS {
        let pod = json!({
            "metadata": {"name": format!("pod-{number}"), "namespace": "default"},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox", "command": ["true"]}]},
        });
        cluster.make(Kind::Pod, pod).expect("admitted");
    }
    let start = clock.monotonic();
    runtime.block_on(async {
        tokio::select! {
            () = cluster.operate() => {}
            () = async {
                while cluster.report().unscheduled > 0 {
                    for _ in 0..PODS {
                        tokio::task::yield_now().await;
                    }
                }
            } => {}
        }
    });
    let (taken, report) = (clock.monotonic().saturating_sub(start), cluster.report());
    println!(
        "packing: {PODS} pods bound through the store in {:.0} ms, onto {} nodes, {:.1} µs of it for a decision",
        taken.as_secs_f64() * 1e3,
        report.nodes.len(),
        report.packing_seconds * 1e6 / f64::from(u32::try_from(report.decisions.max(1)).expect("few"))
    );
}
