//! One trial: a spore is run, processes die as its seed says, somebody goes on, and in the end everything is checked.

use std::collections::HashMap;
use std::path::PathBuf;

use rustix::process::Signal;

use crate::check;
use crate::cluster::Cluster;
use crate::death::{Death, Fate, Moment, Point, Return, Victims, Walker, fate};
use crate::facts;
use crate::ground::{Away, Engine, Ground, kill, state, wait};
use crate::invent::{Invented, invent};
use crate::random::Random;

/// What there is to tell of a trial.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// Failpoints at which somebody was when it happened.
    pub(crate) hits: Vec<String>,
    /// What happened, for counting: `killed the engine`, `two engines` …
    pub(crate) kinds: Vec<&'static str>,
    /// Whether anybody but an engine was ever killed: only then may something be lost.
    pub(crate) may_lose: bool,
}

/// A trial under way.
struct Trial<'a> {
    ground: Ground,
    cluster: Option<&'a Cluster>,
    spore: Invented,
    story: Story,
    random: Random,
    /// The failpoint that each supervisor was started with.
    armed: HashMap<i32, String>,
}

/// Performs the trial of a seed in a folder of its own, and in a namespace of its own where there is a cluster.
pub(crate) fn perform(
    seed: u64,
    points: &[Point],
    base: PathBuf,
    cluster: Option<&Cluster>,
) -> (Story, Result<(), String>) {
    let mut random = Random::new(seed);
    let fate = fate(&mut random, seed, points, cluster.is_some());
    let needs_commit = fate.deaths.iter().any(|death| match &death.moment {
        Moment::Point { point, .. } => point.name.starts_with("commit-") || point.name.starts_with("git-"),
        Moment::Effects(_) => false,
    });
    let mark = format!("{seed}-{}", base.display());
    let namespace = format!("crash-{seed}");
    let away = cluster.map(|cluster| Away { kubeconfig: cluster.kubeconfig(), namespace: namespace.clone() });
    let mut ground = Ground::make(base, mark, away);
    let spore = invent(&mut random, needs_commit, &ground.step(), &ground.effects, cluster.is_some());
    ground.settle(&spore);
    let mut trial = Trial { ground, cluster, spore, story: Story::default(), random, armed: HashMap::new() };
    let result = trial.go_away(&namespace).and_then(|()| trial.live(&fate, points));
    if let Some(cluster) = cluster {
        if result.is_err() {
            cluster.describe(&namespace, &trial.ground.base.join("cluster.json"));
        }
        cluster.abandon(&namespace);
    }
    let cleared = trial.ground.kill_everybody();
    (trial.story, result.and(cleared))
}

