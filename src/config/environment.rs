//! The environment of this process.

/// The variables of this process, for [`super::load`]. A value that is not in UTF-8 has its strange bytes
/// replaced, and is then refused by the key it is for.
pub fn process_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| {
        (
            name.to_string_lossy().into_owned(),
            value.to_string_lossy().into_owned(),
        )
    })
}
