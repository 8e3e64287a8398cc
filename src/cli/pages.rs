//! `pages`: man pages and completion scripts, made from the description of the commands that also parses them.
//!
//! Hidden, for whoever builds a package: one folder in, `man/*.1` and `completions/*` out. No date is in them, so the same
//! program always makes the same bytes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, output};
use crate::exit::{Exit, Failure};

/// Shells whose scripts a package brings.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

#[derive(Debug, Args)]
pub(super) struct PagesArgs {
    /// Folder to write into; made if need be, pages of the same name are replaced.
    dir: PathBuf,
}

pub(super) fn pages(args: &PagesArgs) -> anyhow::Result<Exit> {
    let written = write(&args.dir).map_err(|error| {
        let message = format!(
            "{}: {error}. Fix: choose a folder that can be written",
            args.dir.display()
        );
        Failure::new(Exit::Usage, message)
    })?;
    output::line(&format!(
        "{written} pages and scripts are in {}",
        args.dir.display()
    ));
    Ok(Exit::Ok)
}

/// How many files were written.
fn write(dir: &Path) -> std::io::Result<usize> {
    let man = dir.join("man");
    let completions = dir.join("completions");
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    clap_mangen::generate_to(described(), &man)?;
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut described(), "followupd", &completions)?;
    }
    Ok(fs::read_dir(man)?.count() + fs::read_dir(completions)?.count())
}

/// The commands without the `help` of each, which says nothing of its own.
fn described() -> Command {
    Cli::command().disable_help_subcommand(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_is_shown_has_its_page_and_is_completed() {
        let dir = tempfile::tempdir().unwrap();
        let written = write(dir.path()).unwrap();
        assert!(written > SHELLS.len() + 20, "{written}");
        let bash = fs::read_to_string(dir.path().join("completions/followupd.bash")).unwrap();
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let page = dir.path().join(format!("man/followupd-{name}.1"));
            assert_eq!(page.exists(), !command.is_hide_set(), "{name}");
            assert!(command.is_hide_set() || bash.contains(name), "{name}");
        }
        let page = fs::read_to_string(dir.path().join("man/followupd-auth-login.1")).unwrap();
        assert!(
            page.contains("Exit status: 0 fine") && page.contains("grant\\-code"),
            "{page}"
        );
    }
}
