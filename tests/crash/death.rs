//! How engines and supervisors are to die: where, who, and what happens until somebody comes back.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::random::Random;

/// Who comes by a failpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Walker {
    Engine,
    /// An engine that has to do with a supervisor.
    Link,
    /// An engine that has to do with a cluster.
    Cluster,
    Supervisor,
    /// Who says what became of a lost task.
    Resolve,
    /// Who removes old runs.
    Prune,
    /// Who watches a folder. `tests/cli/watching/deaths.rs` has it die at each of these, and fails where one is left out.
    Watcher,
}

impl Walker {
    /// Whether he has to do with runs that take place in a cluster, or on this machine.
    fn is_of_run(self, in_cluster: bool) -> bool {
        match self {
            Self::Engine => true,
            Self::Link | Self::Supervisor => !in_cluster,
            Self::Cluster => in_cluster,
            Self::Resolve | Self::Prune | Self::Watcher => false,
        }
    }
}

/// A failpoint in the program's source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    pub(crate) name: String,
    pub(crate) walker: Walker,
}

/// Every failpoint that stands in the source, so that none can be forgotten here.
pub(crate) fn points() -> Vec<Point> {
    let mut found = BTreeMap::new();
    gather(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found.into_iter().map(|(name, walker)| Point { name, walker }).collect()
}

fn gather(folder: &Path, found: &mut BTreeMap<String, Walker>) {
    for entry in fs::read_dir(folder).expect("the source is here") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            gather(&path, found);
            continue;
        }
        let walker = match path.to_string_lossy() {
            path if path.contains("/supervisor/") || path.ends_with("terminal/attempts.rs") => Walker::Supervisor,
            path if path.contains("/executor/terminal/") => Walker::Link,
            path if path.contains("/executor/gke/") => Walker::Cluster,
            path if path.ends_with("engine/resolve.rs") => Walker::Resolve,
            path if path.ends_with("repo/trash.rs") => Walker::Prune,
            path if ["/engine/daemon/", "/src/queue/", "git/carry.rs"].iter().any(|part| path.contains(part)) => {
                Walker::Watcher
            }
            _ => Walker::Engine,
        };
        let text = fs::read_to_string(&path).unwrap_or_default();
        for rest in text.split("reach(\"").skip(1) {
            if let Some((name, _)) = rest.split_once('"') {
                found.insert(name.to_owned(), walker);
            }
        }
    }
}

/// When it happens.
#[derive(Clone, Debug)]
pub(crate) enum Moment {
    /// A process comes by this failpoint for the n-th time.
    Point { point: Point, visit: usize },
    /// Commands have written so many lines.
    Effects(usize),
}

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victims {
    Engine,
    Supervisor,
    Both,
    /// Everybody, commands too, because the machine itself goes down; the next processes live on another boot.
    Machine,
}

/// By which words somebody goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Return {
    Resume,
    ResumeNamed,
    Run,
    /// Two at the same time, of which one may win.
    TwoResume,
}

/// One death.
#[derive(Clone, Debug)]
pub(crate) struct Death {
    pub(crate) moment: Moment,
    pub(crate) victims: Victims,
    /// The process kills itself on the spot, rather than stopping there until it is killed.
    pub(crate) at_once: bool,
    /// Half a line is left at the end of what the dead have written.
    pub(crate) torn: bool,
}

/// The deaths of a trial, each with the way back, and the last way back, on which nobody dies.
pub(crate) struct Fate {
    pub(crate) deaths: Vec<Death>,
    pub(crate) returns: Vec<Return>,
    pub(crate) last: Return,
}

/// Draws the fate of a trial. Which failpoint it is about follows from its seed, so that each has its turn.
pub(crate) fn fate(random: &mut Random, seed: u64, points: &[Point], in_cluster: bool) -> Fate {
    let of_run: Vec<Point> = points.iter().filter(|point| point.walker.is_of_run(in_cluster)).cloned().collect();
    let turn = usize::try_from(seed % of_run.len() as u64).expect("small");
    let mut deaths = Vec::new();
    let mut first = of_run[turn].clone();
    if in_cluster && random.chance(50) {
        // There are few trials in clusters, and few failpoints that no other has.
        let own: Vec<&Point> = of_run.iter().filter(|point| point.walker == Walker::Cluster).collect();
        first = own[random.below(own.len())].clone();
    }
    if is_late(&first) {
        let moment = Moment::Effects(random.between(1, 4));
        deaths.push(Death { victims: Victims::Engine, ..death(random, moment) });
    }
    if random.chance(75) || is_late(&first) {
        let visit = random.one_of(&[1, 1, 1, 2, 3, 5]);
        deaths.push(at_point(random, first, visit));
    } else {
        deaths.push(by_effects(random));
    }
    for _ in 0..random.one_of(&[0, 0, 1, 1, 2, 3]) {
        let again = if random.chance(60) {
            let point = of_run[random.below(of_run.len())].clone();
            let visit = random.one_of(&[1, 1, 2]);
            at_point(random, point, visit)
        } else {
            by_effects(random)
        };
        deaths.push(again);
    }
    let returns = deaths.iter().map(|_| random.one_of(&[Return::Resume, Return::ResumeNamed, Return::Run])).collect();
    let last = random.one_of(&[Return::Resume, Return::ResumeNamed, Return::Run, Return::TwoResume]);
    if in_cluster {
        // There are no supervisors, and commands live on when this machine does not.
        for death in deaths.iter_mut().filter(|death| death.victims != Victims::Machine) {
            death.victims = Victims::Engine;
        }
    }
    Fate { deaths, returns, last }
}

/// Only who goes on with a run comes by.
fn is_late(point: &Point) -> bool {
    point.name.contains("resumed")
}

fn at_point(random: &mut Random, point: Point, visit: usize) -> Death {
    let is_engine = point.walker != Walker::Supervisor;
    let mut death = death(random, Moment::Point { point, visit });
    // That it happened is only certain when it is the engine, whose end is seen.
    death.at_once = is_engine && death.victims == Victims::Engine && random.chance(50);
    death
}

fn by_effects(random: &mut Random) -> Death {
    let moment = Moment::Effects(random.between(1, 12));
    death(random, moment)
}

fn death(random: &mut Random, moment: Moment) -> Death {
    let victims = match random.below(100) {
        0..45 => Victims::Engine,
        45..62 => Victims::Supervisor,
        62..85 => Victims::Both,
        _ => Victims::Machine,
    };
    Death { moment, victims, at_once: false, torn: random.chance(25) }
}
