//! The independent checker: holds journals, logs of attempts, result spores, what was said and what the commands did
//! against each other.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::facts::{self, Effects, Rigour, Run, Task};
use crate::ground::Ground;
use crate::invent::{AGAIN, Invented};

/// What is to be so when the first run has its result: everything that later runs do not change.
pub(crate) fn end(ground: &Ground, spore: &Invented, may_lose: bool) -> Result<(), String> {
    let runs = facts::runs(&ground.root, Rigour::Whole)?;
    let [run] = runs.as_slice() else { return Err(format!("there are {} runs", runs.len())) };
    let unsure = |kind: &str| matches!(kind, "lost" | "not_started");
    let mut attempts = run.tasks.iter().flat_map(|(id, task)| task.attempts.values().map(move |attempt| (id, attempt)));
    if !may_lose && let Some((id, attempt)) = attempts.find(|(_, attempt)| unsure(attempt.kind())) {
        return Err(format!("{id} is {}, and only engines were killed", attempt.kind()));
    }
    if spore.is_checklist {
        ticks(ground, spore, run)?;
    }
    Ok(())
}

/// What is to be so in the end.
pub(crate) fn everything(ground: &Ground, spore: &Invented) -> Result<(), String> {
    let runs = facts::runs(&ground.root, Rigour::Whole)?;
    let effects = facts::effects(&ground.effects())?;
    for (place, run) in runs.iter().enumerate() {
        let before = run.retry_of.as_ref().and_then(|of| runs[..place].iter().find(|run| run.id == *of));
        one_run(run, before, spore, &effects, ground.away.is_some())
            .map_err(|error| format!("run {}: {error}", run.id))?;
    }
    for (run, task, number) in effects.keys() {
        let known = runs.iter().find(|known| known.id == *run).and_then(|run| run.tasks.get(task));
        if known.is_none_or(|task| !task.attempts.contains_key(number)) {
            return Err(format!("attempt {number} of {task} ran, and no journal tells of it"));
        }
    }
    order(&runs, spore, &effects)?;
    results(ground, spore, &runs)?;
    said(ground, &runs)?;
    secrets(ground, spore)
}

fn one_run(run: &Run, before: Option<&Run>, spore: &Invented, effects: &Effects, is_away: bool) -> Result<(), String> {
    if run.ended.len() != 1 || run.results != 1 {
        return Err(format!("{} ends and {} results", run.ended.len(), run.results));
    }
    let mut is_good = true;
    for wanted in &spore.tasks {
        let task = run.tasks.get(&wanted.id).ok_or_else(|| format!("{} is missing", wanted.id))?;
        let earlier = before.and_then(|before| before.tasks.get(&wanted.id));
        let was_good = earlier.is_some_and(|task| task.is_good() || task.resolved.as_deref() == Some("ran"));
        if was_good != (task.status() == "done") {
            return Err(format!("{} is {}, and was good before: {was_good}", wanted.id, task.status()));
        }
        attempts(run, &wanted.id, task, wanted.idempotent, wanted.retries, effects)
            .map_err(|error| format!("{}: {error}", wanted.id))?;
        is_good &= task.is_good();
        let needs_good = wanted.needs.iter().all(|need| run.tasks[&spore.tasks[*need].id].is_good());
        let is_right = match task.status() {
            "done" => true,
            "skipped" => !needs_good && task.attempts.is_empty() && task.skipped == 1,
            // It may have begun when its needs had ended well, and what was known of them went down with the machine.
            "lost" if is_in_doubt(task) => task.skipped == 0,
            "succeeded" | "failed" | "lost" | "not_started" => needs_good && task.skipped == 0,
            _ => false,
        };
        if !is_right {
            return Err(format!("{} is {}, and its needs are good: {needs_good}", wanted.id, task.status()));
        }
        let ends = task.attempts.values().filter_map(facts::Attempt::code).zip(1_usize..);
        let attempt_codes: Vec<i64> = ends.map(|(code, _)| code).collect();
        let invented = attempt_codes.iter().any(|code| !wanted.codes.iter().any(|given| i64::from(*given) == *code));
        if invented {
            return Err(format!("{} ended with {attempt_codes:?}, and knows only {:?}", wanted.id, wanted.codes));
        }
    }
    witnessed(run, is_away)?;
    let status = if is_good { "succeeded" } else { "failed" };
    if run.ended[0] != status {
        return Err(format!("it {}, and its tasks say that it {status}", run.ended[0]));
    }
    for ((id, number), outcomes) in &run.supervised {
        let told = run.tasks.get(id).and_then(|task| task.attempts.get(number));
        if outcomes.len() != 1 || told.is_none_or(|told| told.outcomes != *outcomes) {
            return Err(format!("attempt {number} of {id} ended as {outcomes:?}, and the journal says {told:?}"));
        }
    }
    Ok(())
}

