//! What changes while it is captured is captured as what it is now, or named; what stands still is never missing.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use dr_entry::{Content, Entry, Kind, Piece, Settled};
use dr_source::files::{self, Options, Roots};
use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};

use super::memory::Capture;
use super::{LATER, capture, oddities, path, scratch};

fn entries(root: &Path) -> Vec<Entry> {
    let entries = files::capture(&Roots::Directory(root.into()), &Options::default(), LATER).unwrap().entries;
    entries.map(Result::unwrap).collect()
}

/// What became of an entry: what it is now, and its contents; or why it has none.
fn now(entries: Vec<Entry>, name: &str) -> Result<(Entry, Vec<u8>), String> {
    let mut entry = entries.into_iter().find(|entry| entry.path == path(name)).unwrap();
    let mut content = entry.body.take().unwrap().open().map_err(|why| why.to_string())?;
    if let Some(fresh) = content.fresh() {
        (entry.meta, entry.stamp) = (fresh.meta, fresh.stamp);
    }
    let bytes = contents(&mut *content);
    assert_eq!(content.settle().unwrap(), Settled::Unchanged);
    Ok((entry, bytes))
}

fn contents(content: &mut dyn Content) -> Vec<u8> {
    let (mut buffer, mut bytes) = ([0; 1_000], Vec::new());
    while let Piece::Data(length) = content.read(&mut buffer).unwrap() {
        bytes.extend_from_slice(&buffer[..length]);
    }
    bytes
}

#[test]
fn a_file_replaced_after_the_walk_passed_it_is_kept_as_what_it_is_now() {
    let place = scratch();
    let at = |name: &str| place.path().join(name);
    for name in ["saved", "fifo", "link", "gone", "renamed", "directory", "written", "same"] {
        fs::write(at(name), "before").unwrap();
    }
    fs::write(at("secret"), "secret").unwrap();
    oddities::set_mode(&at("secret"), 0o600);
    fs::hard_link(at("same"), at("same too")).unwrap();
    let met = |name| (entries(place.path()), name);
    let replaced = |(entries, name): (Vec<Entry>, &str), replace: &dyn Fn()| {
        replace();
        now(entries, name)
    };

    // As people save: the new file has rights and a time of its own.
    let saved = replaced(met("saved"), &|| {
        fs::write(at("saved.tmp"), "after it").unwrap();
        oddities::set_mode(&at("saved.tmp"), 0o640);
        fs::rename(at("saved.tmp"), at("saved")).unwrap();
    });
    let (entry, bytes) = saved.unwrap();
    assert_eq!((entry.meta.mode, entry.meta.size, &bytes[..], entry.stamp), (0o640, 8, &b"after it"[..], None));

    // As a thief would: the second name of a secret is as secret as the first.
    let thief = replaced(met("saved"), &|| {
        fs::remove_file(at("saved")).unwrap();
        fs::hard_link(at("secret"), at("saved")).unwrap();
    });
    assert_eq!(thief.unwrap().0.meta.mode, 0o600);

    let fifo = replaced(met("fifo"), &|| {
        fs::remove_file(at("fifo")).unwrap();
        mknodat(CWD, at("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    });
    assert_eq!(fifo.unwrap().0.meta.kind, Kind::Fifo);
    let link = replaced(met("link"), &|| {
        fs::remove_file(at("link")).unwrap();
        symlink("secret", at("link")).unwrap();
    });
    let (entry, bytes) = link.unwrap();
    assert_eq!((entry.meta.kind, bytes.len()), (Kind::Symlink(b"secret".to_vec()), 0));

    // Written in place before it was opened: whole, with the time and size of what was read.
    let (entry, bytes) = replaced(met("written"), &|| fs::write(at("written"), "longer than before").unwrap()).unwrap();
    assert_eq!((entry.meta.size, &bytes[..]), (18, &b"longer than before"[..]));
    assert!(entry.meta.mtime.seconds == fs::metadata(at("written")).unwrap().mtime());

    // Mail changes its names, and is found by what it is.
    let renamed = replaced(met("renamed"), &|| fs::rename(at("renamed"), at("renamed:2,S")).unwrap());
    assert_eq!(renamed.unwrap().1, b"before");

    let gone = replaced(met("gone"), &|| fs::remove_file(at("gone")).unwrap());
    assert_eq!(gone.err().as_deref(), Some("it was gone before it could be read"));
    let directory = replaced(met("directory"), &|| {
        fs::remove_file(at("directory")).unwrap();
        fs::create_dir(at("directory")).unwrap();
    });
    assert!(directory.is_err_and(|why| why.contains("directory")));

    let (entry, bytes) = now(entries(place.path()), "same").unwrap();
    assert_eq!((entry.meta.link.is_some(), &bytes[..]), (true, &b"before"[..]));
}

#[test]
fn a_file_whose_directory_was_replaced_is_found_by_its_path() {
    let place = scratch();
    let at = |name: &str| place.path().join(name);
    for (name, text) in [("d/f", "old"), ("new/f", "new!"), ("e/f", "old"), ("other/f", "new!")] {
        fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        fs::write(at(name), text).unwrap();
    }
    let before = entries(place.path());
    fs::rename(at("d"), at("old")).unwrap();
    fs::rename(at("new"), at("d")).unwrap();
    fs::remove_file(at("old/f")).unwrap();
    assert_eq!(now(before, "d/f").unwrap().1, b"new!");
    // Exchanged in one step, what is open is as good.
    let before = entries(place.path());
    renameat_with(CWD, at("e"), CWD, at("other"), RenameFlags::EXCHANGE).unwrap();
    assert_eq!(now(before, "e/f").unwrap().1, b"old");
}

/// Ends the thread beside a test, also one that fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Saves by renaming, over and over, in a directory of many names.
fn saving(root: &Path, until: &AtomicBool) {
    let mut number = 0_u64;
    while !until.load(Ordering::Relaxed) {
        for name in ["a letter", "m letter", "z letter"] {
            number += 1;
            let new = root.join(format!("~{name} {}", number % 7));
            fs::write(&new, format!("{{{number}}}")).unwrap();
            fs::rename(&new, root.join(name)).unwrap();
        }
    }
}

#[test]
fn what_is_saved_by_renaming_all_the_time_is_in_every_capture_whole() {
    let place = scratch();
    for number in 0..300 {
        fs::write(place.path().join(format!("file {number}")), "").unwrap();
    }
    for name in ["a letter", "m letter", "z letter"] {
        fs::write(place.path().join(name), "{0}").unwrap();
    }
    let until = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| saving(place.path(), &until));
        let _ends = Ends(&until);
        for _ in 0..10 {
            let options = Options { exclude: vec!["~*".into()], ..Options::default() };
            let captured = files::capture(&Roots::Directory(place.path().into()), &options, LATER).unwrap();
            let capture = Capture::read(captured.entries);
            assert_eq!(capture.unread, []);
            assert_eq!(capture.kept.len(), 304);
            for name in ["a letter", "m letter", "z letter"] {
                let super::memory::Part::Data(bytes) = &capture.get(name).parts[0] else { panic!("{name}") };
                assert!(bytes.starts_with(b"{") && bytes.ends_with(b"}"), "{name}: {bytes:?}");
            }
        }
    });
}

#[test]
fn a_name_that_is_now_a_link_and_now_a_directory_is_one_of_them() {
    let place = scratch();
    let at = |name: &str| place.path().join(name);
    fs::create_dir(at("real")).unwrap();
    fs::write(at("real/f"), "f").unwrap();
    symlink("real", at("flips")).unwrap();
    fs::create_dir(at("aside")).unwrap();
    fs::write(at("aside/f"), "f").unwrap();
    let until = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !until.load(Ordering::Relaxed) {
                renameat_with(CWD, at("aside"), CWD, at("flips"), RenameFlags::EXCHANGE).unwrap();
            }
        });
        let _ends = Ends(&until);
        for _ in 0..50 {
            let capture = capture(place.path());
            let flips = &capture.get("flips").meta.kind;
            assert!(matches!(flips, Kind::Directory | Kind::Symlink(_)), "{flips:?}");
            assert_eq!(capture.unread, []);
        }
    });
}

