//! A plan for people: what would run, wave after wave, and what would not, and why.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use super::run_line::title_beside;
use super::style::{Style, Tone, clean, columns, count, cut, pad, without_escapes};
use super::table::{Cell, plain, table, toned};
use crate::model::{Disposition, Order, Plan, PlannedTask, TaskId, Work};

/// Waves and lines shown in full; a plan that is larger is folded.
const LINES_MAX: usize = 80;
/// Lines shown of one wave of a folded plan: fewer where there are many waves.
const WAVE_LINES_MAX: usize = 6;
const WAVE_LINES_MIN: usize = 3;
/// Waves shown of a folded plan, from its beginning.
const WAVES_MAX: usize = 14;
/// Lines shown of what will not run.
const LEFT_OUT_MAX: usize = 20;

/// The whole picture of a plan: heading, waves, what is left out, and one line that sums it up.
#[must_use]
pub fn plan_text(plan: &Plan, style: Style) -> String {
    let mut text = heading(plan, style);
    Waves::new(plan, style).write(&mut text);
    left_out(plan, style, &mut text);
    if !text.ends_with("\n\n") {
        text.push('\n');
    }
    text.push_str(&plan_summary(plan, style));
    text.push('\n');
    text
}

/// `28 to run in 9 waves · 3 done · critical path 6: 2.3 → 3.1 → …`
#[must_use]
pub fn plan_summary(plan: &Plan, style: Style) -> String {
    let number = |wanted: Disposition| plan.tasks.iter().filter(|task| task.disposition == wanted).count();
    let mut parts = Vec::new();
    let (run, agent) = (number(Disposition::Run), number(Disposition::Agent));
    let waves = match plan.waves.len() {
        0 => String::new(),
        waves => format!(" in {}", count(waves, "wave")),
    };
    if run > 0 {
        parts.push(style.paint(Tone::Strong, &format!("{run} to run{waves}")));
    }
    if agent > 0 {
        let waves = if run == 0 { waves.as_str() } else { "" };
        parts.push(style.paint(Tone::Strong, &format!("{agent} for an agent{waves}")));
    }
    if run + agent == 0 {
        parts.push(style.paint(Tone::Strong, "nothing to run"));
    }
    let words =
        [(Disposition::Done, "done"), (Disposition::Skip, "skipped"), (Disposition::Inert, "not marked to run")];
    for (disposition, word) in words {
        if number(disposition) > 0 {
            parts.push(format!("{} {word}", number(disposition)));
        }
    }
    let path: Vec<&str> = plan.critical_path.iter().map(|at| plan.tasks[*at].id.as_str()).collect();
    // A path of one says nothing, and one that is the whole sequence says it twice.
    if path.len() > 1 && path.len() < plan.waves.iter().map(Vec::len).sum() {
        let label = format!("critical path {}: ", path.len());
        let path = chain(&path, style.width.saturating_sub(label.len()).min(72), style);
        parts.push(format!("{label}{path}"));
    }
    wrapped(&parts, style)
}

/// Parts with dots between them, on as many lines as they need.
fn wrapped(parts: &[String], style: Style) -> String {
    let mut text = String::new();
    let mut used = 0;
    for part in parts {
        let width = columns(&without_escapes(part));
        if used > 0 && used + 3 + width > style.width {
            text.push('\n');
            used = 0;
        } else if used > 0 {
            text.push_str(&style.paint(Tone::Dim, style.dot()));
            used += 3;
        }
        text.push_str(part);
        used += width;
    }
    text
}

/// Names joined by arrows; those in the middle give way when there is no room.
fn chain(names: &[&str], room: usize, style: Style) -> String {
    let arrow = style.pick(" → ", " > ");
    let whole = names.join(arrow);
    if columns(&whole) <= room {
        return whole;
    }
    let last = names.last().copied().unwrap_or_default();
    let dots = style.pick("…", "...");
    let mut text = String::new();
    for name in names {
        if columns(&text) + columns(name) + columns(last) + 9 > room {
            break;
        }
        let _ = write!(text, "{name}{arrow}");
    }
    format!("{text}{dots}{arrow}{last}")
}

