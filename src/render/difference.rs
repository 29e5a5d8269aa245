//! What has changed in a text, line by line: lines that went with `-`, lines that came with `+`, some that stayed around
//! them.

/// Lines that stay, shown around those that do not.
const AROUND: usize = 3;
/// Pairs of lines that are compared; beyond that, all of the differing part counts as changed.
const PAIRS_MAX: usize = 4_000_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
    Comes,
}

/// The difference between two texts; empty when there is none.
#[must_use]
pub fn difference(old: &str, new: &str) -> String {
    let lines = compared(&old.lines().collect::<Vec<_>>(), &new.lines().collect::<Vec<_>>());
    let is_near = |at: usize| {
        let around = at.saturating_sub(AROUND)..(at + AROUND + 1).min(lines.len());
        lines[around].iter().any(|(fate, _)| *fate != Fate::Stays)
    };
    let mut text = String::new();
    let mut skipped = false;
    for (at, (fate, line)) in lines.iter().enumerate() {
        if !is_near(at) {
            skipped = true;
            continue;
        }
        if std::mem::take(&mut skipped) {
            text.push_str("@\n");
        }
        text.push(match fate {
            Fate::Stays => ' ',
            Fate::Goes => '-',
            Fate::Comes => '+',
        });
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// By the longest common subsequence of what lies between the common beginning and the common end.
fn compared<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(Fate, &'a str)> {
    let begin = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let rest = (&old[begin..], &new[begin..]);
    let end = rest.0.iter().rev().zip(rest.1.iter().rev()).take_while(|(one, other)| one == other).count();
    let (gone, come) = (&rest.0[..rest.0.len() - end], &rest.1[..rest.1.len() - end]);
    let mut lines: Vec<_> = old[..begin].iter().map(|line| (Fate::Stays, *line)).collect();
    if gone.len().saturating_mul(come.len()) > PAIRS_MAX {
        lines.extend(gone.iter().map(|line| (Fate::Goes, *line)));
        lines.extend(come.iter().map(|line| (Fate::Comes, *line)));
    } else {
        lines.extend(aligned(gone, come));
    }
    lines.extend(old[old.len() - end..].iter().map(|line| (Fate::Stays, *line)));
    lines
}

fn aligned<'a>(gone: &[&'a str], come: &[&'a str]) -> Vec<(Fate, &'a str)> {
    let width = come.len() + 1;
    let mut common = vec![0_u32; (gone.len() + 1) * width];
    for one in (0..gone.len()).rev() {
        for other in (0..come.len()).rev() {
            common[one * width + other] = if gone[one] == come[other] {
                common[(one + 1) * width + other + 1] + 1
            } else {
                common[(one + 1) * width + other].max(common[one * width + other + 1])
            };
        }
    }
    let (mut one, mut other, mut lines) = (0, 0, Vec::new());
    while one < gone.len() || other < come.len() {
        let both = one < gone.len() && other < come.len();
        if both && gone[one] == come[other] {
            lines.push((Fate::Stays, gone[one]));
            (one, other) = (one + 1, other + 1);
        } else if one < gone.len() && (!both || common[(one + 1) * width + other] >= common[one * width + other + 1]) {
            lines.push((Fate::Goes, gone[one]));
            one += 1;
        } else {
            lines.push((Fate::Comes, come[other]));
            other += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_stays_and_what_is_far_is_left_out() {
        assert_eq!(difference("a\nb\nc\n", "a\nx\nc\ny\n"), " a\n-b\n+x\n c\n+y\n");
        assert_eq!(difference("a\n", "a\n"), "");
        assert_eq!(difference("", "a\n"), "+a\n");
        let long: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        let text = difference(&long.join("\n"), &long.join("\n").replace("10", "ten"));
        assert_eq!(text, "@\n 7\n 8\n 9\n-10\n+ten\n 11\n 12\n 13\n");
    }

    #[test]
    fn what_is_too_much_is_all_new() {
        let text =
            |word: &str| (0..3_000).map(|number| word.to_owned() + &number.to_string()).collect::<Vec<_>>().join("\n");
        let shown = difference(&text("a"), &text("b"));
        assert_eq!(shown.lines().count(), 6_000);
    }

    #[test]
    fn both_sides_come_back() {
        for (old, new) in [("a\nb\nc\nd\n", "b\nd\na\n"), ("x\n", ""), ("a\na\nb\n", "a\nb\nb\n")] {
            let lines = compared(&old.lines().collect::<Vec<_>>(), &new.lines().collect::<Vec<_>>());
            let side = |other: Fate| {
                let kept = lines.iter().filter(|(fate, _)| *fate != other).map(|(_, line)| *line);
                kept.collect::<Vec<_>>()
            };
            let both = (old.lines().collect::<Vec<_>>(), new.lines().collect::<Vec<_>>());
            assert_eq!((side(Fate::Comes), side(Fate::Goes)), both);
        }
    }
}
