//! Spore runs the commands in markdown and YAML files and writes what happened back as new files.
//!
//! # The way through the house
//!
//! ```text
//! file ──parse──▶ spore ──plan──▶ plan ──run──▶ outcome ──render──▶ result spore ──repo──▶ file
//!  ▲                              │  ▲
//! watch / git / hooks         executor │──▶ journal (every fact, as it happens)
//! ```
//!
//! [`engine`] is the staircase: it joins the rooms in this order. Who has read [`model`] and [`engine`] has understood
//! the program. `engine/daemon.rs` is the same staircase for who is not there: files arrive ([`watch`]), hooks call, what is
//! wanted is queued ([`queue`]), and begins when the owner of the machine lets it ([`trust`]).
//!
//! # Floors
//!
//! A module uses only lower floors, and rooms of one floor do not see each other. `tests/tidy.rs` enforces it.
//!
//! | floor | rooms | may | never |
//! |---|---|---|---|
//! | 6 doors | [`cli`] | talk to people and programs, print, exit | decide |
//! | 5 staircase | [`engine`] | join the rooms | know formats, processes, sockets |
//! | 4 drivers | [`run`] | own tasks, time, cancellation | YAML, git, printing; `run/machine.rs` is pure |
//! | 3 adapters | [`executor`], [`hooks`], [`journal`], [`queue`], [`repo`], [`sim`], [`transport`], [`trust`], [`watch`] | one contract per outside world | see each other |
//! | 2 instruments | [`os`] | the only process start, file write and clock of the house | know a spore, a task or a run |
//! | 1 translators | [`parse`], [`plan`], [`render`] | value → value | I/O, async, clock, randomness, logging |
//! | 0 ground | [`model`] | types and their invariants | everything else, YAML too |
//!
//! # What is absent, on purpose
//!
//! - Nothing outside `os` starts a process, writes a file or reads a clock (`clippy.toml` bans it).
//! - Nothing changes an author's file, except the boxes of a checklist that asks for it.
//! - No template is ever spliced into a script: values reach commands as environment or as arguments.
//! - The end of a command is never an `Err`. Errors are for our own world failing, and each room has one small type.
//! - No state lives only in memory: what a report says comes from the events of a journal.
//! - No command is a child of the engine: it outlives it.
//! - Nothing runs by itself that the owner of the machine has not allowed, outside of the folder.
//! - What was told to anybody as wanted or done is on disk.
//! - The library never prints.
//!
//! # Vocabulary
//!
//! A **spore** is a file and its parsed form. It holds **tasks** with **needs**. A **plan** is the **dag** of tasks plus
//! decisions. A **run** is one execution of a plan; an **attempt** is one try of one task, from 1, and ends with an
//! **outcome**. An **executor** carries attempts out somewhere. An **event** is one recorded fact; the **journal** holds
//! the events of one run. A **ticket** is one wanted run, from the moment something called for it; a **letter** is what a hook
//! leaves for the watcher. A **diagnostic** is a remark on an authored file; an **error** is our own world failing.

pub mod model;

pub mod parse;
pub mod plan;
pub mod render;

pub mod os;

pub mod executor;
pub mod hooks;
pub mod journal;
pub mod queue;
pub mod repo;
#[cfg(feature = "sim")]
pub mod sim;
pub mod transport;
pub mod trust;
pub mod watch;

pub mod run;

pub mod engine;

pub mod cli;