/// The attempts of one task: as many as may be, each with one end, and each end what the command says of it too.
fn attempts(run: &Run, id: &str, task: &Task, idempotent: bool, retries: u32, effects: &Effects) -> Result<(), String> {
    let count = task.attempts.len() as u64;
    for (number, attempt) in &task.attempts {
        let wrong = |what: &str| Err(format!("attempt {number}, {}: {what}", attempt.kind()));
        if attempt.intended != 1 || attempt.outcomes.len() != 1 {
            return wrong("not one intent and one end");
        }
        let (kind, code) = (attempt.kind(), attempt.code());
        let stated = *number <= u64::from(retries);
        let (may_follow, must_follow) = match kind {
            "failed" => (stated && code == Some(i64::from(AGAIN)), stated && code == Some(i64::from(AGAIN))),
            // What a task hands on is not there when a person says that it ran.
            "not_started" if attempt.is_permanent() && run.retry_of.is_some() => (false, false),
            "not_started" if attempt.is_permanent() => return wrong("nothing stands in its way"),
            "not_started" => (true, *number < 3),
            "lost" => (idempotent, idempotent && *number < 3),
            "succeeded" => (false, false),
            _ => return wrong("nobody has asked for such an end"),
        };
        if (*number < count && !may_follow) || (*number == count && must_follow) {
            return wrong(if *number < count { "another one followed" } else { "no other one followed" });
        }
        let effect = effects.get(&(run.id.clone(), id.to_owned(), *number));
        let (begins, ends) = effect.map_or((0, &[][..]), |effect| (effect.begins.len(), &effect.ends[..]));
        if begins > 1 || ends.len() > begins {
            return wrong("it ran more than once");
        }
        let is_true = match (kind, code) {
            ("lost", _) => true,
            ("not_started", _) => begins == 0,
            (_, Some(code)) => ends.len() == 1 && ends[0].1 == code,
            // No command of a trial ends by a signal of its own.
            _ => false,
        };
        if !is_true {
            return wrong(&format!("the command says {effect:?}"));
        }
    }
    Ok(())
}

/// Whoever carries attempts out has written down those whose commands ended: a supervisor their ends, and an engine that
/// there was one Job for each in the cluster.
fn witnessed(run: &Run, is_away: bool) -> Result<(), String> {
    for (id, task) in &run.tasks {
        for (number, attempt) in &task.attempts {
            let key = (id.to_owned(), *number);
            let is_seen = if is_away { run.made.get(&key) == Some(&1) } else { run.supervised.contains_key(&key) };
            if matches!(attempt.kind(), "succeeded" | "failed") && !is_seen {
                return Err(format!("{id}: attempt {number}, {}: nobody has seen that", attempt.kind()));
            }
        }
    }
    Ok(())
}

fn is_in_doubt(task: &Task) -> bool {
    let last = task.attempts.last_key_value().and_then(|(_, last)| last.outcomes.first());
    last.is_some_and(|outcome| outcome["stage"] == "about to begin when the machine went down")
}

/// What a task needs has ended well before it begins, in whichever run.
fn order(runs: &[Run], spore: &Invented, effects: &Effects) -> Result<(), String> {
    let mut done: BTreeMap<&str, usize> = BTreeMap::new();
    for run in runs {
        for (id, task) in &run.tasks {
            let ended = |(number, attempt): (&u64, &facts::Attempt)| {
                let effect = effects.get(&(run.id.clone(), id.clone(), *number))?;
                (attempt.kind() == "succeeded").then(|| effect.ends[0].0)
            };
            if let Some(place) = task.attempts.iter().find_map(ended) {
                done.insert(id, place);
            } else if task.resolved.as_deref() == Some("ran") {
                done.insert(id, 0);
            }
        }
    }
    for ((_, id, number), effect) in effects {
        let Some(task) = spore.tasks.iter().find(|task| task.id == *id) else { continue };
        for need in task.needs.iter().map(|need| spore.tasks[*need].id.as_str()) {
            let is_late = done.get(need).is_none_or(|end| effect.begins.iter().any(|begin| begin < end));
            if is_late {
                return Err(format!("attempt {number} of {id} began before {need} had ended well"));
            }
        }
    }
    Ok(())
}

