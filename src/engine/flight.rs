//! The flight that new runs and resumed ones share: from a plan to its result.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::executors::reap;
use super::finish::{Wish, finish};
use super::{Error, Finished, Guard, Opened, World};
use crate::executor;
use crate::journal::Journal;
use crate::model::{Cause, Event, Origin, Plan, RunId, Secret, Timestamp};
use crate::run::{self, Allowance, Order, Preparer, Reused, Stop, View, drive};

/// All that a run is made of, its journal included.
pub(super) struct Flight<'a> {
    pub(super) opened: &'a Opened,
    pub(super) plan: &'a Plan,
    pub(super) journal: &'a mut Journal,
    pub(super) run: RunId,
    pub(super) origin: Origin,
    /// Attempts at a time.
    pub(super) jobs: Allowance,
    /// What need not be done again.
    pub(super) reused: Vec<Reused>,
    /// What is in the journal already.
    pub(super) past: Vec<(Timestamp, Event)>,
    pub(super) secrets: Arc<[Secret]>,
    /// What its cause tells besides, as JSON.
    pub(super) event: Option<String>,
    /// What was said about committing.
    pub(super) commit: Option<Wish>,
    /// Asked before each start, where trust has allowed the run.
    pub(super) guard: Option<Guard>,
}

impl Flight<'_> {
    /// Plan → run → result spore.
    pub(super) async fn perform(
        self,
        world: &World,
        stops: mpsc::UnboundedReceiver<Stop>,
        view: &mut dyn View,
    ) -> Result<Finished, Error> {
        let Self { opened, plan, journal, run, origin, jobs, reused, past, secrets, guard, event, commit } = self;
        let run_dir = Arc::new(journal.run_dir().to_path_buf());
        let root = Arc::new(opened.root.path().to_path_buf());
        let told = cause_variables(&origin, event);
        let guard = guard.map(|guard| Arc::new(guard) as Arc<dyn run::Guard>);
        let preparer = Preparer::new(plan, run, root, run_dir, secrets, jobs.clone(), &opened.project.limits);
        let executors = executor::built_in(opened.project.limits, &opened.project.executors, world.spares.clone());
        let order = Order {
            plan,
            run,
            engine: world.engine(),
            origin,
            jobs,
            reused,
            past,
            preparer: preparer.guarded_by(guard).telling(told),
            executors: &executors,
            clock: &world.clock,
        };
        let ran = drive(order, journal, stops, view).await?;
        let finished = finish(world, opened, journal, ran, commit);
        reap(opened, plan, &executors).await;
        finished
    }
}

/// What commands are told of why their run began, as variables.
fn cause_variables(origin: &Origin, event: Option<String>) -> Vec<(String, String)> {
    let mut told = match &origin.cause {
        None => Vec::new(),
        Some(Cause::Drop) => vec![("SPORE_CAUSE", "drop".to_owned())],
        Some(Cause::Push { branch, commit }) => {
            vec![("SPORE_CAUSE", "push".to_owned()), ("SPORE_BRANCH", branch.clone()), ("SPORE_COMMIT", commit.clone())]
        }
        Some(Cause::Schedule { at }) => {
            vec![("SPORE_CAUSE", "schedule".to_owned()), ("SPORE_SCHEDULED", at.to_string())]
        }
        Some(Cause::Session { moment, session }) => {
            let mut told = vec![("SPORE_CAUSE", "session".to_owned()), ("SPORE_MOMENT", moment.word().to_owned())];
            told.extend(session.clone().map(|session| ("SPORE_SESSION", session)));
            told
        }
    };
    told.extend(event.map(|event| ("SPORE_EVENT", event)));
    // A variable cannot hold a zero byte, and what an agent calls its session is anybody's text.
    told.into_iter().map(|(name, text)| (name.to_owned(), text.replace('\0', ""))).collect()
}
