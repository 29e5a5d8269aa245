//! Invented spores: a few tiny tasks that write down what they do where Spore does not look.

use std::fmt::Write as _;
use std::path::Path;

use crate::random::Random;

/// The program that every task runs. Each line that it adds to the file of effects is one write to a file that is open
/// for appending, so lines stand in the order in which things happened.
///
/// `step EFFECTS PAUSE CODES HAND PRINT`: codes are those of the attempts, the last for all that follow.
pub(crate) const STEP: &str = r#"#!/bin/sh
effects=$1 pause=$2 codes=$3 hand=$4 print=$5
say() { printf '%s\n' "$*" >> "$effects"; }
say begin "$SPORE_RUN" "$SPORE_TASK" "$SPORE_ATTEMPT" $$
[ "$IN" = "$WANT" ] || say wrong "$SPORE_RUN" "$SPORE_TASK" "$SPORE_ATTEMPT" "$IN"
if [ "$print" = print ]; then
  echo "$SPORE_TASK says: $TOKEN."
  echo "and complains: $TOKEN" >&2
fi
[ "$hand" = none ] || echo "out=$hand" >> "$SPORE_OUTPUT"
[ "$pause" = 0 ] || sleep "$pause"
n=$SPORE_ATTEMPT
IFS=,
for code in $codes; do
  [ "$n" -gt 1 ] || break
  n=$((n - 1))
done
IFS=' '
say end "$SPORE_RUN" "$SPORE_TASK" "$SPORE_ATTEMPT" "$code"
exit "$code"
"#;

/// The exit code after which a task is tried again, where it may be.
pub(crate) const AGAIN: i32 = 75;

/// What one task is and does.
#[derive(Debug)]
pub(crate) struct Task {
    /// The name that the journal has for it.
    pub(crate) id: String,
    /// Places of the tasks before it.
    pub(crate) needs: Vec<usize>,
    /// The exit code of each attempt; the last for all that follow.
    pub(crate) codes: Vec<i32>,
    pub(crate) retries: u32,
    pub(crate) idempotent: bool,
    /// The name that tasks after it need it by: that of the matrix, where it is part of one.
    base: String,
    pause: String,
    /// What it hands on, and what it expects to be handed.
    hands_on: bool,
    reads: Option<usize>,
    prints: bool,
    form: usize,
}

/// A spore and all that is to be known of it.
#[derive(Debug)]
pub(crate) struct Invented {
    pub(crate) file: &'static str,
    pub(crate) text: String,
    pub(crate) tasks: Vec<Task>,
    pub(crate) jobs: usize,
    /// Results are committed.
    pub(crate) commits: bool,
    /// It is a checklist that is ticked off.
    pub(crate) is_checklist: bool,
    pub(crate) secret: Option<String>,
}

/// Invents one. `commits` forces commits, `step` is the program of its tasks.
pub(crate) fn invent(random: &mut Random, commits: bool, step: &Path, effects: &Path, in_cluster: bool) -> Invented {
    let is_checklist = random.chance(15) && !in_cluster;
    let tasks = tasks(random, is_checklist);
    let secret = (!is_checklist && random.chance(40)).then(|| format!("S3cret{}", random.hex(12)));
    let program = format!("{} {}", step.display(), effects.display());
    let text = if is_checklist {
        checklist(&tasks, &program)
    } else {
        workflow(&tasks, &program, secret.is_some(), in_cluster)
    };
    Invented {
        file: if is_checklist { "w.md" } else { "w.yaml" },
        text,
        tasks,
        jobs: random.between(1, 4),
        commits: commits || random.chance(15),
        is_checklist,
        secret,
    }
}

fn tasks(random: &mut Random, is_checklist: bool) -> Vec<Task> {
    let count = random.between(2, 12);
    let shape = random.below(5);
    let fails = random.chance(30);
    let mut tasks: Vec<Task> = Vec::new();
    while tasks.len() < count {
        let place = tasks.len();
        let mut needs: Vec<usize> = match shape {
            // A chain.
            0 => place.checked_sub(1).into_iter().collect(),
            // A fan: all after the first, and the last after all.
            1 if place + 1 == count => (1..place).collect(),
            1 => (0..place.min(1)).collect(),
            // Diamonds: pairs after single ones.
            2 if place.is_multiple_of(3) => (place.saturating_sub(2)..place).collect(),
            2 => vec![place - place % 3],
            // Nobody waits for anybody.
            3 => Vec::new(),
            _ => (0..place).filter(|_| random.chance(25)).collect(),
        };
        let id = if is_checklist { (place + 1).to_string() } else { format!("t{place}") };
        let matrix = !is_checklist && count - place >= 3 && random.chance(12);
        needs.extend(whole_matrices(&tasks, &needs));
        needs.sort_unstable();
        needs.dedup();
        let mut task = task(random, &tasks, id, needs, (is_checklist, fails));
        task.reads = task.reads.filter(|read| tasks[*read].hands_on);
        if matrix {
            for member in ["x", "y"] {
                tasks.push(Task { id: format!("{}[{member}]", task.base), ..copied(&task) });
            }
        } else {
            tasks.push(task);
        }
    }
    tasks
}

