//! followupd: finds follow-up gaps in a CRM and writes one clear task for the right rep, which closes itself.
//!
//! Modules in reading order: [`engine`] runs a cycle (observe in [`mod@sync`], plan in [`planning`], apply in
//! [`writeback`]) over one [`shared_store`]; [`daemon`] repeats it; [`config`] and [`team`] say what an admin wants;
//! [`app`] is the composition root, the one place that knows every part; [`cli`] is what a person types.

pub mod access_log;
pub mod app;
pub mod catalogue;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod daemon;
pub mod doctor;
pub mod engine;
pub mod exit;
pub mod feedback;
pub mod health;
pub mod import;
pub mod lifecycle;
pub mod login;
pub mod loopback;
pub mod mapping_draft;
pub mod metrics_endpoint;
pub mod planning;
pub mod private_file;
pub mod queries;
pub mod sealing;
pub mod setup;
pub mod shared_store;
pub mod subject_key;
pub mod sync;
pub mod team;
pub mod telemetry;
pub mod tokens;
pub mod writeback;

#[cfg(feature = "sandbox")]
pub mod demo;
