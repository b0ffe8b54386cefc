//! Putting back over what stands there: whose it is, through which links, and what is not removed.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;

use dr_entry::{Destination as _, EntryPath, Meta, NotSet, Owner, Part};
use dr_source::SourceError;
use dr_source::files::{Conflict, FsRestorer, Owners, RestoreMode, Spare, TreeReader, file_of_plan};

use crate::{ours, path, scratch};

const KEEP: RestoreMode = RestoreMode { in_place: Some(Conflict::Keep), owners: Owners::ByName };

#[test]
fn a_link_that_others_may_have_laid_is_not_followed_and_ones_own_is() {
    let place = scratch();
    let at = |name: &str| place.path().join(name);
    fs::create_dir_all(at("data/shares")).unwrap();
    fs::create_dir(at("open")).unwrap();
    symlink("data", at("srv")).unwrap();
    symlink(at("data/shares"), at("open/shares")).unwrap();
    symlink("data/shares", at("folder")).unwrap();
    let refused = |root: &Path| matches!(FsRestorer::of_plan(root, KEEP, true), Err(SourceError::Link { .. }));
    // Above it, where nobody else can write.
    FsRestorer::of_plan(&at("srv/shares"), KEEP, true)
        .unwrap()
        .file(&path("a"), 0)
        .unwrap()
        .finish(&ours(0o600))
        .unwrap();
    assert!(at("data/shares/a").exists());
    // The plan's folder itself is none; a folder that somebody types may be one.
    assert!(refused(&at("folder")));
    assert!(FsRestorer::new(&at("folder"), KEEP).is_ok());
    // Where others can write, none is followed, neither on the way nor at its end.
    super::oddities::set_mode(&at("open"), 0o777);
    assert!(refused(&at("open/shares")) && refused(&at("open/shares/below")));
    assert!(matches!(FsRestorer::new(&at("open/shares"), KEEP), Err(SourceError::Link { .. })));
    symlink("nowhere.db", at("open/mis.db")).unwrap();
    symlink("real.db", at("data/mis.db")).unwrap();
    assert!(matches!(file_of_plan(&at("open/mis.db")), Err(SourceError::Link { .. })));
    assert_eq!(file_of_plan(&at("data/mis.db")).unwrap(), at("data/real.db"));
    // What is missing is made.
    FsRestorer::of_plan(&at("new/folder"), KEEP, true).unwrap();
    assert!(at("new/folder").is_dir() && FsRestorer::of_plan(&at("not made"), KEEP, false).is_err());
}

#[test]
fn what_could_not_be_read_and_what_is_left_out_stays_with_what_is_above_it() {
    let place = scratch();
    let root = place.path().join("root");
    for name in ["kept", "locked/inside/file", "new/scan/page", "new/plain", "other.tmp", "gone/a/b"] {
        let at = root.join(name);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, "x").unwrap();
    }
    let to = FsRestorer::of_plan(&root, KEEP, true).unwrap();
    let patterns = ["*.tmp".to_owned(), "scan/".to_owned()];
    let spare = Spare::new(&root, (&patterns, &[]), vec![path("locked/inside")]).unwrap();
    let kept = || [EntryPath::root(), path("kept")].into_iter();
    let told = |unread: &[dr_entry::Unread]| unread.iter().map(|one| one.path.to_string()).collect::<Vec<_>>();
    let would = to.others(&EntryPath::root(), kept(), &spare);
    assert!(root.join("gone").exists());
    let removal = to.remove_others(&EntryPath::root(), kept(), &spare);
    assert_eq!(would, removal);
    assert_eq!(removal.names, ["gone", "new/plain"].map(path));
    assert_eq!(told(&removal.spared), ["locked", "locked/inside", "new", "new/scan", "other.tmp"]);
    assert!(root.join("locked/inside/file").exists() && root.join("new/scan/page").exists());
    assert_eq!(removal.failed, []);
}

#[test]
fn what_belongs_to_a_name_that_is_known_here_goes_to_it_whatever_its_number_is() {
    let place = scratch();
    let is_root = super::oddities::is_root();
    let mut meta: Meta = ours(0o600);
    // Elsewhere root had this number.
    meta.user = Owner { id: 54_321, name: Some((*b"root").into()) };
    let put = |name: &str, owners: Owners| {
        let to = FsRestorer::new(&place.path().join(name), RestoreMode { in_place: None, owners }).unwrap();
        let done = to.file(&path("f"), 0).unwrap().finish(&meta);
        (fs::metadata(place.path().join(name).join("f")).unwrap().uid(), done)
    };
    let me = rustix::process::geteuid().as_raw();
    let (by_name, done) = put("name", Owners::ByName);
    assert_eq!((by_name, done.is_ok()), if is_root { (0, true) } else { (me, false) });
    // What cannot be set is told by the kind of thing that it is, and the file is there.
    if let Err(why) = done {
        assert!(NotSet::of(&why).unwrap().parts().iter().all(|(part, _)| *part == Part::Owner), "{why}");
    }
    assert_eq!(put("number", Owners::ByNumber).0, if is_root { 54_321 } else { me });
    assert_eq!(put("none", Owners::NotSet).0, me);
}

#[test]
fn a_directory_above_what_is_put_back_stays_as_it_is() {
    let place = scratch();
    fs::create_dir(place.path().join("above")).unwrap();
    super::oddities::set_mode(&place.path().join("above"), 0o750);
    let to = FsRestorer::new(place.path(), KEEP).unwrap();
    assert!(!to.hold_directory(&path("above")).unwrap());
    assert!(to.hold_directory(&path("above/new")).unwrap());
    assert_eq!(fs::metadata(place.path().join("above")).unwrap().mode() & 0o7777, 0o750);
    symlink("/etc", place.path().join("link")).unwrap();
    assert!(to.hold_directory(&path("link")).is_err());
    // And what is there is looked at without going through a link.
    let reader = TreeReader::new(place.path()).unwrap();
    assert!(reader.about(&path("above/new")).is_ok() && reader.about(&path("link/passwd")).is_err());
    assert!(reader.file(&path("link")).is_err());
}
