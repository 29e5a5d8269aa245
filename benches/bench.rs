//! Speed and memory, as ratios against a floor measured in the same run: `cargo bench -- [NAME]`.

mod begin;
mod drop;
mod durability;
#[cfg(feature = "gke")]
mod gke;
mod make;
mod markdown;
#[cfg(feature = "sim")]
mod packing;
mod plan;
mod recovery;
mod watch;
mod yaml;

fn main() -> std::process::ExitCode {
    // The runs of this process have their supervisors from its own program.
    if std::env::args_os().nth(1).is_some_and(|word| word == spore::executor::terminal::SUBCOMMAND) {
        return spore::cli::main();
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let benches: [(&str, fn()); 11] = [
        ("markdown", markdown::run),
        ("yaml", yaml::run),
        ("plan", plan::run),
        ("make", make::run),
        ("durability", durability::run),
        ("recovery", recovery::run),
        ("watch", watch::run),
        ("begin", begin::run),
        ("drop-one", drop::one),
        ("drop-many", drop::many),
        ("drop-none", drop::none),
    ];
    // What a feature brings is measured where it is there.
    let benches = benches.into_iter().chain([
        #[cfg(feature = "gke")]
        ("gke", gke::run as fn()),
        #[cfg(feature = "sim")]
        ("packing", packing::run as fn()),
    ]);
    for (name, bench) in benches {
        if wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str())) {
            bench();
        }
    }
    std::process::ExitCode::SUCCESS
}
