//! Which host is meant by the name that a server has for itself. Pure.

/// The one of `names` that `server` means: the one that is the same in whatever case (RFC 4343), or the only one with
/// the same first label where one of the two names has no domain, since hosts call themselves by their short or their
/// full name. None where two could be meant.
pub(super) fn index_of<'n>(server: &str, names: impl Iterator<Item = &'n str> + Clone) -> Option<usize> {
    let same = names.clone().map(|name| name.eq_ignore_ascii_case(server));
    let short = names.map(|name| is_short_for(name, server) || is_short_for(server, name));
    only(same.clone()).or_else(|| {
        // Two hosts of one name are nobody's short name either.
        let none = !same.clone().any(|same| same);
        none.then(|| only(short)).flatten()
    })
}

/// Whether `short` is the first label of `full` and has no domain itself.
fn is_short_for(short: &str, full: &str) -> bool {
    let label = full.split('.').next();
    !short.contains('.') && label.is_some_and(|label| label.eq_ignore_ascii_case(short))
}

/// The place of the only one that is true.
fn only(all: impl Iterator<Item = bool>) -> Option<usize> {
    let mut matching = all.enumerate().filter_map(|(index, is)| is.then_some(index));
    let first = matching.next();
    first.filter(|_| matching.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(server: &str, names: &[&str]) -> Option<usize> {
        index_of(server, names.iter().copied())
    }

    #[test]
    fn short_and_full_names_are_one_host() {
        assert_eq!(meant("ts02", &["ts01", "ts02"]), Some(1));
        assert_eq!(meant("TS02.example.org", &["ts01", "ts02"]), Some(1));
        assert_eq!(meant("ts02", &["ts01.example.org", "ts02.example.org"]), Some(1));
        assert_eq!(
            meant("ts02.b.org", &["ts02.a.org", "ts02.b.org", "ts02"]),
            Some(1)
        );
        assert_eq!(meant("ts1", &["ts01", "ts"]), None);
        assert_eq!(meant("", &["ts01"]), None);
    }

    #[test]
    fn another_domain_is_another_host() {
        assert_eq!(meant("ts02.b.org", &["ts02.a.org"]), None);
    }

    #[test]
    fn a_name_that_could_be_two_hosts_is_none() {
        assert_eq!(meant("ts02", &["ts02.a.org", "ts02.b.org"]), None);
        assert_eq!(meant("ts02", &["ts02", "TS02", "ts02.a.org"]), None);
    }
}
