//! What the rules gave somebody, as the placement sees it.

use super::{Account, FarmName, SessionUser};

/// A profile that the rules gave an account on this request. Only `entitlement::Offer` implements it (a test
/// in `tests/` holds that), so what takes an `Offered` cannot be called for a profile that was never offered.
pub trait Offered {
    /// Whose offer it is.
    fn account(&self) -> &Account;
    /// The farm it starts on.
    fn farm(&self) -> &FarmName;
    /// The account on the hosts under which it starts: sessions are looked for, and keys are placed, for no other.
    fn session_user(&self) -> &SessionUser;
    /// Whether whoever starts it has a session of their own then; not where sessions of others are shown.
    fn begins_session(&self) -> bool;
}
