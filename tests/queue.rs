//! The queue's log: cut anywhere, damaged anywhere, written anew.

use std::fs;
use std::path::Path;

use spore::model::{Cause, Digest, RunId, RunStatus, Ticket, Timestamp};
use spore::queue::{Fact, Kept, Log, Phase, QUEUE_FILE, State};

fn run(number: u128) -> RunId {
    RunId::from_parts(1, number)
}

fn digest(number: u128) -> Digest {
    Digest::of(&number.to_le_bytes())
}

fn queued(number: u128, text: &str) -> Fact {
    let ticket = Ticket {
        run: run(number),
        at: Timestamp(1),
        path: format!("{number}.yaml"),
        spore: "s".to_owned(),
        digest: digest(number),
        cause: Cause::Drop,
        priority: 0,
        written_by: None,
        event: None,
        depth: 0,
    };
    Fact::Queued { ticket: Box::new(ticket), text: text.to_owned(), pending: None }
}

fn known(numbers: &[u128]) -> Fact {
    Fact::Known { files: numbers.iter().map(|number| (format!("{number}.yaml"), digest(*number))).collect() }
}

fn kept(number: u128) -> Fact {
    let kept = Kept {
        path: "results/x.md".to_owned(),
        source: format!("{number}.yaml"),
        spore: "s".to_owned(),
        status: RunStatus::Succeeded,
    };
    Fact::Kept { run: run(number), kept }
}

/// All there is to a state.
fn tell(state: &State) -> String {
    let mut files: Vec<_> = state.known_files().collect();
    files.sort_unstable();
    let tickets: Vec<_> = state.tickets().map(|waiting| (waiting.ticket.clone(), waiting.phase.clone())).collect();
    let kept: Vec<_> = state.kept().collect();
    let letter = state.has_read("a.json");
    let remembered: Vec<_> = (0..9).map(|number| state.remembered(&digest(number))).collect();
    format!("{files:?} {tickets:?} {kept:?} {letter} {remembered:?} {:?}", state.paused())
}

/// What is appended, each at once.
fn life() -> Vec<Vec<Fact>> {
    let ended = Fact::Ended { run: run(1), status: RunStatus::Succeeded };
    vec![
        vec![Fact::Known { files: Vec::new() }],
        vec![known(&[1, 2]), queued(1, "one"), queued(2, "two")],
        vec![Fact::Begun { run: run(1) }],
        vec![kept(1), ended],
        vec![Fact::Read { letter: "a.json".to_owned() }, queued(3, "three")],
        vec![Fact::Gone { files: vec!["1.yaml".to_owned()] }],
    ]
}

/// A log with that life, and how long it was after each append and what it said.
fn lived(folder: &Path) -> (Vec<u8>, Vec<(usize, String)>) {
    let path = folder.join(QUEUE_FILE);
    let mut log = Log::open(folder).expect("opened");
    let mut moments = vec![(0, tell(log.state()))];
    for facts in life() {
        log.append(facts).expect("written");
        moments.push((fs::read(&path).expect("read").len(), tell(log.state())));
    }
    log.sync().expect("synced");
    (fs::read(&path).expect("read"), moments)
}

#[test]
fn cut_at_every_byte_it_holds_what_was_appended_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let (bytes, moments) = lived(folder.path());
    let path = folder.path().join(QUEUE_FILE);
    for cut in 0..=bytes.len() {
        spore::os::file::write_over(&path, &bytes[..cut]).expect("written");
        let mut log = Log::open(folder.path()).expect("opened");
        let (whole, told) = moments.iter().rev().find(|(whole, _)| *whole <= cut).expect("a moment");
        assert_eq!(&tell(log.state()), told, "cut at {cut}");
        assert_eq!((log.damaged(), fs::metadata(&path).expect("there").len()), (0, *whole as u64), "cut at {cut}");
        // It can be gone on with.
        log.append(vec![known(&[7]), queued(7, "seven")]).expect("written");
        let told = tell(log.state());
        drop(log);
        let log = Log::open(folder.path()).expect("opened");
        assert_eq!((tell(log.state()), log.text(run(7)).expect("a text")), (told, "seven".to_owned()));
    }
}

#[test]
fn a_damaged_line_is_passed_over_once_and_kept_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    let (bytes, _) = lived(folder.path());
    let path = folder.path().join(QUEUE_FILE);
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let mut place = 0;
    for line in &lines[..lines.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[place + line.len() / 2] ^= 1;
        place += line.len();
        spore::os::file::write_over(&path, &damaged).expect("written");
        let log = Log::open(folder.path()).expect("opened");
        assert_eq!(log.damaged(), 1, "{}", String::from_utf8_lossy(line));
        assert_eq!(fs::read(path.with_extension("jsonl.damaged")).expect("kept"), damaged);
        let told = tell(log.state());
        for waiting in log.state().tickets() {
            assert!(["one", "two", "three"].contains(&log.text(waiting.ticket.run).expect("a text").as_str()));
        }
        drop(log);
        let again = Log::open(folder.path()).expect("opened");
        assert_eq!((again.damaged(), tell(again.state())), (0, told), "it is told once");
    }
}

#[test]
fn written_anew_it_holds_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(QUEUE_FILE);
    let (_, moments) = lived(folder.path());
    let mut log = Log::open(folder.path()).expect("opened");
    assert_eq!(tell(log.state()), moments.last().expect("one").1);
    let text = "x".repeat(10_000);
    let mut largest = 0;
    for number in 10..400 {
        log.append(vec![known(&[number]), queued(number, &text)]).expect("written");
        if number % 10 != 0 {
            log.append(vec![Fact::Begun { run: run(number) }]).expect("written");
            log.append(vec![Fact::Ended { run: run(number), status: RunStatus::Failed }]).expect("written");
        }
        let before = tell(log.state());
        log.sync().expect("synced");
        assert_eq!(tell(log.state()), before, "written anew or not");
        largest = largest.max(fs::metadata(&path).expect("there").len());
    }
    let told = tell(log.state());
    drop(log);
    let log = Log::open(folder.path()).expect("opened");
    assert_eq!(tell(log.state()), told);
    assert!(largest < 3 << 20, "{largest} bytes, of 4 MB that were written");
    let texts: Vec<_> = log.state().tickets().map(|waiting| log.text(waiting.ticket.run).expect("a text")).collect();
    assert_eq!(texts.iter().filter(|one| **one == text).count(), 39);
    assert!(log.state().tickets().all(|waiting| waiting.phase == Phase::Queued));
}
