//! Journals: what was written is read, what was damaged is told, and nothing is ever misread.

mod writers;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use indexmap::IndexMap;
use proptest::prelude::*;
use serde_json::json;
use spore::journal::{self, Damage, Error, JOURNAL_FILE, Journal};
use spore::model::{
    Declared, Digest, Engine, Event, LOGS_FOLDER, LogSize, OUTPUTS_FOLDER, Origin, Outcome, Recorded, Resolution,
    RunId, RunStatus, Stop, TaskId, TaskStatus, Timestamp,
};

fn run_id(number: u64) -> RunId {
    RunId::from_parts(1_700_000_000_000 + number, u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C))
}

fn task() -> TaskId {
    TaskId::new("check[1,x]").expect("an id")
}

fn engine() -> Engine {
    Engine { process: "7@8@9".into(), host: "here".into(), version: "0.1.0".into() }
}

/// One event of every kind, each with every field filled.
fn every_event() -> Vec<Event> {
    let outputs = IndexMap::from([("rows".to_owned(), json!({"n": 3, "crc": "x", "at": "ż\n\u{2028}\"}"}))]);
    vec![
        Event::RunStarted {
            run: run_id(1),
            origin: Box::new(Origin {
                spore: "nightly".into(),
                path: "a/b.yaml".into(),
                digest: Digest::of(b"x"),
                retry_of: Some(run_id(0)),
                params: IndexMap::from([("region".to_owned(), json!("eu"))]),
                only: Vec::new(),
                from: None,
                cause: None,
                written_by: None,
                depth: 0,
            }),
            jobs: 2,
            tasks: vec![Declared {
                id: task(),
                title: "Check \"it\"".into(),
                line: 7,
                executor: "terminal".into(),
                status: TaskStatus::Waiting,
                because: Some("why".into()),
                counts: true,
                idempotent: false,
            }],
            engine: Some(engine()),
        },
        Event::RunResumed { engine: engine() },
        Event::StartsForeseen { tasks: vec![task()] },
        Event::TaskSkipped { task: task(), because: "no".into() },
        Event::TaskReused { task: task(), from: run_id(0), outputs: outputs.clone() },
        Event::AttemptIntended { task: task(), number: 1, executor: "terminal".into() },
        Event::AttemptEnded {
            task: task(),
            number: 1,
            outcome: Outcome::Failed { exit_code: Some(75), signal: None, reason: Some("bad".into()) },
            began: Some(AT),
            outputs,
            artifacts: vec![Recorded { path: "out/a.csv".into(), size_bytes: 9, digest: Digest::of(b"y") }],
            out: LogSize { seen_bytes: 10, dropped_bytes: 1 },
            err: LogSize::default(),
            remarks: vec!["a remark".into()],
        },
        Event::RetryScheduled { task: task(), number: 2, at: Timestamp(1_700_000_009_123) },
        Event::StopRequested { because: "Ctrl-C".into(), stop: Stop::Cancelled },
        Event::RunEnded { status: RunStatus::Failed },
        Event::TaskResolved { task: task(), resolution: Resolution::Ran },
        Event::ResultWritten { path: "results/x.md".into(), commit: Some("abc".into()) },
    ]
}

fn stamped(events: &[Event]) -> Vec<(Timestamp, Event)> {
    events.iter().map(|event| (AT, event.clone())).collect()
}

struct Fixture {
    _folder: tempfile::TempDir,
    runs: PathBuf,
    run_dir: PathBuf,
    events: Vec<Event>,
    bytes: Vec<u8>,
}

const AT: Timestamp = Timestamp(1_700_000_001_042);

fn written() -> Fixture {
    let folder = tempfile::tempdir().expect("a folder");
    let runs = folder.path().join(".spore/runs");
    let mut journal = Journal::create(&runs, run_id(1)).expect("created");
    let events = every_event();
    let (first, rest) = events.split_at(1);
    let run_dir = journal.run_dir().to_path_buf();
    journal.append(&stamped(first)).expect("appended");
    drop(journal);
    // The second writer, so that lines of two epochs are cut and flipped.
    let (mut journal, _) = Journal::open(&run_dir).expect("taken up");
    journal.append(&stamped(rest)).expect("appended");
    journal.sync().expect("synced");
    let bytes = std::fs::read(run_dir.join(JOURNAL_FILE)).expect("read");
    Fixture { _folder: folder, runs, run_dir, events, bytes }
}

