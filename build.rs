//! Gives `spore --version` the commit it was built from.

use std::path::Path;
use std::process::Command;

#[expect(clippy::disallowed_methods, reason = "the ban is for the program, not for its build")]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for path in [".git/HEAD", ".git/refs/heads"].into_iter().filter(|path| Path::new(path).exists()) {
        println!("cargo:rerun-if-changed={path}");
    }
    let head = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    let commit = head.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let commit = commit.and_then(|name| String::from_utf8(name).ok());
    println!("cargo:rustc-env=SPORE_COMMIT={}", commit.as_deref().map_or("unknown", str::trim));
}
