//! Simulated days of the whole daemon: a CRM in the same process, paused time, one seed for everything random.
//!
//! A [`plan::Plan`] is drawn from a seed: a world, a rhythm, and a schedule of what goes wrong and what people do. A run
//! ([`run::run`]) plays it against the daemon's own engine over simulated disks and holds what happens against the
//! [`invariants`], which look at the CRM's own state and its script, at the requests on the wire and at what is durable,
//! never at what the daemon says about itself. Equal plans give equal traces, to the byte.
//!
//! Read in this order: [`plan`] (what is drawn), [`run`] (how it is played), [`daemon`] (the engine and how it dies),
//! [`disk`] and [`wire`] (what it stands on), [`people`] (who works in the CRM beside the script), [`weather`] (when
//! anything was wrong), [`invariants`]. Then [`shrink`] (a failure made small), [`defect`] (deliberate ones) and [`crm`]
//! with [`hubspot`], [`salesforce`] and [`zoho`] over one [`ground`], which is where another CRM joins.

pub mod court;
pub mod crm;
pub mod daemon;
pub mod defect;
pub mod disk;
pub mod ground;
pub mod hubspot;
pub mod invariants;
pub mod line;
pub mod logs;
pub mod many;
pub mod people;
pub mod plan;
pub mod run;
pub mod salesforce;
pub mod shrink;
pub mod table;
pub mod tokens;
pub mod trace;
pub mod weather;
pub mod wire;
pub mod words;
pub mod zoho;
