//! What a client asks.

use super::Reply;
use crate::model::{HostAddress, Invalid, Password, ProfileId, TicketText, TypedName};

/// A request of any front end, with every field inside its bounds.
#[derive(Debug, Clone)]
pub enum Request {
    /// Is this user who they say they are? Python X2Go asks so before anything else.
    Prove(Credentials),
    /// The profiles this user may have (`listsessions`).
    List(Credentials),
    /// A host for one of them (`selectsession`).
    Select {
        /// Who asks.
        credentials: Credentials,
        /// Which profile.
        profile: ProfileId,
        /// The name typed for the X2Go host. It chooses nothing; it is compared and audited.
        login: Option<TypedName>,
        /// The line of an authorized_keys file (sshd(8)) that the client would like to log in with: any text of at
        /// most 4096 bytes.
        public_key: Option<String>,
    },
    /// A new password (`setpass`).
    ChangePassword {
        /// Who asks, with the old password.
        credentials: Credentials,
        /// The new password.
        new_password: Password,
    },
    /// Something happened to a running session (`clientevent`).
    Event {
        /// Who says so.
        credentials: Credentials,
        /// What happened.
        event: Event,
    },
    /// Can the broker be reached (`testcon`)? Comes without any credentials.
    TestConnection,
}

impl Request {
    /// What is asked for.
    pub fn task(&self) -> Task {
        match self {
            Self::Prove(_) => Task::Prove,
            Self::List(_) => Task::List,
            Self::Select { .. } => Task::Select,
            Self::ChangePassword { .. } => Task::ChangePassword,
            Self::Event { .. } => Task::Event,
            Self::TestConnection => Task::TestConnection,
        }
    }
}

/// What a request asks for, without its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// [`Request::Prove`].
    Prove,
    /// [`Request::List`].
    List,
    /// [`Request::Select`].
    Select,
    /// [`Request::ChangePassword`].
    ChangePassword,
    /// [`Request::Event`].
    Event,
    /// [`Request::TestConnection`].
    TestConnection,
}

impl Task {
    /// The word for this task in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prove => "prove",
            Self::List => "list",
            Self::Select => "select",
            Self::ChangePassword => "change password",
            Self::Event => "event",
            Self::TestConnection => "test connection",
        }
    }

    /// The refusal that fits this task, whatever the reason is.
    pub fn refusal(self) -> Reply {
        match self {
            Self::Event => Reply::EventRefused,
            Self::Prove | Self::List | Self::Select | Self::ChangePassword | Self::TestConnection => {
                Reply::Refused
            }
        }
    }
}

/// Who a client says it speaks for, and what it shows for that.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The name as typed; an empty one is none. X2Go Client sends it so where it starts with `--broker-noauth` and its
    /// URL has no name.
    pub user: Option<TypedName>,
    /// The password; an empty one is none.
    pub password: Option<Password>,
    /// A ticket of an earlier login. One that cannot be a ticket of ours is none: clients keep theirs over a
    /// logout, so a bad one beside a good password is no error.
    pub ticket: Option<TicketText>,
}

/// What happened to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// The X2Go session id: 1 to 512 bytes without control characters.
    pub session: String,
    /// The host the client is connected to, as the client dials it.
    pub server: HostAddress,
}

/// The events that X2Go Client reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// The display proxy started.
    Connecting,
    /// The session is on the screen.
    Connected,
    /// The user asked to suspend it.
    Suspending,
    /// The user asked to end it.
    Terminating,
    /// The display proxy ended.
    Finished,
    /// It is still there.
    Alive,
}

impl EventKind {
    /// The word for this event in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Suspending => "suspending",
            Self::Terminating => "terminating",
            Self::Finished => "finished",
            Self::Alive => "alive",
        }
    }
}

/// A request that cannot be taken. The words are for the log and hold nothing of the request; a client only
/// sees a refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {fault}", .task.map_or("request", Task::as_str))]
pub struct BadRequest {
    /// What it asked for, if that could be told.
    pub task: Option<Task>,
    /// What is wrong with it.
    pub fault: Fault,
}

impl BadRequest {
    /// What its sender is answered.
    pub fn refusal(&self) -> Reply {
        self.task.map_or(Reply::Refused, Task::refusal)
    }
}

/// What is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The body is longer than any request.
    #[error("the body is longer than {0} bytes")]
    TooLong(usize),
    /// The body broke off, is malformed, or was not there in time.
    #[error("the body did not come whole")]
    Incomplete,
    /// A field that the task needs is not there, or empty.
    #[error("field `{0}` is missing or empty")]
    Missing(&'static str),
    /// A field stands there twice.
    #[error("field `{0}` stands there twice")]
    Twice(&'static str),
    /// A field is no text.
    #[error("field `{0}` is not UTF-8")]
    NotUtf8(&'static str),
    /// A field is outside its bounds or its alphabet.
    #[error("field `{field}`: {why}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        why: Invalid,
    },
    /// No task of that name.
    #[error("the task is not one of this front end")]
    UnknownTask,
}
