//! Speed and memory, as ratios against a floor measured in the same run: `cargo bench -- [NAME]`.

mod durability;
mod make;
mod markdown;
mod plan;
mod recovery;
mod watch;
mod yaml;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let benches: [(&str, fn()); 7] = [
        ("markdown", markdown::run),
        ("yaml", yaml::run),
        ("plan", plan::run),
        ("make", make::run),
        ("durability", durability::run),
        ("recovery", recovery::run),
        ("watch", watch::run),
    ];
    for (name, bench) in benches {
        if wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str())) {
            bench();
        }
    }
}
