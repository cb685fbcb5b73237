//! Attributes that a server gives in pieces (\[MS-ADTS\] 3.1.1.3.1.3.3): an Active Directory sends at most some 1,500
//! values of one attribute at once, as `memberOf;range=0-1499`. Pure.

/// One piece of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// The attribute's own name.
    pub attribute: &'a str,
    /// The index of the piece's first value.
    pub first: u32,
    /// The index of its last value; none if that is the last of all.
    pub last: Option<u32>,
}

/// What an attribute description (in lower case) says about the piece that it heads. None if it heads no piece.
pub(super) fn piece(description: &str) -> Option<Piece<'_>> {
    let (attribute, range) = description.split_once(";range=")?;
    let (first, last) = range.split_once('-')?;
    let first = first.parse().ok()?;
    let last = match last {
        "*" => None,
        last => Some(last.parse().ok()?),
    };
    Some(Piece {
        attribute,
        first,
        last,
    })
}

/// What to ask for to get all values from that index on, as many as the server gives.
pub(super) fn from(attribute: &str, first: u32) -> String {
    format!("{attribute};range={first}-*")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_piece_names_its_attribute_and_its_end() {
        let of = |first, last| {
            let attribute = "memberof";
            Some(Piece {
                attribute,
                first,
                last,
            })
        };
        assert_eq!(piece("memberof;range=0-1499"), of(0, Some(1_499)));
        assert_eq!(piece("memberof;range=1500-*"), of(1_500, None));
        assert_eq!(from("memberof", 1_500), "memberof;range=1500-*");
        for other in [
            "memberof",
            "memberof;binary",
            "memberof;range=",
            "memberof;range=1",
            "memberof;range=x-*",
            "memberof;range=0-y",
            "memberof;range=0-4294967296",
        ] {
            assert_eq!(piece(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_description_panics(description in "\\PC*", tail in "[0-9*-]*") {
            let _ = piece(&description);
            let _ = piece(&format!("a;range={tail}"));
        }
    }
}
