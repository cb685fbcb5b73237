//! One thing that `x2godirector doctor` looked at.

/// What was looked at, how it is, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was found, in the admin's words.
    pub what: String,
    /// How that is.
    pub outcome: Outcome,
    /// What to do, best as the line of conf.d that would be right.
    pub advice: Option<String>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be.
    Good,
    /// Logins work, but perhaps not all, or not for long.
    Doubtful,
    /// No login can work with this.
    Bad,
}

impl Check {
    /// Something that is as it should be.
    pub fn good(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            outcome: Outcome::Good,
            advice: None,
        }
    }

    /// Something that an admin should look at.
    pub fn doubtful(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            outcome: Outcome::Doubtful,
            advice: Some(advice.into()),
        }
    }

    /// Something that lets nobody in. The cause may say itself what to do.
    pub fn bad(what: impl Into<String>, advice: Option<String>) -> Self {
        Self {
            what: what.into(),
            outcome: Outcome::Bad,
            advice,
        }
    }
}
