//! Commits on their way to another repository and from there. Nothing is ever forced, stashed or thrown away: where the
//! two branches have parted, only our own commits of new files move, and everything else is told and left.

use std::path::Path;
use std::thread;
use std::time::Duration;

use git2::{ErrorCode, Oid, Repository};

use super::carry::Move;
use super::index::{HeldIndex, Obstacle};
use super::program::{Git, Said};
use super::replay::{Way, find_way};
use super::{PAUSE, Skip, Stop, current_branch, git_error, locks, open};
use crate::os::random;
use crate::repo::{Error, Root};

/// How often a push is tried while others push, too; and how often a branch that moves meanwhile is followed.
const TRIES: u32 = 10;
/// The pause after the second try. It grows with each one, and is never the same for two who race.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(3);
/// For how long git's lock on the index is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The remote has our branch.
    Done {
        /// The branch.
        branch: String,
        /// How many of our commits were put on top of what others have pushed meanwhile.
        moved: usize,
    },
    /// There was nothing to push.
    Nothing,
    /// It was not pushed.
    Skipped {
        /// Why, as a lower-case fragment.
        reason: String,
        /// What to do about it.
        hint: Option<String>,
        /// Whether trying again later is worth it.
        passes: bool,
    },
}

/// What became of a pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// The branch has gone on.
    Done {
        /// Where it stood; `None` when it had no commit.
        from: Option<String>,
        /// Where it stands.
        to: String,
        /// How many of our commits were put on top.
        moved: usize,
    },
    /// There was nothing new.
    Nothing,
    /// It was not pulled.
    Skipped {
        /// Why, as a lower-case fragment.
        reason: String,
        /// What to do about it.
        hint: Option<String>,
        /// Whether trying again later is worth it.
        passes: bool,
    },
}

/// Pushes the current branch to the remote of this name, with the user's own credentials. Where others were faster, our
/// commits are put on top of theirs and pushed again, a bounded number of times. Each contact may take as long as `time_max`.
/// It blocks the thread.
///
/// # Errors
/// When git cannot be worked with in a way that has no name. The commits stay where they are.
pub fn push(root: &Root, remote: &str, time_max: Duration) -> Result<Pushed, Error> {
    let pushed = Traveller::new(root, remote, time_max).and_then(|traveller| traveller.push());
    ended(root, pushed, |Skip { reason, hint, passes }| Pushed::Skipped { reason, hint, passes })
}

/// Brings the current branch up to that of the remote, with index and working tree, if what the user has staged or is
/// editing allows it. Where the two have parted, our own commits are put on top of the remote's. Each contact may take as
/// long as `time_max`. It blocks the thread.
///
/// # Errors
/// When git cannot be worked with in a way that has no name. The branch stays where it is.
pub fn pull(root: &Root, remote: &str, time_max: Duration) -> Result<Pulled, Error> {
    let pulled = Traveller::new(root, remote, time_max).and_then(|traveller| traveller.pull());
    ended(root, pulled, |Skip { reason, hint, passes }| Pulled::Skipped { reason, hint, passes })
}

fn ended<T>(root: &Root, tried: Result<T, Stop>, skipped: impl FnOnce(Skip) -> T) -> Result<T, Error> {
    match tried {
        Ok(done) => Ok(done),
        Err(Stop::Skip(skip)) => Ok(skipped(skip)),
        Err(Stop::Fail(error)) => Err(error),
        Err(Stop::Git(error)) => Err(git_error(root.path(), &error)),
    }
}

struct Traveller<'a> {
    root: &'a Path,
    repository: Repository,
    git: Git,
    remote: &'a str,
    time_max: Duration,
}

/// The branch and its other self, by their full names.
struct Road {
    branch: String,
    /// The branch as the remote calls it.
    there: String,
    /// Where the remote's branch stood when it was last seen.
    seen: String,
}

/// What the other side made of a push.
enum Sent {
    Taken,
    /// It has commits that we have not.
    Behind,
    /// Somebody pushed at the very moment.
    Raced,
}

