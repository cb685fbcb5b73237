//! What the end of a bind says about the password and the account. Pure.

use super::entry::{PasswordAnswer, PasswordState, Refusal};

/// Result codes of RFC 4511 appendix A, as directory servers use them for binds.
mod code {
    pub(super) const SUCCESS: u32 = 0;
    pub(super) const STRONGER_AUTH_REQUIRED: u32 = 8;
    pub(super) const CONFIDENTIALITY_REQUIRED: u32 = 13;
    pub(super) const CONSTRAINT_VIOLATION: u32 = 19;
    /// The entry was just deleted.
    pub(super) const NO_SUCH_OBJECT: u32 = 32;
    /// The entry takes no password.
    pub(super) const INAPPROPRIATE_AUTHENTICATION: u32 = 48;
    pub(super) const INVALID_CREDENTIALS: u32 = 49;
    pub(super) const INSUFFICIENT_ACCESS_RIGHTS: u32 = 50;
    pub(super) const UNWILLING_TO_PERFORM: u32 = 53;
}

/// What stands before the sub-code in the words of an Active Directory, as domain controllers of Microsoft and of
/// Samba write it: `80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v1db1`.
const SUB_CODE: &str = "AcceptSecurityContext error, data ";

/// What the server said about the password, by result code and text.
///
/// # Errors
/// The answer is about neither the password nor the account; gives what the admin may do about it, if anything.
pub(super) fn on_bind(code: u32, text: &str) -> Result<PasswordAnswer, &'static str> {
    match code {
        code::SUCCESS => Ok(PasswordAnswer::Accepted(PasswordState::Valid)),
        code::INVALID_CREDENTIALS => Ok(sub_code(text).map_or(PasswordAnswer::Wrong, in_domain)),
        code::INAPPROPRIATE_AUTHENTICATION | code::NO_SUCH_OBJECT => Ok(PasswordAnswer::Wrong),
        code::CONSTRAINT_VIOLATION | code::INSUFFICIENT_ACCESS_RIGHTS | code::UNWILLING_TO_PERFORM => {
            Ok(PasswordAnswer::Refused(Refusal::Unsaid))
        }
        code => Err(hint(code)),
    }
}

/// What an admin may do about a server that will not talk about passwords.
fn hint(code: u32) -> &'static str {
    match code {
        code::STRONGER_AUTH_REQUIRED | code::CONFIDENTIALITY_REQUIRED => {
            "; it wants TLS: use ldaps:// or start_tls"
        }
        _ => "",
    }
}

/// The Windows error (\[MS-ERREF\] 2.2) in the words of an Active Directory.
fn sub_code(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once(SUB_CODE)?;
    let (digits, _) = rest.split_once(',')?;
    u32::from_str_radix(digits, 16).ok()
}

/// What a domain says. It compares the password before it looks at anything but the lockout: so all but the wrong
/// password, the unknown user and the lockout are told to the owner of the password alone.
fn in_domain(sub_code: u32) -> PasswordAnswer {
    match sub_code {
        // ERROR_INVALID_LOGON_HOURS, ERROR_INVALID_WORKSTATION.
        0x530 => PasswordAnswer::Refused(Refusal::Hours),
        0x531 => PasswordAnswer::Refused(Refusal::Workstation),
        // ERROR_PASSWORD_EXPIRED, ERROR_PASSWORD_MUST_CHANGE. Such a user cannot bind, and who has not bound cannot
        // change the password over LDAP.
        0x532 | 0x773 => PasswordAnswer::Accepted(PasswordState::MustChangeElsewhere),
        // ERROR_ACCOUNT_DISABLED, ERROR_ACCOUNT_EXPIRED, ERROR_ACCOUNT_LOCKED_OUT.
        0x533 => PasswordAnswer::Refused(Refusal::Disabled),
        0x701 => PasswordAnswer::Refused(Refusal::Expired),
        0x775 => PasswordAnswer::Refused(Refusal::Locked),
        // ERROR_ACCOUNT_RESTRICTION, ERROR_LOGON_TYPE_NOT_GRANTED, ERROR_TOO_MANY_CONTEXT_IDS (too many groups).
        0x52f | 0x569 | 0x568 => PasswordAnswer::Refused(Refusal::Unsaid),
        // ERROR_LOGON_FAILURE (52e), ERROR_NO_SUCH_USER (525), and what a later server may say.
        _ => PasswordAnswer::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(sub_code: &str) -> String {
        format!(
            "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {sub_code}, v1db1"
        )
    }

    #[test]
    fn each_code_has_its_meaning() {
        let refused = |refusal| Ok(PasswordAnswer::Refused(refusal));
        for (code, expected) in [
            (0, Ok(PasswordAnswer::Accepted(PasswordState::Valid))),
            (49, Ok(PasswordAnswer::Wrong)),
            (48, Ok(PasswordAnswer::Wrong)),
            (32, Ok(PasswordAnswer::Wrong)),
            (19, refused(Refusal::Unsaid)),
            (50, refused(Refusal::Unsaid)),
            (53, refused(Refusal::Unsaid)),
            (2, Err("")),
            (8, Err("; it wants TLS: use ldaps:// or start_tls")),
        ] {
            assert_eq!(on_bind(code, ""), expected, "{code}");
        }
    }

    #[test]
    fn each_sub_code_of_a_domain_has_its_meaning() {
        let must_change = PasswordAnswer::Accepted(PasswordState::MustChangeElsewhere);
        for (sub_code, expected) in [
            ("525", PasswordAnswer::Wrong),
            ("52e", PasswordAnswer::Wrong),
            ("52f", PasswordAnswer::Refused(Refusal::Unsaid)),
            ("530", PasswordAnswer::Refused(Refusal::Hours)),
            ("531", PasswordAnswer::Refused(Refusal::Workstation)),
            ("532", must_change),
            ("533", PasswordAnswer::Refused(Refusal::Disabled)),
            ("701", PasswordAnswer::Refused(Refusal::Expired)),
            ("773", must_change),
            ("775", PasswordAnswer::Refused(Refusal::Locked)),
            ("0", PasswordAnswer::Wrong),
            ("", PasswordAnswer::Wrong),
            ("-533", PasswordAnswer::Wrong),
            ("100000533", PasswordAnswer::Wrong),
        ] {
            assert_eq!(on_bind(49, &words(sub_code)), Ok(expected), "{sub_code}");
        }
    }

    #[test]
    fn words_cut_short_name_no_sub_code() {
        // `data 53` of `data 532`, as a limit on the length of the text might leave it.
        let cut = words("53");
        let cut = cut.strip_suffix(", v1db1").unwrap();
        assert_eq!(on_bind(49, cut), Ok(PasswordAnswer::Wrong));
    }

    proptest! {
        #[test]
        fn only_success_and_a_sub_code_of_code_49_are_a_right_password(code: u32, text in "\\PC*") {
            for text in [text.clone(), words(&text), words("532")] {
                let accepted = matches!(on_bind(code, &text), Ok(PasswordAnswer::Accepted(_)));
                let told = code == 49 && matches!(sub_code(&text), Some(0x532 | 0x773));
                prop_assert_eq!(accepted, code == 0 || told);
            }
        }

        #[test]
        fn no_words_panic(code in 0_u32..60, text in "(AcceptSecurityContext error, data )?[0-9a-fA-F+, é]{0,12}") {
            let _ = on_bind(code, &text);
        }
    }
}
