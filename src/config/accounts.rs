//! Whose accounts may log in and who checks their passwords: what `source` of `[directory]` and `methods` of
//! `[authentication]` mean together. `docs/authentication.md` has the same as a table.

use super::authentication::Authentication;
use super::diagnostic::{Diagnostic, Problems};
use super::directory::{Directory, UserSource};
use super::ldap_text::DnTemplate;
use super::source::Place;
use super::value::Located;
use crate::authenticate::Method;
use crate::directory::{Settings as DirectorySettings, UserLookup};
use crate::entitlement::Policy;
use crate::pam_worker::ClientSettings;

/// Below are the accounts of services; people's begin here on Debian and on most others (`UID_MIN` of
/// login.defs(5)).
const MIN_UID: u32 = 1000;

/// Whose accounts may log in, and who checks their passwords.
#[derive(Debug, Clone)]
pub enum Accounts {
    /// Those of the directory, which checks their passwords.
    Directory(DirectorySettings),
    /// Those of the directory, whose passwords PAM checks.
    DirectoryByPam(DirectorySettings, ClientSettings),
    /// Those of the directory, which checks their passwords, and of this host those whose names it does not have.
    DirectoryThenHost {
        /// The directory.
        directory: DirectorySettings,
        /// The host.
        host: HostSettings,
        /// Whether all names are looked for on the host while the directory cannot be asked.
        when_unreachable: bool,
    },
    /// Those of this host, whose passwords PAM checks.
    Host(HostSettings),
    /// Whoever says that a name is theirs; nobody checks anything.
    Unproven,
}

/// This host's own users.
#[derive(Debug, Clone)]
pub struct HostSettings {
    /// The lowest user id that may log in.
    pub min_uid: u32,
    /// Who answers about them.
    pub pam: ClientSettings,
}

impl Accounts {
    /// The directory, if there is one.
    pub fn directory(&self) -> Option<&DirectorySettings> {
        match self {
            Self::Directory(directory)
            | Self::DirectoryByPam(directory, _)
            | Self::DirectoryThenHost { directory, .. } => Some(directory),
            Self::Host(_) | Self::Unproven => None,
        }
    }

    /// Adds the attributes that rules and templates of this policy name to those that are asked of the directory.
    pub fn ask_for(&mut self, policy: &Policy) {
        let (Self::Directory(settings)
        | Self::DirectoryByPam(settings, _)
        | Self::DirectoryThenHost {
            directory: settings, ..
        }) = self
        else {
            return;
        };
        let attributes = &mut settings.attributes;
        for name in policy.attributes() {
            if !attributes.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                attributes.push(name.to_owned());
            }
        }
    }
}

/// What both sections mean together; none if that is nothing, which is then noted, or if something is missing.
pub(super) fn read(
    directory: Option<Directory>,
    authentication: &Authentication,
    problems: &Problems,
) -> Option<Accounts> {
    let methods = authentication.settings.methods.as_slice();
    if methods == [Method::Unproven] {
        return Some(Accounts::Unproven);
    }
    let directory = directory?;
    let place = authentication.methods.as_ref();
    let host_counts = match (directory.source, methods) {
        (UserSource::Ldap, [Method::Ldap] | [Method::Pam]) => false,
        (UserSource::Ldap, [Method::Ldap, Method::Pam]) | (UserSource::Nss, [Method::Pam]) => true,
        _ => {
            if let Some(place) = place {
                note_senseless(directory.source, methods, place, problems);
            }
            return None;
        }
    };
    if let Some(place) = directory.nss.place.filter(|_| !host_counts) {
        let message = "[directory.nss] says nothing here: no users of this host can log in";
        let hint = "leave it out, or write source = \"nss\", or methods = [\"ldap\", \"pam\"]".to_owned();
        problems.add(Diagnostic::error(&place, message).hint(hint));
    }
    let then_host = directory.source == UserSource::Ldap && host_counts;
    let fallback = authentication.fallback_when_unreachable.as_ref();
    if let Some(Located { value: true, place }) = fallback
        && !then_host
    {
        let message = "there is no second method to fall back to";
        let hint = "leave it out, or write methods = [\"ldap\", \"pam\"]".to_owned();
        problems.add(Diagnostic::error(place, message).hint(hint));
    }
    let pam = authentication.pam.client();
    let host = HostSettings {
        min_uid: directory.nss.min_uid.unwrap_or(MIN_UID),
        pam: pam.clone(),
    };
    if directory.source == UserSource::Nss {
        return Some(Accounts::Host(host));
    }
    let settings = directory.ldap?;
    Some(match methods {
        [Method::Ldap] => Accounts::Directory(settings),
        [Method::Pam] => Accounts::DirectoryByPam(settings, pam),
        _ => {
            if let Some(place) = place
                && !is_within_base(&settings)
            {
                let message = "users of the directory lie outside its base_dn, so that a name it has in \
                               another form could be taken for one that it does not have";
                let hint = "write a base_dn that is above them, or one method only".to_owned();
                problems.add(Diagnostic::error(place, message).hint(hint));
            }
            Accounts::DirectoryThenHost {
                directory: settings,
                host,
                when_unreachable: fallback.is_some_and(|fallback| fallback.value),
            }
        }
    })
}

/// Says why these methods make no sense for this source. Those that are empty or stand there twice were noted.
fn note_senseless(source: UserSource, methods: &[Method], place: &Place, problems: &Problems) {
    let (message, hint) = match (source, methods) {
        (UserSource::Ldap, [Method::Pam, Method::Ldap]) => (
            "with `pam` before `ldap`, an account of this host would take the place of somebody of the directory",
            "write methods = [\"ldap\", \"pam\"] to ask the directory first, or [\"pam\"] to check the passwords \
             of the directory's users by PAM",
        ),
        (UserSource::Nss, words) if words.contains(&Method::Ldap) => (
            "the users of source = \"nss\" have no passwords in an LDAP directory",
            "write methods = [\"pam\"], or source = \"ldap\" and a [directory.ldap]",
        ),
        _ => return,
    };
    problems.add(Diagnostic::error(place, message).hint(hint.to_owned()));
}

/// Whether every user lies below `base_dn`, which is where the directory is asked whether it has a name at all.
fn is_within_base(settings: &DirectorySettings) -> bool {
    match &settings.user_lookup {
        UserLookup::Search { base, .. } => base.is_within(&settings.base),
        UserLookup::Template(template) => {
            DnTemplate::example(template).is_ok_and(|user| user.is_within(&settings.base))
        }
    }
}
