//! Whether a hot loop needs more instructions than it did: counted by callgrind, compared with a committed table.
//!
//! Instructions do not depend on what else the machine does, so this fails where a timer would shrug. They do depend
//! on the compiler, on zstd and on what the processor offers (callgrind knows no AVX-512: it counts the AVX2 path); the
//! table says with which it was made, and with others a difference is told, not failed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::checkout::{cargo, metadata, must};
use crate::test::{Needed, programs};

const VALGRIND: Needed = (&["valgrind", "--version"], "valgrind");
const TABLE: &str = "benches/counts.toml";
/// So much more, in percent, is a failure.
const TOLERANCE: f64 = 5.0;

/// What a table says.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    /// Versions, by name.
    made_with: BTreeMap<String, String>,
    /// Instructions a unit, by loop.
    loops: BTreeMap<String, f64>,
}

/// `cargo xtask counts [--write]`.
pub fn run(root: &Path, arguments: &[String]) -> Result<(), String> {
    let write = match arguments {
        [] => false,
        [word] if word == "--write" => true,
        _ => return Err("the only option is --write, which renews benches/counts.toml".into()),
    };
    programs(&[VALGRIND])?;
    let mut build = Command::new(cargo());
    build.args(["build", "--quiet", "--profile", "counts", "--package", "dr-repo", "--features", "bench"]);
    must(build.args(["--bin", "counts"]).current_dir(root))?;
    let metadata = metadata(root)?;
    let target = PathBuf::from(metadata["target_directory"].as_str().ok_or("cargo names no target directory")?);
    let now = count(&target)?;
    let table = root.join(TABLE);
    if write {
        std::fs::write(&table, shown(&now)).map_err(|e| format!("cannot write {TABLE}: {e}"))?;
        println!("counts: wrote {TABLE}");
        return Ok(());
    }
    let text = std::fs::read_to_string(&table).map_err(|e| format!("cannot read {TABLE}: {e}"))?;
    let before = parsed(&text)?;
    for (name, count) in &now.loops {
        let was = before.loops.get(name).map_or("new".to_owned(), |was| format!("was {was:.3}"));
        println!("  {name:45} {count:>12.3}  {was}");
    }
    let others = differing(&before, &now);
    if !others.is_empty() {
        println!("counts: warning: {TABLE} was made with other versions: {}", others.join("; "));
    }
    let more = compared(&before, &now);
    if more.is_empty() {
        println!("counts: {} loops need no more instructions than {TABLE} says", now.loops.len());
        return Ok(());
    }
    let why = format!(
        "{}\nFind out why (callgrind_annotate target/counts/out.N shows the lines of loop N, in the order above), and \
         take it back, or renew the table with `cargo xtask counts --write` and say in the commit what it buys.",
        more.join("\n")
    );
    if others.is_empty() {
        return Err(why);
    }
    println!("counts: warning, not a failure, because of the other versions: {why}");
    Ok(())
}

