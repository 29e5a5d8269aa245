//! What stands in journals, logs of attempts and the file of effects, read without any of the program's own code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

/// Whether half a line may stand at the end of a journal: after a death it may, in the end it may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rigour {
    Torn,
    Whole,
}

/// One attempt, as a journal tells of it.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    pub(crate) intended: usize,
    pub(crate) outcomes: Vec<Value>,
}

impl Attempt {
    /// The word for how it ended.
    pub(crate) fn kind(&self) -> &str {
        self.outcomes.first().and_then(|outcome| outcome["kind"].as_str()).unwrap_or("open")
    }

    /// Whether trying again was pointless.
    pub(crate) fn is_permanent(&self) -> bool {
        self.outcomes.first().is_some_and(|outcome| outcome["permanent"] == true)
    }

    /// The exit code that its outcome stands for.
    pub(crate) fn code(&self) -> Option<i64> {
        match self.kind() {
            "succeeded" => Some(0),
            "failed" => self.outcomes[0]["exit_code"].as_i64(),
            _ => None,
        }
    }
}

/// One task, as a journal tells of it.
#[derive(Debug, Default)]
pub(crate) struct Task {
    /// What was decided before the run began: `waiting`, `done`, `skipped`.
    pub(crate) declared: String,
    pub(crate) attempts: BTreeMap<u64, Attempt>,
    pub(crate) skipped: usize,
    pub(crate) resolved: Option<String>,
}

impl Task {
    pub(crate) fn status(&self) -> &str {
        match self.attempts.last_key_value() {
            _ if self.declared == "done" || self.declared == "skipped" => &self.declared,
            _ if self.skipped > 0 => "skipped",
            Some((_, last)) => last.kind(),
            None => "waiting",
        }
    }

    pub(crate) fn is_good(&self) -> bool {
        matches!(self.status(), "succeeded" | "done")
    }
}

/// One run, as its journal tells of it.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) retry_of: Option<String>,
    pub(crate) tasks: BTreeMap<String, Task>,
    pub(crate) started: usize,
    pub(crate) resumed: usize,
    pub(crate) ended: Vec<String>,
    pub(crate) result: Option<String>,
    pub(crate) results: usize,
    pub(crate) commit: Option<String>,
    /// The ends that its supervisors have written down, by task and number.
    pub(crate) supervised: BTreeMap<(String, u64), Vec<Value>>,
    /// How often it is written down that there is a Job for it in a cluster, by task and number.
    pub(crate) made: BTreeMap<(String, u64), usize>,
}

impl Run {
    /// The tasks that were lost, and of which nobody has said what became of them.
    pub(crate) fn lost(&self) -> impl Iterator<Item = &String> {
        let is_lost = |(_, task): &(&String, &Task)| task.status() == "lost" && task.resolved.is_none();
        self.tasks.iter().filter(is_lost).map(|(id, _)| id)
    }
}

/// The runs of a root of which anything is recorded, oldest first.
pub(crate) fn runs(root: &Path, rigour: Rigour) -> Result<Vec<Run>, String> {
    let mut runs = Vec::new();
    for entry in fs::read_dir(root.join(".spore/runs")).into_iter().flatten().flatten() {
        if let Some(mut run) = journal(&entry.path(), rigour)? {
            run.supervised = supervised(&entry.path().join("attempts.jsonl"))?;
            run.made = made(&entry.path().join("gke.jsonl"))?;
            if run.id != entry.file_name().to_string_lossy() {
                return Err(format!("the journal of {} tells of run {}", entry.path().display(), run.id));
            }
            runs.push(run);
        }
    }
    runs.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(runs)
}

/// The object of a line whose checksum fits.
fn unsealed(line: &str) -> Option<Value> {
    let (covered, crc) = line.rsplit_once(",\"crc\":\"")?;
    let crc = u32::from_str_radix(crc.strip_suffix("\"}")?, 16).ok()?;
    if crc32fast::hash(covered.as_bytes()) != crc {
        return None;
    }
    serde_json::from_str(line).ok()
}

/// Whole lines of a file, and what stands after the last line end.
fn lines(text: &str) -> (Vec<&str>, &str) {
    let (whole, rest) = text.rsplit_once('\n').unwrap_or(("", text));
    (whole.split('\n').filter(|line| !line.is_empty()).collect(), rest)
}

