//! The script around a command that declares artifacts.

use super::pattern::expression;

/// Bytes of one file that is sent along.
const FILE_BYTES_MAX: u32 = 256 << 10;
/// Bytes of all files that are sent along.
const FILES_BYTES_MAX: u32 = 1 << 20;

/// Runs the command and hands signals on to it; then prints, after the marker in `$1`, the files that match an expression of
/// `$2` (one on each line), and ends as the command did. POSIX `sh`, with what every small image has.
const SCRIPT: &str = r#"marker=$1; expressions=$2; shift 2
asked=
trap 'asked=1; kill -TERM "$child" 2>/dev/null' TERM INT HUP
"$@" & child=$!
wait "$child"; code=$?
while [ -n "$asked" ]; do
  asked=
  wait "$child"; again=$?
  [ "$again" = 127 ] || code=$again
done
LIST
exit "$code"
"#;

/// Prints, after the marker in `$marker`, the files below the folder that match one of `$expressions`.
const LIST: &str = r#"printf '%s begin\n' "$marker"
left=FILES_BYTES_MAX
find . -type f ! -path '*/.git/*' ! -path '*/.spore/*' 2>/dev/null | sed 's|^\./||' |
  LC_ALL=C grep -xE -e "$expressions" | LC_ALL=C sort | while IFS= read -r file; do
  size=$(wc -c <"$file" 2>/dev/null | tr -d ' ') || continue
  digest=$(sha256sum <"$file" 2>/dev/null | cut -c1-64)
  [ "${#digest}" = 64 ] || { printf '%s unread %s\n' "$marker" "$file"; continue; }
  if [ "$size" -le FILE_BYTES_MAX ] && [ "$size" -le "$left" ] && command -v base64 >/dev/null; then
    left=$((left - size))
    printf '%s sent %s %s %s\n' "$marker" "$size" "$digest" "$file"
    base64 <"$file"
  else
    printf '%s kept %s %s %s\n' "$marker" "$size" "$digest" "$file"
  fi
done
printf '%s end\n' "$marker""#;

/// The command, wrapped. `words` are as a container takes them.
pub(in crate::executor::gke) fn wrap(marker: &str, patterns: &[String], words: Vec<String>) -> Vec<String> {
    let script = SCRIPT.replace("LIST", &list());
    let expressions = expressions(patterns);
    // Kubernetes looks for `$(NAME)` in here as well.
    let own = ["sh", "-c", &script, "spore", marker, &expressions].map(|word| word.replace('$', "$$"));
    own.into_iter().chain(words).collect()
}

/// The part of it that lists files: it wants `$marker` and `$expressions`.
pub(in crate::executor::gke) fn list() -> String {
    LIST.replace("FILES_BYTES_MAX", &FILES_BYTES_MAX.to_string()).replace("FILE_BYTES_MAX", &FILE_BYTES_MAX.to_string())
}

/// Patterns as one text of expressions.
pub(in crate::executor::gke) fn expressions(patterns: &[String]) -> String {
    let expressions: Vec<String> = patterns.iter().filter_map(|pattern| expression(pattern)).collect();
    expressions.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::Trailer;
    use super::*;
    use crate::os::process::ask;

    #[test]
    fn the_shell_finds_what_the_patterns_mean() {
        let folder = tempfile::tempdir().expect("a folder");
        let make = r"mkdir -p out/deep .git; echo a >out/a.csv; echo b >out/b.txt; echo c >out/deep/c.csv; echo x >.git/x
            head -c 300000 /dev/zero >big; printf 'no line end'; exit 3";
        let patterns = ["out/*.csv", "big", "**/c.*", "none", ".git/**"].map(str::to_owned);
        let words = wrap("MARK", &patterns, vec!["sh".into(), "-c".into(), make.into()]);
        let words: Vec<String> = words.iter().map(|word| word.replace("$$", "$")).collect();
        let arguments: Vec<&std::ffi::OsStr> = words[1..].iter().map(AsRef::as_ref).collect();
        let limit = std::time::Duration::from_mins(1);
        let said = ask(&words[0], &arguments, folder.path(), |_| true, &[], limit).expect("started").out;
        let mut trailer = Trailer::new("MARK");
        let mut shown = Vec::new();
        trailer.push(said.as_bytes(), &mut shown);
        trailer.finish(&mut shown);
        assert_eq!(String::from_utf8_lossy(&shown), "no line end");
        let found = trailer.into_found().expect("whole");
        let names: Vec<&str> = found.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(names, ["big", "out/a.csv", "out/deep/c.csv"]);
        assert_eq!(found[1].content.as_deref(), Some(&b"a\n"[..]));
        assert_eq!((found[0].size_bytes, &found[0].content), (300_000, &None));
        assert_eq!(found[1].digest, Some(crate::model::Digest::of(b"a\n")));
    }
}
