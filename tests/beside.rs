//! Whether the bench beside other programs runs and shows every row, on sets of a few hundred files.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "the bench starts programs, times them and prints"
)]

#[path = "../benches/beside/side_by_side.rs"]
mod side_by_side;

mod heavy {
    use super::side_by_side;

    #[test]
    fn a_bench_of_dr_alone_measures_every_row_or_says_why_not() {
        let work = tempfile::tempdir().unwrap();
        let words = ["--alone", "--mib", "2", "--reps", "1", "--snapshots", "2", "--dr", env!("CARGO_BIN_EXE_dr")];
        let words = words.into_iter().chain(["--work", work.path().to_str().unwrap()]).map(str::to_owned);
        let page = side_by_side::main(words).unwrap();
        for goal in &side_by_side::GOALS {
            let row = page.lines().find(|line| line.contains(goal.what)).expect(goal.what);
            let of_others =
                goal.what.contains("÷ best") || goal.what.contains("restic") || goal.what.contains("smallest");
            let too_small = row.contains("not measured: less than");
            assert_eq!(row.contains("not measured"), of_others || too_small || row.contains("needs root"), "{row}");
        }
        assert!(page.contains("not measured: 2 snapshots are not a hundred"), "{page}");
        assert!(page.contains("- not here, or not asked for: restic, rustic, borg, bupstash"), "{page}");
        assert!(!page.contains(" failed at "), "{page}");
        assert!(!page.contains(work.path().to_str().unwrap()), "the page names a folder of this machine");
        assert_eq!(std::fs::read_dir(work.path()).unwrap().count(), 0, "something was left behind");
    }
}