fn put(run_dir: &Path, bytes: &[u8]) {
    let mut file = spore::os::file::read_write(&run_dir.join(JOURNAL_FILE)).expect("opened");
    file.set_len(0).expect("emptied");
    file.write_all(bytes).expect("written");
}

/// Fails unless what was read is a beginning of what was written, and returns how long a one.
fn a_beginning(fixture: &Fixture, read: &journal::Entries, what: &str) -> usize {
    assert!(read.events.len() <= fixture.events.len(), "{what}: more facts than were written");
    for (at, ((moment, event), original)) in read.events.iter().zip(&fixture.events).enumerate() {
        assert_eq!((*moment, event), (AT, original), "{what}: fact {at} was misread");
    }
    read.events.len()
}

#[test]
fn every_kind_of_event_survives_a_round_trip() {
    let fixture = written();
    let read = journal::read(&fixture.run_dir).expect("read");
    assert_eq!(a_beginning(&fixture, &read, "untouched"), fixture.events.len());
    assert_eq!(read.damage, []);
    for folder in [LOGS_FOLDER, OUTPUTS_FOLDER] {
        assert!(fixture.run_dir.join(folder).is_dir(), "{folder}");
    }
    for line in String::from_utf8(fixture.bytes).expect("text").lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect("each line is JSON");
        assert_eq!(value["at"], "2023-11-14T22:13:21.042Z");
    }
    let (record, damage) = journal::record(&fixture.run_dir).expect("read");
    assert_eq!(record.expect("a record").status, RunStatus::Failed);
    assert_eq!(damage, []);
}

#[test]
fn cut_at_every_byte_only_the_last_fact_is_lost() {
    let fixture = written();
    for cut in 0..fixture.bytes.len() {
        put(&fixture.run_dir, &fixture.bytes[..cut]);
        let whole = memchr::memchr_iter(b'\n', &fixture.bytes[..cut]).count();
        let read = journal::read(&fixture.run_dir).expect("read");
        let count = a_beginning(&fixture, &read, &format!("cut at {cut}"));
        // A line that lacks nothing but its end is a fact too.
        let unended = fixture.bytes[cut] == b'\n' && cut > 0;
        assert_eq!(count, whole + usize::from(unended), "cut at {cut}");
        let torn = cut > 0 && fixture.bytes[cut - 1] != b'\n' && !unended;
        assert_eq!(read.damage.len(), usize::from(torn), "cut at {cut}: {:?}", read.damage);
        assert!(read.damage.iter().all(|damage| matches!(damage, Damage::Torn { .. })));

        // Taking a journal up syncs it, which is slow on some machines; a fifth of the places stands for all.
        if cut % 5 != 0 {
            continue;
        }
        let (mut journal, again) = Journal::open(&fixture.run_dir).expect("taken up");
        assert_eq!(again, read, "cut at {cut}");
        journal.append(&stamped(&fixture.events[count..])).expect("appended");
        drop(journal);
        let read = journal::read(&fixture.run_dir).expect("read");
        assert_eq!(a_beginning(&fixture, &read, "taken up"), fixture.events.len(), "cut at {cut}");
        assert_eq!(read.damage, [], "cut at {cut}");
    }
}

#[test]
fn with_any_byte_flipped_no_fact_is_misread() {
    let fixture = written();
    for place in 0..fixture.bytes.len() {
        for mask in [0x01, [0x20, 0x80, 0xFF][place % 3]] {
            let mut bytes = fixture.bytes.clone();
            bytes[place] ^= mask;
            put(&fixture.run_dir, &bytes);
            let read = journal::read(&fixture.run_dir).expect("read");
            let before = memchr::memchr_iter(b'\n', &fixture.bytes[..place]).count();
            let count = a_beginning(&fixture, &read, &format!("byte {place} xor {mask:#x}"));
            assert!(count >= before, "byte {place}: a fact before the damage was lost");
            assert!(count < fixture.events.len() || !read.damage.is_empty(), "byte {place} xor {mask:#x} went unseen");
        }
    }
}

