//! What programs started by this crate can and cannot do.

use std::ffi::OsString;
use std::time::Duration;

use dr_process::{ProcessError, Program, run};

fn program(args: &[&str]) -> Program {
    Program {
        args: args.iter().map(OsString::from).collect(),
        env: Vec::new(),
        stdin: None,
        timeout: Duration::from_secs(60),
        output_max: 1 << 20,
    }
}

#[test]
fn both_outputs_and_the_status_come_back() {
    let finished = run(program(&["sh", "-c", "echo out; echo err >&2; exit 3"])).unwrap();
    assert_eq!(finished.status.code(), Some(3));
    assert_eq!(finished.stdout.bytes, b"out\n");
    assert_eq!(finished.stderr.bytes, b"err\n");
}

#[test]
fn arguments_are_not_words_of_a_shell() {
    let finished = run(program(&["printf", "%s", "$(id); `id` > x | y"])).unwrap();
    assert_eq!(finished.stdout.bytes, b"$(id); `id` > x | y");
}

#[test]
fn input_larger_than_a_pipe_goes_through() {
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| n as u8).collect();
    let finished = run(Program { stdin: Some(bytes.clone()), ..program(&["cat"]) }).unwrap();
    assert_eq!(finished.stdout.bytes, bytes);
    assert!(run(Program { stdin: Some(bytes), ..program(&["true"]) }).unwrap().status.success());
}

#[test]
fn output_past_the_limit_is_dropped_and_said() {
    let finished = run(Program { output_max: 10, ..program(&["sh", "-c", "head -c 300000 /dev/zero"]) }).unwrap();
    assert!(finished.status.success() && finished.stdout.cut && !finished.stderr.cut);
    assert_eq!(finished.stdout.bytes, [0; 10]);
}

#[test]
fn nothing_of_our_environment_is_passed_on() {
    let env = vec![("GREETING".into(), "hello".into())];
    let finished = run(Program { env, ..program(&["env"]) }).unwrap();
    let text = String::from_utf8(finished.stdout.bytes).unwrap();
    let mut names: Vec<_> = text.lines().filter_map(|line| line.split('=').next()).collect();
    names.sort_unstable();
    assert_eq!(names, ["GREETING", "PATH"]);
}

#[test]
fn when_time_is_up_everything_the_program_started_is_ended() {
    let slow =
        Program { timeout: Duration::from_millis(200), ..program(&["sh", "-c", "sleep 1000 & echo $! >&2; wait"]) };
    let Err(ProcessError::TimedOut { stderr, .. }) = run(slow) else { panic!("it must time out") };
    let child = String::from_utf8(stderr.bytes).unwrap();
    // A zombie may still have its number for a moment, but nothing runs any more.
    let state = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z"), "{state}");
}

#[test]
fn a_program_left_in_the_background_does_not_hold_us() {
    let finished = run(program(&["sh", "-c", "sleep 20 & echo $!"])).unwrap();
    assert!(finished.status.success());
    let pid = String::from_utf8(finished.stdout.bytes).unwrap();
    run(program(&["kill", pid.trim()])).unwrap();
}

#[test]
fn errors_show_no_argument_input_or_environment() {
    let secret = Program {
        env: vec![("KEY".into(), "s3cret".into())],
        stdin: Some(b"s3cret".to_vec()),
        ..program(&["/nowhere/program", "s3cret"])
    };
    let shown = format!("{secret:?}");
    let error = run(secret).unwrap_err();
    assert!(!format!("{error} {error:?} {shown}").contains("s3cret"));
    assert!(error.to_string().contains("/nowhere/program"));
    assert!(matches!(run(program(&[])), Err(ProcessError::NoProgram)));
}
