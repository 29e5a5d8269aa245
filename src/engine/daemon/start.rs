//! Coming and going: the lock, the first look, settings that change, and leaving.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;

use super::crew::Heard;
use super::trusting::Trusted;
use super::{Crew, Daemon, Followers, Keeper, Said, Spectator, Timetable};
use crate::engine::{Error, World};
use crate::os::identity::Identity;
use crate::queue::{self, Log, Phase};
use crate::repo::{Changes, Project, Root, Survey};
use crate::trust::Mode;
use crate::watch::{Folder, Options, Tag};
use crate::{os, repo};

/// What the last watcher knew of the files: only a help for the next one.
const SURVEY_FILE: &str = "survey.cache";
/// What is watched beside the files: letters of hooks, the settings of the folder, the decisions of its owner,
/// and commits where only those count.
pub(super) const INBOX: Tag = Tag("inbox");
pub(super) const SETTINGS: Tag = Tag("settings");
pub(super) const TRUST: Tag = Tag("trust");
pub(super) const COMMITS: Tag = Tag("commits");

/// How long git may take to end what it is at when the watcher leaves.
const FAREWELL: Duration = Duration::from_secs(5);

/// How to watch.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    /// The folder, or anything in it.
    pub dir: PathBuf,
    /// Runs at a time; without it, what the folder says, else the number of cores.
    pub jobs: Option<u32>,
    /// What may run, for this time; without it, what was decided for the folder.
    pub trust: Option<Mode>,
    /// Whether what is there already runs, in a folder that nobody has watched before.
    pub existing: bool,
    /// Whether to end as soon as nothing is left to do.
    pub once: bool,
}

/// Takes the right to watch the folder.
pub(super) fn take(orders: &Orders) -> Result<(Root, repo::Watch), Error> {
    let root = Root::find(&orders.dir)?;
    repo::make_inbox(&root)?;
    if let Some(watch) = repo::take_watch(&root)? {
        return Ok((root, watch));
    }
    let pid = repo::watched_by(&root).map(Identity::pid);
    Err(Error::Watched { folder: root.path().display().to_string(), pid })
}

impl<'a> Daemon<'a> {
    /// Looks at everything for the first time: what was wanted before, what is there now.
    pub(super) fn start(
        world: &'a World,
        orders: &'a Orders,
        root: Root,
        reports: mpsc::UnboundedSender<Heard>,
        view: &'a mut dyn Spectator,
    ) -> Result<Self, Error> {
        let project = Project::load(&root)?;
        let log = Log::open(&root.state())?;
        let jobs = jobs(orders, &project);
        let trust = Trusted::load(orders, &root)?;
        let folder = folder(&root, &project, &trust);
        let is_first = !log.state().has_past();
        let survey = if is_first { Survey::empty() } else { Survey::load(&root.state().join(SURVEY_FILE)) };
        let mut daemon = Self {
            is_native: folder.is_native(),
            trust,
            crew: Crew::new(jobs, reports.clone()),
            keeper: Keeper::new(reports),
            timetable: Timetable::default(),
            followers: Followers::default(),
            triggered: std::collections::BTreeMap::new(),
            groups: std::collections::HashMap::new(),
            hints: std::collections::HashMap::new(),
            again_at: std::collections::HashMap::new(),
            adoptions: std::collections::VecDeque::new(),
            given_up: std::collections::BTreeSet::new(),
            unsettled: std::collections::BTreeSet::new(),
            pulled: std::collections::BTreeSet::new(),
            lineage: super::Lineage::default(),
            recent: std::collections::VecDeque::new(),
            problems: std::collections::BTreeMap::new(),
            since: world.now(),
            clock: (world.now(), super::since_start(world)),
            rescan_at: None,
            look_for_others_at: None,
            left_alone: 0,
            is_first,
            world,
            orders,
            view,
            root,
            project,
            log,
            survey,
            folder,
        };
        daemon.load_trust();
        daemon.look_first()?;
        Ok(daemon)
    }

    fn look_first(&mut self) -> Result<(), queue::Error> {
        if self.log.damaged() > 0 {
            let message = format!("{} lines of the queue's log were damaged and are passed over", self.log.damaged());
            let hint = Some("the log as it was is kept as `.spore/queue.jsonl.damaged`".to_owned());
            self.say_problem("queue", message, hint);
        }
        if self.log.state().kept().next().is_some() {
            self.keeper.wants(self.world.now());
        }
        // First of all, because letters that wait may call for them.
        let triggered: Vec<String> = self.log.state().triggered().map(str::to_owned).collect();
        triggered.iter().try_for_each(|path| self.register_again(path))?;
        self.take_up()?;
        self.reconcile()?;
        self.save_survey();
        if self.is_first {
            // From here on the folder has a past, even where it is empty.
            self.log.append(vec![queue::Fact::Known { files: Vec::new() }])?;
            self.log.sync()?;
        }
        self.is_first = false;
        let ready = Said::Ready {
            folder: self.root.path().display().to_string(),
            files: self.log.state().known_total(),
            jobs: self.crew.jobs(),
            trust: self.trust_word(),
            left_alone: self.left_alone,
        };
        self.view.hear(&ready);
        Ok(())
    }

