//! More than one writer: epochs, fences, and races that one of them wins.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use spore::journal::{self, Damage, Error, JOURNAL_FILE, Journal};
use spore::model::{Engine, Event, RunStatus, Timestamp};
use spore::os;

use super::{AT, every_event, put, run_id, stamped, written};

fn sealed(covered: &str) -> String {
    format!("{covered},\"crc\":\"{:08x}\"}}\n", crc32fast::hash(covered.as_bytes()))
}

fn resumed() -> Vec<(Timestamp, Event)> {
    let process = os::identity::Identity::me().to_string();
    stamped(&[Event::RunResumed { engine: Engine { process, host: os::host(), version: "1".into() } }])
}

fn epochs(text: &str) -> Vec<u64> {
    let epoch = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["epoch"].as_u64();
    text.lines().map(|line| epoch(line).expect("every line has one")).collect()
}

#[test]
fn the_epoch_rises_with_every_writer() {
    let fixture = written();
    for _ in 0..2 {
        let (mut journal, _) = Journal::open(&fixture.run_dir).expect("taken up");
        journal.append(&resumed()).expect("appended");
        journal.append(&resumed()).expect("appended");
    }
    let text = std::fs::read_to_string(fixture.run_dir.join(JOURNAL_FILE)).expect("read");
    let mut wanted = epochs(std::str::from_utf8(&fixture.bytes).expect("text"));
    wanted.extend([2, 2, 3, 3]);
    assert_eq!(epochs(&text), wanted);
    assert_eq!(wanted[..2], [0, 1], "the fixture has two writers itself");
}