fn heading(plan: &Plan, style: Style) -> String {
    let title = clean(plan.title.as_deref().unwrap_or(&plan.spore)).into_owned();
    let mut facts = Vec::new();
    if plan.title.is_some() && plan.spore != plan.path {
        facts.push(clean(&plan.spore).into_owned());
    }
    facts.push(clean(&plan.path).into_owned());
    facts.push(format!("{:?}", plan.kind).to_lowercase());
    if plan.tasks.len() > 1 {
        facts.push(match plan.order {
            Order::Needs => "ordered by needs".to_owned(),
            Order::Sequence => "ordered from top to bottom".to_owned(),
        });
    }
    let mut text = format!("{}\n", style.paint(Tone::Strong, &cut(&title, style.width, style)));
    let facts: Vec<String> = facts.iter().map(|fact| style.paint(Tone::Dim, &cut(fact, style.width, style))).collect();
    let _ = writeln!(text, "{}", wrapped(&facts, style));
    if !plan.params.is_empty() {
        let params: Vec<String> = plan.params.iter().map(|(name, value)| format!("{name}={}", scalar(value))).collect();
        let params = clean(&params.join("  ")).into_owned();
        let _ = writeln!(text, "{}", style.paint(Tone::Dim, &cut(&format!("with {params}"), style.width, style)));
    }
    text.push('\n');
    text
}

/// A value as people write it: text without quotes.
pub(super) fn scalar(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// One line of a wave: a task, or the combinations of a matrix folded into one.
struct Line<'a> {
    task: &'a PlannedTask,
    /// How many combinations it stands for.
    times: usize,
}

impl Line<'_> {
    fn id(&self) -> &TaskId {
        match &self.task.expanded_from {
            Some(whole) if self.times > 1 => whole,
            _ => &self.task.id,
        }
    }
}

struct Waves<'a> {
    plan: &'a Plan,
    style: Style,
    lines: Vec<Vec<Line<'a>>>,
    /// Columns of the number of a wave, of the longest id that is not absurd, and of a title that has company.
    number_width: usize,
    id_width: usize,
    title_width: usize,
    /// What most tasks of a disposition have to say for themselves: not worth a word on each line.
    usual: HashMap<Disposition, String>,
}

impl<'a> Waves<'a> {
    fn new(plan: &'a Plan, style: Style) -> Self {
        let lines: Vec<Vec<Line<'a>>> = plan.waves.iter().map(|wave| lines_of(plan, wave)).collect();
        let id_width = lines.iter().flatten().map(|line| columns(line.id().as_str())).max().unwrap_or(0);
        let title_max = style.width * 3 / 5;
        let titled = lines.iter().flatten().any(|line| !title_of(line.task).0.is_empty());
        let titles = lines.iter().flatten().map(|line| columns(&title_of(line.task).0));
        Self {
            plan,
            style,
            title_width: titles.filter(|width| *width <= title_max).max().unwrap_or(0),
            number_width: lines.len().to_string().len(),
            id_width: id_width.min(if titled { style.width / 3 } else { style.width * 3 / 5 }.max(8)),
            usual: usual_reasons(plan),
            lines,
        }
    }

    fn write(&self, text: &mut String) {
        let total: usize = self.lines.iter().map(Vec::len).sum();
        let folded = total > LINES_MAX;
        let waves = self.lines.len();
        for (at, wave) in self.lines.iter().enumerate() {
            if folded && waves > WAVES_MAX + 1 && at >= WAVES_MAX - 1 && at + 1 < waves {
                if at == WAVES_MAX - 1 {
                    let tasks: usize = self.plan.waves[at..waves - 1].iter().map(Vec::len).sum();
                    let more = format!("{} with {}", count(waves - 1 - at, "more wave"), count(tasks, "task"));
                    let dots = self.style.pick("⋮", ":");
                    let line = format!("{}{dots} {more}", " ".repeat(self.number_width + 2));
                    let _ = writeln!(text, "{}", self.style.paint(Tone::Dim, &line));
                }
                continue;
            }
            self.write_wave(at, wave, folded, text);
        }
        if !self.lines.is_empty() {
            text.push('\n');
        }
        self.write_usual(text);
    }

