//! Kills a real process at a chosen call through `tests/support/crash_shim.c` and recovers.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use merkat_journal::{Identity, Journal, Options};

/// The shim and the example, or the reason why there is none.
fn prepare(folder: &Path) -> Result<(PathBuf, PathBuf), String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/support/crash_shim.c");
    let shim = folder.join("crash_shim.so");
    let compiled = Command::new("cc")
        .args([
            "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o",
        ])
        .args([&shim, &source])
        .arg("-ldl")
        .output()
        .map_err(|error| format!("no C compiler: {error}"))?;
    let errors = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success(), "the shim compiles: {errors}");
    let test = std::env::current_exe().map_err(|error| error.to_string())?;
    let example = test
        .ancestors()
        .nth(2)
        .expect("target/release")
        .join("examples/journal_rate");
    if !example.exists() {
        return Err(format!("{} was not built", example.display()));
    }
    Ok((shim, example))
}

/// Runs the example for 400 records in batches of 4.
fn run(shim: &Path, example: &Path, directory: &Path, plan: &str) -> Output {
    Command::new(example)
        .arg(directory)
        .args(["60", "4", "600", "400"])
        .env("LD_PRELOAD", shim)
        .env("MERKAT_CRASH", plan)
        .env("MERKAT_CRASH_DIR", directory)
        .output()
        .expect("the example starts")
}

fn last_durable(stderr: &str) -> u64 {
    let mut lines = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("durable "));
    lines
        .next_back()
        .map_or(0, |number| number.parse().expect("a number"))
}

#[test]
fn a_process_killed_at_a_call_loses_nothing_acknowledged() {
    let folder = std::env::temp_dir().join(format!("merkat-crash-shim-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("makes a folder");
    let (shim, example) = match prepare(&folder) {
        Ok(prepared) => prepared,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    // Plan, durable records that it told, records that are there afterwards.
    let plans = [
        ("write:100", 96, 96),
        ("write:100:after", 96, 100),
        ("write:100:torn", 96, 96),
        ("sync:100:before", 96, 100),
        ("sync:100:after", 96, 100),
        ("rename:0:before", 0, 0),
        ("rename:0:after", 0, 0),
    ];
    for (plan, told, found) in plans {
        let directory = folder.join(plan.replace(':', "-"));
        let output = run(&shim, &example, &directory, plan);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(
            output.status.signal(),
            Some(9),
            "{plan}: was not killed: {stderr}"
        );
        assert!(
            stderr.contains("crash_shim: killed"),
            "{plan}: says where it died: {stderr}"
        );
        assert_eq!(
            last_durable(&stderr),
            told,
            "{plan}: acknowledged before it died"
        );
        let identity = Identity {
            venue_salt: [7; 32],
        };
        let (journal, recovery) =
            Journal::open(&directory, identity, Options::default()).expect("recovers");
        assert_eq!(recovery.log_number, found, "{plan}: records after recovery");
        assert_eq!(
            recovery.torn_tail.is_some(),
            plan.ends_with("torn"),
            "{plan}: torn tail"
        );
        assert_eq!(
            journal.read(1).filter(Result::is_ok).count() as u64,
            found,
            "{plan}"
        );
    }
    // A log number that is never reached kills nobody; a plan that is none is refused.
    for (plan, code) in [("write:100000", 0), ("truncate:1", 0), ("explode:1", 2)] {
        let output = run(&shim, &example, &folder.join(plan.replace(':', "-")), plan);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{plan}: {stderr}");
    }
    fs::remove_dir_all(&folder).expect("removes the folder");
}
