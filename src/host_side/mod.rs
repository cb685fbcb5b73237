//! What runs on an X2Go host: asking the broker which keys open an account there, when sshd asks us
//! (`AuthorizedKeysCommand`, sshd_config(5)); and what the broker's key may have the agent do there.
//!
//! Not the broker's side of it, which decides: a host gets what it may have, and passes it on.

#![forbid(unsafe_code)]

mod account;
mod agent_task;
mod ask;
mod key_line;
mod settings;

pub use account::may_be_asked_about;
pub use agent_task::AgentTask;
pub use ask::{AskError, ask};
pub use settings::{Settings, SettingsError, key_file};
