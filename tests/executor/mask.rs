//! Masking a stream in pieces is masking it whole.

use proptest::prelude::*;
use spore::executor::Mask;

use super::ground::secret;

/// Covers `values` in `text` the slow and obvious way: every place under any occurrence is covered, and each stretch of
/// overlapping occurrences becomes three stars.
fn plainly(text: &str, values: &[String]) -> String {
    let mut found: Vec<(usize, usize)> = values
        .iter()
        .flat_map(|value| {
            (0..text.len()).filter(move |at| text[*at..].starts_with(value)).map(|at| (at, at + value.len()))
        })
        .collect();
    found.sort_unstable();
    let (mut masked, mut done) = (String::new(), 0);
    for (start, end) in found {
        if start >= done {
            masked.push_str(&text[done..start]);
            masked.push_str("***");
        }
        done = done.max(end);
    }
    masked.push_str(&text[done..]);
    masked
}

proptest! {
    // A failure prints the smallest input that fails; the file that would keep it is not wanted among the tests.
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_do_not_matter(
        values in prop::collection::vec("[ab]{3,9}", 1..4),
        text in "[abx ]{0,120}",
        cuts in prop::collection::vec(1..12_usize, 1..40),
    ) {
        let secrets: Vec<_> = values.iter().map(|value| secret(value)).collect();
        let mask = Mask::new(&secrets);
        let mut stream = mask.stream();
        let (mut masked, mut rest) = (Vec::new(), text.as_bytes());
        for cut in cuts.iter().cycle() {
            let (piece, later) = rest.split_at((*cut).min(rest.len()));
            stream.push(piece, &mut masked);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        stream.finish(&mut masked);
        let masked = String::from_utf8(masked).expect("text");
        let at_once = mask.text(&text);
        prop_assert_eq!(masked.as_str(), at_once.as_ref());
        // Encoded forms cannot occur in such a text: they hold other letters, or are the value itself.
        prop_assert_eq!(masked, plainly(&text, &values));
    }

    #[test]
    fn no_form_of_a_secret_survives(
        value in "[ -~äß€\n]{8,200}",
        before in "[a-z]{0,5}",
        after in "[a-z]{0,5}",
        cut in 1..50_usize,
    ) {
        use base64::Engine as _;
        let whole = format!("{before}{value}{after}");
        let mask = Mask::new(&[secret(&value)]);
        let forms = [
            whole.clone(),
            serde_json::to_string(&whole).expect("JSON"),
            base64::engine::general_purpose::STANDARD.encode(&whole),
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&whole),
            percent_encoding::utf8_percent_encode(&whole, percent_encoding::NON_ALPHANUMERIC).to_string(),
        ];
        for (index, form) in forms.iter().enumerate() {
            let mut stream = mask.stream();
            let mut masked = Vec::new();
            form.as_bytes().chunks(cut).for_each(|piece| stream.push(piece, &mut masked));
            stream.finish(&mut masked);
            let masked = String::from_utf8(masked).expect("text");
            // `NON_ALPHANUMERIC` encodes more than any encoder in use; only its unreserved characters may differ.
            if index < 4 || value.bytes().all(|byte| !b"-_.~".contains(&byte)) {
                prop_assert!(masked.contains("***"), "{masked}");
                prop_assert!(masked.len() <= before.len() * 2 + after.len() * 2 + 3 + 14, "{masked}");
            }
        }
    }
}
