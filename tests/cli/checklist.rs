//! `checklist: update`: a run ticks off what succeeded, and changes nothing else.

use std::os::unix::fs::PermissionsExt as _;

use super::folder::Folder;

const LIST: &str = "---\r\nkind: workflow\r\nchecklist: update\r\n---\r\n# Tasks \u{4efb}\u{52a1}\r\n\r\n\
    - [ ] 1. Parent\r\n  - [ ] 1.1 Build\r\n    - [ ] a step\r\n    ```sh\r\n    true\r\n    ```\r\n\
    - [ ] 2. Fails\r\n  Dependencies: 3\r\n\r\n  ```sh\r\n  false\r\n  ```\r\n- [~] 3. In doubt\r\n  ```sh\r\n  echo '- [ ] 9.'\r\n  ```\r\n\
    - [ ] 4. Prose\r\n";

#[test]
fn what_succeeded_is_ticked_off_and_all_else_stays() {
    let folder = Folder::new().file("tasks.md", LIST);
    let mode = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(folder.path("tasks.md"), mode).expect("the mode is set");
    folder.spore(&["run", "tasks.md"]).exits(100);
    let ticked = LIST
        .replace("- [ ] 1. Parent", "- [x] 1. Parent")
        .replace("- [ ] 1.1", "- [x] 1.1")
        .replace("- [~] 3.", "- [x] 3.");
    assert_eq!(folder.read("tasks.md"), ticked);
    let metadata = std::fs::metadata(folder.path("tasks.md")).expect("the file is there");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o640);
    folder.spore(&["run", "tasks.md"]).exits(100);
    assert_eq!(folder.read("tasks.md"), ticked, "a second run finds nothing more to tick off");
}

#[test]
fn a_list_that_does_not_ask_stays_as_it_is() {
    let list = LIST.replace("checklist: update\r\n", "");
    let folder = Folder::new().file("tasks.md", &list);
    folder.spore(&["run", "tasks.md"]).exits(100);
    assert_eq!(folder.read("tasks.md"), list);
}

#[test]
fn a_list_that_changed_meanwhile_is_the_author_s() {
    let list = LIST.replace("    true\r\n", "    echo '- [ ] 5. New' >> \"$SPORE_ROOT/tasks.md\"\r\n");
    let folder = Folder::new().file("tasks.md", &list);
    folder.spore(&["run", "tasks.md"]).exits(100).says("`tasks.md` has changed since it was read");
    assert_eq!(folder.read("tasks.md"), format!("{list}- [ ] 5. New\n"));
}

#[test]
fn the_change_is_left_for_the_author_to_commit() {
    let folder = Folder::new().file("tasks.md", LIST);
    folder.git(&["init", "-q"]);
    folder.git(&["add", "tasks.md"]);
    folder.git(&["commit", "-qm", "first"]);
    folder.spore(&["run", "tasks.md", "--commit"]).exits(100);
    assert!(folder.git(&["status", "--porcelain"]).contains(" M tasks.md"));
    assert!(!folder.git(&["show", "--stat", "HEAD"]).contains("tasks.md |"));
}
