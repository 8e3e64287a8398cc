//! The judgement from outside: short timelines, and properties over generated ones.

mod deals;
mod inquiries;
mod linter;
mod own_tasks;
mod properties;
mod replies;
mod suppression;
mod world;
