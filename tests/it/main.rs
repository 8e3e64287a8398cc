//! Stories: the real binary over sockets, and the engine over simulated stores and an in-process CRM.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a story that cannot go on fails where it stands"
)]

mod backtest;
mod bad_input;
mod book;
mod canary;
mod commands;
mod crash;
mod crms;
mod day_of_faults;
mod decisions;
mod demo;
mod discover;
mod doctor;
mod erase;
mod etiquette;
mod export;
mod failures;
mod first_loop;
mod import;
mod in_process;
mod init;
mod leave;
mod lists;
mod login;
mod observability;
mod policy_test;
mod report;
mod retention;
mod salesforce;
mod support;
mod sweep;
mod tidy;
mod two_crms;
mod two_portals;
mod unit_file;
mod zoho;
