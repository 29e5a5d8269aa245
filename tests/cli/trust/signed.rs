//! `signed`: only the signature counts, and only of who is allowed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Owned, SPORE};

/// Whether a program is here. Where all checks run (`CI`), one that is missing is an error.
fn has(program: &str, package: &str) -> bool {
    let is_here = Command::new(program).arg("--version").stdin(Stdio::null()).output().is_ok();
    let because = format!("`{program}` is not installed: `apt-get install {package}`");
    assert!(is_here || std::env::var_os("CI").is_none(), "{because}");
    if !is_here {
        crate::skipped(&because);
    }
    is_here
}

fn key(owned: &Owned, name: &str) -> PathBuf {
    let path = owned.home.path().join(name);
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&path).status();
    assert!(made.expect("started").success());
    path
}

/// A line of the allowed signers that calls this key Ann's.
fn as_ann(key: &Path) -> String {
    let public = std::fs::read_to_string(key.with_extension("pub")).expect("a public key");
    format!("# people\nann@example.org {public}")
}

fn allow(owned: &Owned, signers: &str) -> super::super::folder::Answer {
    let file = owned.home.path().join("allowed");
    std::fs::write(&file, signers).expect("written");
    owned.folder.spore(&["trust", "--mode", "signed", "--signers", file.to_str().expect("text")])
}

/// Commits everything in Ann's name, signed with `key` if there is one.
fn commit(owned: &Owned, key: Option<&Path>) {
    owned.folder.git(&["add", "-A"]);
    let signing = key.map(|key| format!("user.signingkey={}", key.display()));
    let forged = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"];
    let signed: Vec<&str> = match &signing {
        Some(signing) => vec!["-c", "gpg.format=ssh", "-c", signing, "commit", "-q", "-S", "-m", "x"],
        None => vec!["-c", "commit.gpgsign=false", "commit", "-q", "-m", "x"],
    };
    owned.folder.git(&[&forged, signed.as_slice()].concat());
}

#[test]
fn only_what_came_by_a_signed_commit_runs() {
    if !has("ssh-keygen", "openssh-client") {
        return;
    }
    let owned = Owned::with_spore();
    owned.folder.git(&["init", "-q"]);
    let (ann, eve) = (key(&owned, "ann"), key(&owned, "eve"));
    allow(&owned, &as_ann(&ann)).exits(0).says("the signature of an allowed signer");
    owned.waits("w.yaml", "no git repository with a commit");
    commit(&owned, None);
    owned.waits("w.yaml", "it is not signed");
    // An author's name is a word that anybody can write.
    owned.folder.write("w.yaml", SPORE.replace("spore: w", "spore: w2"));
    commit(&owned, Some(&eve));
    owned.waits("w.yaml", "its ssh key is not among the allowed signers");
    owned.folder.write("w.yaml", SPORE.replace("spore: w", "spore: w3"));
    commit(&owned, Some(&ann));
    owned.waits("w.yaml", "`tools/a.sh`: the commit");
    owned.folder.write("tools/a.sh", "echo by ann\n");
    commit(&owned, Some(&ann));
    owned.runs("w.yaml");

    // Later commits of others that leave both as they are change nothing; an edit does.
    owned.folder.write("README.md", "x\n");
    commit(&owned, None);
    owned.runs("w.yaml");
    owned.folder.write("tools/a.sh", "echo by eve\n");
    owned.waits("w.yaml", "`tools/a.sh`: it is not committed as it is");
    commit(&owned, Some(&eve));
    owned.waits("w.yaml", "not among the allowed signers");
    // Whoever comes into the file later is no signer until the owner says so.
    std::fs::write(owned.home.path().join("allowed"), as_ann(&eve)).expect("written");
    owned.waits("w.yaml", "not among the allowed signers");
    allow(&owned, &as_ann(&eve)).exits(0);
    owned.waits("w.yaml", "`w.yaml`: the commit");
}

