//! Between bytes and meaning: what a client asks, and what it is answered, whichever front end it came
//! through. Pure: no room but `model` is known here, and nothing is decided.

pub mod plain;
mod reply;
mod request;

pub use reply::{ClientConfig, OfferedProfile, Reply, SelectedHost};
pub use request::{BadRequest, Credentials, Event, EventKind, Fault, Request, Task};
