//! The control socket: whatever is written to it, it answers in one line or closes, and goes on.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use followup_fuzz::{Seeds, fire};
use followup_rules::{calendar::Calendar, policy::Policy};
use followup_store::{SimJournal, SimKv, Store};
use followupd::{
    access_log::AccessLog,
    clock::Clock,
    control,
    engine::Engine,
    planning::Outbox,
    queries::{Request, Response},
    shared_store::{SharedStore, StoreThread},
    team::TeamSettings,
};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::is_bounded;

fn engine() -> Engine {
    let now = Timestamp::UNIX_EPOCH;
    let (store, _) = Store::simulated(SimKv::new(), SimJournal::new(), now).unwrap();
    Engine {
        store: SharedStore::new(store, StoreThread::InPlace),
        clock: Clock::InProcess(Arc::new(move || now)),
        policy: Arc::new(Policy::default()),
        team: TeamSettings {
            calendar: Calendar::default(),
            owners: BTreeMap::new(),
        },
        links: Vec::new(),
        keep_deleted: None,
        stop: CancellationToken::new(),
        waiting: AtomicUsize::new(0),
        plan_turn: tokio::sync::Mutex::new(Outbox::default()),
    }
}

#[test]
fn what_is_asked_over_the_control_socket() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let engine = Arc::new(engine());
    let serving = {
        let _context = runtime.enter();
        let listener = control::bind(folder.path()).unwrap();
        let engine = Arc::clone(&engine);
        let log = AccessLog::of(folder.path()).unwrap();
        runtime.handle().spawn(control::serve(engine, listener, log))
    };
    fire(&Seeds::of("control"), 1_500, |input| {
        let mut line: Vec<u8> = input.iter().copied().filter(|byte| *byte != b'\n').collect();
        line.push(b'\n');
        let mut socket = UnixStream::connect(control::path(folder.path())).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // It may close before it has read everything: a line that is too long.
        if socket.write_all(&line).is_ok() {
            let mut answer = Vec::new();
            socket.read_to_end(&mut answer).ok();
            is_bounded(&answer.len(), &line);
            if let Some((b'\n', text)) = answer.split_last() {
                serde_json::from_slice::<Response>(text).unwrap();
            }
        }
    });
    assert!(!serving.is_finished(), "the socket is served to the end");
    engine.stop.cancel();
    runtime.block_on(serving).unwrap();
}

#[test]
fn requests_and_responses() {
    fire(&Seeds::of("control"), 20_000, |input| {
        is_bounded(&serde_json::from_slice::<Request>(input), input);
        is_bounded(&serde_json::from_slice::<Response>(input), input);
    });
}
