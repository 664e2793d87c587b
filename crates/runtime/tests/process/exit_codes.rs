//! The exit code tells the truth.

use crate::child::{Probe, command, run, serving};

#[test]
fn sigterm_and_sigint_stop_cleanly() {
    for signal in ["TERM", "INT"] {
        let probe = serving(&[]);
        probe.signal(signal);
        let ended = probe.end();
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert_eq!(ended.line("shutdown requested")["reason"], format!("SIG{signal}"));
        assert_eq!(ended.line("drained")["complete"], true);
        assert_eq!(ended.line("stopped")["exit_code"], 0);
        assert_eq!(ended.stderr, "");
    }
}

#[test]
fn a_critical_task_that_ends_in_any_way_is_a_failure() {
    for (behaviour, message) in [
        ("task-fails", "task failed"),
        ("task-panics", "task panicked"),
        ("task-ends", "task ended although nobody asked it to"),
    ] {
        let ended = run(&["--behaviour", behaviour]);
        assert_eq!(ended.code, Some(1), "{ended:#?}");
        assert_eq!(ended.line(message)["task"], "loop");
        assert_eq!(ended.line("shutdown requested")["reason"], "a task failed");
    }
    assert_eq!(run(&["--behaviour", "task-fails"]).line("task failed")["error"], "disk on fire");
    assert!(run(&["--behaviour", "task-panics"]).line("panic")["location"].is_string());
}

#[test]
fn a_mistake_in_the_configuration_is_64_and_one_line() {
    for (arguments, named) in [
        (&["--nonsense"][..], "--nonsense"),
        (&["--listen", "everywhere"], "LISTEN"),
        (&["--drain-timeout", "soon"], "DRAIN_TIMEOUT"),
        (&["--log-level", "info,x=loud"], "LOG_LEVEL"),
        (&["--behaviour", "angelic"], "PROBE_BEHAVIOUR"),
        (&["--behaviour", "config-senseless"], "PROBE_BEHAVIOUR: senseless"),
    ] {
        let ended = run(arguments);
        assert_eq!(ended.code, Some(64), "{ended:#?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{:?}", ended.stderr);
        assert!(
            ended.stderr.starts_with("runtime-probe: ") && ended.stderr.contains(named),
            "{:?}",
            ended.stderr
        );
        assert!(ended.log.iter().all(|line| line["message"] != "listening"));
    }
}

#[test]
fn a_mistake_in_the_environment_names_the_variable() {
    let mut command = command(&[]);
    command.env("DRAIN_TIMEOUT", "soon");
    let ended = Probe::start(command).end();
    assert_eq!(ended.code, Some(64));
    assert!(ended.stderr.contains("environment variable DRAIN_TIMEOUT"), "{:?}", ended.stderr);
    assert!(ended.log.is_empty());
}

#[test]
fn help_and_version_are_no_mistakes() {
    for (flag, shown) in [("--help", "healthcheck"), ("--version", "runtime-probe 1.2.3")] {
        let ended = run(&[flag]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        assert!(ended.log.iter().any(|line| line.as_str().is_some_and(|text| text.contains(shown))));
    }
}

#[test]
fn a_failed_start_is_1() {
    let ended = run(&["--behaviour", "start-fails"]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.line("cannot start")["error"], "cannot reach the broker: no route to host");

    let ended = run(&["--behaviour", "start-panics"]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.line("panic")["error"], "start panic");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let ended = run(&["--listen", &address]);
    assert_eq!(ended.code, Some(1));
    let error = ended.line("cannot start")["error"].as_str().unwrap_or_default();
    assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
}

#[test]
fn exceeding_the_drain_timeout_is_1_and_names_the_task() {
    for behaviour in ["task-lingers", "task-hangs"] {
        let probe = serving(&["--behaviour", behaviour, "--drain-timeout", "1"]);
        let ended = probe.terminate();
        assert_eq!(ended.code, Some(1), "{ended:#?}");
        let line = ended.line("drain timeout exceeded, abandoning what is unfinished");
        assert_eq!((&line["unfinished"], &line["seconds"]), (&"loop".into(), &1.into()));
        let hung = ended.log.iter().any(|line| line["message"] == "tasks did not end when abandoned");
        assert_eq!(hung, behaviour == "task-hangs");
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (second, code) in [("TERM", 143), ("INT", 130)] {
        let mut probe = serving(&["--behaviour", "task-hangs"]);
        probe.signal("TERM");
        probe.wait_for("shutdown requested");
        probe.signal(second);
        assert_eq!(probe.end().code, Some(code));
    }
}

#[test]
fn a_signal_during_the_start_stops_it_cleanly() {
    let ended = serving(&["--behaviour", "start-hangs"]).terminate();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
}

#[test]
fn the_health_check_tells_a_living_instance_from_none() {
    let probe = serving(&[]);
    let address = probe.address();
    assert_eq!(run(&["healthcheck", "--listen", &address]).code, Some(0));
    assert_eq!(probe.terminate().code, Some(0));

    let ended = run(&["healthcheck", "--listen", &address]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("does not answer"), "{:?}", ended.stderr);
}
