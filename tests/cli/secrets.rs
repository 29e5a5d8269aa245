//! No secret reaches a log, a result, a journal or a screen.

use super::folder::Folder;

const VALUE: &str = "S3cr3t/&+\"quoted\" value";
const BASE64: &str = "UzNjcjN0LyYrInF1b3RlZCIgdmFsdWU";
const URL: &str = "S3cr3t%2F%26%2B%22quoted%22";

#[test]
fn a_secret_is_masked_in_all_its_forms_everywhere() {
    let folder = Folder::new()
        .file(
            "w.yaml",
            "spore: w
kind: workflow
tasks:
  leak:
    env: {TOKEN: {secret: MY_TOKEN}}
    run: |
      echo \"raw $TOKEN\"
      printf '%s' \"$TOKEN\" | base64 -w0 >&2; echo
      python3 -c 'import os, urllib.parse, json; t = os.environ[\"TOKEN\"]; print(urllib.parse.quote(t, safe=\"\")); print(json.dumps(t))'
      for i in 1 2 3; do printf '%s' \"$TOKEN\" | cut -c1-6 | tr -d '\\n'; sleep 0.02; printf '%s' \"$TOKEN\" | cut -c7-; done
      printf 'token=%s\\n' \"$TOKEN\" >> \"$SPORE_OUTPUT\"
      exit 3
",
        )
        .env("MY_TOKEN", VALUE);
    let text = folder.spore(&["run", "w.yaml"]).exits(100).never_says(VALUE).never_says(BASE64).never_says(URL);
    assert!(text.out.contains("***"), "{}", text.out);
    folder.spore(&["run", "w.yaml", "--format", "json"]).exits(100).never_says("S3cr3t");
    folder.spore(&["show", "latest"]).exits(0).never_says("S3cr3t");
    folder.spore(&["logs", "latest"]).exits(0).never_says("S3cr3t").never_says(BASE64).says("raw ***");
    let mut looked_at = 0;
    for path in files(folder.root()) {
        // The supervisor's socket may stand there for a moment longer than the run, or go while we look.
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let bytes = String::from_utf8_lossy(&bytes).into_owned();
        for form in ["S3cr3t", BASE64, URL] {
            assert!(!bytes.contains(form), "{form} in {}", path.display());
        }
        looked_at += 1;
    }
    assert!(looked_at > 6, "{looked_at} files");
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("listed").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_secret_can_come_from_a_file() {
    let folder = Folder::new()
        .file("token", "from-a-file\n")
        .file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: {env: {T: {secret: T, file: token}}, run: 'test \"$T\" = from-a-file && echo \"$T\"'}}\n");
    folder.run("w.yaml", &[]).exits(0);
    folder.spore(&["logs", "latest", "a"]).exits(0).says("***").never_says("from-a-file");
}

#[test]
fn a_secret_that_is_not_there_keeps_everything_from_running() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w\nkind: workflow\ntasks: {a: touch ran, b: {env: {T: {secret: NOT_SET_ANYWHERE}}, run: echo}}\n",
    );
    folder.spore(&["run", "w.yaml"]).exits(3).says("NOT_SET_ANYWHERE").says("w.yaml:3:");
    assert!(!folder.path("ran").exists());
}

#[test]
fn a_file_without_an_end_is_no_secret() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w\nkind: workflow\ntasks: {a: {env: {T: {secret: T, file: /dev/zero}}, run: touch ran}}\n",
    );
    folder.spore(&["run", "w.yaml"]).exits(3).says("more than 131072 bytes");
    assert!(!folder.path("ran").exists());
}

#[test]
fn a_secret_that_is_too_short_to_be_masked_is_said_to_be() {
    let folder = Folder::new()
        .file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: {env: {T: {secret: PIN}}, run: 'echo 77'}}\n")
        .env("PIN", "7");
    folder.run("w.yaml", &[]).exits(0);
    folder.spore(&["show", "latest"]).exits(0).says("the secret `PIN` is too short to be masked");
}
