//! The runs under way in a watcher, each in a thread of its own: what blocks one, a slow disk or git's locks, blocks no
//! other and not the watcher.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::super::resume::Pace;
use super::super::{Error, Finished, Found, Request, World, resume, run};
use super::keeper::{CONTACT_MAX, Came};
use crate::model::{AttemptId, Event, RunId, RunRecord, RunningStatus, Stream, TaskRecord, Ticket, Timestamp};
use crate::repo::{self, Pulled, Root};
use crate::run::{Allowance, Stop, View};

/// Tasks of a run that are named while they run.
const NAMED_MAX: usize = 16;
/// Runs whose end is being written, at a time.
const FINISHING_MAX: usize = 16;

/// What a run is begun from.
pub(super) enum Work {
    /// A ticket.
    Begin {
        /// What to run.
        request: Box<Request>,
        /// From where the folder is brought up to date before.
        pull: Option<(Root, String)>,
    },
    /// A run that was broken off.
    Resume(Found, Pace),
}

impl Work {
    /// What was read from the file, where that is known.
    pub(super) fn text(&self) -> &str {
        let source = match self {
            Self::Begin { request, .. } => &request.source,
            Self::Resume(_, pace) => &pace.source,
        };
        source.as_ref().map_or("", |source| &source.text)
    }
}

/// What the threads tell.
pub(super) enum Heard {
    /// Something to be passed on.
    Remark {
        /// The run.
        run: RunId,
        /// The text.
        text: String,
    },
    /// Git has worked.
    Kept(Box<Came>),
    /// Nothing of a run runs any more; its end is yet to be written.
    Finishing(RunId),
    /// A run is over, as far as this watcher is concerned.
    Over {
        /// The run.
        run: RunId,
        /// What came of it.
        came: Box<Result<Finished, Error>>,
    },
}

/// A run under way.
#[derive(Debug)]
pub(super) struct Member {
    /// What it is for.
    pub(super) spore: String,
    /// Its file.
    pub(super) path: String,
    /// Its group.
    pub(super) group: Option<String>,
    /// Since when.
    pub(super) since: Timestamp,
    /// Whether only its end is yet to be written.
    is_finishing: bool,
    stops: mpsc::UnboundedSender<Stop>,
    allowance: Allowance,
    glance: Arc<Mutex<Glance>>,
}

/// What can be seen of a run from outside.
#[derive(Debug, Default)]
struct Glance {
    ended: usize,
    tasks: usize,
    running: Vec<crate::model::TaskId>,
    line: String,
}

/// All of them.
pub(super) struct Crew {
    members: BTreeMap<RunId, Member>,
    reports: mpsc::UnboundedSender<Heard>,
    jobs: u32,
}

impl Crew {
    pub(super) fn new(jobs: u32, reports: mpsc::UnboundedSender<Heard>) -> Self {
        Self { members: BTreeMap::new(), reports, jobs }
    }

    /// Runs at a time, and tasks at a time of all of them together once what was begun with more has ended.
    pub(super) fn jobs(&self) -> u32 {
        self.jobs
    }

    pub(super) fn set_jobs(&mut self, jobs: u32) {
        self.jobs = jobs;
        self.share();
    }

    /// Whether one more may begin. Runs whose end is being written wait for the disk, together, and keep no other from
    /// beginning.
    pub(super) fn has_room(&self) -> bool {
        let at_work = self.at_work();
        at_work < self.jobs as usize && self.members.len() - at_work < FINISHING_MAX
    }