    /// The reasons that most tasks of these waves share, once.
    fn write_usual(&self, text: &mut String) {
        for disposition in [Disposition::Agent, Disposition::Inert, Disposition::Skip] {
            let shown = self.lines.iter().flatten().any(|line| line.task.disposition == disposition);
            let Some(usual) = self.usual.get(&disposition).filter(|usual| shown && !usual.is_empty()) else { continue };
            let (mark, tone) = self.style.plan_mark(disposition);
            let usual = cut(usual, self.style.width.saturating_sub(4), self.style);
            let _ = writeln!(text, " {} {}", self.style.paint(tone, mark), self.style.paint(Tone::Dim, &usual));
        }
    }

    fn write_wave(&self, at: usize, wave: &[Line<'_>], folded: bool, text: &mut String) {
        let lines_max = (LINES_MAX / 2 / self.lines.len().max(1)).clamp(WAVE_LINES_MIN, WAVE_LINES_MAX);
        let shown = if folded && wave.len() > lines_max + 1 { lines_max } else { wave.len() };
        let (only, first, middle, last) =
            if self.style.unicode { ("─", "┬", "├", "└") } else { ("-", "+", "|", "+") };
        for (place, line) in wave[..shown].iter().enumerate() {
            let branch = match place {
                0 if wave.len() == 1 => only,
                0 => first,
                _ if place + 1 == wave.len() => last,
                _ => middle,
            };
            let number = if place == 0 { (at + 1).to_string() } else { String::new() };
            let gutter = format!(" {number:>width$} {branch} ", width = self.number_width);
            text.push_str(&self.style.paint(Tone::Dim, &gutter));
            text.push_str(&self.line(at, line, columns(&gutter)));
            text.push('\n');
        }
        if shown < wave.len() {
            let rest: usize = wave[shown..].iter().map(|line| line.times).sum();
            let more = format!(" {} {last} {rest} more", " ".repeat(self.number_width));
            let _ = writeln!(text, "{}", self.style.paint(Tone::Dim, &more));
        }
    }

    /// Mark, id, title, then what is worth knowing besides, as far as there is room.
    fn line(&self, wave: usize, line: &Line<'_>, indent: usize) -> String {
        let (style, task) = (self.style, line.task);
        let (mark, tone) = style.plan_mark(task.disposition);
        let id = cut(line.id().as_str(), self.id_width, style);
        let room = style.width.saturating_sub(indent + 2 + self.id_width + 2);
        let asides = self.asides(wave, line);
        let aside_width = columns(&asides);
        let (title, quiet) = title_of(task);
        // The title keeps at least half of the line; what is said besides gets the rest.
        let title_room = if aside_width == 0 { room } else { room.saturating_sub(aside_width + 2).max(room / 2) };
        let mut title = cut(&title, title_room, style).into_owned();
        if aside_width > 0 {
            let spare = room.saturating_sub(columns(&title) + 2 + aside_width);
            title = pad(&title, self.title_width.min(columns(&title) + spare));
        }
        let left = room.saturating_sub(columns(&title) + 2);
        let asides = if left < 8 { String::new() } else { cut(&asides, left, style).into_owned() };
        let id = if title.is_empty() && asides.is_empty() { id.into_owned() } else { pad(&id, self.id_width) };
        let mut text = format!("{} {}", style.paint(tone, mark), style.paint(Tone::Strong, &id));
        if !title.is_empty() {
            let _ = write!(text, "  {}", if quiet { style.paint(Tone::Dim, &title) } else { title });
        }
        if !asides.is_empty() {
            let _ = write!(text, "  {}", style.paint(Tone::Dim, &asides));
        }
        text
    }

    /// What is worth knowing of a task besides its title.
    fn asides(&self, wave: usize, line: &Line<'_>) -> String {
        let task = line.task;
        let mut parts = Vec::new();
        if line.times > 1 {
            parts.push(format!("{}{}", self.style.pick("× ", "x "), line.times));
        }
        if task.executor != "terminal" && task.disposition == Disposition::Run {
            parts.push(format!("on {}", task.executor));
        }
        if let Some(needs) = self.needs(wave, task) {
            parts.push(needs);
        }
        if task.optional {
            parts.push("optional".to_owned());
        }
        if task.finally {
            parts.push("finally".to_owned());
        }
        if let Some(when) = &task.when {
            parts.push(format!("when {}", when.0.trim_matches(['{', '}', ' '])));
        }
        // Why a task runs when it does is what the picture shows; why another does not has to be said.
        let reason = if task.disposition == Disposition::Run { String::new() } else { reason(task) };
        if self.usual.get(&task.disposition).is_none_or(|usual| *usual != reason) {
            parts.push(reason);
        }
        parts.retain(|part| !part.is_empty());
        clean(&parts.join(self.style.dot())).into_owned()
    }

    /// The needs of a task, unless they are just the wave before.
    fn needs(&self, wave: usize, task: &PlannedTask) -> Option<String> {
        if self.plan.order == Order::Sequence {
            return None;
        }
        let before: &[usize] = wave.checked_sub(1).map_or(&[], |at| self.plan.waves[at].as_slice());
        let is_before = |need: &&TaskId| before.iter().any(|at| self.plan.tasks[*at].id == **need);
        let open = !task.needs.iter().all(|need| before.len() == 1 && is_before(&need));
        let all =
            before.len() > 1 && task.needs.len() == before.len() && task.needs.iter().all(|need| is_before(&need));
        let mut names: Vec<&str> =
            if open && !all { task.needs.iter().map(TaskId::as_str).collect() } else { Vec::new() };
        names.extend(task.external_needs.iter().map(String::as_str));
        if names.is_empty() {
            return None;
        }
        let rest = names.len().saturating_sub(4);
        let more = if rest > 0 { format!(" +{rest}") } else { String::new() };
        Some(format!("{} {}{more}", self.style.pick("←", "after"), names[..names.len() - rest].join(", ")))
    }
}

/// The lines of one wave: combinations of one matrix stand together when there are more than three of them.
fn lines_of<'a>(plan: &'a Plan, wave: &[usize]) -> Vec<Line<'a>> {
    let mut times: HashMap<&TaskId, usize> = HashMap::new();
    for at in wave {
        if let Some(whole) = &plan.tasks[*at].expanded_from {
            *times.entry(whole).or_insert(0) += 1;
        }
    }
    let mut lines = Vec::with_capacity(wave.len());
    let mut seen = std::collections::HashSet::new();
    for at in wave {
        let task = &plan.tasks[*at];
        let together = task.expanded_from.as_ref().and_then(|whole| Some((whole, *times.get(whole)?)));
        match together {
            Some((whole, number)) if number > 3 => {
                if seen.insert(whole) {
                    lines.push(Line { task, times: number });
                }
            }
            _ => lines.push(Line { task, times: 1 }),
        }
    }
    lines
}

