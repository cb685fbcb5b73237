//! One PAM transaction from start to end, and what its return codes mean.

use std::ffi::{CStr, CString};
use std::net::IpAddr;

use nix::unistd::User;
use pam::PamReturnCode as Code;

use super::answers::{Change, Refusal, Unreachable, Verdict};
use super::conversation::{Conversation, Passwords};
use super::ffi::{Item, Pam};
use super::message::Reply;
use super::on_behalf;
use super::settings::Service;
use crate::model::{Password, TypedName};

/// What stands in `PAM_TTY`, for modules that want some terminal to be named.
const TERMINAL: &CStr = c"x2go";

/// Has a password checked: pam_authenticate(3), and always pam_acct_mgmt(3) after it.
pub(super) fn authenticate(service: &Service, name: &TypedName, password: Password, client: IpAddr) -> Reply {
    let started = start(service, name, Passwords::Check(password), client);
    let mut pam = match started {
        Ok(pam) => pam,
        Err(why) => return Reply::Failed(why),
    };
    let verdict = match prove(&mut pam, name) {
        Ok(Proven { user, must_change }) => Verdict::Right {
            user,
            must_change,
            said: said(&pam),
        },
        Err(Unproven::Wrong) => Verdict::Wrong,
        Err(Unproven::Unknown) => Verdict::Unknown,
        Err(Unproven::Refused(why)) => Verdict::Refused {
            why,
            said: said(&pam),
        },
        Err(Unproven::Unclear(cause)) => return unclear(&pam, cause),
    };
    let delay = pam.conversation().borrow().delay();
    Reply::Verdict { verdict, delay }
}

/// Has a password checked, and if it is right, replaced (pam_chauthtok(3)).
pub(super) fn change_password(
    service: &Service,
    name: &TypedName,
    old: Password,
    new: Password,
    client: IpAddr,
) -> Reply {
    let started = start(service, name, Passwords::Replace { old, new }, client);
    let mut pam = match started {
        Ok(pam) => pam,
        Err(why) => return Reply::Failed(why),
    };
    let change = match prove(&mut pam, name) {
        Ok(Proven { user, must_change }) => match replace(&mut pam, &user, must_change) {
            Ok(()) => Change::Changed { user },
            Err(Unchanged::Rejected(words)) => Change::Rejected {
                said: said(&pam).into_iter().chain([words]).collect(),
            },
            Err(Unchanged::Unclear(cause)) => return unclear(&pam, cause),
        },
        Err(Unproven::Wrong) => Change::Wrong,
        Err(Unproven::Unknown) => Change::Unknown,
        Err(Unproven::Refused(why)) => Change::Refused {
            why,
            said: said(&pam),
        },
        Err(Unproven::Unclear(cause)) => return unclear(&pam, cause),
    };
    let delay = pam.conversation().borrow().delay();
    Reply::Change { change, delay }
}

/// A password that is right, of an account that may log in.
struct Proven {
    user: String,
    must_change: bool,
}

/// Why nothing was proven.
enum Unproven {
    Wrong,
    Unknown,
    Refused(Refusal),
    Unclear(String),
}

/// Why the password stays as it was, as far as is known.
enum Unchanged {
    Rejected(String),
    Unclear(String),
}

fn start(
    service: &Service,
    name: &TypedName,
    passwords: Passwords,
    client: IpAddr,
) -> Result<Pam, Unreachable> {
    let failed = |cause: String| Unreachable { cause, sent: false };
    let c_string = |text: &str| CString::new(text).map_err(|_| failed("a NUL in a name".to_owned()));
    let (user, host) = (c_string(name.as_str())?, c_string(&client.to_string())?);
    let conversation = Conversation::new(passwords);
    let started = Pam::start(
        &c_string(&service.name)?,
        &user,
        service.folder.as_deref(),
        conversation,
    );
    let prepared = started.and_then(|mut pam| {
        pam.set(Item::RemoteHost, &host)?;
        pam.set(Item::Terminal, TERMINAL)?;
        Ok(pam)
    });
    prepared.map_err(|code| {
        failed(format!(
            "PAM service `{}` cannot be started: {code}",
            service.name
        ))
    })
}

