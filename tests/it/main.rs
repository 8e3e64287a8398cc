//! Stories: the real binary over sockets, and the engine over simulated stores and an in-process CRM.

mod bad_input;
mod commands;
mod crash;
mod demo;
mod first_loop;
mod policy_test;
mod support;
mod tidy;