/// The title, or where it says no more than the id, the beginning of the command, to be shown quietly.
fn title_of(task: &PlannedTask) -> (String, bool) {
    match (title_beside(&task.id, &task.title), &task.work) {
        (Some(title), _) => (clean(title).into_owned(), false),
        (None, Work::Command(command)) => (clean(&command.summary()).into_owned(), true),
        (None, Work::Agent(_) | Work::Group) => (String::new(), true),
    }
}

/// The explanation of a task in words that others may share: without its own name.
fn reason(task: &PlannedTask) -> String {
    clean(&task.explanation).replace(&format!("={}`", task.id), "=…`").replace(&format!("`{}`", task.id), "it")
}

/// For each disposition, the reason that more than half of its tasks share.
fn usual_reasons(plan: &Plan) -> HashMap<Disposition, String> {
    let mut counts: HashMap<Disposition, BTreeMap<String, usize>> = HashMap::new();
    for task in plan.tasks.iter().filter(|task| task.disposition != Disposition::Run) {
        *counts.entry(task.disposition).or_default().entry(reason(task)).or_insert(0) += 1;
    }
    let usual = counts.into_iter().filter_map(|(disposition, counts)| {
        let total: usize = counts.values().sum();
        let (reason, number) = counts.into_iter().max_by_key(|(_, number)| *number)?;
        (number * 2 > total).then_some((disposition, reason))
    });
    usual.collect()
}

