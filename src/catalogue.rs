//! Every code that a message of this program can carry, with its cause and what mends it.
//!
//! `explain-error CODE` and `docs/errors.md` are made from this table alone; a test looks through the sources for codes, so
//! that none is missing here and none here is gone.

/// What a code is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The code.
    pub code: &'static str,
    /// Where it comes from: `configuration`, `login`, `connection`, `state`, `doctor` or `cases`.
    pub area: &'static str,
    /// What it says.
    pub means: &'static str,
    /// The usual cause.
    pub cause: &'static str,
    /// What mends it.
    pub fix: &'static str,
}

/// The areas, in the order of the page, with their headings.
const AREAS: &[(&str, &str)] = &[
    ("configuration", "Configuration and policy (`check-config`)"),
    ("login", "Logging in (`auth`)"),
    ("connection", "A connection at work (`status`, `doctor`, logs)"),
    ("state", "The state directory (`store verify`, start)"),
    ("doctor", "What only `doctor` says"),
    ("cases", "Timeline cases (`policy test`)"),
];

/// Every code, in order.
pub const ENTRIES: &[Entry] = &[
    Entry {
        code: "after_now",
        area: "cases",
        means: "An event of a timeline case lies after the case's own present.",
        cause: "A typo in a date of the case.",
        fix: "Move the event, or the case's `now`.",
    },
    Entry {
        code: "bad_absence",
        area: "configuration",
        means: "An absence is no pair of days.",
        cause: "The days are swapped, or one is missing.",
        fix: "Write it as [\"2026-12-24\", \"2027-01-02\"]; both days are included.",
    },
    Entry {
        code: "bad_date",
        area: "configuration",
        means: "A text is no date.",
        cause: "Another order of day, month and year.",
        fix: "Write it as 2026-12-25.",
    },
    Entry {
        code: "bad_environment",
        area: "configuration",
        means: "Variables that begin with FOLLOWUPD_ cannot be read as configuration.",
        cause: "A name that is no path of keys.",
        fix: "Name keys as FOLLOWUPD_SECTION__KEY.",
    },
    Entry {
        code: "bad_hours",
        area: "configuration",
        means: "Working hours cannot be read.",
        cause: "A day or a time that does not exist, or a span over midnight.",
        fix: "Write { \"mon-fri\" = [\"09:00-17:00\"] }.",
    },
    Entry {
        code: "bad_instant",
        area: "configuration",
        means: "A text is no instant.",
        cause: "The zone is missing.",
        fix: "Write it as 2026-11-02T00:00:00Z.",
    },
    Entry {
        code: "bad_mapping",
        area: "configuration",
        means: "A mapping file cannot be used.",
        cause: "A word or table the connector does not know.",
        fix: "Compare it with the file of that CRM under /usr/share/followupd/connectors/, or leave mapping_file out and let `followupd discover NAME --out FILE` draft one anew.",
    },
    Entry {
        code: "bad_name",
        area: "configuration",
        means: "A connection's name cannot be used.",
        cause: "Other characters than a-z, 0-9 and _, or a name that is kept for imports.",
        fix: "Choose another name.",
    },
    Entry {
        code: "bad_url",
        area: "configuration",
        means: "A URL cannot be used.",
        cause: "A typo, or a host that is not the CRM's.",
        fix: "Write it as https://host, without a path.",
    },
    Entry {
        code: "bad_value",
        area: "configuration",
        means: "A word is none of those that are known here.",
        cause: "A typo.",
        fix: "Use one of the words the message lists.",
    },
    Entry {
        code: "bad_zone",
        area: "configuration",
        means: "A time zone is not known.",
        cause: "A typo, or no time zone data on this machine.",
        fix: "Use an IANA name such as Europe/Berlin; install tzdata.",
    },
    Entry {
        code: "cache",
        area: "state",
        means: "The cache failed.",
        cause: "A full or closed disk, or damage.",
        fix: "Do what the message says; `followupd store rebuild` fetches its content again.",
    },
    Entry {
        code: "clock_skew",
        area: "doctor",
        means: "This machine's clock and the CRM's are apart.",
        cause: "No time service is running.",
        fix: "systemctl enable --now systemd-timesyncd (or chrony).",
    },
    Entry {
        code: "connection_unusable",
        area: "doctor",
        means: "A connection could not be asked.",
        cause: "Its login or its rights.",
        fix: "Do what the finding says, then run doctor again.",
    },
    Entry {
        code: "counters",
        area: "state",
        means: "The counters of the cache do not agree with its content.",
        cause: "A crash of an older version, or damage.",
        fix: "`followupd store rebuild`.",
    },
    Entry {
        code: "cursor",
        area: "connection",
        means: "The place to go on reading from is refused.",
        cause: "The CRM forgot it.",
        fix: "None needed: the lane is read again from its start.",
    },
    Entry {
        code: "decode",
        area: "connection",
        means: "An answer is not what the CRM documents.",
        cause: "An error page, a cut answer, or a changed API.",
        fix: "None needed if it passes; if it stays, compare api_version with what the CRM serves.",
    },
    Entry {
        code: "delegate_idle",
        area: "doctor",
        means: "Whoever is to stand in for an owner cannot be asked in this CRM.",
        cause: "They have no active login of their own there, or the CRM knows them by another address.",
        fix: "Name somebody who works in that CRM, or add same_as for the other address.",
    },
    Entry {
        code: "disk_low",
        area: "doctor",
        means: "Little space is free where the state lies.",
        cause: "Other files, or a cache that grew.",
        fix: "Free space or move data_dir; about 5 GB hold a million people.",
    },
    Entry {
        code: "duplicate_id",
        area: "cases",
        means: "Two records of a timeline case have one id.",
        cause: "A copied record.",
        fix: "Give one of them another id.",
    },
    Entry {
        code: "forbidden",
        area: "connection",
        means: "The login works, but may not do this.",
        cause: "A scope or permission is missing.",
        fix: "Give what the message names; only the stream named is closed.",
    },
    Entry {
        code: "foreign_host",
        area: "login",
        means: "A token answer names a host that is not the CRM's.",
        cause: "A wrong login_url, or something between here and the CRM.",
        fix: "Check login_url; if it is right, tell your network's admin.",
    },
    Entry {
        code: "format",
        area: "state",
        means: "The state directory was written by another version.",
        cause: "An upgrade that was taken back, or a directory of something else.",
        fix: "Run the version the message names, or another data_dir.",
    },
    Entry {
        code: "frozen",
        area: "state",
        means: "Writes wait for a person.",
        cause: "The state was lost, a run would have created far more tasks than usual, or many records vanished at once.",
        fix: "Look at `followupd plan`, then run `followupd store confirm`.",
    },
    Entry {
        code: "hidden_field",
        area: "connection",
        means: "Fields are hidden from the user of the connection.",
        cause: "Field-level security.",
        fix: "Show the fields named to that user; until then they count as unknown.",
    },
    Entry {
        code: "hidden_table",
        area: "connection",
        means: "A table is hidden from the user of the connection.",
        cause: "Object permissions.",
        fix: "Give that user read access to it.",
    },
    Entry {
        code: "insecure_url",
        area: "configuration",
        means: "A token would travel in clear.",
        cause: "http instead of https.",
        fix: "Use https; plain http is spoken with this machine alone.",
    },
    Entry {
        code: "io",
        area: "state",
        means: "The operating system refuses a file of the state.",
        cause: "A full disk, a read-only file system, or rights.",
        fix: "Do what the message says and start again; nothing written so far is lost.",
    },
    Entry {
        code: "journal_closed",
        area: "state",
        means: "The journal takes no more entries.",
        cause: "An earlier write to it failed.",
        fix: "Mend the disk and start again.",
    },
    Entry {
        code: "key_beside_tokens",
        area: "doctor",
        means: "The key that seals tokens lies in the state directory.",
        cause: "That is where it is made unless configured.",
        fix: "`followupd secrets new-key FILE`, name it as key_file or as the credential secret.key, then `followupd secrets rotate`.",
    },
    Entry {
        code: "key_file",
        area: "configuration",
        means: "The key file cannot be used.",
        cause: "It is missing, or holds something else.",
        fix: "`followupd secrets new-key FILE` makes one.",
    },
    Entry {
        code: "layout",
        area: "state",
        means: "Something in the state directory is not as it should be.",
        cause: "Files of something else, or damage.",
        fix: "Do what the message says.",
    },
    Entry {
        code: "lead_status_words",
        area: "connection",
        means: "No lead status reads as given up.",
        cause: "The org uses words of its own.",
        fix: "`followupd discover NAME` drafts a mapping; add them under [leads.status].",
    },
    Entry {
        code: "limits_hidden",
        area: "connection",
        means: "The allowance of calls cannot be read.",
        cause: "A permission is missing.",
        fix: "Give it; until then a small allowance is assumed.",
    },
    Entry {
        code: "locked",
        area: "state",
        means: "Another followupd holds the state directory.",
        cause: "A daemon is running.",
        fix: "Stop it first, or ask it: most commands reach a running daemon.",
    },
    Entry {
        code: "login_denied",
        area: "login",
        means: "Consent was not given.",
        cause: "Somebody said no, or the user may not install the app.",
        fix: "Log in again and agree, or let an admin pre-authorise the user.",
    },
    Entry {
        code: "login_elsewhere",
        area: "login",
        means: "The org lives at another data centre.",
        cause: "login_url is that of another one.",
        fix: "Set login_url as the message says.",
    },
    Entry {
        code: "login_foreign_state",
        area: "login",
        means: "A browser tab of another login came back.",
        cause: "An earlier try is still open.",
        fix: "Open the address printed last.",
    },
    Entry {
        code: "login_no_code",
        area: "login",
        means: "What was pasted holds no code.",
        cause: "Only a part of the address was copied.",
        fix: "Paste the whole address of the page the browser ended at.",
    },
    Entry {
        code: "login_port",
        area: "login",
        means: "The port the browser comes back to is in use.",
        cause: "Another program, or another login.",
        fix: "Choose another with --port and register it with the app, or use --paste.",
    },
    Entry {
        code: "login_timed_out",
        area: "login",
        means: "Nobody came back from the browser.",
        cause: "The browser is on another machine, or the tab was closed.",
        fix: "Run the command again; with the browser elsewhere use --paste.",
    },
    Entry {
        code: "mail_invisible",
        area: "connection",
        means: "Mails cannot be read.",
        cause: "Sharing rules or a missing scope.",
        fix: "Do what the message says; until then rules that wait for a mail do not fire.",
    },
    Entry {
        code: "missing_key",
        area: "configuration",
        means: "A key is missing.",
        cause: "It has no default.",
        fix: "Add it as the message shows.",
    },
    Entry {
        code: "missing_scope",
        area: "connection",
        means: "A scope is missing.",
        cause: "The app was registered with fewer scopes, or consent was given to fewer.",
        fix: "Add it to the app and log in again; `followupd auth login` lists them all.",
    },
    Entry {
        code: "missing_unit",
        area: "configuration",
        means: "A number has no unit.",
        cause: "60 could be seconds or minutes.",
        fix: "Write \"60s\", \"5m\", \"10%\".",
    },
    Entry {
        code: "no_connection",
        area: "configuration",
        means: "No connection is configured.",
        cause: "A new installation.",
        fix: "`followupd init` writes one.",
    },
    Entry {
        code: "no_login",
        area: "configuration",
        means: "A login is not complete.",
        cause: "A key of it is missing.",
        fix: "Add what the message names; `followupd auth login` brings the refresh token.",
    },
    Entry {
        code: "no_queries",
        area: "connection",
        means: "Zoho does not answer queries.",
        cause: "The scope ZohoCRM.coql.READ is missing.",
        fix: "Log in again with it; until then reading costs more credits.",
    },
    Entry {
        code: "no_task_delete",
        area: "connection",
        means: "Tasks cannot be deleted.",
        cause: "A right is missing.",
        fix: "Give it; until then a task that is no longer needed is closed instead.",
    },
    Entry {
        code: "no_task_key",
        area: "connection",
        means: "Tasks cannot carry a unique key.",
        cause: "The field for it is missing or not unique.",
        fix: "Do what the message says; until then the key travels in the task's text.",
    },
    Entry {
        code: "no_task_write",
        area: "connection",
        means: "Tasks cannot be written.",
        cause: "A right or scope is missing.",
        fix: "Give it.",
    },
    Entry {
        code: "not_answered",
        area: "doctor",
        means: "A question was not answered.",
        cause: "See the message.",
        fix: "Mend what it names, then run doctor again.",
    },
    Entry {
        code: "not_found",
        area: "connection",
        means: "A record is not there.",
        cause: "It was deleted meanwhile.",
        fix: "None needed.",
    },
    Entry {
        code: "not_owner",
        area: "state",
        means: "The state directory belongs to another user.",
        cause: "A command was run as root or as oneself.",
        fix: "sudo -u followupd followupd …",
    },
    Entry {
        code: "not_sent",
        area: "connection",
        means: "A token request could not be made.",
        cause: "A secret that cannot be used.",
        fix: "Check the secret files the message names.",
    },
    Entry {
        code: "owner_unseen",
        area: "doctor",
        means: "Nothing of a kind was ever logged by somebody, although others log it.",
        cause: "Their mailbox, phone or calendar is not connected to the CRM.",
        fix: "Connect it; until then tasks can ask them for what they did already.",
    },
    Entry {
        code: "public_health",
        area: "configuration",
        means: "Metrics and health are answered beyond this machine.",
        cause: "health.listen is no loopback address.",
        fix: "Use 127.0.0.1 and a reverse proxy, or a firewall.",
    },
    Entry {
        code: "quota_low",
        area: "doctor",
        means: "Most of the day's calls that followupd allows itself are spent.",
        cause: "A large first read, or a small share.",
        fix: "Raise api_share, or poll more rarely.",
    },
    Entry {
        code: "quota_others",
        area: "doctor",
        means: "Other apps spend most of the allowance.",
        cause: "An integration in the same org.",
        fix: "Look in the CRM which; reading pauses when the day is used up.",
    },
    Entry {
        code: "records_invisible",
        area: "connection",
        means: "Records are invisible to the user of the connection.",
        cause: "Sharing settings.",
        fix: "Give the user View All on them.",
    },
    Entry {
        code: "refused",
        area: "connection",
        means: "The CRM refuses a request.",
        cause: "See its words in the message.",
        fix: "Mend what they name.",
    },
    Entry {
        code: "secret_file",
        area: "configuration",
        means: "A secret file cannot be read.",
        cause: "It is missing, empty, or of another user.",
        fix: "Do what the message says; a refresh token is brought by `followupd auth login`.",
    },
    Entry {
        code: "secret_mode",
        area: "doctor",
        means: "Others may read a secret.",
        cause: "The file's mode.",
        fix: "chmod 600.",
    },
    Entry {
        code: "state_missing",
        area: "doctor",
        means: "There is no state yet.",
        cause: "followupd never ran.",
        fix: "None needed.",
    },
    Entry {
        code: "state_mode",
        area: "doctor",
        means: "Others may look into the state directory.",
        cause: "Its mode.",
        fix: "chmod 700.",
    },
    Entry {
        code: "state_owner",
        area: "doctor",
        means: "The state directory belongs to another user.",
        cause: "doctor was run as root or as oneself.",
        fix: "sudo -u followupd followupd doctor.",
    },
    Entry {
        code: "state_unusable",
        area: "doctor",
        means: "The state directory cannot be used.",
        cause: "See the message.",
        fix: "Mend what it names; `followupd store verify` looks closer.",
    },
    Entry {
        code: "state_unwritable",
        area: "doctor",
        means: "Nothing can be written into the state directory.",
        cause: "A read-only or full file system, or rights.",
        fix: "Mount it writable, free space, or mend the owner.",
    },
    Entry {
        code: "stream_closed",
        area: "connection",
        means: "A kind of record cannot be read.",
        cause: "A scope or permission is missing.",
        fix: "Give it; the rules that need it are silent until then.",
    },
    Entry {
        code: "superfluous_scopes",
        area: "connection",
        means: "The login may do more than is used.",
        cause: "The app was registered with more scopes.",
        fix: "Take them from the app and log in again.",
    },
    Entry {
        code: "syntax",
        area: "configuration",
        means: "A file is no TOML or JSON.",
        cause: "A missing quote or bracket.",
        fix: "Look at the line the message names.",
    },
    Entry {
        code: "task_status_words",
        area: "connection",
        means: "The org's task statuses lack words that are written.",
        cause: "The org uses words of its own.",
        fix: "Set the statuses under [tasks] of a mapping; `followupd discover NAME` drafts one.",
    },
    Entry {
        code: "throttled",
        area: "connection",
        means: "An allowance is used up for now.",
        cause: "This program's share, or others.",
        fix: "None needed: reading goes on by itself.",
    },
    Entry {
        code: "too_large",
        area: "state",
        means: "Something is too large to be kept.",
        cause: "A record far beyond what CRMs allow.",
        fix: "None needed: it is set aside; tell us.",
    },
    Entry {
        code: "transport",
        area: "connection",
        means: "The network or the CRM's server failed, after all tries.",
        cause: "An outage.",
        fix: "None needed if it passes; `followupd doctor` looks closer.",
    },
    Entry {
        code: "two_logins",
        area: "configuration",
        means: "Two ways to log in are configured.",
        cause: "access_token_file beside OAuth keys.",
        fix: "Keep one.",
    },
    Entry {
        code: "unauthorized",
        area: "connection",
        means: "The login is refused; the connection pauses.",
        cause: "A revoked, expired or wrong token, or nobody logged in.",
        fix: "`followupd auth login NAME`, or a new token in the file the message names.",
    },
    Entry {
        code: "unknown_id",
        area: "cases",
        means: "A timeline case refers to a record it does not have.",
        cause: "A typo.",
        fix: "Name one of its records.",
    },
    Entry {
        code: "unknown_key",
        area: "configuration",
        means: "A key is not known.",
        cause: "A typo.",
        fix: "Use the word the message suggests.",
    },
    Entry {
        code: "unknown_language",
        area: "configuration",
        means: "Texts do not exist in a language.",
        cause: "A typo, or a language that is not delivered.",
        fix: "Use one of those the message lists.",
    },
    Entry {
        code: "unknown_owner",
        area: "configuration",
        means: "same_as or delegate names somebody who is not configured, or the owner of the table.",
        cause: "A typo.",
        fix: "Add a table for that owner, empty if need be.",
    },
    Entry {
        code: "unknown_placeholder",
        area: "configuration",
        means: "A text names something that cannot be filled in.",
        cause: "A typo.",
        fix: "Use one of the placeholders the message lists.",
    },
    Entry {
        code: "unreachable",
        area: "doctor",
        means: "A host does not answer.",
        cause: "Name resolution, a firewall, a proxy or certificates.",
        fix: "Do what the finding says.",
    },
    Entry {
        code: "unread",
        area: "state",
        means: "Nothing can be erased from a journal that cannot be read whole.",
        cause: "Damaged entries, or entries of a newer version.",
        fix: "Put a backup of journal.log back, or run `followupd store confirm` if they are lost.",
    },
    Entry {
        code: "unreadable_file",
        area: "configuration",
        means: "A file cannot be read.",
        cause: "It is missing, or of another user.",
        fix: "Create it, name another one, or let the user that runs followupd read it.",
    },
    Entry {
        code: "wrong_type",
        area: "configuration",
        means: "A value is of another type.",
        cause: "Quotes that are missing or too many.",
        fix: "Write what the message expects.",
    },
];

/// The entry of a code.
pub fn find(code: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.code == code)
}

/// The page `docs/errors.md`.
pub fn page() -> String {
    let mut page = "# Codes of messages\n\nMade from the code (`src/catalogue.rs`); `followupd explain-error CODE` says the same. \
                    A message itself names the\nfile, the connection or the record, and its own fix.\n"
        .to_owned();
    for (area, heading) in AREAS {
        page.extend([
            "\n## ",
            heading,
            "\n\n| Code | Means | Usual cause | Fix |\n|---|---|---|---|\n",
        ]);
        for entry in ENTRIES.iter().filter(|entry| entry.area == *area) {
            let told = [entry.means, entry.cause, entry.fix].map(|text| text.replace('|', "\\|"));
            page.extend(["| `", entry.code, "` | ", &told.join(" | "), " |\n"]);
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_complete_and_without_doubles() {
        for pair in ENTRIES.windows(2) {
            assert!(pair[0].code < pair[1].code, "{}", pair[1].code);
        }
        for entry in ENTRIES {
            assert!(
                AREAS.iter().any(|(area, _)| *area == entry.area),
                "{}",
                entry.code
            );
            assert!(page().contains(&format!("| `{}` |", entry.code)));
        }
    }
}
