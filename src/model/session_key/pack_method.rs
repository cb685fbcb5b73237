//! The image compression methods that X2Go's NX library knows, as X2Go Client lists them.

/// The methods that have no qualities.
#[rustfmt::skip]
const PLAIN: &[&str] = &[
    "nopack", "8", "64", "256", "512", "4k", "32k", "64k", "256k", "2m", "16m", "256-rdp",
    "256-rdp-compressed", "32k-rdp", "32k-rdp-compressed", "64k-rdp", "64k-rdp-compressed", "16m-rdp",
    "16m-rdp-compressed", "rfb-hextile", "rfb-tight", "rfb-tight-compressed", "8-tight", "64-tight",
    "256-tight", "512-tight", "4k-tight", "32k-tight", "64k-tight", "256k-tight", "2m-tight",
    "16m-tight", "64-jpeg", "256-jpeg", "512-jpeg", "4k-jpeg", "32k-jpeg", "64k-jpeg", "256k-jpeg",
    "2m-jpeg", "64-png-jpeg", "256-png-jpeg", "512-png-jpeg", "4k-png-jpeg", "32k-png-jpeg",
    "64k-png-jpeg", "256k-png-jpeg", "2m-png-jpeg", "64-png", "256-png", "512-png", "4k-png", "32k-png",
    "64k-png", "256k-png", "2m-png",
];

/// The methods that take a quality from 0 to 9, in the key `quality` or behind the name.
#[rustfmt::skip]
const WITH_QUALITY: &[&str] = &[
    "adaptive", "8-jpeg", "16m-jpeg", "8-png-jpeg", "16m-png-jpeg", "8-png", "16m-png", "16m-rgb",
    "16m-rle",
];

/// Whether the NX library knows the method; X2Go Client hands on whatever it is given.
pub(super) fn is_known(method: &str) -> bool {
    let takes_quality = |name: &str| WITH_QUALITY.contains(&name);
    PLAIN.contains(&method)
        || takes_quality(method)
        || method
            .rsplit_once('-')
            .is_some_and(|(name, quality)| takes_quality(name) && matches!(quality.as_bytes(), [b'0'..=b'9']))
}

/// Every method's name, without a quality.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    WITH_QUALITY.iter().chain(PLAIN).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quality_is_one_digit_behind_a_method_that_takes_one() {
        for good in [
            "nopack",
            "16m-jpeg",
            "16m-jpeg-0",
            "16m-jpeg-9",
            "adaptive-7",
            "64-png",
            "rfb-tight-compressed",
        ] {
            assert!(is_known(good), "{good}");
        }
        for bad in [
            "",
            "16m-jpeg-",
            "16m-jpeg-10",
            "16m-jpeg-x",
            "16m-jpeg-%",
            "64-png-5",
            "nopack-1",
            "16M-jpeg",
            "jpeg",
        ] {
            assert!(!is_known(bad), "{bad}");
        }
    }
}
