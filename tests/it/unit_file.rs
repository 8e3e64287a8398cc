//! The service file, read as systemd reads it, and what the program tells systemd.

use std::{
    collections::BTreeMap,
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Command, Stdio},
};

use crate::support::Scene;

fn shipped(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name)).unwrap()
}

/// Every setting of `[Service]`, with all its values in order.
fn service() -> BTreeMap<String, Vec<String>> {
    let mut settings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut section = "";
    let text = shipped("followupd.service");
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if !line.is_empty() && !line.starts_with(['#', ';']) {
            let (key, value) = line.split_once('=').expect(line);
            if section == "Service" {
                settings.entry(key.to_owned()).or_default().push(value.to_owned());
            }
        }
    }
    settings
}

fn one(key: &str) -> String {
    let settings = service();
    let values = settings.get(key).expect(key);
    assert_eq!(values.len(), 1, "{key} is set once: {values:?}");
    values[0].clone()
}

#[test]
fn the_service_tells_systemd_when_it_is_ready_and_that_it_moves() {
    assert_eq!(one("Type"), "notify");
    assert_eq!(one("NotifyAccess"), "main");
    assert!(one("TimeoutStartSec").parse::<u32>().unwrap() >= 60);
    assert!(one("WatchdogSec").parse::<u32>().unwrap() > 60);
    assert_eq!(one("ExecReload"), "/bin/kill -HUP $MAINPID");
    assert_eq!(one("Restart"), "on-failure");
    assert_eq!(
        one("RestartPreventExitStatus"),
        "2",
        "a configuration does not mend itself"
    );
    let stop: u32 = one("TimeoutStopSec").parse().unwrap();
    assert!(
        (30..=45).contains(&stop),
        "writes in flight get 30 s, and then it ends"
    );
}

#[test]
fn the_service_starts_the_daemon_with_the_shipped_paths() {
    let start = one("ExecStart");
    let check = one("ExecStartPre");
    assert_eq!(start, check.replace("check-config", "run"));
    assert!(start.ends_with("--config /etc/followupd/followupd.toml"));
    // Secrets have the names an admin gives them: a credential nobody made would keep the service from starting.
    assert!(!service().contains_key("LoadCredential"));
    let text = shipped("followupd.service");
    let shown: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# LoadCredential="))
        .collect();
    let (name, path) = shown[0].split_once(':').unwrap();
    assert!(
        Path::new(path).ends_with(name),
        "a credential is found by its file name"
    );
}

#[test]
fn the_service_user_exists_and_owns_its_state_and_nothing_else() {
    let user = one("User");
    assert_eq!(one("Group"), user);
    assert_eq!(
        (one("StateDirectory"), one("StateDirectoryMode")),
        (user.clone(), "0700".to_owned())
    );
    assert_eq!(one("UMask"), "0077");
    let line = shipped("followupd.sysusers");
    let line = line.lines().find(|line| line.starts_with("u ")).unwrap();
    assert!(
        line.starts_with(&format!("u {user} - ")) && line.ends_with("/var/lib/followupd"),
        "{line}"
    );
}

#[test]
fn the_service_is_shut_in() {
    for (key, value) in [
        ("NoNewPrivileges", "true"),
        ("CapabilityBoundingSet", ""),
        ("AmbientCapabilities", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "true"),
        ("PrivateTmp", "true"),
        ("PrivateDevices", "true"),
        ("PrivateMounts", "true"),
        ("PrivateUsers", "true"),
        ("RemoveIPC", "true"),
        ("ProtectClock", "true"),
        ("ProtectControlGroups", "true"),
        ("ProtectHostname", "true"),
        ("ProtectKernelLogs", "true"),
        ("ProtectKernelModules", "true"),
        ("ProtectKernelTunables", "true"),
        ("ProtectProc", "invisible"),
        ("ProcSubset", "pid"),
        ("RestrictNamespaces", "true"),
        ("RestrictRealtime", "true"),
        ("RestrictSUIDSGID", "true"),
        ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"),
        ("LockPersonality", "true"),
        ("MemoryDenyWriteExecute", "true"),
        ("SystemCallArchitectures", "native"),
        ("SystemCallErrorNumber", "EPERM"),
        ("LimitCORE", "0"),
    ] {
        assert_eq!(one(key), value, "{key}");
    }
    assert_eq!(
        service()["SystemCallFilter"],
        ["@system-service", "~@privileged @resources"]
    );
    assert!(service().contains_key("MemoryMax"));
}

/// What the program said on the notification socket until it had said `last`.
fn told_until(socket: &UnixDatagram, last: &str) -> Vec<String> {
    let mut told = Vec::new();
    let mut buffer = [0; 4096];
    while !told.iter().any(|line| line == last) {
        let read = socket.recv(&mut buffer).expect("another notice");
        told.extend(
            String::from_utf8_lossy(&buffer[..read])
                .lines()
                .map(str::to_owned),
        );
    }
    told
}

#[test]
fn systemd_hears_of_more_time_to_open_of_readiness_of_movement_and_of_the_end() {
    let scene = Scene::begun();
    let address = scene.path("notify");
    let socket = UnixDatagram::bind(&address).unwrap();
    socket
        .set_read_timeout(Some(std::time::Duration::from_mins(1)))
        .unwrap();
    let mut daemon = scene
        .command(&["run"])
        .env("NOTIFY_SOCKET", &address)
        .env("WATCHDOG_USEC", "3000000")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let opening = told_until(&socket, "READY=1");
    assert_eq!(opening[0], "EXTEND_TIMEOUT_USEC=60000000", "{opening:?}");
    told_until(&socket, "WATCHDOG=1");
    let sent = Command::new("kill")
        .args(["-TERM", &daemon.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    told_until(&socket, "STOPPING=1");
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
}