#[test]
fn paths_that_are_not_there_are_named_as_asked_for_also_inside_of_others() {
    let place = scratch();
    let root = place.path().canonicalize().unwrap();
    fs::create_dir(root.join("there")).unwrap();
    fs::write(root.join("file"), "").unwrap();
    let asked = ["there", "never/was/there", "there/not", "file/below", "file"].map(|name| root.join(name));
    let captured = files::capture(&Roots::of(&asked), &Options::default(), LATER).unwrap();
    let capture = Capture::unordered(captured.entries);
    let mut named: Vec<_> = capture.unread.iter().map(|unread| format!("/{}: {}", unread.path, unread.why)).collect();
    named.sort();
    let expected = ["file/below", "never/was/there", "there/not"].map(|name| format!("{}/{name}: ", root.display()));
    assert_eq!(named.len(), 3, "{named:?}");
    for (said, expected) in named.iter().zip(expected) {
        assert!(said.starts_with(&expected) && said.contains("not there"), "{said}");
    }
}

#[test]
fn files_of_the_kernels_that_have_no_end_are_named_and_hold_nobody_up() {
    let captured = files::capture(&Roots::of(&["/proc/self/pagemap".into()]), &Options::default(), LATER).unwrap();
    let body = captured.entries.map(Result::unwrap).find_map(|entry| entry.body).unwrap();
    let mut content = body.open().unwrap();
    let (mut buffer, mut all) = (vec![0; 1 << 20], 0);
    let why = loop {
        match content.read(&mut buffer) {
            Ok(Piece::Data(length)) => all += length,
            Ok(_) => panic!("it has an end after {all} bytes"),
            Err(why) => break why.to_string(),
        }
        assert!(all < 100 << 20);
    };
    assert!(why.contains("no end"), "{why}");
    // And those that have one are read, whatever size they tell.
    let captured = files::capture(&Roots::of(&["/proc/version".into()]), &Options::default(), LATER).unwrap();
    let body = captured.entries.map(Result::unwrap).find_map(|entry| entry.body).unwrap();
    assert!(contents(&mut *body.open().unwrap()).starts_with(b"Linux version"));
}
