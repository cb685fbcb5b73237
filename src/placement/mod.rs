//! Which host an offer starts on.

mod farm;

pub use farm::{AgentKind, Farm, Host};
