//! The owner's settings: theirs alone, out of reach of what they decide about; and the folder's owner.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;

use super::{Owned, SPORE};
use crate::cli::folder::Folder;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("there").mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("set");
}

#[test]
fn settings_are_private_and_do_not_count_when_others_may_write_them() {
    let owned = Owned::with_spore();
    owned.approve("w.yaml");
    owned.folder.spore(&["trust", "--mode", "approve"]).exits(0).says("approve, decided");
    assert_eq!(mode(&owned.settings()), 0o700);
    for path in [owned.file("approvals"), owned.file("toml")] {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        for open in [0o620, 0o602, 0o666] {
            set_mode(&path, open);
            owned.folder.spore(&["trust", "w.yaml"]).exits(5).says("may be written by other users").says("chmod go-w");
        }
        set_mode(&path, 0o600);
        owned.runs("w.yaml");
    }
    set_mode(&owned.settings(), 0o770);
    owned.folder.spore(&["trust", "--yes", "w.yaml"]).exits(5).says("may be written by other users");
    set_mode(&owned.settings(), 0o700);
    std::fs::write(owned.file("toml"), "folder = 3").expect("written");
    owned.folder.spore(&["trust", "w.yaml"]).exits(5).says("cannot be understood").says("decide again");
}

#[test]
fn settings_inside_of_the_folder_decide_nothing() {
    let folder = Folder::new().file("w.yaml", SPORE);
    let inside = folder.path("config");
    let folder = folder.env("XDG_CONFIG_HOME", inside.to_str().expect("text"));
    folder.spore(&["trust", "--yes", "w.yaml"]).exits(5).says("lie inside of the folder");
    folder.spore(&["trust", "--mode", "open"]).exits(5).says("lie inside of the folder");
    assert!(!inside.exists(), "nothing was written there");
    // Neither by a link that leads back into it.
    let elsewhere = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(&inside).expect("made");
    symlink(&inside, elsewhere.path().join("link")).expect("linked");
    let folder = folder.env("XDG_CONFIG_HOME", elsewhere.path().join("link").to_str().expect("text"));
    folder.spore(&["trust", "--mode", "open"]).exits(5).says("lie inside of the folder");
}

#[test]
fn a_decision_is_about_one_folder_and_the_folder_can_only_narrow_it() {
    let owned = Owned::with_spore();
    owned.folder.write("spore.toml", "trust = \"open\"\n");
    owned.waits("w.yaml", "nobody has approved it");
    owned.folder.spore(&["trust", "w.yaml"]).exits(5).says("has no effect");
    owned.folder.write("spore.toml", "");
    owned.folder.spore(&["trust", "--mode", "open", "."]).exits(0).says("all that lies in the folder runs");
    owned.runs("w.yaml");
    owned.folder.write("spore.toml", "trust = \"approve\"\n");
    owned.waits("w.yaml", "nobody has approved it");
    owned.approve("w.yaml");
    owned.runs("w.yaml");
    owned.folder.write("spore.toml", "trust = \"signed\"\n");
    owned.waits("w.yaml", "nobody is allowed to sign it");

    let other = Folder::new().file("w.yaml", SPORE).env("XDG_CONFIG_HOME", owned.home.path().to_str().expect("text"));
    assert_eq!(other.spore(&["trust", "w.yaml", "--format", "json"]).exits(5).json()[0]["runs"], false);
    owned.folder.spore(&["trust", "--mode", "open", "w.yaml"]).exits(2).says("is no folder");
}

#[test]
fn a_folder_of_another_user_is_refused_until_its_reader_lists_it() {
    let owned = Owned::with_spore();
    if chown(owned.folder.root(), Some(12_345), None).is_err() {
        return crate::skipped("only the superuser can give a folder to another user");
    }
    owned.waits("w.yaml", "belongs to another user (number 12345)");
    owned.folder.spore(&["trust", "--yes", "w.yaml"]).exits(5);
    owned.waits("w.yaml", "belongs to another user");
    let sudo = |uid: &str| owned.folder.command(&["trust", "w.yaml"]).env("SUDO_UID", uid).output().expect("started");
    chown(owned.folder.path("w.yaml"), Some(12_345), None).expect("given away");
    assert!(sudo("12345").status.success(), "as git does, for who became the superuser");
    assert_eq!(sudo("12346").status.code(), Some(5));
    owned.folder.spore(&["trust", "--mode", "approve", "."]).exits(0);
    owned.runs("w.yaml");

    // One file of another user in a folder of one's own.
    let owned = Owned::with_spore();
    owned.approve("w.yaml");
    chown(owned.folder.path("w.yaml"), Some(12_345), None).expect("given away");
    owned.waits("w.yaml", "belongs to another user (number 12345)");
    // And settings of another user.
    let owned = Owned::with_spore();
    owned.approve("w.yaml");
    chown(owned.file("approvals"), Some(12_345), None).expect("given away");
    owned
        .folder
        .spore(&["trust", "w.yaml"])
        .exits(5)
        .says("belongs to another user (number 12345), so it does not count");
}
