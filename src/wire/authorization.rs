//! The header in which a request shows its credentials (RFC 9110 section 11.6.2).

use super::Fault;
use crate::model::Invalid;

/// What the header is called in the log.
pub(super) const FIELD: &str = "Authorization";

/// What stands behind the scheme in the one `Authorization` header of a request. The scheme's name counts in any case.
pub(super) fn behind<'a>(
    scheme: &[u8],
    mut values: impl Iterator<Item = &'a [u8]>,
) -> Result<&'a [u8], Fault> {
    let value = values.next().ok_or(Fault::Missing(FIELD))?;
    if values.next().is_some() {
        return Err(Fault::Twice(FIELD));
    }
    value
        .split_at_checked(scheme.len())
        .filter(|(given, _)| given.eq_ignore_ascii_case(scheme))
        .and_then(|(_, rest)| rest.strip_prefix(b" "))
        .map(<[u8]>::trim_ascii)
        .ok_or_else(|| fault("is of another scheme"))
}

/// What is wrong with the header.
pub(super) fn fault(why: &'static str) -> Fault {
    let what = "the header";
    let why = Invalid::Meaning { what, why };
    Fault::Field { field: FIELD, why }
}
