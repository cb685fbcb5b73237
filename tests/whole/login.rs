//! The main job as a client sees it: the built program between HTTPS requests and a real directory.

mod conditions;
mod failover;
mod lists;
mod reload;
mod selects;
mod storm;
