//! What a program is asked. Its own words for these are in docs/hooks.md: change both.

use serde::Serialize;

/// When a program is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before a password is checked, after the throttle.
    PreAuth,
    /// When somebody is known.
    PostAuth,
    /// When a profile is selected.
    Select,
}

impl Moment {
    /// Every moment.
    pub const ALL: [Self; 3] = [Self::PreAuth, Self::PostAuth, Self::Select];

    /// The word for it, in conf.d as in what a program reads.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreAuth => "pre_auth",
            Self::PostAuth => "post_auth",
            Self::Select => "select",
        }
    }

    /// The moment of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|moment| moment.as_str() == word)
    }
}

/// What a program reads: one JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "hook", rename_all = "snake_case")]
pub enum Question {
    /// May the password of this name be checked?
    PreAuth {
        /// The request.
        #[serde(flatten)]
        request: Request,
        /// The name as typed.
        typed: String,
    },
    /// May this user go on?
    PostAuth {
        /// The request.
        #[serde(flatten)]
        request: Request,
        /// The user.
        #[serde(flatten)]
        known: Known,
        /// The ids of the profiles that the rules offer.
        offers: Vec<String>,
    },
    /// May this user start this, and where?
    Select {
        /// The request.
        #[serde(flatten)]
        request: Request,
        /// The user.
        #[serde(flatten)]
        known: Known,
        /// The id of the profile.
        profile: String,
        /// The farm it starts on.
        farm: String,
        /// The hosts that could be chosen.
        hosts: Vec<Candidate>,
    },
}

impl Question {
    /// Who is behind it: the user, or the client while nobody is known.
    pub fn asker(&self) -> Option<&str> {
        match self {
            Self::PreAuth { request, .. } => request.client.as_deref(),
            Self::PostAuth { known, .. } | Self::Select { known, .. } => Some(&known.user),
        }
    }

    /// When it is asked.
    pub fn moment(&self) -> Moment {
        match self {
            Self::PreAuth { .. } => Moment::PreAuth,
            Self::PostAuth { .. } => Moment::PostAuth,
            Self::Select { .. } => Moment::Select,
        }
    }
}

/// The request that a program is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request {
    /// The id that the audit log has for it.
    pub decision: String,
    /// `list`, `select` and so on.
    pub task: &'static str,
    /// The front end.
    pub door: &'static str,
    /// The address of the client; none if it is not known.
    pub client: Option<String>,
    /// When it came (RFC 3339, UTC).
    pub time: String,
}

/// Somebody who is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Known {
    /// The canonical name.
    pub user: String,
    /// Where it is from: `ldap`, `nss`, `none`.
    pub source: &'static str,
    /// The names of all groups.
    pub groups: Vec<String>,
}

/// A host that could be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Its name in conf.d.
    pub host: String,
    /// Sessions and leases on it.
    pub load: u32,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_program_reads_what_the_guide_says() {
        let request = Request {
            decision: "0000000000000001".to_owned(),
            task: "select",
            door: "plain",
            client: Some("192.0.2.7".to_owned()),
            time: "2026-03-02T08:00:00Z".to_owned(),
        };
        let question = Question::Select {
            request: request.clone(),
            known: Known {
                user: "alice".to_owned(),
                source: "ldap",
                groups: vec!["staff".to_owned()],
            },
            profile: "xfce".to_owned(),
            farm: "office".to_owned(),
            hosts: vec![Candidate {
                host: "ts01".to_owned(),
                load: 3,
            }],
        };
        assert_eq!(
            serde_json::to_value(&question).unwrap(),
            json!({
                "hook": "select", "decision": "0000000000000001", "task": "select", "door": "plain",
                "client": "192.0.2.7", "time": "2026-03-02T08:00:00Z", "user": "alice", "source": "ldap",
                "groups": ["staff"], "profile": "xfce", "farm": "office", "hosts": [{ "host": "ts01", "load": 3 }],
            })
        );
        assert_eq!(question.moment(), Moment::Select);
        let typed = Question::PreAuth {
            request,
            typed: "Alice\n".to_owned(),
        };
        let written = serde_json::to_string(&typed).unwrap();
        assert!(written.starts_with(r#"{"hook":"pre_auth","#), "{written}");
        assert!(!written.contains('\n'), "{written}");
    }
}
