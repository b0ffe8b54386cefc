//! Which files of a crate use each other in a circle: none but those that decision 0043 names.
//!
//! Files in a circle can only be read together. A value that both sides need goes into a file below them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::checkout;
use crate::modules::Modules;

/// The circles that may stay, each as the files it has. `docs/decisions/0043-no-circles-of-files.md` says why. A file
/// that leaves its circle leaves this table too.
const DECIDED: &[&[&str]] = &[];

/// Each circle that no decision names, and each that a decision names in vain, as a sentence.
pub fn faults(root: &Path) -> Result<Vec<String>, String> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let root = std::fs::canonicalize(root).map_err(|e| format!("cannot find {}: {e}", root.display()))?;
    let mut found = Vec::new();
    for start in starts(&checkout::metadata(&root)?)? {
        found.extend(circles(&Modules::read(&start, &read)?, &root));
    }
    Ok(compare(DECIDED, &found))
}

/// The first file of everything that is built and is no test.
fn starts(metadata: &Value) -> Result<BTreeSet<PathBuf>, String> {
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let targets = packages.iter().flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let built = targets.filter(|target| {
        let kinds = target["kind"].as_array().into_iter().flatten();
        !kinds.filter_map(Value::as_str).any(|kind| ["test", "custom-build"].contains(&kind))
    });
    let places = built.filter_map(|target| target["src_path"].as_str());
    // A crate may have a target outside of its folder.
    Ok(places.map(|place| std::fs::canonicalize(place).unwrap_or_else(|_| place.into())).collect())
}

/// A circle: its files, and what each uses of the others.
#[derive(Debug)]
struct Circle {
    files: BTreeSet<String>,
    arrows: Vec<String>,
}

/// The circles of a crate, their files named from `root` on.
fn circles(modules: &Modules, root: &Path) -> Vec<Circle> {
    let arrows = modules.arrows();
    let name = |module: usize| {
        let file = modules.file(module);
        file.strip_prefix(root).unwrap_or(file).display().to_string()
    };
    let reached: Vec<BTreeSet<usize>> = (0..modules.len()).map(|from| reach(&arrows, from)).collect();
    let mut found: Vec<Circle> = Vec::new();
    let mut counted = BTreeSet::new();
    for module in 0..modules.len() {
        if !reached[module].contains(&module) || !counted.insert(module) {
            continue;
        }
        let together: BTreeSet<usize> =
            reached[module].iter().copied().filter(|&other| reached[other].contains(&module)).collect();
        counted.extend(&together);
        let mut inside = Vec::new();
        for &from in &together {
            for (to, names) in arrows[from].iter().filter(|(to, _)| together.contains(to)) {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                inside.push(format!("{} uses {} of {}", name(from), names.join(", "), name(*to)));
            }
        }
        found.push(Circle { files: together.iter().map(|&module| name(module)).collect(), arrows: inside });
    }
    found
}

/// Everything that can be reached from a module; itself only over others.
fn reach(arrows: &[BTreeMap<usize, BTreeSet<String>>], from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut left = vec![from];
    while let Some(at) = left.pop() {
        left.extend(arrows[at].keys().copied().filter(|&next| reached.insert(next)));
    }
    reached
}

fn compare(decided: &[&[&str]], found: &[Circle]) -> Vec<String> {
    let decided: BTreeSet<BTreeSet<String>> =
        decided.iter().map(|files| files.iter().map(|&file| file.to_owned()).collect()).collect();
    let new = found.iter().filter(|circle| !decided.contains(&circle.files)).map(|circle| {
        format!(
            "{} files use each other in a circle; move what they share into a file of its own below them:\n  {}",
            circle.files.len(),
            circle.arrows.join("\n  ")
        )
    });
    let vain = decided.iter().filter(|files| !found.iter().any(|circle| circle.files == **files)).map(|files| {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        format!("xtask/src/circles.rs names a circle that is not there as it stands: {}", files.join(", "))
    });
    new.chain(vain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<Circle> {
        let read = |path: &Path| {
            let there = files.iter().find(|(name, _)| Path::new("/house").join(name) == path);
            there.map(|(_, text)| (*text).to_owned())
        };
        circles(&Modules::read(&Path::new("/house").join(files[0].0), &read).unwrap(), Path::new("/house"))
    }

    const PLANTED: &[(&str, &str)] = &[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "fn f() { crate::c::go() } pub struct B;"),
        ("c.rs", "use super::a::A; use crate::d::D; pub fn go() {}"),
        ("d.rs", "pub struct D;"),
    ];

    #[test]
    fn a_planted_circle_is_found_with_its_files_and_what_they_use() {
        let wrong = compare(&[], &found(PLANTED));
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].starts_with("3 files use each other"), "{}", wrong[0]);
        for arrow in ["a.rs uses B of b.rs", "b.rs uses go of c.rs", "c.rs uses A of a.rs"] {
            assert!(wrong[0].contains(arrow), "{}", wrong[0]);
        }
        assert!(!wrong[0].contains("d.rs"), "{}", wrong[0]);
    }

    #[test]
    fn a_circle_may_stay_only_as_it_was_decided() {
        assert_eq!(compare(&[&["a.rs", "b.rs", "c.rs"]], &found(PLANTED)), [""; 0]);
        let wrong = compare(&[&["a.rs", "b.rs", "c.rs", "d.rs"]], &found(PLANTED));
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong[1].contains("not there as it stands: a.rs, b.rs, c.rs, d.rs"), "{}", wrong[1]);
        assert!(compare(&[&["a.rs", "b.rs"]], &[])[0].contains("not there as it stands"));
    }

    #[test]
    fn two_circles_are_two() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "use crate::a::A; use crate::c::C;"),
            ("c.rs", "use crate::d::D;"),
            ("d.rs", "use crate::c::C;"),
        ];
        assert_eq!(found(&files).len(), 2);
    }
}
