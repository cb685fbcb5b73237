//! The names that the hosts of a session database have for themselves: what it tells of a name must be about one host.

use std::collections::HashMap;

use super::diagnostic::{Diagnostic, Problems};
use super::source::Place;
use crate::model::Machine;
use crate::placement::Host;

/// The names so far, by session database, in lower case.
#[derive(Debug, Default)]
pub(super) struct OwnNames(HashMap<(String, String), (Machine, String)>);

impl OwnNames {
    /// Adds a host, whose name stands at that place; notes if another one of its database has the name. One machine may
    /// be of several farms.
    pub(super) fn add(&mut self, host: &Host, place: &Place, problems: &Problems) {
        let Some(database) = &host.session_database else {
            return;
        };
        let name = (database.clone(), host.hostname.to_ascii_lowercase());
        let (machine, other) = self
            .0
            .entry(name)
            .or_insert_with(|| (host.machine(), host.name.to_string()));
        if *machine != host.machine() {
            let message = format!(
                "`{other}` and `{}` share the session database `{database}`, and both have the hostname `{}`",
                host.name, host.hostname
            );
            let hint = "write as `hostname` of each what `hostname` prints there".to_owned();
            problems.add(Diagnostic::error(place, message).hint(hint));
        }
    }
}
