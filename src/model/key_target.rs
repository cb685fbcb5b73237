//! Where a key opens an account, and how it comes there.

use super::{FarmName, HostName, Machine};

/// How a host comes to know a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyDelivery {
    /// Its agent is told over SSH, and writes it down there.
    Ssh,
    /// The agent on this machine writes it down.
    Local,
    /// It asks: nothing is written there, and the key stands in the broker's store alone.
    Command,
}

impl KeyDelivery {
    /// The word for this way in logs and in the state database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ssh => "ssh",
            Self::Local => "local",
            Self::Command => "command",
        }
    }

    /// The way that [`KeyDelivery::as_str`] gave this word for.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Ssh, Self::Local, Self::Command]
            .into_iter()
            .find(|way| way.as_str() == word)
    }
}

/// A host that a key is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyTarget {
    /// The farm.
    pub farm: FarmName,
    /// Its name there.
    pub host: HostName,
    /// The SSH server that it is.
    pub machine: Machine,
    /// How it comes to know the key.
    pub delivery: KeyDelivery,
}
