//! Search filters (RFC 4515) from parts. Values are escaped here and nowhere else. Pure.

use bytes::BytesMut;
use lber::structures::ASNTag;
use ldap3::ldap_escape;

/// Most bytes of the alternatives in one filter; servers bound the size of a request (OpenLDAP:
/// `sockbuf_max_incoming`, 256 KiB).
const ALTERNATIVES_BYTES_MAX: usize = 32 * 1024;
/// Most alternatives in one filter. OpenLDAP looks each of them up in an index; more make no search cheaper.
const ALTERNATIVES_MAX: usize = 100;
/// Longest filter taken from an admin, in bytes.
const FILTER_BYTES_MAX: usize = 4096;
/// Deepest nesting of parentheses in it; people write three or four.
const FILTER_DEPTH_MAX: usize = 32;
/// What to write instead of one that is wrong.
const EXAMPLE: &str = "write a filter like (objectClass=posixAccount)";

/// `(attribute=value)`. A DN as value has its own escapes already (RFC 4514), which are escaped once more here.
pub(super) fn equals(attribute: &str, value: &str) -> String {
    format!("({attribute}={})", ldap_escape(value))
}

/// `(attribute=*)`.
pub(super) fn present(attribute: &str) -> String {
    format!("({attribute}=*)")
}

/// `(|…)` of parts that are filters.
pub(super) fn any_of(parts: &[String]) -> String {
    format!("(|{})", parts.concat())
}

/// `(&…)` of two filters.
pub(super) fn both(first: &str, second: &str) -> String {
    format!("(&{first}{second})")
}

/// A filter as it stands in a request (RFC 4511 section 4.5.1.7).
pub(super) struct EncodedFilter(pub Vec<u8>);

/// The filter as it stands in a request.
///
/// # Errors
/// It is none. [`check`] says why.
pub(super) fn encode(text: &str) -> Result<EncodedFilter, String> {
    let filter = ldap3::parse_filter(text).map_err(|_| format!("not a filter: {text}"))?;
    let mut bytes = BytesMut::new();
    lber::write::encode_into(&mut bytes, filter.into_structure()).map_err(|error| error.to_string())?;
    Ok(EncodedFilter(bytes.to_vec()))
}

/// Checks a filter that an admin wrote. `ldap3` and servers would refuse the same, but only at each login, and
/// `ldap3` calls itself once per level of parentheses, on a stack that is not made for thousands.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn check(text: &str) -> Result<(), String> {
    if text.len() > FILTER_BYTES_MAX {
        return Err(format!("it is longer than {FILTER_BYTES_MAX} bytes"));
    }
    parentheses(text).map_err(|why| format!("{why}; {EXAMPLE}"))?;
    match ldap3::parse_filter(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!(
            "something between its parentheses is not of the form attribute=value; {EXAMPLE}"
        )),
    }
}

/// Checks that there is one pair of parentheses around everything, and none within too many others.
fn parentheses(text: &str) -> Result<(), String> {
    if !text.starts_with('(') {
        return Err("it does not begin with `(`".to_owned());
    }
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' if depth == FILTER_DEPTH_MAX => {
                return Err(format!(
                    "its parentheses are nested deeper than {FILTER_DEPTH_MAX}"
                ));
            }
            '(' => depth += 1,
            ')' if depth == 0 => return Err("it has a `)` too many".to_owned()),
            ')' => depth -= 1,
            _ if c.is_control() => return Err("it has control characters".to_owned()),
            _ => {}
        }
        if depth == 0 && at + c.len_utf8() < text.len() {
            return Err("something stands behind its last `)`".to_owned());
        }
    }
    if depth > 0 {
        return Err("it has a `(` that is not closed".to_owned());
    }
    Ok(())
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
    fn filters_of_admins_are_whole() {
        for good in [
            "(a=b)",
            "(&(a=b)(|(c=*)(!(d=e))))",
            r"(cn=a\28b\29)",
            "(cn:dn:2.4.6.8.10:=x)",
            "(&)",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "a=b",
            "(a=b",
            "(a=b))",
            "(a=b)(c=d)",
            "()",
            "(a=b) ",
            "(a=\0)",
            "(&(a=b)())",
            "(&(a=b)c)",
            "(a b=c)",
            "(=x)",
            "(;=x)",
            r"(a=\zz)",
            "(a=b(c)d)",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_nesting_of_filters_is_bounded() {
        let nested = |depth: usize| format!("{}(a=b){}", "(!".repeat(depth - 1), ")".repeat(depth - 1));
        assert_eq!(check(&nested(FILTER_DEPTH_MAX)), Ok(()));
        assert!(
            check(&nested(FILTER_DEPTH_MAX + 1))
                .unwrap_err()
                .contains("nested")
        );
        assert!(check(&nested(1_300)).is_err());
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
