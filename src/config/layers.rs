//! Where the layers come from: the main file, `conf.d/*.toml` beside it in order of name, the environment.

use std::path::Path;

use config::Environment;
use followup_rules::problem::{
    Problem, Severity,
    document::{Document, Format},
    fields::Reader,
};

use super::{
    Config,
    read::Raw,
    validate::{self, Strictness},
};

/// Variables that start with the prefix but are no keys.
const NOT_KEYS: &[&str] = &["FOLLOWUPD_CONFIG", "FOLLOWUPD_LOG"];

/// Reads all layers and validates what they say together.
///
/// # Errors
/// Every problem of every layer.
pub fn load(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    read_all(path, environment, Strictness::Complete)
}

/// As [`load`], but refresh token files may still be missing: a login is about to write them.
///
/// # Errors
/// Every other problem of every layer.
pub fn load_before_login(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    read_all(path, environment, Strictness::BeforeLogin)
}

fn read_all(
    path: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
    strictness: Strictness,
) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    let mut raw = Raw::default();
    let mut problems = Vec::new();
    for file in std::iter::once(path.to_path_buf()).chain(drop_ins(path)) {
        match read_file(&file, "") {
            Ok(text) => apply(
                &text,
                &file.display().to_string(),
                Format::Toml,
                &file,
                &mut raw,
                &mut problems,
            ),
            Err(found) => problems.extend(found),
        }
    }
    match environment_layer(environment) {
        Ok(Some(json)) => apply(&json, "environment", Format::Json, path, &mut raw, &mut problems),
        Ok(None) => {}
        Err(problem) => problems.push(problem),
    }
    validate::validate(raw, path, problems, strictness)
}

fn apply(text: &str, name: &str, format: Format, file: &Path, raw: &mut Raw, problems: &mut Vec<Problem>) {
    match Document::parse(text, name, format) {
        Ok(document) => {
            let reader = Reader::new(&document);
            raw.apply(&reader, &document, file);
            problems.extend(reader.into_problems());
        }
        Err(found) => problems.extend(found),
    }
}

/// Files of `conf.d` beside the main file, by name. A folder that cannot be listed counts as empty: the main file
/// says what matters, and a folder is optional.
fn drop_ins(path: &Path) -> Vec<std::path::PathBuf> {
    let folder = path.parent().unwrap_or_else(|| Path::new(".")).join("conf.d");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
}

/// Reads a text file; a failure is one problem that names the cause and the fix.
pub(super) fn read_file(path: &Path, key: &str) -> Result<String, Vec<Problem>> {
    std::fs::read_to_string(path).map_err(|error| {
        let fix = match error.kind() {
            std::io::ErrorKind::NotFound => "create it, or name another file",
            std::io::ErrorKind::PermissionDenied => "let the user that runs followupd read it",
            _ => "check the path",
        };
        vec![Problem {
            code: "unreadable_file",
            severity: Severity::Error,
            place: path.display().to_string(),
            key: key.to_owned(),
            message: format!("the file cannot be read: {error}"),
            fix: fix.to_owned(),
        }]
    })
}

/// The environment as a JSON document, or nothing if no variable is set.
fn environment_layer(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Option<String>, Problem> {
    let ours = variables
        .into_iter()
        .filter(|(name, _)| name.starts_with("FOLLOWUPD_") && !NOT_KEYS.contains(&name.as_str()))
        .collect::<std::collections::HashMap<_, _>>();
    if ours.is_empty() {
        return Ok(None);
    }
    let source = Environment::with_prefix("FOLLOWUPD")
        .prefix_separator("_")
        .separator("__")
        .try_parsing(true)
        .source(Some(ours));
    let tree: serde_json::Value = config::Config::builder()
        .add_source(source)
        .build()
        .and_then(config::Config::try_deserialize)
        .map_err(|error| Problem {
            code: "bad_environment",
            severity: Severity::Error,
            place: "environment".to_owned(),
            key: String::new(),
            message: error.to_string(),
            fix: "name keys as FOLLOWUPD_SECTION__KEY".to_owned(),
        })?;
    Ok(Some(tree.to_string()))
}
