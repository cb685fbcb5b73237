//! PAM and the host's users: the client that the daemon asks with, and the worker that it asks.
//!
//! PAM modules and name services block, hang and crash. They run in processes of the worker, never in the
//! daemon, and each process can be killed.

mod answers;
mod child;
mod client;
mod conversation;
mod doctor;
mod ffi;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod history;
mod lanes;
mod limits;
mod load;
mod lookup;
mod message;
mod on_behalf;
mod pool;
mod process;
mod settings;
mod supervisor;
mod transaction;

pub use answers::{Change, Dates, HostGroup, HostUser, Refusal, Unreachable, Verdict};
pub use client::Client;
pub use doctor::examine;
pub use load::{Load, PoolLoad};
pub use lookup::user as look_up;
pub use process::run as run_process;
pub use settings::{ClientSettings, Service, WorkerSettings};
pub use supervisor::{StartError, Worker};
