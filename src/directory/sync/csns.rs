//! How far a server of OpenLDAP's kind is: the change sequence number (CSN) of the last change that it sent, for each
//! server that took changes. Pure.

use std::collections::HashMap;

/// Most servers that take changes.
pub(super) const CSNS_MAX: usize = 1_024;

/// The highest change sequence number of each server that took changes.
#[derive(Default)]
pub(super) struct Csns(HashMap<String, String>);

impl Csns {
    /// Adds those of a cookie of OpenLDAP, `rid=000,csn=20261122190056.419129Z#000000#000#000000;…`; other servers'
    /// cookies have none. False if there are too many.
    pub fn add(&mut self, cookie: &[u8]) -> bool {
        let text = str::from_utf8(cookie).unwrap_or_default();
        let csns = text
            .split(',')
            .filter_map(|part| part.strip_prefix("csn="))
            .flat_map(|csns| csns.split(';'));
        csns.for_each(|csn| self.add_one(csn));
        self.0.len() <= CSNS_MAX
    }

    /// Adds these, which were found in another way.
    pub fn raise(&mut self, csns: &[String]) {
        csns.iter().for_each(|csn| self.add_one(csn));
    }

    fn add_one(&mut self, csn: &str) {
        if let Some(server) = server(csn) {
            let reached = self.0.entry(server.to_owned()).or_default();
            if reached.as_str() < csn {
                csn.clone_into(reached);
            }
        }
    }

    /// Whether the server of this CSN has come as far. Those of one server are in order as texts.
    pub fn includes(&self, csn: &str) -> bool {
        let reached = server(csn).and_then(|server| self.0.get(server));
        reached.is_some_and(|reached| reached.as_str() >= csn)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The number of the server that made this CSN: the third of its parts.
fn server(csn: &str) -> Option<&str> {
    csn.split('#').nth(2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EARLY: &str = "20261122190054.415141Z#000000#000#000000";
    const LATE: &str = "20261122190056.419129Z#000000#000#000000";
    const ELSEWHERE: &str = "20261122190056.419129Z#000000#001#000000";

    fn reached(cookies: &[&str]) -> Csns {
        let mut csns = Csns::default();
        for cookie in cookies {
            assert!(csns.add(cookie.as_bytes()));
        }
        csns
    }

    #[test]
    fn each_server_is_as_far_as_its_last_change() {
        let csns = reached(&[&format!("rid=000,csn={LATE}"), &format!("rid=000,csn={EARLY}")]);
        assert!(csns.includes(EARLY) && csns.includes(LATE));
        assert!(!csns.includes(ELSEWHERE));
        assert!(!reached(&[&format!("rid=000,csn={EARLY}")]).includes(LATE));
        assert!(reached(&[&format!("rid=000,sid=001,csn={EARLY};{ELSEWHERE}")]).includes(ELSEWHERE));
    }

    #[test]
    fn other_cookies_say_nothing() {
        let csns = reached(&[
            "ldap.example.org:389#cn=broker:dc=example,dc=org:(cn=*)#13",
            "",
            "csn=",
            "csn=#",
        ]);
        assert!(csns.is_empty());
        assert!(!csns.includes(EARLY) && !csns.includes(""));
    }

    #[test]
    fn the_number_of_servers_is_bounded() {
        let many = (0..=CSNS_MAX).map(|server| format!("x#0#{server}#0"));
        let cookie = format!("csn={}", many.collect::<Vec<_>>().join(";"));
        assert!(!Csns::default().add(cookie.as_bytes()));
    }

    proptest! {
        #[test]
        fn no_cookie_panics(cookie in proptest::collection::vec(any::<u8>(), 0..80), csn in "\\PC*") {
            let mut csns = Csns::default();
            csns.add(&cookie);
            csns.includes(&csn);
        }
    }
}
