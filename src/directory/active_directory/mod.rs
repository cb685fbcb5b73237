//! What is different in an Active Directory: accounts, security identifiers, and groups by `tokenGroups`. Not for
//! what its binds say, which [`super::verdict`] reads whatever the schema.
//!
//! The source is Microsoft's \[MS-ADTS\] and \[MS-DTYP\]; what is built here works with domain controllers of Samba,
//! too.

pub(super) mod account;
pub(super) mod path;
pub(super) mod sid;
pub(super) mod token_groups;
