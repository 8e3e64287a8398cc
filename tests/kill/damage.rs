//! Damaged state: each kind is noticed or mended, told with its fix, and never leads to a second task.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use fastrand::Rng;
use serde_json::Value;

use crate::{
    number,
    support::Answer,
    team::{Team, copy},
};

/// What the admin meets first.
#[derive(Debug, Clone, Copy)]
enum First {
    /// The next run works; what was found is in the log.
    Works,
    /// The next run writes nothing until `store confirm`.
    Freezes,
    /// The next run refuses with a fix, which is then done.
    Refuses(fn(&Path)),
}

type Harm = fn(&Path, &mut Rng);

fn journal(state: &Path) -> PathBuf {
    state.join("journal.log")
}

fn db(state: &Path) -> PathBuf {
    state.join("cache").join("db")
}

fn cut(path: &Path, keep: impl FnOnce(u64) -> u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(keep(file.metadata().unwrap().len())).unwrap();
}

fn change(path: &Path, act: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    act(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn flip(bytes: &mut [u8], at: usize, rng: &mut Rng) {
    bytes[at] ^= 1 << rng.u8(..8);
}

fn flip_anywhere(path: &Path, times: usize, rng: &mut Rng) {
    change(path, |bytes| {
        for _ in 0..times {
            let at = rng.usize(..bytes.len());
            flip(bytes, at, rng);
        }
    });
}

const DAMAGES: &[(&str, First, Harm)] = &[
    (
        "journal: the last 7 bytes are missing",
        First::Works,
        |state, _| {
            cut(&journal(state), |len| len - 7);
        },
    ),
    (
        "journal: a bit of the last entry is flipped",
        First::Freezes,
        |state, rng| {
            change(&journal(state), |bytes| {
                let at = bytes.len() - 3;
                flip(bytes, at, rng);
            });
        },
    ),
    ("journal: rubbish behind the end", First::Works, |state, rng| {
        change(&journal(state), |bytes| {
            bytes.extend((0..200).map(|_| rng.u8(..)));
        });
    }),
    (
        "journal: a bit in the middle is flipped",
        First::Freezes,
        |state, rng| {
            change(&journal(state), |bytes| {
                let at = bytes.len() / 2;
                flip(bytes, at, rng);
            });
        },
    ),
    (
        "journal: 300 bytes in the middle are zero",
        First::Freezes,
        |state, _| {
            change(&journal(state), |bytes| {
                let at = bytes.len() / 3;
                bytes[at..at + 300].fill(0);
            });
        },
    ),
    (
        "journal: its beginning is overwritten",
        First::Works,
        |state, _| {
            change(&journal(state), |bytes| bytes[..16].fill(b'x'));
        },
    ),
    ("journal: empty", First::Freezes, |state, _| {
        cut(&journal(state), |_| 0);
    }),
    ("journal: gone, the cache is there", First::Freezes, |state, _| {
        fs::remove_file(journal(state)).unwrap();
    }),
    ("cache: half of its file is missing", First::Works, |state, _| {
        cut(&db(state), |len| len / 2);
    }),
    ("cache: 40 bits are flipped", First::Works, |state, rng| {
        flip_anywhere(&db(state), 40, rng);
    }),
    ("cache: one bit is flipped", First::Works, |state, rng| {
        flip_anywhere(&db(state), 1, rng);
    }),
    ("cache: its file is empty", First::Works, |state, _| {
        cut(&db(state), |_| 0);
    }),
    ("cache: its file is gone", First::Works, |state, _| {
        fs::remove_file(db(state)).unwrap();
    }),
    ("cache: its settings are rubbish", First::Works, |state, rng| {
        flip_anywhere(&state.join("cache").join("conf"), 20, rng);
    }),
    ("cache: its settings are gone", First::Works, |state, _| {
        fs::remove_file(state.join("cache").join("conf")).unwrap();
    }),
    ("cache: a half-written snapshot", First::Works, |state, rng| {
        let path = state.join("cache").join("snap.0000000000001000.generating");
        fs::write(path, (0..400).map(|_| rng.u8(..)).collect::<Vec<u8>>()).unwrap();
    }),
    ("cache: a snapshot of rubbish", First::Works, |state, rng| {
        let path = state.join("cache").join("snap.0000000000001000");
        fs::write(path, (0..400).map(|_| rng.u8(..)).collect::<Vec<u8>>()).unwrap();
    }),
    ("cache: its folder is gone", First::Works, |state, _| {
        fs::remove_dir_all(state.join("cache")).unwrap();
    }),
    ("health.json: cut in the middle", First::Works, |state, _| {
        cut(&state.join("health.json"), |len| len / 2);
    }),
    ("health.json: rubbish", First::Works, |state, _| {
        fs::write(state.join("health.json"), b"\xff\xfe{]").unwrap();
    }),
    (
        "subject.key: 3 bytes short",
        First::Refuses(|state| fs::remove_file(state.join("subject.key")).unwrap()),
        |state, _| cut(&state.join("subject.key"), |len| len - 3),
    ),
    ("subject.key: gone", First::Works, |state, _| {
        fs::remove_file(state.join("subject.key")).unwrap();
    }),
    (
        "format: rubbish",
        First::Refuses(|state| fs::remove_file(state.join("format")).unwrap()),
        |state, _| fs::write(state.join("format"), "???").unwrap(),
    ),
    ("format: gone", First::Works, |state, _| {
        fs::remove_file(state.join("format")).unwrap();
    }),
    (
        "control.sock: left by a dead process",
        First::Works,
        |state, _| {
            drop(std::os::unix::net::UnixListener::bind(state.join("control.sock")).unwrap());
        },
    ),
    ("the whole directory is gone", First::Freezes, |state, _| {
        fs::remove_dir_all(state).unwrap();
    }),
];

/// Every task: person, whether it is done, subject line.
fn told(team: &Team) -> Vec<(String, bool, String)> {
    let todos = team.scene.todos().into_iter();
    let mut told: Vec<_> = todos
        .map(|task| (task.person, task.is_done, task.subject))
        .collect();
    told.sort();
    told
}

/// The first thing a log or an error says: whoever opens the directory first tells it.
fn words(answers: [&Answer; 2]) -> String {
    let lines = answers.iter().flat_map(|answer| answer.stderr.lines());
    let told = lines.filter_map(|line| {
        let line = line.strip_prefix("followupd: ").or_else(|| {
            let (_, text) = line.split_once(" WARN ").or_else(|| line.split_once("ERROR "))?;
            text.split(" part=").next()
        });
        line.map(|text| {
            text.chars()
                .filter(|c| !c.is_control())
                .take(150)
                .collect::<String>()
        })
    });
    told.into_iter()
        .next()
        .or_else(|| answers[0].cycle()["frozen"].as_str().map(str::to_owned))
        .unwrap_or_else(|| "nothing: it is mended silently".to_owned())
}

#[test]
fn every_damage_is_noticed_and_mended_and_no_task_is_there_twice() {
    let mut rng = Rng::with_seed(number("FOLLOWUP_KILL_SEED", 1));
    let mut team = Team::new();
    (0..6).for_each(|_| team.asks());
    team.scene.advance("6m");
    assert_eq!(team.scene.run_once().status, 0);
    team.calls(0);
    team.holds_true();
    let tasks = told(&team);
    let sound = team.scene.path("sound");
    copy(&team.state(), &sound);
    let mut rows = Vec::new();
    let mut wrong = Vec::new();
    let only = std::env::var("FOLLOWUP_DAMAGE").unwrap_or_default();
    for (name, first, harm) in DAMAGES.iter().filter(|(name, ..)| name.contains(&only)) {
        fs::remove_dir_all(team.state()).ok();
        copy(&sound, &team.state());
        harm(&team.state(), &mut rng);
        match survive(&team, *first, &tasks) {
            Ok((status, met)) => rows.push((name, met.status, words([&met, &status]))),
            Err(what) => wrong.push(format!("{name}: {what}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} damages survived, {} tasks each once", rows.len(), tasks.len());
    for (name, status, words) in rows {
        println!("| {name} | {status} | {words} |");
    }
    // What was put back last still works.
    team.asks();
    team.scene.advance("6m");
    assert_eq!(team.scene.run_once().status, 0);
    assert_eq!(told(&team).len(), tasks.len() + 1);
}

/// Runs on the damaged state, does what the admin is told, and holds the tasks against what they were.
fn survive(team: &Team, first: First, tasks: &[(String, bool, String)]) -> Result<(Answer, Answer), String> {
    let met = team.scene.run_once();
    let status = team.scene.answer(&["status", "--json"]);
    let is_as_told = match first {
        First::Works => met.status == 0,
        First::Freezes => met.status == 5 && met.cycle()["frozen"].is_string() && confirm(team),
        First::Refuses(fix) => {
            fix(&team.state());
            met.status == 4 && (met.stderr.contains("Fix:") || met.stderr.contains("remove it"))
        }
    };
    if !is_as_told || ![0, 1, 4, 5].contains(&status.status) {
        return Err(format!("status {}, then {met:?}", status.status));
    }
    for _ in 0..2 {
        let again = team.scene.run_once();
        if again.status != 0 {
            return Err(format!("afterwards {again:?}"));
        }
    }
    let now = told(team);
    if now != tasks {
        return Err(format!("the tasks were {tasks:?} and are {now:?}"));
    }
    let verdict = team.scene.answer(&["store", "verify", "--json"]);
    // A journal that lost its beginning says so until a backup is put back.
    let is_headless = verdict.stdout.contains("does not begin as a journal does");
    if verdict.status != 0 && !is_headless {
        return Err(format!("it still finds {verdict:?}"));
    }
    Ok((status, met))
}

/// An admin confirms; one cause may stand behind another.
fn confirm(team: &Team) -> bool {
    let said: Vec<Answer> = (0..3)
        .map(|_| team.scene.answer(&["store", "confirm", "--json"]))
        .collect();
    let is_lifted = said.iter().any(|answer| answer.status == 0);
    if !is_lifted {
        println!("{said:?}");
    }
    is_lifted
}

#[test]
fn a_damaged_token_file_says_what_to_do_and_a_new_login_mends_it() {
    let mut team = Team::new();
    let access: &Value = &team.scene.ready["hubspot"];
    let text = |key: &str| access[key].as_str().unwrap().to_owned();
    let (id, secret, refresh) = (text("client_id"), text("client_secret"), text("refresh_token"));
    team.scene.write("secret", &secret);
    team.scene.write("refresh", &refresh);
    let plain = team.scene.config("cutover = \"2026-11-02T00:00:00Z\"");
    let (before, _) = plain.split_once("[connections.hub.auth]").unwrap();
    let auth = format!(
        "{before}[connections.hub.auth]\nclient_id = \"{id}\"\nclient_secret_file = \"secret\"\n\
         refresh_token_file = \"refresh\"\n"
    );
    team.scene.write("followupd.toml", &auth);
    team.asks();
    team.scene.advance("6m");
    let first = team.scene.run_once();
    assert_eq!(first.status, 0, "{first:?}");
    let path = team.state().join("tokens-hub");
    let sound = fs::read(&path).unwrap();
    let mut half = sound.clone();
    half.truncate(sound.len() / 2);
    for damaged in [half, b"\x07".to_vec(), Vec::new()] {
        let mut file = fs::File::create(&path).unwrap();
        file.write_all(&damaged).unwrap();
        let met = team.scene.run_once();
        assert_eq!(met.status, 3, "a login that cannot be used: {met:?}");
        let told = format!("{}{}", met.stdout, met.stderr);
        assert!(told.contains("tokens-hub"), "{told}");
        assert!(
            !told.contains(&refresh) && !told.contains(&secret),
            "a secret is told"
        );
        // The fix it names: the configured token is imported again.
        fs::remove_file(&path).unwrap();
        let again = team.scene.run_once();
        assert_eq!(again.status, 0, "{again:?}");
        assert_eq!(team.tasks().len(), 1);
    }
}
