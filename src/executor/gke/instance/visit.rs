//! One attempt in an instance, from its beginning to its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::collect::{Collected, collect};
use super::exec::{Spot, code};
use super::shell;
use crate::executor::gke::attend::{Attendance, masked};
use crate::executor::gke::client::{Pauses, Trouble};
use crate::executor::gke::logs::Sink;
use crate::executor::gke::manifest::{ATTEMPTS, container_root, plain, workdir};
use crate::executor::gke::names;
use crate::executor::mask;
use crate::executor::traces::{Urgency, hand_on, lock};
use crate::model::{AttemptEnd, Outcome, Stream, Timestamp};
use crate::os::clock::Clock as _;
use crate::os::{failpoint, random};

/// The shortest time between two lines told.
const LINE_INTERVAL: Duration = Duration::from_millis(50);
/// How long an end is waited for that was wanted at once.
const NOW_PATIENCE: Duration = Duration::from_secs(30);
/// How often an instance may refuse to take an attempt in.
const REFUSALS_MAX: u32 = 5;
/// Bytes read at a time.
const PIECE_BYTES: usize = 64 << 10;
/// Variables that Spore sets, above whatever the author wrote.
const OWN: [&str; 5] = ["SPORE_RUN", "SPORE_TASK", "SPORE_ATTEMPT", "SPORE_ROOT", "SPORE_OUTPUT"];

/// What is known of an attempt that is in an instance.
struct Visit {
    spot: Spot,
    uid: String,
    /// What is handed over when it starts: the three files.
    parts: [String; 3],
    sinks: [Sink; 2],
    /// Bytes of each stream that came.
    came: [u64; 2],
    /// When it began, by this machine's clocks.
    began: Option<(Timestamp, Duration)>,
    deadline: Option<Duration>,
    /// What it is being ended for, how urgently, and since when.
    stopping: Option<(Outcome, Urgency, Duration)>,
    /// When it is ended by force.
    kill_at: Option<Duration>,
    refusals: u32,
}

/// Why one look at it is over.
enum Turn {
    /// All that it prints was read.
    Over,
    /// There is no such attempt.
    Absent,
    /// The instance would not take it in.
    Refused,
    /// How it ends will not be known.
    Orphaned,
    /// The connection ended before.
    Cut(Option<Trouble>),
}

impl Turn {
    /// What the exit code of [`shell::FOLLOW`] means.
    fn of(code: Option<i32>) -> Self {
        match code {
            Some(0) => Self::Over,
            Some(shell::ABSENT) => Self::Absent,
            Some(shell::REFUSED) => Self::Refused,
            Some(shell::ORPHANED) => Self::Orphaned,
            _ => Self::Cut(None),
        }
    }
}

impl Attendance {
    /// Carries the attempt out in its instance, and tells its end.
    pub(in crate::executor::gke) async fn visit(mut self) {
        let found = self.find_namespace().await;
        let by_hand = self.attempt.instance.as_deref().and_then(super::by_hand::place);
        let is_by_hand = by_hand.is_some();
        match by_hand {
            Some((namespace, pod)) => (self.namespace, self.job) = (namespace, pod),
            None => self.job = names::instance(self.attempt.id.run, self.instance()),
        }
        let begun = match found {
            Ok(()) => self.arrive(is_by_hand).await,
            Err(outcome) => Err(outcome),
        };
        let end = match begun {
            Ok(mut visit) => {
                let came_of_it = self.stay(&mut visit).await;
                self.leave(visit, came_of_it)
            }
            Err(outcome) => self.without_job(outcome),
        };
        failpoint::reach("gke-end-known");
        self.held.entry.tell_end(end);
    }

