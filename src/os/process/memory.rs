//! How much memory processes take.

use std::collections::HashMap;

/// Field 24 of `/proc/<pid>/stat`, counted from the first behind the name, which is the third.
const RESIDENT: usize = 21;

/// The bytes of memory that the processes of each group take now, by the number of the group; empty where there is no
/// `/proc`. What several processes share counts for each. It reads every process of the machine.
#[must_use]
pub fn group_bytes() -> HashMap<i32, u64> {
    let page = rustix::param::page_size() as u64;
    let mut groups = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) else { continue };
        let Ok(stat) = std::fs::read(format!("/proc/{pid}/stat")) else { continue };
        if let Some((group, pages)) = group_and_pages(&String::from_utf8_lossy(&stat)) {
            *groups.entry(group).or_default() += pages * page;
        }
    }
    groups
}

/// Reads `pid (name) state ppid pgrp …`; the name may hold spaces and parentheses.
fn group_and_pages(stat: &str) -> Option<(i32, u64)> {
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().collect();
    Some((fields.get(2)?.parse().ok()?, fields.get(RESIDENT)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_this_process_is_counted() {
        let line = "7 (a) b (c)) S 1 42 43 0 -1 4194304 100 0 0 0 0 0 0 0 20 0 1 0 1490175 3133440 77 18446";
        assert_eq!(group_and_pages(line), Some((42, 77)));
        let own = rustix::process::getpgid(None).expect("a group").as_raw_nonzero().get();
        assert!(group_bytes().get(&own).is_some_and(|bytes| *bytes > 1 << 20));
    }
}