    fn at_work(&self) -> usize {
        self.members.values().filter(|member| !member.is_finishing).count()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (RunId, &Member)> {
        self.members.iter().map(|(run, member)| (*run, member))
    }

    pub(super) fn get(&self, run: RunId) -> Option<&Member> {
        self.members.get(&run)
    }

    /// Has a run begin in a thread of its own.
    pub(super) fn begin(
        &mut self,
        world: &World,
        ticket: &Ticket,
        group: Option<String>,
        work: Work,
    ) -> std::io::Result<()> {
        let (stops, stopped) = mpsc::unbounded_channel();
        let allowance = Allowance::of(1);
        let glance = Arc::new(Mutex::new(Glance::default()));
        let run = ticket.run;
        let member = Member {
            spore: ticket.spore.clone(),
            path: ticket.path.clone(),
            group,
            since: world.now(),
            is_finishing: false,
            stops,
            allowance: allowance.clone(),
            glance: Arc::clone(&glance),
        };
        let reports = self.reports.clone();
        let world = world.clone();
        let mut onlooker = Onlooker { run, glance, reports: reports.clone() };
        let thread = std::thread::Builder::new().name("run".to_owned());
        self.members.insert(run, member);
        self.share();
        let spawned = thread.spawn(move || {
            let came = perform(&world, work, allowance, stopped, &mut onlooker);
            // Nobody hears it when the watcher is leaving.
            let _ = reports.send(Heard::Over { run, came: Box::new(came) });
        });
        if let Err(error) = spawned {
            self.members.remove(&run);
            self.share();
            return Err(error);
        }
        Ok(())
    }

    /// Nothing of a run runs any more.
    pub(super) fn finishing(&mut self, run: RunId) {
        if let Some(member) = self.members.get_mut(&run) {
            member.is_finishing = true;
            self.share();
        }
    }

    /// A run is over.
    pub(super) fn leave(&mut self, run: RunId) {
        self.members.remove(&run);
        self.share();
    }

    /// Asks a run to end; false when it is not under way here.
    pub(super) fn stop(&self, run: RunId, now: bool) -> bool {
        let stop = if now { Stop::AtOnce } else { Stop::Cancelled };
        self.members.get(&run).is_some_and(|member| member.stops.send(stop).is_ok())
    }

    /// Every run has the same share of the tasks at a time, at least one.
    fn share(&self) {
        let runs = u32::try_from(self.at_work()).unwrap_or(u32::MAX).max(1);
        for member in self.members.values() {
            member.allowance.set((self.jobs / runs).max(1));
        }
    }

    /// What can be seen of each.
    pub(super) fn statuses(&self) -> Vec<RunningStatus> {
        let status = |(run, member): (&RunId, &Member)| {
            let glance = member.glance.lock().unwrap_or_else(PoisonError::into_inner);
            RunningStatus {
                run: *run,
                spore: member.spore.clone(),
                path: member.path.clone(),
                since: member.since,
                tasks_ended: glance.ended,
                tasks: glance.tasks,
                tasks_running: glance.running.clone(),
                line: glance.line.clone(),
            }
        };
        self.members.iter().map(status).collect()
    }
}

fn perform(
    world: &World,
    work: Work,
    allowance: Allowance,
    stops: mpsc::UnboundedReceiver<Stop>,
    view: &mut Onlooker,
) -> Result<Finished, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let came = runtime.block_on(async {
        match work {
            Work::Begin { request, pull } => {
                if let Some((root, remote)) = pull {
                    view.pulled(repo::pull(&root, &remote, CONTACT_MAX));
                }
                let request = Request { jobs: Some(allowance), ..*request };
                run(world, &request, stops, view).await
            }
            Work::Resume(found, pace) => {
                let pace = Pace { jobs: Some(allowance), ..pace };
                Box::pin(resume(world, &found, pace, stops, view)).await
            }
        }
    });
    runtime.shutdown_background();
    came
}

/// Looks on from the thread of a run.
struct Onlooker {
    run: RunId,
    glance: Arc<Mutex<Glance>>,
    reports: mpsc::UnboundedSender<Heard>,
}

impl Onlooker {
    fn say(&self, text: &str) {
        let _ = self.reports.send(Heard::Remark { run: self.run, text: text.to_owned() });
    }

    /// What a pull cannot bring keeps no run from beginning.
    fn pulled(&self, pulled: Result<Pulled, repo::Error>) {
        match pulled {
            Ok(Pulled::Done { .. } | Pulled::Nothing) => {}
            Ok(Pulled::Skipped { reason, .. }) => self.say(&format!("nothing is pulled: {reason}")),
            Err(error) => self.say(&format!("nothing is pulled: {error}")),
        }
    }

    fn glance(&self, change: impl FnOnce(&mut Glance)) {
        let mut glance = self.glance.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut glance);
    }
}

impl View for Onlooker {
    fn waiting(&mut self, group: &str, holder: Option<RunId>, _orphaned: bool) {
        let of = holder.map(|run| format!(" of {run}")).unwrap_or_default();
        self.say(&format!("waits for the end{of}: runs of the group `{group}` do not overlap"));
    }

    fn remark(&mut self, text: &str) {
        self.say(text);
    }

    fn event(&mut self, _at: Timestamp, event: &Event, record: &RunRecord) {
        match event {
            Event::AttemptIntended { task, .. } => self.glance(|glance| {
                if glance.running.len() < NAMED_MAX {
                    glance.running.push(task.clone());
                }
                glance.tasks = record.tasks.len();
            }),
            Event::AttemptEnded { task, .. } => self.glance(|glance| {
                glance.running.retain(|running| running != task);
                glance.ended += 1;
            }),
            Event::TaskSkipped { .. } => self.glance(|glance| glance.ended += 1),
            Event::RunStarted { .. } | Event::RunResumed { .. } => self.glance(|glance| {
                glance.tasks = record.tasks.len();
                glance.ended = record.tasks.values().filter(|task| task.status.is_final()).count();
            }),
            _ => {}
        }
    }

    fn line(&mut self, _attempt: &AttemptId, _stream: Stream, text: &str) {
        self.glance(|glance| text.clone_into(&mut glance.line));
    }

    fn failed(&mut self, _task: &TaskRecord, _tail: &str) {}

    fn over(&mut self) {
        let _ = self.reports.send(Heard::Finishing(self.run));
    }

    fn stalled(&mut self, reason: &str) {
        self.say(&format!("{reason}; nothing starts until there is room, and what runs goes on"));
    }

    fn unstalled(&mut self) {
        self.say("there is room again, and the run goes on");
    }

    fn tick(&mut self, _now: Timestamp, _record: &RunRecord) {}
}