    /// Has the instance ready, and writes down that the attempt is about to begin there.
    async fn arrive(&self, by_hand: bool) -> Result<Visit, Outcome> {
        let refused = |reason: String| Outcome::NotStarted { reason, permanent: true };
        let before = lock(&self.run.facts).created_in(&self.attempt.id).map(str::to_owned);
        if self.attempt.recalled.is_some() {
            let pod = self.pod().await.map_err(|trouble| Outcome::Lost { stage: trouble.words() })?;
            if let Some(lost) = before.as_deref().and_then(|uid| Self::is_lost(pod.as_ref(), uid)) {
                return Err(self.lost(&lost));
            }
            if self.held.entry.urgency() > Urgency::None && pod.is_none() {
                return Err(Outcome::Cancelled);
            }
        } else if self.held.entry.urgency() > Urgency::None {
            return Err(Outcome::Cancelled);
        }
        let parts = self.parts().map_err(refused)?;
        let uid = match before {
            Some(uid) => uid,
            None => self.lodge(by_hand).await?,
        };
        let spot = Spot {
            cluster: self.cluster.clone(),
            namespace: self.namespace.clone(),
            pod: self.job.clone(),
            folder: format!("{ATTEMPTS}/{}", names::of(&self.attempt.id)),
        };
        // From here on it may be there.
        let written = lock(&self.run.facts).created(&self.attempt.id, &uid, self.cluster.context(), &self.namespace);
        written.map_err(|error| Outcome::NotStarted {
            reason: format!("it cannot be written down that it begins: {error}"),
            permanent: false,
        })?;
        *lock(&self.held.spot) = Some(spot.clone());
        let sink = |stream| Sink::new(Arc::clone(&self.held.entry), stream, &self.mask, &self.shared.limits, None);
        let sinks = [sink(Stream::Out), sink(Stream::Err)];
        let [Ok(out), Ok(err)] = sinks else { return Err(refused("its log cannot be kept".into())) };
        failpoint::reach("gke-create");
        Ok(Visit {
            spot,
            uid,
            parts,
            sinks: [out, err],
            came: [0, 0],
            began: None,
            deadline: None,
            stopping: None,
            kill_at: None,
            refusals: 0,
        })
    }

    /// What is handed over when it starts.
    fn parts(&self) -> Result<[String; 3], String> {
        let attempt = &self.attempt;
        let mut env: Vec<(String, String)> =
            attempt.env.iter().filter(|(name, _)| !OWN.contains(&name.as_str())).cloned().collect();
        env.extend([
            ("SPORE_RUN".to_owned(), attempt.id.run.to_string()),
            ("SPORE_TASK".to_owned(), attempt.id.task.to_string()),
            ("SPORE_ATTEMPT".to_owned(), attempt.id.number.to_string()),
        ]);
        let command = plain(&attempt.command, &attempt.secrets)?;
        let start = shell::start(&env, &command)?;
        Ok([shell::RUN.to_owned(), start, command.script.unwrap_or_default()])
    }

    fn lost(&self, why: &str) -> Outcome {
        Outcome::Lost { stage: format!("its instance `{}` was lost while it ran: {why}", self.instance()) }
    }

    /// Watches it to its end.
    async fn stay(&self, visit: &mut Visit) -> Result<Collected, Outcome> {
        let mut pauses = Pauses::default();
        loop {
            let before = visit.came;
            match self.look_on(visit).await {
                Turn::Absent if visit.began.is_some() => return Err(self.lost("what it had there is gone")),
                Turn::Absent => return Err(Outcome::Cancelled),
                Turn::Orphaned => {
                    visit.spot.clone().signal("KILL").await;
                    return Err(self.lost("the shell above it was killed, as by a lack of memory"));
                }
                Turn::Over => {
                    let limits = &self.shared.limits;
                    let asked = self.asked_for();
                    match collect(&visit.spot, &self.attempt, &self.settings, &asked, limits.output_bytes_max).await {
                        Ok(Some(collected))
                            if visit.came[0] >= collected.printed[0] && visit.came[1] >= collected.printed[1] =>
                        {
                            return Ok(collected);
                        }
                        Ok(_) => {}
                        Err(trouble) => self.say(&trouble.words()),
                    }
                }
                Turn::Refused if visit.began.is_none() => self.refused(visit)?,
                Turn::Refused | Turn::Cut(None) => {}
                Turn::Cut(Some(Trouble::Forbidden(text))) if visit.began.is_none() => {
                    return Err(Outcome::NotStarted { reason: text, permanent: true });
                }
                Turn::Cut(Some(trouble)) => self.say(&trouble.words()),
            }
            if visit.came != before {
                pauses = Pauses::default();
            }
            self.is_given_up(visit)?;
            let pod = tokio::select! {
                pod = self.pod() => pod,
                () = self.waited_in_vain(visit) => continue,
            };
            match pod {
                Ok(pod) => {
                    if let Some(lost) = Self::is_lost(pod.as_ref(), &visit.uid) {
                        return Err(self.lost(&lost));
                    }
                }
                Err(trouble) => self.say(&trouble.words()),
            }
            tokio::time::sleep(pauses.next()).await;
        }
    }

    /// The instance would not take it in. How it ended, when that has been so for long enough.
    fn refused(&self, visit: &mut Visit) -> Result<(), Outcome> {
        visit.refusals += 1;
        if visit.refusals <= REFUSALS_MAX {
            return Ok(());
        }
        if self.attempt.recalled.is_some() {
            return Err(self.lost("what an earlier engine has begun there cannot be found"));
        }
        let reason = format!(
            "the instance `{}` takes nothing in; look whether its disk is full, and whether its image has `mkdir`, `head`, \
             `wc`, `dd`, `mv` and `date`",
            self.instance()
        );
        Err(Outcome::NotStarted { reason, permanent: false })
    }

