//! What an instance is told to execute, in POSIX `sh` with what every small image has: `mkdir`, `mv`, `cat`, `dd`, `head`,
//! `wc`, `date`, `sleep`.
//!
//! ```text
//! /spore/attempts/NAME      made first: who makes it, starts the attempt; everybody else finds it
//!                   /it/    run, start, script   what is executed; `start` is gone once it was read
//!                           out, err             what the command prints
//!                           began, above, pid    when it began, the shell above it, and itself
//!                           reader               which engine reads
//!                           output               `$SPORE_OUTPUT`
//!                           unstarted            why there was nothing to execute
//!                           exit                 the command's code; renamed into place when all else is there
//! ```
//!
//! A command is in a session of its own, below a shell that is in one of its own: so it lives on when whoever started it is
//! cut off, can be ended together with what it has started, and the shell tells its end whatever ends it. What holds secrets
//! comes over the standard input, which no list of processes shows.

use super::super::manifest::{Plain, SCRIPT};

/// Starts an attempt unless it was started before, and prints what it prints, from where the reader has left off, until it
/// is over and all is printed. Its first line says when the attempt began, and what time it is.
///
/// `FOLDER READER start|find RUN_BYTES START_BYTES SCRIPT_BYTES OUT ERR WORKDIR ROOT`
pub(super) const FOLLOW: &str = r#"exec 5>&2 2>/dev/null
d=$1 me=$2 mode=$3 o=$7 e=$8
pause() { sleep "$1" || sleep 1; }
skip() { dd bs=65536 count=$(($1 / 65536)); dd bs=1 count=$(($1 % 65536)); } >/dev/null
if [ "$mode" = start ] && [ ! -d "$d" ]; then
  t=$d.$me
  ( umask 077
    mkdir "$t" && head -c "$4" >"$t/run" && head -c "$5" >"$t/start" && head -c "$6" >"$t/script" &&
    : >"$t/out" && : >"$t/err" && chmod 700 "$t/script" &&
    [ "$(cat "$t/run" "$t/start" "$t/script" | wc -c)" -eq "$(($4 + $5 + $6))" ] ) || { rm -rf "$t"; exit 5; }
  $(command -v setsid) sh "$t/run" "$d" "$t" "$9" "${10}" </dev/null >/dev/null 2>&1 5>&- &
fi
k=0
while [ ! -e "$d/it/pid" ]; do
  [ -d "$d" ] || [ "$mode" = start ] || exit 4
  k=$((k + 1)); [ "$k" -lt 1000 ] || exit 5
  pause 0.01
done
echo "$me" >"$d/it/reader" || me=
exec 3<"$d/it/out" 4<"$d/it/err" || exit 5
skip "$o" <&3; skip "$e" <&4
read -r began <"$d/it/began"
read -r above <"$d/it/above"
echo "$began $(date +%s)"
k=0
while :; do
  over=; kill -0 "$above" || over=7
  [ ! -e "$d/it/exit" ] || over=0
  cat <&3 || exit 6
  cat <&4 >&5 || exit 6
  [ -z "$over" ] || exit "$over"
  read -r reader <"$d/it/reader"; [ -z "$me" ] || [ "$reader" = "$me" ] || exit 6
  k=$((k + 1))
  if [ "$k" -lt 20 ]; then pause 0.02; elif [ "$k" -lt 200 ]; then pause 0.1; else pause 0.5; fi
done
"#;

/// What [`FOLLOW`] exits with when there is no such attempt, and it was not to be started.
pub(super) const ABSENT: i32 = 4;
/// What it exits with when the attempt could not be put into the instance.
pub(super) const REFUSED: i32 = 5;
/// What it exits with when nothing will tell how the command ends, because the shell above it is gone.
pub(super) const ORPHANED: i32 = 7;

/// The shell above the command. `FOLDER PREPARED WORKDIR ROOT`
pub(super) const RUN: &str = r#"mkdir "$1" || { rm -rf "$2"; exit; }
mv "$2" "$1/it" && cd "$1/it" || exit
date +%s >began
echo "$$" >above
$(command -v setsid) sh "$1/it/start" "$1/it" "$3" "$4" </dev/null >out 2>err &
pid=$!
echo "$pid" >pid.new; mv pid.new pid
wait "$pid"; code=$?
kill -KILL "-$pid" 2>/dev/null
echo "$code" >exit.new; mv exit.new exit
"#;