fn prove(pam: &mut Pam, name: &TypedName) -> Result<Proven, Unproven> {
    let mut must_change = match pam.authenticate() {
        Ok(()) => false,
        Err((Code::New_Authtok_Reqd, _)) => true,
        Err(failure) => return Err(clear_only(pam, not_authenticated(failure))),
    };
    match pam.check_account() {
        Ok(()) => {}
        Err((Code::New_Authtok_Reqd, _)) => must_change = true,
        Err(failure) => return Err(clear_only(pam, not_permitted(failure))),
    }
    let user = pam.user().ok_or(Unproven::Refused(Refusal::OtherAccount))?;
    match same_account(name.as_str(), &user) {
        Ok(true) => Ok(Proven { user, must_change }),
        Ok(false) => Err(Unproven::Refused(Refusal::OtherAccount)),
        Err(cause) => Err(Unproven::Unclear(cause)),
    }
}

fn replace(pam: &mut Pam, user: &str, expired: bool) -> Result<(), Unchanged> {
    pam.conversation().borrow_mut().begin_change();
    let changed = on_behalf::of(user, || pam.change_password(expired)).map_err(Unchanged::Unclear)?;
    changed.map_err(|(code, words)| {
        if let Some(question) = pam.conversation().borrow().unanswered() {
            return Unchanged::Unclear(unanswerable(question));
        }
        match code {
            Code::AuthTok_Err
            | Code::AuthTok_Recovery_Err
            | Code::AuthTok_Lock_Busy
            | Code::AuthTok_Disable_Aging
            | Code::Try_Again
            | Code::MaxTries
            | Code::Perm_Denied => Unchanged::Rejected(words),
            _ => Unchanged::Unclear(in_words("pam_chauthtok", code, &words)),
        }
    })
}

/// What a failure of pam_authenticate(3) says. What is not known to be about the user or the password proves
/// nothing about them.
fn not_authenticated((code, words): (Code, String)) -> Unproven {
    match code {
        Code::Auth_Err => Unproven::Wrong,
        Code::User_Unknown => Unproven::Unknown,
        Code::MaxTries => Unproven::Refused(Refusal::Locked),
        Code::Acct_Expired => Unproven::Refused(Refusal::Expired),
        Code::AuthTok_Expired | Code::Cred_Expired => Unproven::Refused(Refusal::PasswordExpired),
        Code::Perm_Denied => Unproven::Refused(Refusal::Forbidden),
        _ => Unproven::Unclear(in_words("pam_authenticate", code, &words)),
    }
}

/// What a failure of pam_acct_mgmt(3) says. The password was right, so an account that only this step does not
/// know is refused: it must not be looked for elsewhere.
fn not_permitted((code, words): (Code, String)) -> Unproven {
    match code {
        Code::Auth_Err | Code::User_Unknown => Unproven::Refused(Refusal::Unsaid),
        Code::MaxTries => Unproven::Refused(Refusal::Locked),
        Code::Acct_Expired => Unproven::Refused(Refusal::Expired),
        Code::AuthTok_Expired | Code::Cred_Expired => Unproven::Refused(Refusal::PasswordExpired),
        Code::Perm_Denied => Unproven::Refused(Refusal::Forbidden),
        _ => Unproven::Unclear(in_words("pam_acct_mgmt", code, &words)),
    }
}

/// A failure after a question that nobody could answer says nothing about the password: modules make an
/// ordinary failure of it.
fn clear_only(pam: &Pam, unproven: Unproven) -> Unproven {
    match pam.conversation().borrow().unanswered() {
        Some(question) => Unproven::Unclear(unanswerable(question)),
        None => unproven,
    }
}

fn unanswerable(question: &str) -> String {
    format!("a PAM module asks what only a person can answer: «{question}»")
}

fn in_words(call: &str, code: Code, words: &str) -> String {
    format!("{call}: {words} ({code:?})")
}

fn unclear(pam: &Pam, cause: String) -> Reply {
    let cause = said(pam)
        .into_iter()
        .fold(cause, |cause, line| format!("{cause}; «{line}»"));
    Reply::Failed(Unreachable {
        cause,
        sent: pam.conversation().borrow().shown(),
    })
}

fn said(pam: &Pam) -> Vec<String> {
    pam.conversation().borrow().said().to_vec()
}

/// Whether a name that a module put into `PAM_USER` is another name of the account that was asked for: the
/// host gives both the same user id.
fn same_account(asked: &str, answered: &str) -> Result<bool, String> {
    if asked == answered {
        return Ok(true);
    }
    let uid = |name: &str| {
        User::from_name(name)
            .map(|user| user.map(|user| user.uid))
            .map_err(|error| format!("user `{name}` cannot be looked up: {}", error.desc()))
    };
    Ok(uid(asked)?.is_some_and(|asked| uid(answered) == Ok(Some(asked))))
}