    /// Waits until an end that was wanted at once has not come.
    async fn waited_in_vain(&self, visit: &mut Visit) {
        self.asked(Urgency::Now).await;
        self.end_if_wanted(visit);
        let since = visit.stopping.as_ref().map_or(Duration::ZERO, |(_, _, since)| *since);
        tokio::time::sleep((since + NOW_PATIENCE).saturating_sub(self.now())).await;
    }

    fn is_given_up(&self, visit: &Visit) -> Result<(), Outcome> {
        let Some((_, Urgency::Now, since)) = visit.stopping else { return Ok(()) };
        if self.now().saturating_sub(since) < NOW_PATIENCE {
            return Ok(());
        }
        let name = self.instance();
        let stage = format!("the cluster has not confirmed that it ended; it may still run in the instance `{name}`");
        Err(Outcome::Lost { stage })
    }

    /// Starts it, or finds it, and reads what it prints until it is over or the connection is.
    async fn look_on(&self, visit: &mut Visit) -> Turn {
        self.end_if_wanted(visit);
        let is_to_start = visit.stopping.is_none() && visit.began.is_none();
        let mode = if is_to_start { "start" } else { "find" };
        let root = container_root(&self.settings);
        let sizes = visit.parts.each_ref().map(|part| part.len().to_string());
        let reader = format!("{:032x}", random::bits());
        let came = visit.came.map(|count| count.to_string());
        let folder = workdir(&self.attempt, root);
        let words = [&reader, mode, &sizes[0], &sizes[1], &sizes[2], &came[0], &came[1], &folder, root];
        let mut process = match visit.spot.open(shell::FOLLOW, &words, true).await {
            Ok(process) => process,
            Err(trouble) => return Turn::Cut(Some(trouble)),
        };
        let (Some(mut input), Some(mut out), Some(mut err), Some(status)) =
            (process.stdin(), process.stdout(), process.stderr(), process.take_status())
        else {
            return Turn::Cut(None);
        };
        // The other end counts the bytes: where its input ends, some clusters end everything.
        let parts = visit.parts.concat();
        let writing = async {
            if is_to_start {
                // It may be there already, and read nothing.
                let _ = input.write_all(parts.as_bytes()).await;
                let _ = input.flush().await;
            }
            std::future::pending::<()>().await;
        };
        let mut writing = std::pin::pin!(writing);
        let mut head = Some(Vec::new());
        let (mut pieces, mut are_open) = ([vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]], [true, true]);
        let [of_out, of_err] = &mut pieces;
        let mut next_line = Duration::ZERO;
        while are_open[0] || are_open[1] {
            let is_untold = visit.sinks.iter().any(Sink::is_untold);
            let until = next_at(visit).unwrap_or(Duration::MAX);
            let so_far = visit.stopping.as_ref().map_or(Urgency::None, |(_, urgency, _)| *urgency);
            let more = if so_far == Urgency::None { Urgency::Polite } else { Urgency::Now };
            let now = self.now();
            tokio::select! {
                read = out.read(of_out), if are_open[0] => match read {
                    Ok(count @ 1..) => self.take_out(visit, &mut head, &of_out[..count]),
                    _ => are_open[0] = false,
                },
                read = err.read(of_err), if are_open[1] => match read {
                    Ok(count @ 1..) => take(visit, 1, &of_err[..count]),
                    _ => are_open[1] = false,
                },
                () = &mut writing => {}
                () = tokio::time::sleep(next_line.saturating_sub(now)), if is_untold => {
                    visit.sinks.iter_mut().for_each(Sink::tell);
                    next_line = self.now() + LINE_INTERVAL;
                }
                () = self.asked(more), if so_far < Urgency::Now => {}
                () = tokio::time::sleep(until.saturating_sub(now)), if until < Duration::MAX => {
                    if self.is_given_up(visit).is_err() {
                        return Turn::Cut(None);
                    }
                }
            }
            self.end_if_wanted(visit);
        }
        Turn::of(code(status.await))
    }

    /// Takes the line that says when it began, and then what it prints.
    fn take_out(&self, visit: &mut Visit, head: &mut Option<Vec<u8>>, bytes: &[u8]) {
        let Some(line) = head else { return take(visit, 0, bytes) };
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            line.extend_from_slice(bytes);
            return;
        };
        line.extend_from_slice(&bytes[..end]);
        let words = String::from_utf8_lossy(line).into_owned();
        let mut seconds = words.split(' ').map(|word| word.parse::<i64>().unwrap_or_default());
        let (then, there) = (seconds.next().unwrap_or_default(), seconds.next().unwrap_or_default());
        *head = None;
        if visit.began.is_none() {
            // Of one that an earlier engine has begun, only the other's clock knows for how long it has run.
            let ran = Duration::from_secs(u64::try_from(there - then).unwrap_or(0));
            let ran = if self.attempt.recalled.is_some() { ran } else { Duration::ZERO };
            let (wall, now) = (self.clock.wall_milliseconds(), self.now());
            let ran_milliseconds = i64::try_from(ran.as_millis()).unwrap_or(0);
            visit.began = Some((Timestamp(wall - ran_milliseconds), now));
            visit.deadline = self.attempt.timeout.map(|timeout| (now + timeout).saturating_sub(ran));
            failpoint::reach("gke-created");
            self.held.entry.tell_started();
        }
        take(visit, 0, &bytes[end + 1..]);
    }

    /// Ends it when somebody wants that, or its time is over.
    fn end_if_wanted(&self, visit: &mut Visit) {
        let (now, urgency) = (self.now(), self.held.entry.urgency());
        let so_far = visit.stopping.as_ref().map_or(Urgency::None, |(_, urgency, _)| *urgency);
        let is_late = visit.stopping.is_none() && visit.deadline.is_some_and(|deadline| now >= deadline);
        if urgency > so_far {
            let outcome = visit.stopping.take().map_or(Outcome::Cancelled, |(outcome, ..)| outcome);
            visit.stopping = Some((outcome, urgency, now));
            match urgency {
                Urgency::Now => kill(visit),
                _ => self.ask_to_end(visit),
            }
        } else if is_late {
            visit.stopping = Some((Outcome::TimedOut, Urgency::Polite, now));
            self.ask_to_end(visit);
        }
        if visit.kill_at.is_some_and(|at| now >= at) {
            kill(visit);
        }
    }

    fn ask_to_end(&self, visit: &mut Visit) {
        visit.kill_at = Some(self.now() + self.attempt.grace);
        tokio::spawn(visit.spot.clone().signal("TERM"));
    }

    /// All that is known when it has ended.
    fn leave(&self, visit: Visit, came_of_it: Result<Collected, Outcome>) -> AttemptEnd {
        let ended = self.clock.wall_milliseconds();
        let (outcome, collected) = match came_of_it {
            Ok(collected) => (collected.outcome.clone(), Some(collected)),
            Err(outcome) => (outcome, None),
        };
        let has_begun = visit.began.is_some() && collected.as_ref().is_none_or(|collected| collected.has_begun);
        let outcome = match (visit.stopping, outcome) {
            // What it was to be ended for is not how it ended.
            (Some((wanted, ..)), outcome) if !matches!(outcome, Outcome::Lost { .. } | Outcome::NotStarted { .. }) => {
                wanted
            }
            (_, outcome) => outcome,
        };
        let mut end = AttemptEnd::bare(masked(outcome, &self.mask));
        if let Some((began, _)) = visit.began.filter(|_| has_begun) {
            (end.began, end.ended) = (Some(began), Some(Timestamp(ended.max(began.0))));
        }
        let [out, err] = visit.sinks.map(|sink| sink.close(false));
        (end.out, end.err) = (out.size, err.size);
        end.remarks.extend(out.remarks);
        end.remarks.extend(err.remarks);
        end.remarks.extend(mask::uncovered(&self.attempt.secrets));
        let Some(collected) = collected.filter(|_| has_begun) else { return end };
        hand_on(&mut end, &self.mask, collected.output);
        if !self.attempt.artifacts.is_empty() && matches!(end.outcome, Outcome::Succeeded | Outcome::Failed { .. }) {
            self.record(collected.found, &mut end);
        }
        end
    }
}

fn take(visit: &mut Visit, stream: usize, bytes: &[u8]) {
    visit.came[stream] += bytes.len() as u64;
    visit.sinks[stream].push(bytes);
}

/// When there is something to do although nothing happens.
fn next_at(visit: &Visit) -> Option<Duration> {
    let deadline = visit.deadline.filter(|_| visit.stopping.is_none());
    let given_up = match visit.stopping {
        Some((_, Urgency::Now, since)) => Some(since + NOW_PATIENCE),
        _ => None,
    };
    [deadline, visit.kill_at, given_up].into_iter().flatten().min()
}

fn kill(visit: &mut Visit) {
    visit.kill_at = None;
    tokio::spawn(visit.spot.clone().signal("KILL"));
}
