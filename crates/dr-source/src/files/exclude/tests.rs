//! Patterns mean what a `.gitignore` says, are places of the plan, or are refused.

use super::*;

fn leaves_out(patterns: &[&str], roots: &[&str], path: &str, is_directory: bool) -> bool {
    let patterns: Vec<_> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
    let root = |path: &&str| Root { given: None, typed: path.into(), real: path.into() };
    let exclude = Exclude::new(&patterns, &roots.iter().map(root).collect::<Vec<_>>(), &[]).unwrap();
    exclude.leaves_out(path.as_bytes(), is_directory)
}

fn check(pattern: &str, path: &str, is_directory: bool, expected: bool) {
    assert_eq!(leaves_out(&[pattern], &["/none/a"], path, is_directory), expected, "{pattern} {path}");
}

#[test]
fn patterns_mean_what_a_gitignore_says() {
    check("*.tmp", "/none/a/b.tmp", false, true);
    check("*.tmp", "/none/a/x/b.tmp", false, true);
    check("*.tmp", "/none/a/b.tmp/c", false, false);
    // A slash makes it a place below the plan's path.
    for pattern in ["/cache", "/cache/"] {
        check(pattern, "/none/a/cache", true, true);
        check(pattern, "/none/a/x/cache", true, false);
    }
    check("profile/cache", "/none/a/profile/cache", true, true);
    check("profile/cache", "/none/a/x/profile/cache", true, false);
    check("**/profile/cache", "/none/a/x/profile/cache", true, true);
    check("a/**/c", "/none/a/a/b/d/c", false, true);
    check("a/*/c", "/none/a/a/b/d/c", false, false);
    check("cache/", "/none/a/x/cache", true, true);
    check("cache/", "/none/a/x/cache", false, false);
    check("[ab]?", "/none/a/b1", false, true);
    check("[!ab]?", "/none/a/b1", false, false);
    check(r"\!important", "/none/a/!important", false, true);
    check(r"\#x#", "/none/a/#x#", false, true);
    check("{a,b}", "/none/a/{a,b}", false, true);
    check("{a,b}", "/none/a/b", false, false);
    check("[{]x", "/none/a/{x", false, true);
    check("videos/**", "/none/a/videos/x", false, true);
    check("videos/**", "/none/a/videos", true, false);
    check("/*", "/none/a/x", true, true);
    let exclude =
        Exclude::new(&["*.tmp".into()], &[Root { given: None, typed: "/n".into(), real: "/n".into() }], &[]).unwrap();
    assert!(exclude.leaves_out(b"/n/\xff\xfe.tmp", false));
}

#[test]
fn a_pattern_that_begins_as_a_path_does_is_that_place() {
    check("/none/a/b", "/none/a/b", true, true);
    check("/none/a/b", "/none/a/x/b", true, false);
    check("/none/*/b", "/none/a/b", true, true);
    check("/none/**/b", "/none/a/x/b", true, true);
    check("/none/a", "/none/a", true, false);
    check("/none/b", "/none/b", true, false);
    let two = |pattern, path| leaves_out(&[pattern], &["/none/a", "/none/b"], path, true);
    assert!(two("/none/b/c", "/none/b/c") && !two("/none/b/c", "/none/a/c"));
    assert!(two("/c", "/none/a/c") && two("/c", "/none/b/c") && !two("/c", "/none/c"));
    assert!(leaves_out(&["/proc"], &["/"], "/proc", true));
    let given = Root { given: Some("./s".into()), typed: "/none/s".into(), real: "/none/s".into() };
    let exclude = Exclude::new(&["s/cache".into(), "s".into()], &[given], &[]).unwrap();
    assert!(exclude.leaves_out(b"/none/s/cache", true) && !exclude.leaves_out(b"/none/s/s/cache", true));
    assert!(exclude.leaves_out(b"/none/s/x/s", true));
}