/// Who needs one of a matrix needs all of it.
fn whole_matrices(tasks: &[Task], needs: &[usize]) -> Vec<usize> {
    let same = |place: &usize| needs.iter().any(|need| tasks[*need].base == tasks[*place].base);
    (0..tasks.len()).filter(same).collect()
}

fn task(random: &mut Random, before: &[Task], id: String, needs: Vec<usize>, kind: (bool, bool)) -> Task {
    let (is_checklist, fails) = kind;
    let retries = if !is_checklist && random.chance(30) { random.between(1, 3) } else { 0 };
    let mut codes = vec![AGAIN; if random.chance(60) { random.below(retries + 1) } else { 0 }];
    codes.push(if fails && random.chance(15) { random.one_of(&[1, 3, AGAIN]) } else { 0 });
    let alone: Vec<usize> = needs.iter().copied().filter(|need| before[*need].hands_on).collect();
    let reads = if alone.is_empty() || is_checklist { None } else { Some(random.one_of(&alone)) };
    Task {
        base: id.clone(),
        id,
        needs,
        codes,
        retries: u32::try_from(retries).expect("few"),
        idempotent: !is_checklist && random.chance(30),
        pause: random.one_of(&["0", "0", "0", "0.01", "0.02", "0.03"]).to_owned(),
        hands_on: random.chance(40),
        reads,
        prints: random.chance(40),
        form: random.below(3),
    }
}

/// One task of a matrix: it hands nothing on, for nobody could say which one did.
fn copied(task: &Task) -> Task {
    Task {
        id: String::new(),
        base: task.base.clone(),
        needs: task.needs.clone(),
        codes: task.codes.clone(),
        pause: task.pause.clone(),
        hands_on: false,
        ..*task
    }
}

fn words(task: &Task) -> String {
    let codes: Vec<String> = task.codes.iter().map(ToString::to_string).collect();
    let hand = if task.hands_on { format!("from-{}", task.id) } else { "none".to_owned() };
    let print = if task.prints { "print" } else { "quiet" };
    format!("{} {} {hand} {print}", task.pause, codes.join(","))
}

fn bases(tasks: &[Task], task: &Task) -> Vec<String> {
    let mut bases: Vec<String> = task.needs.iter().map(|need| tasks[*need].base.clone()).collect();
    bases.dedup();
    bases
}

fn workflow(tasks: &[Task], program: &str, has_secret: bool, in_cluster: bool) -> String {
    let mut text = "spore: w\nkind: workflow\n".to_owned();
    if in_cluster {
        text.push_str("defaults: {executor: gke}\n");
    }
    text.push_str("tasks:\n");
    let mut told = "";
    for task in tasks {
        if task.base == told {
            continue;
        }
        told = &task.base;
        let _ = writeln!(text, "  {}:", task.base);
        let _ = writeln!(text, "    needs: [{}]", bases(tasks, task).join(", "));
        let _ = writeln!(text, "    retry: {{limit: {}, backoff: 5ms, on_exit: [{AGAIN}]}}", task.retries);
        if task.idempotent {
            text.push_str("    idempotent: true\n");
        }
        if task.id != task.base {
            text.push_str("    matrix: {m: [x, y]}\n");
        }
        let mut env = Vec::new();
        if let Some(read) = task.reads.map(|read| &tasks[read]) {
            env.push(format!("IN: \"{{{{ tasks.{}.outputs.out }}}}\"", read.id));
            env.push(format!("WANT: from-{}", read.id));
        }
        if has_secret && task.prints {
            env.push("TOKEN: {secret: CRASH_TOKEN}".to_owned());
        }
        let _ = writeln!(text, "    env: {{{}}}", env.join(", "));
        let words = format!("{program} {}", words(task));
        let _ = match task.form {
            0 => writeln!(text, "    run: {words}"),
            1 => writeln!(text, "    run: [{}]", quoted(&words)),
            _ => writeln!(text, "    run: |\n      set -e\n      true\n      {words}"),
        };
    }
    text
}

fn quoted(words: &str) -> String {
    let words: Vec<String> = words.split(' ').map(|word| format!("\"{word}\"")).collect();
    words.join(", ")
}

fn checklist(tasks: &[Task], program: &str) -> String {
    let mut text = "---\nspore: w\nkind: workflow\nchecklist: update\n---\n# Things to do\n\n".to_owned();
    for task in tasks {
        let _ = writeln!(text, "- [ ] {}. Task", task.id);
        let _ = match bases(tasks, task).join(", ") {
            needs if needs.is_empty() => writeln!(text, "  Dependencies: none\n"),
            needs => writeln!(text, "  Dependencies: {needs}\n"),
        };
        let _ = writeln!(text, "  ```sh\n  {program} {}\n  ```", words(task));
    }
    text
}
