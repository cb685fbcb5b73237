//! What the worker answers, in words that the audit log can tell apart. Nothing here is for a client.

/// A user of this host, as its name service switch gives it (getpwnam(3)), with its groups in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostUser {
    /// The canonical name, which may differ in case from the one asked for.
    pub name: String,
    /// The numeric user id.
    pub uid: u32,
    /// The primary group, which is among `groups` too.
    pub gid: u32,
    /// The home directory on this host.
    pub home: String,
    /// The full name and what else stands in that field; none if it is empty.
    pub gecos: Option<String>,
    /// Every group of the user (getgrouplist(3)), each by the name that the host has for it.
    pub groups: Vec<HostGroup>,
    /// The dates of the account.
    pub dates: Dates,
}

/// The dates of an account, in days since 1970 (shadow(5)). Each is none where the host has no such date, as with
/// accounts of SSSD, or where it does not tell the worker's user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dates {
    /// The day of the last change of the password; 0 if it must be changed at the next login.
    pub password_changed: Option<u32>,
    /// The day on which the account ends.
    pub expires: Option<u32>,
}

/// A group of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostGroup {
    /// Its name.
    pub name: String,
    /// Its numeric id.
    pub gid: u32,
}

/// What PAM said about a user and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// The password is right and the account may log in.
    Right {
        /// `PAM_USER` when all was done: the name asked for, or another name of the same account.
        user: String,
        /// The password is good for nothing but being changed (`PAM_NEW_AUTHTOK_REQD`).
        must_change: bool,
        /// What the modules told the user, such as a warning that the password expires soon.
        said: Vec<String>,
    },
    /// The password is wrong, or the account has none that can be checked.
    Wrong,
    /// The modules know no such user.
    Unknown,
    /// The account is refused, whatever the password.
    Refused {
        /// Why, as far as PAM has a code for it.
        why: Refusal,
        /// What the modules told the user, which often says more.
        said: Vec<String>,
    },
}

/// Why PAM refuses an account (the return codes of pam_authenticate(3) and pam_acct_mgmt(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `PAM_MAXTRIES`: locked after failures. Modules that lock without saying so make it a wrong password.
    #[error("account locked")]
    Locked,
    /// `PAM_ACCT_EXPIRED`: past the end of its life, or disabled where the module has no better code.
    #[error("account expired")]
    Expired,
    /// `PAM_AUTHTOK_EXPIRED`, `PAM_CRED_EXPIRED`: the password is so old that it cannot even be changed.
    #[error("the password expired for good")]
    PasswordExpired,
    /// `PAM_PERM_DENIED`: this user not, or not now, or not from there (pam_access, pam_time, pam_succeed_if).
    #[error("not permitted by the PAM configuration")]
    Forbidden,
    /// A module put a name into `PAM_USER` that is not the account asked for.
    #[error("a PAM module answered for another account")]
    OtherAccount,
    /// Another code that is a refusal.
    #[error("account refused by PAM")]
    Unsaid,
}

/// What became of a change of password.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Change {
    /// The new password counts from now on.
    Changed {
        /// The account, as in [`Verdict::Right`].
        user: String,
    },
    /// The old password is wrong.
    Wrong,
    /// The modules know no such user.
    Unknown,
    /// The account is refused, whatever the passwords.
    Refused {
        /// Why, as far as PAM has a code for it.
        why: Refusal,
        /// What the modules told the user.
        said: Vec<String>,
    },
    /// The old password is right and the new one was not taken.
    Rejected {
        /// What the modules told the user about it, and the return code in words at the end.
        said: Vec<String>,
    },
}

/// It could not be found out. Says nothing about the user or the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("PAM worker unavailable: {cause}")]
pub struct Unreachable {
    /// The cause in the admin's words.
    pub cause: String,
    /// Whether a module may have shown the password to somebody who counts failures.
    pub sent: bool,
}