impl<'a> Traveller<'a> {
    fn new(root: &'a Root, remote: &'a str, time_max: Duration) -> Result<Self, Stop> {
        let repository = open(root.path())?;
        match repository.find_remote(remote) {
            Ok(_) => {}
            Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec) => {
                let hint = format!("`git remote add {remote} URL` makes it");
                return Err(Skip::lasting(format!("git knows no remote `{remote}`"), Some(&hint)).into());
            }
            Err(error) => return Err(error.into()),
        }
        let git = Git::at(&repository)?;
        Ok(Self { root: root.path(), repository, git, remote, time_max })
    }

    fn push(&self) -> Result<Pushed, Stop> {
        let (mut moved, mut pause) = (0, PAUSE_FIRST);
        for number in 0..TRIES {
            let road = self.road()?;
            let Some(tip) = self.commit_of(&road.branch)? else { return Ok(Pushed::Nothing) };
            if self.commit_of(&road.seen)? == Some(tip) {
                return Ok(if moved == 0 { Pushed::Nothing } else { done(&road, moved) });
            }
            if number > 1 {
                thread::sleep(pause.mul_f64(0.5 + random::fraction()));
                pause = (pause * 2).min(PAUSE_MAX);
            }
            match self.send(&road)? {
                Sent::Taken => return Ok(done(&road, moved)),
                Sent::Raced => {}
                Sent::Behind => {
                    if let Pulled::Done { moved: more, .. } = self.bring_up()? {
                        moved = more;
                    }
                }
            }
        }
        let reason = format!("others push to `{}` faster than it can be followed", self.remote);
        Err(Skip::passing(reason, Some("it is tried again later")).into())
    }

    fn pull(&self) -> Result<Pulled, Stop> {
        self.bring_up()
    }

    /// The way between the current branch and the remote's: the one that git's settings name, else that of the same name.
    fn road(&self) -> Result<Road, Stop> {
        let branch = current_branch(&self.repository)?;
        let name = branch.trim_start_matches("refs/heads/").to_owned();
        let config = self.repository.config()?;
        let follows = config.get_string(&format!("branch.{name}.remote")).is_ok_and(|remote| remote == self.remote);
        let merge = config.get_string(&format!("branch.{name}.merge")).ok();
        let there = merge.filter(|merge| follows && merge.starts_with("refs/heads/")).unwrap_or_else(|| branch.clone());
        let seen = format!("refs/remotes/{}/{}", self.remote, there.trim_start_matches("refs/heads/"));
        Ok(Road { branch, there, seen })
    }

    fn commit_of(&self, name: &str) -> Result<Option<Oid>, Stop> {
        match self.repository.find_reference(name) {
            Ok(reference) => Ok(Some(reference.peel_to_commit()?.id())),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn send(&self, road: &Road) -> Result<Sent, Stop> {
        let what = format!("{}:{}", road.branch, road.there);
        let words = ["push", "--porcelain", "--no-follow-tags", "--recurse-submodules=no", "--", self.remote, &what];
        let said = self.git.run(&words, self.time_max)?;
        if said.ok {
            return Ok(Sent::Taken);
        }
        let Some(verdict) = said.out.lines().find_map(|line| line.strip_prefix("!\t")) else {
            return Err(self.unreachable(&said).into());
        };
        let (_, verdict) = verdict.split_once('\t').unwrap_or(("", verdict));
        if verdict.starts_with("[rejected]") {
            return Ok(Sent::Behind);
        }
        // What a server says when somebody else has the branch locked, or has moved it since we asked.
        let races = ["cannot lock ref", "failed to update ref", "incorrect old value", "reference already exists"];
        if races.iter().any(|race| verdict.contains(race) || said.err.contains(race)) {
            return Ok(Sent::Raced);
        }
        let reason = format!("`{}` does not take it: {verdict}; {}", self.remote, said.why());
        Err(Skip::lasting(reason, None).into())
    }

    /// Asks the remote what it has. Where it stands; `None` when it has no such branch.
    fn fetch(&self, road: &Road) -> Result<Option<Oid>, Stop> {
        let what = format!("+{}:{}", road.there, road.seen);
        let quietly = ["--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"];
        let words: Vec<&str> =
            ["fetch", "--quiet"].into_iter().chain(quietly).chain(["--", self.remote, &what]).collect();
        let said = self.git.run(&words, self.time_max)?;
        if said.ok {
            return self.commit_of(&road.seen);
        }
        if said.err.contains("couldn't find remote ref") {
            return Ok(None);
        }
        Err(self.unreachable(&said).into())
    }

    fn unreachable(&self, said: &Said) -> Skip {
        let reason = format!("`{}` cannot be reached: {}", self.remote, said.why());
        if said.is_about_credentials() {
            let hint = format!(
                "git must get there without asking: try `git fetch {}` in {}",
                self.remote,
                self.root.display()
            );
            return Skip::lasting(reason, Some(&hint));
        }
        Skip::passing(reason, None)
    }

    /// Brings the branch up to what the remote has.
    fn bring_up(&self) -> Result<Pulled, Stop> {
        for _ in 0..TRIES {
            let road = self.road()?;
            let Some(theirs) = self.fetch(&road)? else { return Ok(Pulled::Nothing) };
            let name = road.seen.trim_start_matches("refs/remotes/");
            let held = match HeldIndex::take(&self.repository, PATIENCE) {
                Ok(held) => held,
                Err(Obstacle::Held(skip)) => return Err(skip.into()),
                Err(Obstacle::Broken(reason)) => return Err(Skip::lasting(reason, None).into()),
            };
            // Until the lock was ours, somebody may have changed branches or begun a rebase.
            open(self.root)?;
            if current_branch(&self.repository)? != road.branch {
                continue;
            }
            if let Some(lock) = locks::of_branch(&self.repository, &road.branch) {
                return Err(locks::told(&lock).into());
            }
            let from = self.commit_of(&road.branch)?;
            let Way::To { commit, moved } = find_way(&self.repository, from, theirs, name)? else {
                return Ok(Pulled::Nothing);
            };
            let log = match moved {
                0 => "pull (spore): fast-forward".to_owned(),
                moved => format!("pull (spore): {moved} of ours on top of {name}"),
            };
            if (Move { branch: &road.branch, from, to: commit, log: &log }).make(&self.repository, &held)? {
                let from = from.map(|from| from.to_string());
                return Ok(Pulled::Done { from, to: commit.to_string(), moved });
            }
            drop(held);
            thread::sleep(PAUSE);
        }
        Err(Skip::passing("the branch moves faster than it can be followed", None).into())
    }
}

fn done(road: &Road, moved: usize) -> Pushed {
    Pushed::Done { branch: road.branch.trim_start_matches("refs/heads/").to_owned(), moved }
}
