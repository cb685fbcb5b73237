//! `did you mean …`: the known word that a misspelt one is nearest to.

/// The candidate nearest to `word`, if it is near enough to be what was meant: at most one edit, plus one
/// for every four characters.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    let limit = 1 + length / 4;
    candidates
        .into_iter()
        // Cheap, and enough for most: there may be thousands of candidates for each of thousands of typos.
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= limit)
        .map(|candidate| (strsim::osa_distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        assert_eq!(did_you_mean("groop", ["user", "group", "groups"]), Some("group"));
        assert_eq!(did_you_mean("Command", ["command"]), Some("command"));
        assert_eq!(did_you_mean("comamnd", ["command"]), Some("command"));
        assert_eq!(did_you_mean("colour", ["command", "speed"]), None);
    }
}