/// Runs every loop under callgrind.
fn count(target: &Path) -> Result<Counts, String> {
    let folder = target.join("counts");
    let _ = std::fs::remove_dir_all(folder.join("out"));
    let out = folder.join("out");
    std::fs::create_dir_all(&out).map_err(|e| format!("cannot make {}: {e}", out.display()))?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet", "--collect-atstart=no"]);
    // Two patterns for one function: of one pattern callgrind heeds only one option.
    valgrind.args(["--toggle-collect=*counted_loop", "--dump-after=*::counted_loop"]);
    valgrind.arg(format!("--callgrind-out-file={}", out.join("loop").display())).arg(folder.join("counts"));
    let output = valgrind.output().map_err(|e| format!("valgrind: {e}"))?;
    if !output.status.success() {
        return Err(format!("valgrind ended with {}:\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    let mut counts = Counts::default();
    counts.made_with.insert("rustc".into(), version("rustc", "--version"));
    counts.made_with.insert("valgrind".into(), version("valgrind", "--version"));
    let (mut number, mut offers) = (0, Vec::new());
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        match line.split('\t').collect::<Vec<_>>()[..] {
            ["zstd", version] => drop(counts.made_with.insert("zstd".into(), version.to_owned())),
            ["processor", offer] => offers.push(offer.to_owned()),
            ["loop", name, units, unit] => {
                number += 1;
                let units: f64 = units.parse().map_err(|_| format!("{name}: {units} is not a number"))?;
                let file = out.join(format!("loop.{number}"));
                let text = std::fs::read_to_string(&file).map_err(|e| format!("{name}, {}: {e}", file.display()))?;
                let total = total(&text).ok_or_else(|| format!("{name}: nothing was counted"))?;
                counts.loops.insert(format!("{name}, per {unit}"), total / units);
            }
            _ => {}
        }
    }
    counts.made_with.insert("processor".into(), offers.join(" "));
    if counts.loops.is_empty() { Err("no loop was counted".into()) } else { Ok(counts) }
}

/// What a dump of callgrind counted in all; none if that was nothing.
fn total(dump: &str) -> Option<f64> {
    let line = dump.lines().find_map(|line| line.strip_prefix("totals:").or_else(|| line.strip_prefix("summary:")))?;
    line.trim().parse().ok().filter(|total| *total > 0.0)
}

fn version(program: &str, word: &str) -> String {
    let output = Command::new(program).arg(word).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    // The name and the number; what follows is where a distribution had it from.
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

fn differing(before: &Counts, now: &Counts) -> Vec<String> {
    let differs = |(name, now): (&String, &String)| {
        let before = before.made_with.get(name).map_or("unknown", String::as_str);
        (before != now).then(|| format!("{name} {before}, here {now}"))
    };
    now.made_with.iter().filter_map(differs).collect()
}

/// What is wrong, a sentence for each loop.
fn compared(before: &Counts, now: &Counts) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, was) in &before.loops {
        match now.loops.get(name) {
            None => wrong.push(format!("{name}: {TABLE} has it, and it is not counted any more")),
            Some(now) if *now > was * (1.0 + TOLERANCE / 100.0) => {
                let percent = (now / was - 1.0) * 100.0;
                wrong.push(format!("{name}: {now:.3} instructions where {was:.3} were enough, {percent:.1} % more"));
            }
            Some(_) => {}
        }
    }
    for name in now.loops.keys().filter(|name| !before.loops.contains_key(*name)) {
        wrong.push(format!("{name}: it is not in {TABLE} yet"));
    }
    wrong
}

fn shown(counts: &Counts) -> String {
    let mut out = String::from(
        "# Instructions that each hot loop takes, counted by callgrind on made data. `cargo xtask counts` compares and\n\
         # fails at 5 % more; `cargo xtask counts --write` renews this file. A commit that does says what was bought.\n\n\
         [made-with]\n",
    );
    for (name, version) in &counts.made_with {
        let _ = writeln!(out, "{name} = \"{version}\"");
    }
    out.push_str("\n[instructions]\n");
    for (name, count) in &counts.loops {
        let _ = writeln!(out, "\"{name}\" = {count:.3}");
    }
    out
}

/// The lines that [`shown`] writes; nothing else of TOML.
fn parsed(text: &str) -> Result<Counts, String> {
    let mut counts = Counts::default();
    let mut section = "";
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
            continue;
        }
        let wrong = || format!("{TABLE}: `{line}` is not what `--write` writes");
        let (name, value) = line.split_once(" = ").ok_or_else(wrong)?;
        let name = name.trim_matches('"').to_owned();
        if section == "instructions" {
            counts.loops.insert(name, value.parse().map_err(|_| wrong())?);
        } else {
            counts.made_with.insert(name, value.trim_matches('"').to_owned());
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(loops: &[(&str, f64)], rustc: &str) -> Counts {
        Counts {
            made_with: BTreeMap::from([("rustc".to_owned(), rustc.to_owned())]),
            loops: loops.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
        }
    }

    #[test]
    fn five_percent_more_is_named_and_less_is_welcome() {
        let before = counts(&[("cut, per byte", 1.0), ("seal, per byte", 2.0), ("gone, per byte", 1.0)], "rustc 1");
        let now = counts(&[("cut, per byte", 1.051), ("seal, per byte", 1.0), ("new, per byte", 9.0)], "rustc 1");
        let wrong = compared(&before, &now);
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        assert!(wrong.iter().any(|line| line.starts_with("cut, per byte: 1.051") && line.contains("5.1 % more")));
        assert!(compared(&before, &before).is_empty());
    }

    #[test]
    fn a_table_reads_back_as_it_was_written_and_tells_other_versions() {
        let counts = counts(&[("cut, standard, per byte", 1.25), ("fold a log, per commit", 8_000.5)], "rustc 1.95.0");
        assert_eq!(parsed(&shown(&counts)).as_ref(), Ok(&counts));
        assert!(parsed("[instructions]\nnonsense\n").is_err());
        let other =
            Counts { made_with: BTreeMap::from([("rustc".to_owned(), "rustc 2".to_owned())]), ..Counts::default() };
        assert_eq!(differing(&counts, &other), ["rustc rustc 1.95.0, here rustc 2"]);
    }

    #[test]
    fn an_empty_dump_counts_as_nothing_counted() {
        assert_eq!(total("version: 1\ntotals: 1234\n"), Some(1234.0));
        assert_eq!(total("version: 1\ntotals: 0\n"), None);
        assert_eq!(total("version: 1\n"), None);
    }
}