/// What is in no wave: done tasks on one line, the rest with the reason, reasons shared by many told once.
fn left_out(plan: &Plan, style: Style, text: &mut String) {
    let mut in_wave = vec![false; plan.tasks.len()];
    plan.waves.iter().flatten().for_each(|at| in_wave[*at] = true);
    let rest: Vec<&PlannedTask> =
        plan.tasks.iter().zip(&in_wave).filter(|(_, shown)| !**shown).map(|(task, _)| task).collect();
    let done: Vec<&str> =
        rest.iter().filter(|task| task.disposition == Disposition::Done).map(|task| task.id.as_str()).collect();
    if !done.is_empty() {
        let (mark, tone) = style.plan_mark(Disposition::Done);
        let names = format!("{} done: {}", done.len(), done.join(", "));
        let _ = writeln!(text, " {} {}", style.paint(tone, mark), cut(&names, style.width.saturating_sub(3), style));
    }
    let mut reasons: indexmap::IndexMap<(Disposition, String), Vec<&PlannedTask>> = indexmap::IndexMap::new();
    for task in rest.iter().filter(|task| !matches!(task.disposition, Disposition::Done | Disposition::Group)) {
        reasons.entry((task.disposition, reason(task))).or_default().push(task);
    }
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for ((disposition, explanation), tasks) in reasons.iter().filter(|(_, tasks)| tasks.len() <= 3) {
        let (mark, tone) = style.plan_mark(*disposition);
        for task in tasks {
            let (title, quiet) = title_of(task);
            let title = if quiet { String::new() } else { title };
            rows.push(vec![
                toned(tone, mark),
                toned(Tone::Strong, task.id.to_string()),
                plain(cut(&title, style.width * 2 / 5, style)),
                toned(Tone::Dim, explanation.clone()),
            ]);
        }
    }
    let more = rows.len().saturating_sub(LEFT_OUT_MAX);
    rows.truncate(LEFT_OUT_MAX);
    for line in table(&rows, 3, Style { width: style.width.saturating_sub(1), ..style }).lines() {
        let _ = writeln!(text, " {line}");
    }
    if more > 0 {
        let dots = style.pick("…", "...");
        let _ = writeln!(text, "   {}", style.paint(Tone::Dim, &format!("{dots} and {more} more")));
    }
    for ((disposition, explanation), tasks) in reasons.iter().filter(|(_, tasks)| tasks.len() > 3).take(LEFT_OUT_MAX) {
        let (mark, tone) = style.plan_mark(*disposition);
        let names: Vec<&str> = tasks.iter().take(40).map(|task| task.id.as_str()).collect();
        let why = if explanation.is_empty() { String::new() } else { format!(" ({})", clean(explanation)) };
        let names = format!("{}{why}: {}", tasks.len(), names.join(", "));
        let _ = writeln!(text, " {} {}", style.paint(tone, mark), cut(&names, style.width.saturating_sub(3), style));
    }
}
