//! What is found in texts, and what is not.

use super::{Mentions, Role, Text, in_text, in_variable, in_words};
use crate::model::Language;

fn named(mentions: &Mentions, wanted: &[Role]) -> Vec<String> {
    let files = mentions.files.iter().filter(|mention| wanted.contains(&mention.role));
    files.map(|mention| mention.path.clone()).collect()
}

fn runs(text: &str) -> Vec<String> {
    named(&in_text(text, Text::Shell), &[Role::Run])
}

fn all(text: &str) -> Vec<String> {
    named(&in_text(text, Text::Shell), &[Role::Run, Role::Used, Role::Named])
}

#[test]
fn programs_and_scripts_are_found_wherever_a_command_begins() {
    for text in [
        "./x.sh",
        "A=b ./x.sh",
        "true && ./x.sh",
        "true | ./x.sh",
        "if ./x.sh; then :; fi",
        "while ! ./x.sh\ndo :\ndone",
        "sudo -n ./x.sh",
        "timeout -k 5 10s ./x.sh",
        "env A=b ./x.sh",
        "( ./x.sh )",
        "{ ./x.sh; }",
        "nohup ./x.sh &",
        "echo $(./x.sh)",
        "echo \"`./x.sh`\"",
        "diff <(./x.sh) y",
        "eval './x.sh a'",
        "trap './x.sh' EXIT",
        "sh -c './x.sh'",
        "bash -euo pipefail -c './x.sh a'",
        "sh -c \"sh -c './x.sh'\"",
        "case a in b) ./x.sh ;; esac",
        "echo \"${A:-$(./x.sh)}\"",
        "cat <<E\ndon't\nE\n./x.sh",
        "/usr/bin/env ./x.sh",
        "f() { ./x.sh; }",
        "\\./x.sh",
        "'./x.sh'",
        "./x\".sh\"",
        "a;./x.sh",
        "sh < ./x.sh",
        "time -p ./x.sh",
    ] {
        assert_eq!(runs(text), ["./x.sh"], "{text}");
    }
}

#[test]
fn the_script_of_an_interpreter_is_found_behind_its_options() {
    for text in [
        "sh x",
        "bash -x x",
        "bash -o pipefail x",
        "python3 -u x a b",
        "python3.12 -W ignore x",
        "node --no-warnings x",
        ". x",
        "source x a",
        "env python x",
        "perl -w x",
        "deno run x",
        "xargs sh x",
        "bash -- x",
        "find . -exec sh x {} +",
        "nice -n 5 ruby x",
    ] {
        assert_eq!(runs(text), ["x"], "{text}");
    }
    assert_eq!(runs("/usr/bin/python x"), ["/usr/bin/python", "x"]);
    assert_eq!(all("python -m tools.x"), ["tools/x.py", "tools/x/__init__.py", "tools/x/__main__.py"]);
    assert!(
        all("make -f other.mk all").contains(&"other.mk".to_owned()) && all("make").contains(&"Makefile".to_owned())
    );
    assert_eq!(named(&in_text("awk -f x y", Text::Shell), &[Role::Used]), ["x"]);
    assert!(all("node --require ./a.js b.js").contains(&"./a.js".to_owned()));
}

#[test]
fn what_only_the_run_can_tell_is_unclear() {
    let unclear = |text: &str| in_text(text, Text::Shell).unclear.into_iter().collect::<Vec<_>>();
    assert_eq!(unclear("$X a; \"$OUT/answer\"; ~/bin/x; sh $1"), ["~/bin/x", "…", "…/answer"]);
    assert_eq!(unclear("echo $X > $Y"), Vec::<String>::new());
    let beside = in_text(". \"$(dirname \"$0\")/lib.sh\"", Text::Shell);
    assert!(beside.files.iter().any(|mention| mention.path == "lib.sh" && mention.beside));
}

#[test]
fn what_is_written_or_only_said_is_not_run() {
    assert_eq!(runs("echo ./x.sh > ./y.sh # ./z.sh\necho '; ./a.sh'"), Vec::<String>::new());
    assert_eq!(all("echo a > ./y.sh"), ["a"]);
    assert_eq!(runs("cat <<EOF\n./x.sh\nEOF"), Vec::<String>::new());
    assert_eq!(all("cat <<EOF\n./x.sh\nEOF"), ["./x.sh"], "it counts if it is there");
}

#[test]
fn arguments_variables_and_code_are_read_too() {
    assert_eq!(named(&in_words(&["sh", "x y.sh"]), &[Role::Run]), ["x y.sh"]);
    assert_eq!(in_words(&["{{ a }}/x.sh"]).unclear.into_iter().collect::<Vec<_>>(), ["…/x.sh"]);
    assert_eq!(
        in_variable("PATH", "bin:$HOME/x:/usr/bin").search.into_iter().collect::<Vec<_>>(),
        ["$HOME/x", "/usr/bin", "bin"]
    );
    let exported = in_text("export PATH=$PWD/bin:$PATH; tool", Text::Shell);
    assert!(exported.programs.contains("tool") && exported.search.contains("bin"), "{exported:?}");
    let python = in_text("import a.b, c\nfrom .d import e\nopen('f/g.sh')  # don't\n", Text::Code(Language::Python));
    let found = named(&python, &[Role::Used, Role::Named]);
    for path in ["a/b.py", "c.py", "d.py", "d/e.py", "f/g.sh"] {
        assert!(found.contains(&path.to_owned()), "{path}: {found:?}");
    }
    let node = in_text("const x = require('./lib');\nimport y from \"./z.mjs\"", Text::Code(Language::Node));
    let found = named(&node, &[Role::Used, Role::Named]);
    assert!(found.contains(&"lib.js".to_owned()) && found.contains(&"./z.mjs".to_owned()), "{found:?}");
}

#[test]
fn no_text_is_too_wild() {
    let deep = "$(".repeat(5_000);
    let wide = "sh ".repeat(100_000);
    assert!(!in_text(&wide, Text::Shell).unclear.is_empty());
    for text in ["'", "\"", "$(", "${", "`", "<<", "<<E", "\\", "$'", "a=", "sh -c", ">(", "python -m", &deep] {
        let _ = in_text(text, Text::Shell);
        let _ = in_text(text, Text::Code(Language::Python));
    }
    assert!(!in_text(&deep, Text::Shell).unclear.is_empty());
}