    /// What starts the spores of a file besides its arrival, which has not changed since the last watcher.
    fn register_again(&mut self, path: &str) -> Result<(), queue::Error> {
        let file = self.root.join(path);
        let facts = match self.read(path, &file) {
            Ok(Some(reading)) => self.register(path, &reading),
            _ => vec![queue::Fact::Triggered { path: path.to_owned(), is: false }],
        };
        self.log.append(facts)
    }

    /// Offers the files whose contents were found and never taken in: they could not be read then, or were not committed.
    pub(super) fn offer_again(&mut self) -> Result<(), queue::Error> {
        let state = self.log.state();
        let unknown = self.survey.iter().filter(|(path, digest)| state.known(path) != Some(*digest));
        let arrived: Vec<_> = unknown
            .map(|(path, digest)| repo::Arrival { file: self.root.join(&path), path, digest, before: None })
            .collect();
        if arrived.is_empty() { Ok(()) } else { self.take_in(Changes { arrived, ..Changes::default() }) }
    }

    /// Reads the settings again.
    pub(super) fn reload(&mut self) -> Result<(), queue::Error> {
        match Project::load(&self.root) {
            Ok(project) if project == self.project => {
                self.problems.remove("spore.toml");
            }
            Ok(project) => {
                self.project = project;
                self.problems.remove("spore.toml");
                self.crew.set_jobs(jobs(self.orders, &self.project));
                // The look that follows has it enter every folder.
                self.folder = folder(&self.root, &self.project, &self.trust);
                self.view.hear(&Said::Remark {
                    about: "spore.toml".to_owned(),
                    message: "the settings are read again".to_owned(),
                    hint: None,
                });
            }
            // The settings before go on to count.
            Err(error) => self.say_problem("spore.toml", error.to_string(), error.hint()),
        }
        self.recheck()?;
        self.rescan_at = Some(self.world.now());
        Ok(())
    }

    fn save_survey(&self) {
        // Without it the next watcher reads every file again, and that is all.
        if let Err(error) = self.survey.save(&self.root.state().join(SURVEY_FILE)) {
            tracing::debug!(%error, "the survey is not saved");
        }
    }

    /// Leaves: what runs goes on without this watcher, and the next one takes it up.
    pub(super) async fn leave(&mut self, heard: &mut mpsc::UnboundedReceiver<Heard>) -> Result<(), queue::Error> {
        self.save_survey();
        self.log.sync()?;
        self.keeper.hurry();
        self.keep();
        let farewell = async {
            while self.keeper.is_busy() {
                let Some(one) = heard.recv().await else { break };
                self.hear(one)?;
            }
            Ok(())
        };
        tokio::time::timeout(FAREWELL, farewell).await.unwrap_or(Ok(()))?;
        let queued = self.log.state().tickets().filter(|waiting| waiting.phase != Phase::Running).count();
        self.view.hear(&Said::Leaving { running: self.crew.members().count(), queued });
        self.log.sync()
    }
}

/// A watcher of files as the folder's settings want it.
fn folder(root: &Root, project: &Project, trust: &Trusted) -> Folder {
    let mut options = Options::new(repo::is_watched);
    options.settle = project.watch.settle;
    if let Some(poll) = project.watch.poll {
        (options.poll, options.is_native) = (poll, false);
    }
    let mut folder = Folder::new(root.path(), options);
    let inbox = repo::inbox(root);
    // Were it missing, the folder around it would be watched for it, and every line of the queue's log be told of.
    if let Err(error) = os::file::create_dir_all(&inbox) {
        tracing::debug!(%error, "the inbox is not made yet");
    }
    folder.also(&inbox, INBOX);
    folder.also(&root.join("spore.toml"), SETTINGS);
    folder.also(trust.folder(), TRUST);
    if project.watch.committed_only
        && let Ok(home) = repo::hook_home(root.path())
    {
        // Git writes a line into it whenever HEAD moves.
        folder.also(&home.own.join("logs").join("HEAD"), COMMITS);
    }
    folder
}

fn jobs(orders: &Orders, project: &Project) -> u32 {
    orders.jobs.or(project.watch.jobs).or(project.jobs).unwrap_or_else(os::cores)
}