/// What [`start`] begins with.
const PREPARE: &str = r#"rm -f "$1/start" "$1/run"
spore_it=$1
mkdir -p "$2" 2>/dev/null; cd "$2" 2>/dev/null || { echo folder >"$1/unstarted"; exit 126; }
export SPORE_ROOT="$3" SPORE_OUTPUT="$1/output"
"#;

/// What it ends with: looks whether there is such a program, which the command's own end could not tell, and becomes it.
const BECOME: &str = r#"( IFS=:; set -f
  found=absent
  case $1 in
  */*) [ ! -f "$1" ] || found=forbidden; [ ! -f "$1" ] || [ ! -x "$1" ] || exit 0 ;;
  *) for place in $PATH; do
      [ -f "${place:-.}/$1" ] || continue
      [ ! -x "${place:-.}/$1" ] || exit 0
      found=forbidden
    done ;;
  esac
  echo "$found" >"$spore_it/unstarted"; exit 1
) || exit 127
exec "$@"
"#;

/// Signals a command and what it has started. `FOLDER SIGNAL`
pub(super) const KILL: &str = r#"exec 2>/dev/null
k=0
while [ ! -e "$1/it/pid" ]; do
  [ -d "$1" ] || exit 4
  k=$((k + 1)); [ "$k" -lt 100 ] || exit 5
  sleep 0.05 || sleep 1
done
[ ! -e "$1/it/exit" ] || exit 0
read -r pid <"$1/it/pid"
kill -"$2" "-$pid" || kill -"$2" "$pid"
exit 0
"#;

/// Prints how a command ended: `CODE WHY OUT ERR KIND SIZE` on a line, then `$SPORE_OUTPUT`, then the list of artifacts.
/// `FOLDER OUTPUT_BYTES_MAX WORKDIR MARKER EXPRESSIONS`
const COLLECT: &str = r#"exec 2>/dev/null
it=$1/it marker=$4 expressions=$5
[ -e "$it/exit" ] || exit 4
read -r code <"$it/exit"
why=-; [ ! -e "$it/unstarted" ] || read -r why <"$it/unstarted"
kind=none size=0
if [ -h "$it/output" ]; then kind=odd
elif [ -f "$it/output" ]; then kind=plain size=$(($(wc -c <"$it/output"))); [ "$size" -le "$2" ] || kind=large
elif [ -e "$it/output" ]; then kind=odd
fi
echo "$code $why $(($(wc -c <"$it/out"))) $(($(wc -c <"$it/err"))) $kind $size"
[ "$kind" != plain ] || head -c "$size" "$it/output"
[ -n "$marker" ] && cd "$3" || exit 0
"#;

/// Forgets what a command has left, but not that it was there. `FOLDER`
pub(super) const FORGET: &str = r#"rm -rf "$1/it""#;

/// [`COLLECT`], with the list.
pub(super) fn collect(list: &str) -> String {
    format!("{COLLECT}{list}\nexit 0\n")
}

/// The script that becomes the command. `IT WORKDIR ROOT`
///
/// # Errors
/// The reason, as a sentence for people, where a shell cannot set what is to be set.
pub(super) fn start(env: &[(String, String)], command: &Plain) -> Result<String, String> {
    let mut text = PREPARE.to_owned();
    for (name, value) in env {
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            return Err(format!(
                "`{}` cannot name an environment variable in an instance, where a shell sets it; use letters, digits and `_`",
                name.escape_debug()
            ));
        }
        if value.contains('\0') {
            return Err(format!("the environment variable `{name}` holds a NUL character"));
        }
        text.extend(["export ", name, "=", &quoted(value), "\n"]);
    }
    text.push_str("set --");
    for word in &command.words {
        text.push(' ');
        if command.script.is_some() && word == SCRIPT {
            text.push_str("\"$spore_it/script\"");
        } else {
            text.push_str(&quoted(word));
        }
    }
    text.push('\n');
    text.push_str(BECOME);
    Ok(text)
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
