//! Tests of the program from outside: the real binary, real files, real git.

mod bad_input;
mod commands;
mod examples;
mod folder;
mod history;
mod interrupts;
mod readme;
mod results;
mod secrets;
mod seeds;
mod semantics;
