//! What `[hooks]` sets, for both ends of the socket.

use std::path::PathBuf;
use std::time::Duration;

use super::question::Moment;

/// What a question may take beyond twice its program's deadline: starting the program, and the way there and back.
const GRACE: Duration = Duration::from_secs(1);

/// The whole section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The worker's socket.
    pub socket: PathBuf,
    /// The user whose processes may ask, beside the worker's own user.
    pub daemon_user: String,
    /// The user that the programs run as: the worker refuses to be anybody else.
    pub user: String,
    /// How many programs run at once; as many more may wait.
    pub at_once: usize,
    /// The programs.
    pub programs: Programs,
}

impl Settings {
    /// The longest that one question can take.
    pub fn longest_step(&self) -> Duration {
        let programs = Moment::ALL
            .into_iter()
            .filter_map(|moment| self.programs.of(moment));
        programs.map(Program::longest_answer).max().unwrap_or_default()
    }
}

/// The program of each moment; none where nobody is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Programs {
    /// Before a password is checked.
    pub pre_auth: Option<Program>,
    /// When somebody is known, with their groups and what they are offered.
    pub post_auth: Option<Program>,
    /// When a profile is selected, before a host is chosen.
    pub select: Option<Program>,
}

impl Programs {
    /// The program of this moment.
    pub fn of(&self, moment: Moment) -> Option<&Program> {
        match moment {
            Moment::PreAuth => self.pre_auth.as_ref(),
            Moment::PostAuth => self.post_auth.as_ref(),
            Moment::Select => self.select.as_ref(),
        }
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        Moment::ALL.into_iter().all(|moment| self.of(moment).is_none())
    }
}

/// One program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its file.
    pub file: PathBuf,
    /// Its arguments, as they are.
    pub arguments: Vec<String>,
    /// How long it may take before it is killed.
    pub timeout: Duration,
    /// What counts when it gives no answer.
    pub on_failure: OnFailure,
}

impl Program {
    /// How long its answer may take, the wait for those that run before it included.
    pub(super) fn longest_answer(&self) -> Duration {
        self.timeout * 2 + GRACE
    }
}

/// What counts when a program gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// The request is refused.
    Refuse,
    /// The request goes on as if there were no program.
    Ignore,
}