#[test]
fn a_place_is_found_through_links_on_either_side() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().canonicalize().unwrap().join(name);
    std::fs::create_dir_all(at("data/shares/office")).unwrap();
    std::os::unix::fs::symlink("data", at("srv")).unwrap();
    std::os::unix::fs::symlink("shares/office", at("data/door")).unwrap();
    let office = at("data/shares/office");
    for (root, pattern) in [("srv", "srv/shares/office"), ("srv", "data/shares/office"), ("data", "srv/shares/office/")]
    {
        let pattern =
            [at(pattern.trim_end_matches('/')).to_str().unwrap(), if pattern.ends_with('/') { "/" } else { "" }]
                .concat();
        let exclude = Exclude::new(std::slice::from_ref(&pattern), &[Root::of(&at(root))], &[]).unwrap();
        assert!(exclude.leaves_out(office.as_os_str().as_bytes(), true), "{root} {pattern}");
    }
    let up = at("data/shares/../shares/office").to_str().unwrap().to_owned();
    for pattern in [up, at("data/none/../shares/office/").to_str().unwrap().to_owned()] {
        let exclude = Exclude::new(std::slice::from_ref(&pattern), &[Root::of(&at("srv/../data"))], &[]).unwrap();
        assert_eq!(exclude.leaves_out(office.as_os_str().as_bytes(), true), !pattern.contains("none"), "{pattern}");
    }
    std::fs::write(office.join("x"), "").unwrap();
    let through = at("srv/door/x").to_str().unwrap().to_owned();
    let exclude = Exclude::new(&[through], &[Root::of(&at("srv"))], &[]).unwrap();
    assert!(exclude.leaves_out(office.join("x").as_os_str().as_bytes(), false));
}

#[test]
fn what_would_have_no_effect_is_refused_with_what_to_write() {
    for (pattern, instead) in [
        ("!important.tmp", r"`\!important.tmp`"),
        ("#x#", r"`\#x#`"),
        ("./cache", "`/cache`"),
        ("//cache", "`/cache`"),
        ("a//b", "`a/b`"),
        ("../x", "`..`"),
        ("a/../b", "`..`"),
        ("[[:digit:]]", "`[0-9]`"),
        ("", "empty"),
        ("/", "empty"),
        ("[a", r"`\["),
    ] {
        let error = Exclude::new(&["ok".to_owned(), pattern.to_owned()], &[], &[]).err().unwrap().to_string();
        assert!(error.contains(instead), "{pattern}: {error}");
    }
    assert_eq!(refused(r"\!x"), None);
    assert_eq!(refused("$RECYCLE.BIN"), None);
}

#[test]
fn what_matches_nothing_now_is_named_with_what_to_write() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().canonicalize().unwrap();
    std::fs::create_dir_all(root.join("x/cache")).unwrap();
    std::fs::write(root.join("file"), "").unwrap();
    let why = |pattern: &str| idle(&[pattern.to_owned()], std::slice::from_ref(&root)).pop().map(|idle| idle.why);
    let whole = |name: &str| root.join(name).to_str().unwrap().to_owned();
    for fine in ["*.tmp", "/x/cache", "x/cache/", "/x/*", "**/nothing/here", "/x/**/y", &whole("x/cache"), r"\{a,b\}"] {
        assert_eq!(why(fine), None, "{fine}");
    }
    assert!(why("/cache").unwrap().contains("`**/cache`"), "{:?}", why("/cache"));
    assert!(why("profile/cache").unwrap().contains("no ") && why("file/").is_none());
    assert!(why("/file/").unwrap().contains("matches nothing"));
    assert!(why(&whole("")).is_some() && why(&whole("y")).unwrap().contains("there is no"));
    assert!(why("*.{tmp,bak}").unwrap().contains("one pattern for each"));
    assert!(why("name ").unwrap().contains("space"));
    assert!(why(r"cache\tmp").unwrap().contains("`/`"));
}
