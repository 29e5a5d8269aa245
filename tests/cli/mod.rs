//! Tests of the program from outside: the real binary, real files, real git.

mod commands;
mod examples;
mod folder;
mod history;
mod interrupts;
mod results;
mod secrets;
mod seeds;
mod semantics;
