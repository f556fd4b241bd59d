//! What is read of a process, and how children start and fail.

use super::*;

#[test]
fn schedstat_gives_nanoseconds_on_a_cpu() {
    assert_eq!(on_cpu_ns("227933 5678 2\n"), Some(227_933));
    assert_eq!(on_cpu_ns(""), None);
    assert_eq!(on_cpu_ns("x 1 2"), None);
}

#[test]
fn stat_survives_a_name_with_brackets_and_spaces() {
    let fields = "S 1 2 3 0 -1 4194304 101 0 7 0 30 12 5 6 20 0 4 0 138933 3133440 394";
    assert_eq!(ticks(&format!("7843 (we) ir (x) {fields}\n")), Some(42));
    assert_eq!(ticks("7843 (weir) S 1 2 3"), None);
    assert_eq!(ticks("nothing"), None);
}

#[test]
fn status_gives_resident_kib() {
    assert_eq!(
        resident("Name:\tweir\nVmHWM:\t  20000 kB\nVmRSS:\t   14488 kB\nThreads:\t3\n"),
        Some(14_488)
    );
    assert_eq!(resident("Name:\tzombie\nState:\tZ\n"), None);
}

#[test]
fn time_is_exact_until_a_thread_ends() {
    let cpu = |threads: &[(u32, u64)], ticks| Cpu {
        threads: threads.iter().copied().collect(),
        ticks,
    };
    let earlier = cpu(&[(1, 1_000), (2, 500)], 10);
    let with_a_new_thread = cpu(&[(1, 2_000), (2, 600), (3, 7)], 10);
    assert_eq!(
        with_a_new_thread.since(&earlier),
        Duration::from_nanos(1_107)
    );
    let without_an_old_one = cpu(&[(1, 2_000), (3, 7)], 13);
    assert_eq!(
        without_an_old_one.since(&earlier),
        Duration::from_millis(30)
    );
}

#[test]
fn this_process_has_memory_and_time() {
    let pid = std::process::id();
    assert!(resident_kib(pid).unwrap() > 0);
    let before = Cpu::of(pid).unwrap();
    assert!(!before.threads.is_empty());
}

#[test]
fn a_child_reports_its_address_and_dies_with_its_guard() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "echo http://127.0.0.1:4000; exec sleep 600"]);
    let mut child = Running::start("child", &mut command, folder.path(), None).unwrap();
    assert_eq!(child.address().unwrap(), "127.0.0.1:4000".parse().unwrap());
    child.alive().unwrap();
    let pid = child.pid();
    drop(child);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_certificate_follows_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let pem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
    let mut command = Command::new("/bin/sh");
    command.args([
        "-c",
        "printf 'https://127.0.0.1:4000\n%sthe rest\n' \"$0\"",
        pem,
    ]);
    let mut child = Running::start("child", &mut command, folder.path(), None).unwrap();
    assert_eq!(child.address().unwrap(), "127.0.0.1:4000".parse().unwrap());
    assert_eq!(child.certificate().unwrap(), pem);
    let fault = child.certificate().unwrap_err().to_string();
    assert!(
        fault.starts_with("child did not print its certificate"),
        "{fault}"
    );
}

#[test]
fn a_child_that_fails_shows_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "echo no such provider >&2"]);
    let mut child = Running::start("child", &mut command, folder.path(), None).unwrap();
    let fault = child.address().unwrap_err().to_string();
    assert!(
        fault.starts_with("child did not print its address first"),
        "{fault}"
    );
    child.child.wait().unwrap();
    let fault = child.alive().unwrap_err().to_string();
    assert!(fault.ends_with("no such provider"), "{fault}");
}

#[test]
fn a_missing_binary_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let fault = Running::start(
        "weir",
        &mut Command::new("/no/such/weir"),
        folder.path(),
        None,
    );
    assert!(
        fault
            .unwrap_err()
            .to_string()
            .contains("cannot start weir (/no/such/weir)")
    );
}