#[test]
fn a_damaged_middle_is_set_aside_and_the_good_beginning_goes_on() {
    let fixture = written();
    for round in 1..=2 {
        let mut bytes = fixture.bytes.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        put(&fixture.run_dir, &bytes);
        let (mut journal, read) = Journal::open(&fixture.run_dir).expect("taken up");
        assert!(matches!(read.damage[..], [Damage::Broken { .. }]), "{:?}", read.damage);
        let count = a_beginning(&fixture, &read, "damaged");
        journal.append(&stamped(&fixture.events[count..])).expect("appended");
        let aside = fixture.run_dir.join(format!("{JOURNAL_FILE}.damaged-{round}"));
        assert_eq!(std::fs::read(aside).expect("set aside"), bytes);
        let read = journal::read(&fixture.run_dir).expect("read");
        assert_eq!((read.events.len(), read.damage.len()), (fixture.events.len(), 0));
    }
}

#[test]
fn reading_never_changes_the_file() {
    let fixture = written();
    let mut bytes = fixture.bytes.clone();
    bytes.truncate(bytes.len() - 3);
    bytes[100] ^= 1;
    put(&fixture.run_dir, &bytes);
    journal::read(&fixture.run_dir).expect("read");
    assert_eq!(std::fs::read(fixture.run_dir.join(JOURNAL_FILE)).expect("read"), bytes);
    assert_eq!(std::fs::read_dir(&fixture.run_dir).expect("listed").count(), 3);
}

#[test]
fn what_a_newer_spore_wrote_is_told_and_never_added_to() {
    let fixture = written();
    let sealed = |covered: &str| format!("{covered},\"crc\":\"{:08x}\"}}\n", crc32fast::hash(covered.as_bytes()));
    let mut bytes = fixture.bytes.clone();
    let count = fixture.events.len();
    let (first, second) = (
        format!(r#"{{"v":1,"seq":{count},"epoch":1,"at":"2026-01-01T00:00:00.000Z","event":"dreamt""#),
        format!(r#"{{"v":2,"seq":{},"epoch":1,"then":1"#, count + 1),
    );
    bytes.extend(sealed(&first).bytes().chain(sealed(&second).bytes()));
    put(&fixture.run_dir, &bytes);
    let read = journal::read(&fixture.run_dir).expect("read");
    assert_eq!(a_beginning(&fixture, &read, "newer"), fixture.events.len());
    let told: Vec<String> = read.damage.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            format!("line {} holds event `dreamt` of a newer Spore and is left out", count + 1),
            format!("line {} holds version 2 of a newer Spore and is left out", count + 2),
        ]
    );
    assert!(matches!(Journal::open(&fixture.run_dir), Err(Error::Newer { .. })));
    assert_eq!(std::fs::read(fixture.run_dir.join(JOURNAL_FILE)).expect("read"), bytes);
}

#[test]
fn one_process_writes_at_a_time() {
    let fixture = written();
    assert!(!journal::is_live(&fixture.run_dir));
    let (journal, _) = Journal::open(&fixture.run_dir).expect("taken up");
    assert!(journal::is_live(&fixture.run_dir));
    assert!(matches!(Journal::open(&fixture.run_dir), Err(Error::Busy { .. })));
    assert_eq!(journal::read(&fixture.run_dir).expect("reading goes on").events.len(), fixture.events.len());
    drop(journal);
    Journal::open(&fixture.run_dir).expect("free again");
    assert!(matches!(Journal::create(&fixture.runs, run_id(1)), Err(Error::Io { action: "create", .. })));
}