#[test]
fn neither_settings_nor_replaced_objects_make_a_signature() {
    if !has("ssh-keygen", "openssh-client") {
        return;
    }
    let owned = Owned::with_spore();
    owned.folder.git(&["init", "-q"]);
    let (ann, eve) = (key(&owned, "ann"), key(&owned, "eve"));
    allow(&owned, &as_ann(&ann)).exits(0);
    commit(&owned, Some(&eve));
    let mine = owned.folder.path(".git/mine");
    owned.folder.write(".git/mine", as_ann(&eve));
    let bad = owned.folder.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let signing = format!("user.signingkey={}", ann.display());
    let words = ["-c", "gpg.format=ssh", "-c", &signing, "commit-tree", "-S", "-m", "x", "HEAD^{tree}"];
    let good = owned.folder.git(&words).trim().to_owned();
    for (name, value) in [
        ("gpg.ssh.allowedSignersFile", mine.to_str().expect("text")),
        ("gpg.ssh.program", "true"),
        ("gpg.program", "true"),
        ("gpg.openpgp.program", "true"),
    ] {
        owned.folder.git(&["config", name, value]);
        owned.waits("w.yaml", "the commit");
    }
    let mut command = owned.folder.command(&["trust", "w.yaml"]);
    command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "gpg.ssh.allowedSignersFile");
    let output = command.env("GIT_CONFIG_VALUE_0", &mine).output().expect("started");
    assert_eq!(output.status.code(), Some(5));
    owned.folder.git(&["replace", &bad, &good]);
    owned.waits("w.yaml", "the commit");
    // The same content, by a commit that is really signed.
    owned.folder.git(&["replace", "-d", &bad]);
    owned.folder.git(&["reset", "-q", "--hard", &good]);
    owned.runs("w.yaml");
}

#[test]
fn what_leads_out_of_the_folder_cannot_be_signed() {
    if !has("ssh-keygen", "openssh-client") {
        return;
    }
    let owned = Owned::with_spore();
    owned.folder.git(&["init", "-q"]);
    let ann = key(&owned, "ann");
    allow(&owned, &as_ann(&ann)).exits(0);
    let outside = owned.home.path().join("evil.sh");
    std::fs::write(&outside, "echo evil\n").expect("written");
    std::fs::remove_file(owned.folder.path("tools/a.sh")).expect("removed");
    std::os::unix::fs::symlink(&outside, owned.folder.path("tools/a.sh")).expect("linked");
    commit(&owned, Some(&ann));
    owned.waits("w.yaml", "`tools/a.sh`: no commit can hold it");
}

#[test]
fn gpg_signatures_count_by_fingerprint() {
    if !has("gpg", "gnupg") {
        return;
    }
    let owned = Owned::with_spore();
    let gnupg = owned.home.path().join("gnupg");
    std::fs::create_dir(&gnupg).expect("made");
    std::fs::set_permissions(&gnupg, std::fs::Permissions::from_mode(0o700)).expect("set");
    let tried = |program: &str, words: &[&str]| {
        let mut command = Command::new(program);
        command.args(words).current_dir(owned.folder.root()).stdin(Stdio::null());
        let output = command.env("GNUPGHOME", &gnupg).env("HOME", owned.home.path()).output().expect("started");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let make = [
        "--batch",
        "--quiet",
        "--passphrase",
        "",
        "--quick-generate-key",
        "ann@example.org",
        "ed25519",
        "sign",
        "never",
    ];
    tried("gpg", &make);
    let listed = tried("gpg", &["--batch", "--with-colons", "--list-keys"]);
    let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:")).expect("a key").replace(':', "");
    tried("git", &["init", "-q"]);
    tried("git", &["add", "-A"]);
    let signing = format!("-S{fingerprint}");
    tried("git", &["-c", "user.name=E", "-c", "user.email=eve@example.org", "commit", "-q", "-m", "x", &signing]);
    let look = || {
        let mut command = owned.folder.command(&["trust", "w.yaml", "--format", "json"]);
        let output = command.env("GNUPGHOME", &gnupg).output().expect("started");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (output.status.code(), report[0]["because"].as_str().unwrap_or_default().to_owned())
    };
    allow(&owned, "gpg ann@example.org").exits(5).says("is no fingerprint");
    allow(&owned, &format!("gpg {}", "0".repeat(40))).exits(0);
    let (code, because) = look();
    assert!(code == Some(5) && because.contains("is not among the allowed signers"), "{because}");
    allow(&owned, &format!("gpg {}", fingerprint.to_lowercase())).exits(0);
    assert_eq!(look(), (Some(0), String::new()));
    tried("gpgconf", &["--kill", "gpg-agent"]);
}

#[test]
fn nobody_signs_where_nobody_is_named() {
    let owned = Owned::with_spore();
    owned.folder.spore(&["trust", "--mode", "signed"]).exits(2).says("--signers FILE");
    allow(&owned, "# nobody\n").exits(5).says("it names nobody");
}
