//! By which groups somebody is in a group, where the server only says that they are. Pure.

use std::collections::{HashMap, HashSet};

use crate::directory::nesting::Group;
use crate::model::{Dn, GroupName};

/// A group, and the groups that it is in directly, as far as the server shows them.
#[derive(Debug, Clone)]
pub(in crate::directory) struct Step {
    /// Its entry.
    pub dn: Dn,
    /// Its names.
    pub names: Vec<GroupName>,
    /// The groups that it is in directly.
    pub outer: Vec<Dn>,
}

/// All the groups, each with a shortest path from one that the person is in directly. Where none is known, because
/// a group between is no group here or may not be read, the path is empty: that the person is in the group is sure.
pub(in crate::directory) fn with_paths(steps: Vec<Step>, direct: &HashSet<Dn>) -> Vec<Group> {
    let mut paths: HashMap<&Dn, Vec<GroupName>> = HashMap::new();
    let by_dn: HashMap<&Dn, &Step> = steps.iter().map(|step| (&step.dn, step)).collect();
    let mut level: Vec<&Step> = steps.iter().filter(|step| direct.contains(&step.dn)).collect();
    paths.extend(level.iter().map(|step| (&step.dn, Vec::new())));
    while !level.is_empty() {
        let mut next = Vec::new();
        for inner in level {
            let via: Vec<GroupName> = paths
                .get(&inner.dn)
                .into_iter()
                .flatten()
                .chain(inner.names.first())
                .cloned()
                .collect();
            for outer in inner.outer.iter().filter_map(|dn| by_dn.get(dn)) {
                if !paths.contains_key(&outer.dn) {
                    paths.insert(&outer.dn, via.clone());
                    next.push(*outer);
                }
            }
        }
        level = next;
    }
    let mut paths: HashMap<Dn, Vec<GroupName>> =
        paths.into_iter().map(|(dn, via)| (dn.clone(), via)).collect();
    steps
        .into_iter()
        .map(|step| Group {
            via: paths.remove(&step.dn).unwrap_or_default(),
            dn: step.dn,
            names: step.names,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dn(name: &str) -> Dn {
        Dn::new(&format!("cn={name},dc=x")).unwrap()
    }

    fn step(name: &str, outer: &[&str]) -> Step {
        Step {
            dn: dn(name),
            names: vec![GroupName::new(name).unwrap()],
            outer: outer.iter().map(|name| dn(name)).collect(),
        }
    }

    fn paths(steps: &[(&str, &[&str])], direct: &[&str]) -> Vec<String> {
        let steps = steps.iter().map(|(name, outer)| step(name, outer)).collect();
        let direct = direct.iter().map(|name| dn(name)).collect();
        with_paths(steps, &direct)
            .iter()
            .map(|group| {
                let via: Vec<&str> = group.via.iter().map(GroupName::as_str).collect();
                format!("{}<{}", group.names[0], via.join("<"))
            })
            .collect()
    }

    #[test]
    fn each_group_has_a_shortest_path() {
        assert_eq!(
            paths(
                &[
                    ("all", &[]),
                    ("staff", &["all"]),
                    ("it", &["staff"]),
                    ("help", &["it", "all"])
                ],
                &["help"]
            ),
            ["all<help", "staff<help<it", "it<help", "help<"]
        );
    }

    #[test]
    fn a_cycle_ends_and_a_gap_leaves_an_empty_path() {
        assert_eq!(
            paths(&[("a", &["b"]), ("b", &["a"]), ("far", &[])], &["A"]),
            ["a<", "b<a", "far<"]
        );
        assert_eq!(paths(&[("a", &["gone"])], &[]), ["a<"]);
    }
}