#[test]
fn runs_are_found_by_what_people_type() {
    let folder = tempfile::tempdir().expect("a folder");
    let runs = folder.path().join("runs");
    assert_eq!(journal::list(&runs).expect("no folder, no runs"), []);
    assert!(matches!(journal::find(&runs, "latest"), Err(Error::NoRuns(_))));
    let ids: Vec<RunId> = [3, 1, 2].into_iter().map(run_id).collect();
    for id in &ids {
        Journal::create(&runs, *id).expect("created");
    }
    spore::os::file::create_dir(&runs.join("not-a-run")).expect("made");
    spore::os::file::create_dir(&runs.join(run_id(9).to_string().to_lowercase())).expect("made");
    std::os::unix::fs::symlink(folder.path(), runs.join(run_id(8).to_string())).expect("linked");
    assert_eq!(journal::list(&runs).expect("listed"), [run_id(3), run_id(2), run_id(1)]);

    let name = run_id(2).to_string();
    for text in [name.clone(), name.to_lowercase(), name[16..].to_owned(), "@2".to_owned(), format!(" {name}\n")] {
        assert_eq!(journal::find(&runs, &text).expect("found"), run_id(2), "{text}");
    }
    assert_eq!(journal::find(&runs, "latest").expect("found"), run_id(3));
    for text in ["", "@0", "@4", "@x", "..", "../runs", "/", "zzz", "\u{0}"] {
        assert!(matches!(journal::find(&runs, text), Err(Error::NoRun(_))), "{text:?}");
    }
    let Err(Error::Ambiguous { candidates, .. }) = journal::find(&runs, &name[..4]) else { panic!("three runs fit") };
    assert_eq!(candidates, [run_id(3), run_id(2), run_id(1)]);
    let shown = journal::find(&runs, &name[..4]).expect_err("three runs fit").to_string();
    assert!(shown.contains("can mean 3 runs") && shown.contains(&name), "{shown}");
}

#[test]
fn failures_name_the_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = journal::read(&folder.path().join("gone")).expect_err("nothing is there");
    assert!(missing.to_string().contains("gone/journal.jsonl"), "{missing}");

    let file = folder.path().join("file");
    spore::os::file::write_new(&file, b"x").expect("written");
    let error = Journal::create(&file.join("runs"), run_id(1)).expect_err("a file is no folder");
    assert!(error.to_string().starts_with("cannot create `"), "{error}");

    let closed = folder.path().join("closed");
    spore::os::file::create_dir(&closed).expect("made");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o500)).expect("closed");
    match Journal::create(&closed, run_id(1)) {
        Err(error) => assert!(error.to_string().contains("closed") && error.to_string().contains("denied"), "{error}"),
        // The superuser is let in everywhere, and then the journal must work.
        Ok(mut journal) => journal.append(&stamped(&every_event())).expect("appended"),
    }
}

#[test]
fn a_journal_is_a_plain_file() {
    let fixture = written();
    let path = fixture.run_dir.join(JOURNAL_FILE);
    spore::os::file::remove(&path).expect("removed");
    // It never ends.
    std::os::unix::fs::symlink("/dev/zero", &path).expect("linked");
    let error = journal::read(&fixture.run_dir).expect_err("no journal");
    assert!(error.to_string().contains("is not a plain file"), "{error}");
    assert!(Journal::open(&fixture.run_dir).is_err());
}

#[test]
fn syncs_are_shared_and_all_return() {
    let fixture = written();
    let (journal, _) = Journal::open(&fixture.run_dir).expect("taken up");
    let returned = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let syncer = journal.syncer();
            let returned = &returned;
            scope.spawn(move || {
                for _ in 0..20 {
                    syncer.sync().expect("synced");
                    returned.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(returned.into_inner(), 160);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read_without_a_crash(junk in proptest::collection::vec(any::<u8>(), 0..400), keep in 0_usize..3000) {
        let fixture = written();
        let mut bytes = fixture.bytes.clone();
        bytes.truncate(keep);
        bytes.extend(&junk);
        put(&fixture.run_dir, &bytes);
        let read = journal::read(&fixture.run_dir).expect("read");
        a_beginning(&fixture, &read, "junk");
        let (_, again) = Journal::open(&fixture.run_dir).expect("taken up");
        prop_assert_eq!(&again, &read);
        let after = journal::read(&fixture.run_dir).expect("read");
        prop_assert_eq!(after.events, read.events);
        prop_assert_eq!(after.damage, vec![]);
    }
}