/// One result spore for each run, committed once where commits are on, and nothing else beside it.
fn results(ground: &Ground, spore: &Invented, runs: &[Run]) -> Result<(), String> {
    let mut found = Vec::new();
    files(&ground.root.join("results"), &mut found);
    if found.len() != runs.len() {
        return Err(format!("{} runs have the results {found:?}", runs.len()));
    }
    for run in runs {
        let path = run.result.clone().unwrap_or_default();
        let page = fs::read_to_string(ground.root.join(&path)).map_err(|error| format!("{path}: {error}"))?;
        let front = page.split("\n---\n").next().unwrap_or_default();
        for line in [format!("run: \"{}\"", run.id), format!("status: \"{}\"", run.ended[0])] {
            if !front.lines().any(|one| one == line) {
                return Err(format!("{path} does not say {line}"));
            }
        }
        for (id, task) in &run.tasks {
            let line = format!("  - {{id: \"{id}\", status: \"{}\"", task.status());
            if !front.lines().any(|one| one.starts_with(&line)) {
                return Err(format!("{path} does not say {line}"));
            }
        }
        if spore.commits {
            let commits = ground.git(&["log", "--format=%H", "--", &path]);
            if commits.lines().count() != 1 || run.commit.as_deref() != Some(commits.trim()) {
                return Err(format!("{path} is in the commits {commits:?}, and the journal says {:?}", run.commit));
            }
        }
    }
    if spore.commits {
        let status = ground.git(&["status", "--porcelain", "--", "results"]);
        if !status.is_empty() {
            return Err(format!("git says of the results: {status}"));
        }
        let left = fs::read_dir(ground.root.join(".git")).into_iter().flatten().flatten();
        let mut left = left.map(|entry| entry.file_name().to_string_lossy().into_owned());
        if let Some(left) = left.find(|name| name.contains(".lock") || name.contains("spore")) {
            return Err(format!("`{left}` is left in the repository"));
        }
    }
    Ok(())
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path(), found),
            _ => found.push(entry.path()),
        }
    }
}

/// Just the boxes of what succeeded are ticked off.
fn ticks(ground: &Ground, spore: &Invented, run: &Run) -> Result<(), String> {
    let mut wanted = spore.text.clone();
    for (id, _) in run.tasks.iter().filter(|(_, task)| task.is_good()) {
        wanted = wanted.replace(&format!("- [ ] {id}. "), &format!("- [x] {id}. "));
    }
    let text = fs::read_to_string(ground.root.join(spore.file)).unwrap_or_default();
    if text == wanted { Ok(()) } else { Err(format!("the checklist is\n{text}\nand should be\n{wanted}")) }
}

/// What engines have told people, however they ended, is in the journals.
fn said(ground: &Ground, runs: &[Run]) -> Result<(), String> {
    for said in ground.said() {
        for line in said.lines() {
            let mut words = line.split(' ');
            let (Some(mark), Some(id)) = (words.next(), words.next()) else { continue };
            let is_true = match mark {
                "run" => runs.iter().any(|run| run.id == id),
                "✓" | "✗" | "–" | "↻" => {
                    runs.iter().filter_map(|run| run.tasks.get(id)).any(|task| is_recorded(mark, line, task))
                }
                _ => true,
            };
            let of_task = runs.iter().any(|run| run.tasks.contains_key(id)) || mark == "run";
            if of_task && !is_true {
                return Err(format!("somebody was told {line:?}, and no journal says so"));
            }
        }
    }
    Ok(())
}

fn is_recorded(mark: &str, line: &str, task: &Task) -> bool {
    match mark {
        "✓" => task.is_good(),
        "–" => task.status() == "skipped",
        "✗" => matches!(task.status(), "failed" | "lost" | "not_started"),
        _ => is_retried(line, task).unwrap_or(false),
    }
}

/// Whether the attempt before the one that is announced ended as is said: `↻ t3  exit 75  5ms  attempt 2 in 5ms`.
fn is_retried(line: &str, task: &Task) -> Option<bool> {
    let (before, next) = line.rsplit_once("  attempt ")?;
    let next: u64 = next.split(' ').next()?.parse().ok()?;
    let attempt = task.attempts.get(&next.checked_sub(1)?)?;
    Some(match (attempt.kind(), attempt.code()) {
        ("lost", _) => before.contains("  lost"),
        ("not_started", _) => before.contains("  not started"),
        (_, Some(code)) => before.contains(&format!("  exit {code} ")),
        _ => false,
    })
}

/// The secret stands nowhere, and nobody was told it.
fn secrets(ground: &Ground, spore: &Invented) -> Result<(), String> {
    let Some(secret) = &spore.secret else { return Ok(()) };
    let mut found = Vec::new();
    files(&ground.root, &mut found);
    for path in found {
        let bytes = fs::read(&path).unwrap_or_default();
        if bytes.windows(secret.len()).any(|part| part == secret.as_bytes()) {
            return Err(format!("the secret stands in {}", path.display()));
        }
    }
    if ground.said().iter().any(|said| said.contains(secret)) {
        return Err("an engine has said the secret".into());
    }
    Ok(())
}
