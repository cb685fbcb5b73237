//! Addresses and networks as Python's netaddr reads them: beside `10.0.0.0/8` also netmasks, hostmasks and
//! IPv4 addresses with their last numbers left out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::Network;

/// The network that netaddr's `IPNetwork` takes the text for; none if it refuses it, as it does host names.
pub(super) fn network(text: &str) -> Option<Network> {
    let text = text.trim();
    let (address, width) = match text.split_once('/') {
        Some((address, width)) => (address.trim(), Some(width.trim())),
        None => (text, None),
    };
    let (address, width) = match ipv4(address) {
        Some(address) => (IpAddr::V4(address), prefix(width, 32, mask4)),
        None => (IpAddr::V6(address.parse().ok()?), prefix(width, 128, mask6)),
    };
    format!("{address}/{}", width?).parse().ok()
}

/// One to four numbers; those left out are 0.
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut bytes = [0; 4];
    let mut numbers = text.split('.');
    for byte in &mut bytes {
        let Some(number) = numbers.next() else { break };
        *byte = decimal(number).and_then(|number| u8::try_from(number).ok())?;
    }
    numbers.next().is_none().then_some(Ipv4Addr::from(bytes))
}

fn decimal(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn prefix(text: Option<&str>, full: u32, mask: impl Fn(&str) -> Option<u128>) -> Option<u32> {
    let Some(text) = text else { return Some(full) };
    if let Some(width) = decimal(text.strip_prefix('+').unwrap_or(text)) {
        return (width <= full).then_some(width);
    }
    let bits = mask(text)? << (128 - full);
    let ones = bits.leading_ones();
    if ones == bits.count_ones() {
        return Some(ones);
    }
    // A hostmask has its ones at the other end.
    let zeros = bits.leading_zeros();
    (zeros + bits.count_ones() == full).then_some(zeros)
}

fn mask4(text: &str) -> Option<u128> {
    text.parse().ok().map(|mask: Ipv4Addr| u128::from(mask.to_bits()))
}

fn mask6(text: &str) -> Option<u128> {
    text.parse().ok().map(|mask: Ipv6Addr| mask.to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spellings_of_netaddr() {
        for (text, meant) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            (" 10.0.0.1", "10.0.0.1/32"),
            ("10.1", "10.1.0.0/32"),
            ("10.1/16", "10.1.0.0/16"),
            ("010.0.0.1", "10.0.0.1/32"),
            ("10.0.0.0/ 08", "10.0.0.0/8"),
            ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
            ("10.0.0.0/0.0.0.255", "10.0.0.0/24"),
            ("10.0.0.0/0.0.0.0", "0.0.0.0/0"),
            ("2001:db8::/ffff::", "2001::/16"),
            ("2001:db8::/::ffff", "2001:db8::/112"),
            ("::1", "::1/128"),
        ] {
            assert_eq!(network(text), Some(meant.parse().unwrap()), "{text}");
        }
        for bad in [
            "",
            "lab.example.org",
            "10.0.0.1-10.0.0.9",
            "10.0.0.0/33",
            "10.0.0.0/8/8",
            "10.0.0.0/255.0.255.0",
            "10.",
            "10..1",
            "300.1.1.1",
            "1.2.3.4.5",
            "[::1]",
            "10.*",
            "-1",
        ] {
            assert_eq!(network(bad), None, "{bad}");
        }
    }
}