fn journal(run_dir: &Path, rigour: Rigour) -> Result<Option<Run>, String> {
    let path = run_dir.join("journal.jsonl");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let (lines, rest) = lines(&text);
    // A run that never began has no line, and stays as it is.
    if rigour == Rigour::Whole && !rest.is_empty() && !lines.is_empty() {
        return Err(format!("half a line is left in {}: {rest}", path.display()));
    }
    let mut run = Run::default();
    let mut epoch = 0;
    for (place, line) in lines.iter().enumerate() {
        let wrong = |what: &str| format!("{}, line {}: {what}: {line}", path.display(), place + 1);
        let fact = unsealed(line).ok_or_else(|| wrong("not whole"))?;
        if fact["seq"] != place || fact["v"] != 1 {
            return Err(wrong("out of sequence"));
        }
        apply(&mut run, &fact).map_err(|what| wrong(&what))?;
        // Each engine that takes the run up writes in an epoch of its own, and the one before it never again.
        let now = fact["epoch"].as_u64().ok_or_else(|| wrong("of no epoch"))?;
        if place > 0 && (now < epoch || (now > epoch) != (fact["event"] == "run_resumed")) {
            return Err(wrong("of another epoch"));
        }
        epoch = now;
    }
    Ok((run.started > 0).then_some(run))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Adds what a line of a journal says.
fn apply(run: &mut Run, fact: &Value) -> Result<(), String> {
    let event = text(&fact["event"]);
    if (run.started == 0) != (event == "run_started") {
        return Err("a run begins once, and first".into());
    }
    match event.as_str() {
        "run_started" => {
            run.started += 1;
            run.id = text(&fact["run"]);
            run.retry_of = fact["origin"]["retry_of"].as_str().map(str::to_owned);
            for declared in fact["tasks"].as_array().into_iter().flatten() {
                let task = Task { declared: text(&declared["status"]), ..Task::default() };
                run.tasks.insert(text(&declared["id"]), task);
            }
            return Ok(());
        }
        "run_resumed" => run.resumed += 1,
        "run_ended" => run.ended.push(text(&fact["status"])),
        "result_written" => {
            run.results += 1;
            run.result = Some(text(&fact["path"]));
            run.commit = fact["commit"].as_str().map(str::to_owned);
        }
        _ => {}
    }
    let Some(id) = fact["task"].as_str() else { return Ok(()) };
    let is_over = !run.ended.is_empty();
    let task = run.tasks.get_mut(id).ok_or("no such task")?;
    let number = fact["number"].as_u64().unwrap_or(0);
    match event.as_str() {
        "task_resolved" => task.resolved = Some(text(&fact["resolution"])),
        _ if is_over => return Err("after the end of the run".into()),
        "task_skipped" => task.skipped += 1,
        "attempt_intended" => {
            let before = task.attempts.last_key_value();
            if before.map_or(0, |(last, _)| *last) + 1 != number {
                return Err("attempts are not counted one by one".into());
            }
            if before.is_some_and(|(_, last)| last.outcomes.is_empty()) {
                return Err("the attempt before it has no end".into());
            }
            task.attempts.entry(number).or_default().intended += 1;
        }
        "attempt_ended" => {
            let attempt = task.attempts.get_mut(&number).ok_or("ended, and was never intended")?;
            attempt.outcomes.push(fact["outcome"].clone());
        }
        _ => {}
    }
    Ok(())
}

/// The ends in a log of attempts. Half a line in its middle is what a torn write has left: the supervisor after it wrote
/// on a line of its own.
fn supervised(path: &Path) -> Result<BTreeMap<(String, u64), Vec<Value>>, String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut ends: BTreeMap<_, Vec<Value>> = BTreeMap::new();
    let mut begun = BTreeSet::new();
    for line in lines(&text).0 {
        let fact = unsealed(line).ok_or_else(|| format!("{}: not whole: {line}", path.display()))?;
        let key = |fact: &Value| (self::text(&fact["task"]), fact["number"].as_u64().unwrap_or(0));
        if let Some(begins) = fact.get("begins")
            && !begun.insert(key(begins))
        {
            return Err(format!("{}: begins twice: {line}", path.display()));
        }
        if let Some(ended) = fact.get("ended") {
            ends.entry(key(ended)).or_default().push(ended["end"]["outcome"].clone());
        }
    }
    Ok(ends)
}

/// The Jobs that engines have made, or have found in a cluster. Whoever opens the file cuts half a line off its end.
fn made(path: &Path) -> Result<BTreeMap<(String, u64), usize>, String> {
    let file = fs::read_to_string(path).unwrap_or_default();
    let mut made = BTreeMap::new();
    for line in lines(&file).0 {
        let fact = unsealed(line).ok_or_else(|| format!("{}: not whole: {line}", path.display()))?;
        if let Some(job) = fact.get("created") {
            *made.entry((text(&job["task"]), job["number"].as_u64().unwrap_or(0))).or_default() += 1;
        }
    }
    Ok(made)
}

/// What the commands have done, by run, task and attempt.
#[derive(Debug, Default)]
pub(crate) struct Effect {
    /// In which lines of the file it began.
    pub(crate) begins: Vec<usize>,
    /// In which lines it ended, with which code.
    pub(crate) ends: Vec<(usize, i64)>,
}

/// By run, task and number.
pub(crate) type Effects = BTreeMap<(String, String, u64), Effect>;

/// Reads the file of effects.
pub(crate) fn effects(text: &str) -> Result<Effects, String> {
    let mut effects = Effects::new();
    for (place, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split(' ').collect();
        let [what, run, task, number, value] = words[..] else { return Err(format!("not a line of effects: {line}")) };
        let number = number.parse().map_err(|_| format!("no number: {line}"))?;
        let effect = effects.entry((run.to_owned(), task.to_owned(), number)).or_default();
        match what {
            "begin" => effect.begins.push(place),
            "end" => effect.ends.push((place, value.parse().map_err(|_| format!("no code: {line}"))?)),
            _ => return Err(format!("a command was not given what it should be: {line}")),
        }
    }
    Ok(effects)
}
