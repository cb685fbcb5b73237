//! Search filters (RFC 4515) from parts. Values are escaped here and nowhere else. Pure.

use bytes::BytesMut;
use lber::structures::ASNTag as _;
use lber::write::encode_into;
use ldap3::ldap_escape;

/// Most bytes of the alternatives in one filter; servers bound the size of a request (OpenLDAP:
/// `sockbuf_max_incoming`, 256 KiB).
const ALTERNATIVES_BYTES_MAX: usize = 32 * 1024;
/// Most alternatives in one filter. OpenLDAP looks each of them up in an index; more make no search cheaper.
const ALTERNATIVES_MAX: usize = 100;

/// `(attribute=value)`. A DN as value has its own escapes already (RFC 4514), which are escaped once more here.
pub(super) fn equals(attribute: &str, value: &str) -> String {
    format!("({attribute}={})", ldap_escape(value))
}

/// `(|…)` of parts that are filters.
pub(super) fn any_of(parts: &[String]) -> String {
    format!("(|{})", parts.concat())
}

/// `(&…)` of two filters.
pub(super) fn both(first: &str, second: &str) -> String {
    format!("(&{first}{second})")
}

/// The filter an admin wrote, with the parentheses around it that admins leave out.
///
/// # Errors
/// It is no filter.
pub(super) fn from_admin(text: &str) -> Result<String, String> {
    let text = text.trim();
    let filter = if text.starts_with('(') {
        text.to_owned()
    } else {
        format!("({text})")
    };
    match ldap3::parse_filter(&filter) {
        Ok(_) => Ok(filter),
        Err(_) => Err(format!("`{text}` is not a filter like (objectClass=person)")),
    }
}

/// The filter as it stands in a request (RFC 4511 section 4.5.1.7); nothing if the text is no filter.
pub(super) fn encoded(filter: &str) -> Option<Vec<u8>> {
    let filter = ldap3::parse_filter(filter).ok()?.into_structure();
    let mut bytes = BytesMut::new();
    encode_into(&mut bytes, filter).ok()?;
    Some(bytes.into())
}

/// Splits items into runs whose filters have a bounded size. `bytes` tells the size of an item's filter.
pub(super) fn in_runs<T>(items: &[T], bytes: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut runs = Vec::new();
    let mut rest = items;
    while !rest.is_empty() {
        let mut total = 0;
        let fitting = rest
            .iter()
            .take(ALTERNATIVES_MAX)
            .take_while(|item| {
                total += bytes(item);
                total <= ALTERNATIVES_BYTES_MAX
            })
            .count();
        let (run, more) = rest.split_at(fitting.max(1));
        runs.push(run);
        rest = more;
    }
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_dn_in_a_filter_is_escaped_twice() {
        assert_eq!(equals("member", r"cn=a\, (b)*"), r"(member=cn=a\5c, \28b\29\2a)");
    }

    #[test]
    fn admins_may_leave_out_parentheses() {
        assert_eq!(from_admin("objectClass=person").unwrap(), "(objectClass=person)");
        assert_eq!(from_admin(" (a=b) ").unwrap(), "(a=b)");
        assert!(from_admin("(a=b").is_err());
        assert!(from_admin("").is_err());
    }

    #[test]
    fn runs_hold_all_items_within_the_bounds() {
        let items = vec![1_000; 350];
        let runs = in_runs(&items, |bytes| *bytes);
        assert!(runs.iter().all(|run| run.len() == 32 || run.len() == 350 % 32));
        assert_eq!(runs.concat(), items);
        assert_eq!(in_runs(&[99_999, 1], |bytes| *bytes).len(), 2);
        assert_eq!(in_runs(&[0; 250], |bytes| *bytes).len(), 3);
    }

    proptest! {
        #[test]
        fn no_value_leaves_its_place(value in "\\PC*") {
            let filter = both("(a=b)", &equals("uid", &value));
            prop_assert!(ldap3::parse_filter(&filter).is_ok());
            prop_assert_eq!(filter.matches('(').count(), 3);
            prop_assert_eq!(filter.matches(')').count(), 3);
            prop_assert!(!filter.contains('*'));
        }
    }
}
