use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn lock(path: &Path) -> Result<(StateDir, Vec<Problem>), StoreError> {
    let mut problems = Vec::new();
    StateDir::lock(path, &mut problems).map(|dir| (dir, problems))
}

#[test]
fn a_second_process_is_refused_until_the_first_lets_go() {
    let root = tempfile::tempdir().unwrap();
    let (first, _) = lock(root.path()).unwrap();
    let error = lock(root.path()).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }));
    assert!(
        error.to_string().contains("in use by another followupd"),
        "{error}"
    );
    drop(first);
    lock(root.path()).unwrap();
}

#[test]
fn directory_and_files_are_closed_to_others() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("deep/state");
    lock(&path).unwrap();
    assert_eq!(mode(&path), 0o700);
    for name in ["lock", "format"] {
        assert_eq!(mode(&path.join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_format_this_version_does_not_know_is_refused_with_the_way_out() {
    for found in ["followupd-state 2\n", "followupd-state 0\n", "", "\u{1F4BE}"] {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("format"), found).unwrap();
        let error = lock(root.path()).unwrap_err();
        assert!(
            matches!(
                error,
                StoreError::Format {
                    supported: FORMAT,
                    ..
                }
            ),
            "{found}"
        );
        assert!(error.to_string().contains("Fix:"), "{error}");
        assert_eq!(fs::read_to_string(root.path().join("format")).unwrap(), found);
    }
}

#[test]
fn a_missing_format_beside_a_journal_is_reported() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("journal.log"), b"").unwrap();
    let (dir, problems) = lock(root.path()).unwrap();
    assert_eq!(problems.len(), 1);
    drop(dir);
    assert!(lock(root.path()).unwrap().1.is_empty());
}

#[test]
fn the_effective_user_counts() {
    let status = "Name:\tfollowupd\nUid:\t1000\t990\t0\t0\nGid:\t1\t1\t1\t1\n";
    assert_eq!(effective_user(status), Some(990));
    assert_eq!(effective_user("Name:\tfollowupd\n"), None);
}

#[test]
fn only_run_makes_a_directory() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("typo");
    let error = StateDir::lock_existing(&path, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }));
    assert!(!path.exists());
}

#[test]
fn a_stranger_is_told_whose_directory_it_is() {
    let error = refuse_stranger(Path::new("/var/lib/followupd"), 990, 0).unwrap_err();
    assert!(error.to_string().contains("belongs to user id 990"), "{error}");
    refuse_stranger(Path::new("/var/lib/followupd"), 990, 990).unwrap();
}