impl Trial<'_> {
    /// Makes the namespace of a trial that takes place in a cluster; in some, much goes wrong for a while.
    fn go_away(&mut self, namespace: &str) -> Result<(), String> {
        let Some(cluster) = self.cluster else { return Ok(()) };
        self.story.kinds.push("in a cluster");
        cluster.found(namespace);
        if self.random.chance(50) {
            self.story.kinds.push("in a cluster in which much goes wrong");
            cluster.spoil(namespace, &mut self.random)?;
        }
        Ok(())
    }

    fn live(&mut self, fate: &Fate, points: &[Point]) -> Result<(), String> {
        let mut back = Return::Run;
        for (death, next) in fate.deaths.iter().zip(&fate.returns) {
            let Some(words) = self.words(back)? else { break };
            self.life(&words, Some(death))?;
            back = *next;
        }
        back = fate.last;
        // A supervisor may still stop at a failpoint that it was started with, so once may not be enough.
        let mut lives = 0;
        while let Some(words) = self.words(back)? {
            lives += 1;
            if lives > 5 {
                return Err("the run does not come to its end".into());
            }
            if back == Return::TwoResume && words[0] == "resume" {
                self.two()?;
            } else {
                self.life(&words, None)?;
            }
            back = Return::Resume;
        }
        check::end(&self.ground, &self.spore, self.story.may_lose)?;
        self.resolve(points)?;
        self.empty()?;
        check::everything(&self.ground, &self.spore)?;
        self.tidied()?;
        self.prune(points)
    }

    /// Nothing of the runs is left in the cluster: they have removed it, or it is there to be found by who cleans up.
    fn tidied(&mut self) -> Result<(), String> {
        let Some(cluster) = self.cluster else { return Ok(()) };
        let namespace = self.ground.away.as_ref().map(|away| away.namespace.clone()).unwrap_or_default();
        let mut left = Vec::new();
        let mut look = |is_enough: fn(&[String]) -> bool| {
            let mut said = String::new();
            let seen = wait("the end of what was in the cluster", || {
                // What goes wrong goes wrong here, too.
                match cluster.left(&namespace) {
                    Ok(now) => left = now,
                    Err(error) => {
                        said = error;
                        return false;
                    }
                }
                is_enough(&left)
            });
            seen.map_err(|error| format!("{error}: {left:?} are left in {namespace} {said}")).map(|()| left.clone())
        };
        if look(|_| true)?.iter().any(|name| !name.starts_with("pods/")) {
            self.story.kinds.push("a cluster to be cleaned");
            cluster.heal()?;
            self.life(&["executors", "clean", "gke"].map(str::to_owned), None)?;
        }
        look(<[String]>::is_empty).map(drop)
    }

    /// Waits until no process of the trial is left. A supervisor that stops at a failpoint on its last way is let go on.
    fn empty(&mut self) -> Result<(), String> {
        let is_empty = wait("the end of all processes", || {
            let left = self.ground.processes();
            for pid in left.iter().copied().filter(|pid| state(*pid) == Some('T')) {
                let armed = self.armed.get(&pid).cloned().unwrap_or_default();
                self.hit(&armed);
                kill(pid, Signal::CONT);
            }
            left.is_empty()
        });
        is_empty.map_err(|error| format!("{error}: {:?} are left", self.ground.processes()))
    }

    /// What is to be typed; `None` when the run has its result.
    fn words(&self, back: Return) -> Result<Option<Vec<String>>, String> {
        let runs = facts::runs(&self.ground.root, facts::Rigour::Torn)?;
        let file = self.spore.file.to_owned();
        let jobs = self.spore.jobs.to_string();
        let words = |words: &[&str]| Ok(Some(words.iter().map(|word| (*word).to_owned()).collect()));
        match runs.as_slice() {
            [] => words(&["run", &file, "--jobs", &jobs]),
            [run] if run.result.is_some() => Ok(None),
            [run] => match back {
                Return::ResumeNamed => words(&["resume", &run.id]),
                // When the boxes are ticked off the file is another one.
                Return::Run if !self.spore.is_checklist => words(&["run", &file]),
                _ => words(&["resume"]),
            },
            more => Err(format!("there are {} runs", more.len())),
        }
    }

    /// An engine's life, until it has ended.
    fn life(&mut self, words: &[String], death: Option<&Death>) -> Result<(), String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let failpoints = death.map(failpoints).unwrap_or_default();
        let mut engine = self.ground.start(&words, &failpoints);
        let mut death = death;
        let mut code = None;
        wait("the end of an engine", || {
            code = engine.code();
            if code.is_some() {
                return true;
            }
            self.look(&mut engine, &mut death, &failpoints);
            false
        })
        .map_err(|error| format!("{error}; it said:\n{}", engine.said()))?;
        let code = code.unwrap_or(-1);
        match (code, death) {
            (0 | 100, _) => Ok(()),
            // It has killed itself, as it was told.
            (-1, Some(Death { moment: Moment::Point { point, .. }, at_once: true, .. })) => {
                self.story.kinds.push("the engine, on the spot");
                self.hit(&point.name);
                self.aftermath(death)
            }
            // It was killed just now.
            (-1, _) => self.aftermath(death),
            (4, _) if words[0] == "resume" => Err(format!("nothing to resume; it said:\n{}", engine.said())),
            (code, _) => Err(format!("`spore {}` ended with {code}; it said:\n{}", words.join(" "), engine.said())),
        }
    }

    /// Looks whether it is time for somebody to die, and sees to it.
    fn look(&mut self, engine: &mut Engine, death: &mut Option<&Death>, failpoints: &str) {
        let supervisors = self.ground.supervisors();
        for pid in &supervisors {
            self.armed.entry(*pid).or_insert_with(|| failpoints.to_owned());
        }
        let stopped = |pid: i32| state(pid) == Some('T');
        let mut is_time = false;
        if stopped(engine.pid()) {
            is_time = true;
            self.hit(failpoints);
        }
        for pid in supervisors.iter().copied().filter(|pid| stopped(*pid)) {
            is_time = true;
            let armed = self.armed.get(&pid).cloned().unwrap_or_default();
            self.hit(&armed);
        }
        if let Some(Death { moment: Moment::Effects(lines), .. }) = death {
            is_time |= self.ground.effects().lines().count() >= *lines;
        }
        if !is_time {
            return;
        }
        let victims = death.map_or(Victims::Supervisor, |death| death.victims);
        let mut doomed = Vec::new();
        if victims != Victims::Supervisor {
            doomed.push(engine.pid());
        }
        if victims != Victims::Engine {
            doomed.extend(&supervisors);
            self.story.may_lose |= !supervisors.is_empty() || victims == Victims::Machine;
        }
        if self.random.chance(50) {
            doomed.reverse();
        }
        for pid in &doomed {
            kill(*pid, Signal::KILL);
        }
        self.story.kinds.push(match victims {
            Victims::Engine => "the engine",
            Victims::Supervisor => "the supervisor",
            Victims::Both => "both",
            Victims::Machine => "the machine",
        });
        // Who is not meant goes on from where it stands, once the others are dead.
        let _ = wait("the dead", || doomed.iter().all(|pid| state(*pid).is_none()));
        for pid in supervisors.iter().chain(&[engine.pid()]).filter(|pid| !doomed.contains(pid)) {
            kill(*pid, Signal::CONT);
        }
        if victims == Victims::Supervisor {
            // The engine has a life of its own from here on.
            *death = None;
        }
    }

    /// What happens between a death and the way back.
    fn aftermath(&mut self, death: Option<&Death>) -> Result<(), String> {
        let Some(death) = death else { return Ok(()) };
        if death.victims == Victims::Machine {
            self.story.may_lose = true;
            self.ground.power_off()?;
        }
        let runs = facts::runs(&self.ground.root, facts::Rigour::Torn)?;
        // Nobody takes a run up, and mends it, that has its result.
        if death.torn && runs.iter().all(|run| run.result.is_none()) {
            self.story.kinds.push("a torn journal");
            self.ground.tear("journal.jsonl");
            if self.ground.supervisors().is_empty() {
                self.ground.tear(if self.cluster.is_some() { "gke.jsonl" } else { "attempts.jsonl" });
            }
        }
        Ok(())
    }

    fn hit(&mut self, failpoints: &str) {
        let name = failpoints.split('=').next().unwrap_or_default();
        if !name.is_empty() {
            self.story.hits.push(name.to_owned());
        }
    }

    /// Two engines at once, of which one may go on with the run.
    fn two(&mut self) -> Result<(), String> {
        self.story.kinds.push("two engines at once");
        let resumed = |ground: &Ground| {
            let runs = facts::runs(&ground.root, facts::Rigour::Torn)?;
            Ok::<_, String>(runs.iter().map(|run| run.resumed).sum::<usize>())
        };
        let before = resumed(&self.ground)?;
        let mut engines = [self.ground.start(&["resume"], ""), self.ground.start(&["resume"], "")];
        let mut codes = [None, None];
        wait("the end of two engines", || {
            for (engine, code) in engines.iter_mut().zip(&mut codes) {
                *code = code.or_else(|| engine.code());
            }
            for pid in self.ground.supervisors().into_iter().filter(|pid| state(*pid) == Some('T')) {
                kill(pid, Signal::CONT);
            }
            codes.iter().all(Option::is_some)
        })?;
        let won = |code: &&Option<i32>| matches!(code, Some(0 | 100));
        let beaten = |code: &&Option<i32>| matches!(code, Some(2 | 4 | 111));
        let is_right = codes.iter().filter(won).count() == 1 && codes.iter().filter(beaten).count() == 1;
        let resumed = resumed(&self.ground)? - before;
        if is_right && resumed == 1 {
            return Ok(());
        }
        let said: Vec<String> = engines.iter().map(Engine::said).collect();
        Err(format!("two engines ended with {codes:?} and resumed {resumed} times; they said:\n{}", said.join("\n")))
    }

    /// Says of every lost task what became of it; the last word begins a run of what is left.
    fn resolve(&mut self, points: &[Point]) -> Result<(), String> {
        let runs = facts::runs(&self.ground.root, facts::Rigour::Whole)?;
        let [run] = runs.as_slice() else { return Err(format!("there are {} runs", runs.len())) };
        let idempotent = |id: &String| self.spore.tasks.iter().any(|task| task.id == *id && task.idempotent);
        let lost: Vec<String> = run.lost().filter(|id| !idempotent(id)).cloned().collect();
        for (place, id) in lost.iter().enumerate() {
            self.story.kinds.push("a lost task resolved");
            let flag = if self.random.chance(50) { "--ran" } else { "--rerun" };
            let words = ["resolve", &run.id, id, flag];
            if place == 0 && self.random.chance(80) {
                self.die_at(&words, Walker::Resolve, points)?;
            }
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            self.life(&words, None)?;
        }
        Ok(())
    }

    /// Old runs are removed, by two of whom the first dies: each run is whole or gone, and in the end all are.
    fn prune(&mut self, points: &[Point]) -> Result<(), String> {
        if self.random.chance(70) {
            return Ok(());
        }
        let words = ["prune", "--keep-runs", "0"];
        self.die_at(&words, Walker::Prune, points)?;
        let left = facts::runs(&self.ground.root, facts::Rigour::Whole)?;
        if left.iter().any(|run| run.result.is_none()) {
            return Err("a run is half there".into());
        }
        self.life(&words.map(str::to_owned), None)?;
        // A run of which nothing was ever recorded is kept: nobody can tell what it was. So is one of which nobody has said
        // what became of a task, be it idempotent or not.
        let runs = facts::runs(&self.ground.root, facts::Rigour::Whole)?;
        let runs: Vec<_> = runs.iter().filter(|run| run.lost().next().is_none()).collect();
        let trash = std::fs::read_dir(self.ground.root.join(".spore/trash")).into_iter().flatten().count();
        if runs.is_empty() && trash == 0 {
            return Ok(());
        }
        Err(format!("{} runs and {trash} folders to be removed are left", runs.len()))
    }

    /// Starts the program so that it dies at one of the walker's failpoints.
    fn die_at(&mut self, words: &[&str], walker: Walker, points: &[Point]) -> Result<(), String> {
        let points: Vec<&Point> = points.iter().filter(|point| point.walker == walker).collect();
        let name = points[self.random.below(points.len())].name.clone();
        let mut engine = self.ground.start(words, &format!("{name}=kill"));
        let mut code = None;
        wait("the end of one that is to die", || {
            code = engine.code();
            code.is_some()
        })?;
        if code != Some(-1) {
            return Err(format!("nobody died at {name}: {code:?}; it said:\n{}", engine.said()));
        }
        self.story.kinds.push(if walker == Walker::Prune { "a prune" } else { "a resolve" });
        self.hit(&name);
        Ok(())
    }
}

/// What the variable says for a death.
fn failpoints(death: &Death) -> String {
    match &death.moment {
        Moment::Point { point, visit } => {
            format!("{}={}@{visit}", point.name, if death.at_once { "kill" } else { "stop" })
        }
        Moment::Effects(_) => String::new(),
    }
}
