//! Packing is tried on invented pods and machines: never over what a machine has, never where a pod must not go.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn group(class: usize) -> Group {
    let name = format!("class-{class}");
    let taint = Taint { key: "class".into(), value: name.clone(), effect: "NoSchedule".into() };
    Group { labels: BTreeMap::from([("class".to_owned(), name)]), taints: vec![taint] }
}

fn taste(class: usize) -> Taste {
    let Group { labels, taints } = group(class);
    let taint = &taints[0];
    let toleration = Toleration { key: Some(taint.key.clone()), value: Some(taint.value.clone()), effect: None };
    Taste { selector: labels, affinity: Vec::new(), tolerations: vec![toleration] }
}

fn pod() -> impl Strategy<Value = Amounts> {
    (50_u32..8_000, 52_u32..30_000, 10_u32..10_240).prop_map(|(cpu_milli, memory_mib, ephemeral_mib)| Amounts {
        cpu_milli,
        memory_mib,
        ephemeral_mib,
        gpus: 0,
        pods: 1,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_machine_holds_more_than_it_has_and_none_a_pod_of_another_class(
        machines in prop::collection::vec((0_usize..3, 0_usize..5), 1..20),
        pods in prop::collection::vec((0_usize..3, pod(), any::<bool>()), 1..120),
    ) {
        let shapes = Family::General.shapes();
        let mut pool = Pool::default();
        let mut loads = BTreeMap::new();
        for (class, shape) in &machines {
            let id = pool.add(&group(*class), BTreeMap::new(), shapes[*shape].room(), true);
            loads.insert(id, (*class, shapes[*shape].room(), Amounts::default()));
        }
        let mut placed = Vec::new();
        for (class, amounts, goes) in pods {
            let wish = Wish { amounts, taste: taste(class) };
            if let Some(id) = pool.place(&wish) {
                let (of, room, load) = loads.get_mut(&id).expect("a machine that is there");
                *load = load.plus(&amounts);
                prop_assert_eq!(*of, class);
                prop_assert!(load.fits(room), "{:?} on {:?}", load, room);
                placed.push((id, amounts));
            } else {
                let fits =
                    |(of, room, load): &(usize, Amounts, Amounts)| *of == class && amounts.fits(&room.minus(load));
                prop_assert!(!loads.values().any(fits), "there was room for {:?}", amounts);
                let reasons = pool.obstacles(&wish);
                prop_assert!(reasons.values().sum::<usize>() >= pool.len());
            }
            if goes && let Some((id, amounts)) = placed.pop() {
                pool.give(id, &amounts);
                let (_, _, load) = loads.get_mut(&id).expect("there");
                *load = load.minus(&amounts);
            }
        }
        for (id, (_, room, load)) in loads {
            prop_assert_eq!(pool.free(id), room.minus(&load));
        }
    }

    #[test]
    fn what_is_bought_holds_what_it_was_bought_for(pods in prop::collection::vec(pod(), 0..200), most in 0_usize..30) {
        let (bought, left) = buy(&pods, Family::General, most);
        prop_assert!(bought.len() <= most);
        let mut seen: Vec<usize> = bought.iter().flat_map(|machine| machine.pods.clone()).chain(left.clone()).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..pods.len()).collect::<Vec<_>>());
        for machine in &bought {
            let load = machine.pods.iter().fold(Amounts::default(), |load, pod| load.plus(&pods[*pod]));
            prop_assert!(load.fits(&machine.shape.room()), "{:?} on {}", load, machine.shape.name());
        }
        prop_assert!(left.is_empty() || bought.len() == most);
    }
}

#[test]
fn a_pod_goes_where_it_leaves_least() {
    let shapes = Family::General.shapes();
    let room = |name: &str| shapes.iter().find(|shape| shape.name() == name).expect("a shape").room();
    let mut pool = Pool::default();
    let large = pool.add(&Group::default(), BTreeMap::new(), room("e2-standard-16"), true);
    let small = pool.add(&Group::default(), BTreeMap::new(), room("e2-standard-2"), true);
    let wish = |cpu_milli| Wish {
        amounts: Amounts { cpu_milli, memory_mib: 512, pods: 1, ..Amounts::default() },
        taste: Taste::default(),
    };
    assert_eq!(pool.place(&wish(1_000)), Some(small));
    assert_eq!(pool.place(&wish(1_000)), Some(large), "the small one has not enough left");
    pool.set_open(large, false);
    assert_eq!(pool.place(&wish(1_000)), None);
    let reasons = pool.obstacles(&wish(1_000));
    assert_eq!(reasons.get("node(s) were unschedulable"), Some(&1));
    assert_eq!(reasons.get("Insufficient cpu"), Some(&1));
    pool.remove(small);
    assert_eq!(pool.len(), 1);
}

#[test]
fn machines_are_no_larger_than_their_pods_need() {
    let pod = Amounts { cpu_milli: 500, memory_mib: 2_048, ephemeral_mib: 1_024, gpus: 0, pods: 1 };
    let names = |count: usize| {
        let (bought, left) = buy(&vec![pod; count], Family::General, 100);
        assert!(left.is_empty());
        bought.iter().map(|machine| machine.shape.name()).collect::<Vec<_>>()
    };
    assert_eq!(names(1), ["e2-standard-2"]);
    assert_eq!(names(0), Vec::<String>::new());
    let gpu = Amounts { gpus: 2, ..pod };
    assert_eq!(buy(&[gpu], Family::L4, 1).0[0].shape.name(), "g2-standard-24");
    assert_eq!(buy(&[gpu], Family::General, 1).1, [0], "there are no such machines");
}