#[test]
fn a_line_of_an_earlier_epoch_is_damage() {
    let fixture = written();
    let count = fixture.events.len();
    for (epoch, good) in [("", false), (r#","epoch":0"#, false), (r#","epoch":1"#, true), (r#","epoch":5"#, true)] {
        let mut bytes = fixture.bytes.clone();
        let at = "2026-01-01T00:00:00.000Z";
        let late =
            sealed(&format!(r#"{{"v":1,"seq":{count}{epoch},"at":"{at}","event":"run_ended","status":"succeeded""#));
        bytes.extend(late.bytes());
        put(&fixture.run_dir, &bytes);
        let read = journal::read(&fixture.run_dir).expect("read");
        let line = count as u64 + 1;
        let damage = Damage::Broken { line, bytes: late.len() as u64 };
        assert_eq!(read.damage, if good { vec![] } else { vec![damage] }, "{epoch}");
        assert_eq!(read.events.len(), count + usize::from(good), "{epoch}");
        let (_, again) = Journal::open(&fixture.run_dir).expect("taken up");
        assert_eq!(again, read);
        assert_eq!(journal::read(&fixture.run_dir).expect("read").damage, []);
    }
}

#[test]
fn the_lines_of_the_first_spores_have_no_epoch_and_go_on_with_the_next() {
    let fixture = written();
    let text = String::from_utf8(fixture.bytes.clone()).expect("text");
    let old: String = text
        .lines()
        .map(|line| {
            let covered = line.rsplit_once(r#","crc""#).expect("a checksum").0;
            sealed(&covered.replacen(r#","epoch":0"#, "", 1).replacen(r#","epoch":1"#, "", 1))
        })
        .collect();
    put(&fixture.run_dir, old.as_bytes());
    let (mut journal, read) = Journal::open(&fixture.run_dir).expect("taken up");
    assert_eq!((read.events.len(), read.damage), (fixture.events.len(), vec![]));
    journal.append(&resumed()).expect("appended");
    let text = std::fs::read_to_string(fixture.run_dir.join(JOURNAL_FILE)).expect("read");
    assert!(
        text.starts_with(&old) && text.lines().last().is_some_and(|line| line.contains(r#","epoch":1,"#)),
        "{text}"
    );
    assert_eq!(journal::read(&fixture.run_dir).expect("read").damage, []);
}

type Change = fn(&mut Vec<u8>);

#[test]
fn who_finds_that_somebody_else_has_written_never_writes_again() {
    let ended = stamped(&[Event::RunEnded { status: RunStatus::Succeeded }]);
    let changes: [(&str, Change); 3] = [
        ("added to", |bytes| bytes.push(b'x')),
        ("cut", |bytes| bytes.truncate(bytes.len() - 1)),
        ("emptied", |bytes| bytes.clear()),
    ];
    for (what, change) in changes {
        let fixture = written();
        let (mut journal, _) = Journal::open(&fixture.run_dir).expect("taken up");
        let mut bytes = fixture.bytes.clone();
        change(&mut bytes);
        put(&fixture.run_dir, &bytes);
        let error = journal.append(&ended).expect_err(what);
        assert!(matches!(error, Error::TakenOver { .. }), "{what}: {error}");
        assert!(error.hint().is_some_and(|hint| hint.starts_with("nothing was written over")), "{what}");
        // Not even when all looks well again.
        put(&fixture.run_dir, &fixture.bytes);
        assert!(matches!(journal.append(&ended), Err(Error::TakenOver { .. })), "{what}");
        assert_eq!(std::fs::read(fixture.run_dir.join(JOURNAL_FILE)).expect("read"), fixture.bytes, "{what}");
    }
}

#[test]
fn a_journal_that_was_deleted_is_nobody_elses() {
    let fixture = written();
    let (mut journal, _) = Journal::open(&fixture.run_dir).expect("taken up");
    os::file::remove(&fixture.run_dir.join(JOURNAL_FILE)).expect("removed");
    journal.append(&resumed()).expect("a run does not fail for it");
}

#[test]
fn who_comes_second_is_told_who_was_first() {
    let fixture = written();
    let (mut journal, _) = Journal::open(&fixture.run_dir).expect("taken up");
    journal.append(&resumed()).expect("appended");
    let error = Journal::open(&fixture.run_dir).expect_err("it is taken");
    let pid = std::process::id();
    let wanted =
        format!("the run {} is worked on by process {pid} on {} (this machine) since {AT}", run_id(1), os::host());
    assert_eq!(error.to_string(), wanted);
    let hint = error.hint().expect("a hint");
    assert!(hint.contains("--follow") && hint.ends_with(&format!("`kill {pid}`")), "{hint}");
}

#[test]
fn a_look_at_a_run_keeps_no_engine_away() {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    let fixture = written();
    let (stop, looks) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                // Whether it is live changes all the time; what counts is that looking takes the lock for a moment.
                let _ = journal::is_live(&fixture.run_dir);
                looks.fetch_add(1, Ordering::Relaxed);
            }
        });
        let (mut tried, mut opened) = (0, 0);
        while tried < 200 || looks.load(Ordering::Relaxed) < 200 {
            tried += 1;
            opened += u32::from(Journal::open(&fixture.run_dir).is_ok());
        }
        stop.store(true, Ordering::Relaxed);
        assert_eq!(opened, tried);
    });
}

/// Names the folder of the run to a process that this test has started to race for it.
const RACE: &str = "SPORE_TEST_RACE";
const RACES: usize = 50;

#[test]
fn of_two_processes_that_race_for_a_run_one_wins_every_time() {
    if let Some(run_dir) = std::env::var_os(RACE) {
        return race(run_dir.as_ref());
    }
    let fixture = written();
    let mut racers = [Racer::start(&fixture.run_dir), Racer::start(&fixture.run_dir)];
    for round in 0..RACES {
        racers.iter_mut().for_each(Racer::go);
        let mut answers = racers.each_mut().map(Racer::answer);
        answers.sort();
        assert_eq!(answers, ["race: busy", "race: won"], "race {round}");
        racers.iter_mut().for_each(Racer::go);
        assert_eq!(racers.each_mut().map(Racer::answer), ["race: over"; 2]);
    }
    let read = journal::read(&fixture.run_dir).expect("read");
    assert_eq!((read.events.len(), read.damage), (fixture.events.len() + RACES, vec![]));
    let text = std::fs::read_to_string(fixture.run_dir.join(JOURNAL_FILE)).expect("read");
    let last = epochs(&text).split_off(every_event().len());
    assert_eq!(last, (2..2 + RACES as u64).collect::<Vec<_>>(), "each winner has an epoch of its own");
    for racer in &mut racers {
        racer.orders = None;
        assert!(racer.child.wait().expect("ended").success());
    }
}

/// One of the processes: this program again, with the same test.
struct Racer {
    child: Child,
    orders: Option<ChildStdin>,
    answers: io::Lines<BufReader<ChildStdout>>,
}

impl Racer {
    #[expect(clippy::disallowed_methods, reason = "the race is between processes")]
    fn start(run_dir: &std::path::Path) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let name = "journal::writers::of_two_processes_that_race_for_a_run_one_wins_every_time";
        command.args(["--exact", name, "--nocapture"]).env(RACE, run_dir);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("started");
        let answers = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { orders: child.stdin.take(), child, answers }
    }

    fn go(&mut self) {
        self.orders.as_mut().expect("piped").write_all(b"go\n").expect("it listens");
    }

    fn answer(&mut self) -> String {
        let mut lines = self.answers.by_ref().map(|line| line.expect("text"));
        lines.find(|line| line.starts_with("race: ")).expect("an answer")
    }
}

/// What a racer does: with every other order it tries to have the journal, or lets it go.
fn race(run_dir: &std::path::Path) {
    let mut held = None;
    for (turn, _) in io::stdin().lines().enumerate() {
        let said = if turn % 2 == 0 {
            match Journal::open(run_dir) {
                Ok((mut journal, _)) => {
                    journal.append(&resumed()).expect("appended");
                    held = Some(journal);
                    "race: won"
                }
                Err(Error::Busy { .. }) => "race: busy",
                Err(error) => panic!("{error}"),
            }
        } else {
            held = None;
            "race: over"
        };
        // The test harness may have left its own line unended.
        writeln!(io::stdout(), "\n{said}").and_then(|()| io::stdout().flush()).expect("somebody listens");
    }
    drop(held);
}
