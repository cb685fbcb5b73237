//! Where a request comes from, and networks of such places.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The address of a client. An IPv4 address that came mapped into IPv6 (`::ffff:10.1.2.3`) is the IPv4 one,
/// so that a rule for `10.0.0.0/8` holds on a dual-stack socket too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// The address in its canonical form.
    pub fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// The address.
    pub fn ip(self) -> IpAddr {
        self.0
    }

    /// The network that counts as one client: the address itself for IPv4, its /64 for IPv6, where a single
    /// machine changes its address within the /64 at will (RFC 8981).
    pub fn network(self) -> Network {
        Network(match self.0 {
            IpAddr::V4(_) => IpNet::from(self.0),
            IpAddr::V6(address) => IpNet::V6(Ipv6Net::new_assert(address, 64).trunc()),
        })
    }

    /// Every network that this address lies in, the narrowest first: 33 of them for IPv4, 129 for IPv6.
    pub fn networks(self) -> impl Iterator<Item = Network> {
        let address = IpNet::from(self.0);
        std::iter::successors(Some(address), IpNet::supernet).map(|net| Network(net.trunc()))
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A network in CIDR notation, or one address. Host bits are dropped, IPv4-mapped IPv6 networks are IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network(IpNet);

impl Network {
    /// Whether the address lies in this network.
    pub fn contains(&self, address: ClientAddress) -> bool {
        self.0.contains(&address.0)
    }

    /// Whether every address of the other network lies in this one.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }

    /// All addresses: every other network lies in one of these.
    pub fn everywhere() -> [Self; 2] {
        [Ipv4Net::default().into(), Ipv6Net::default().into()].map(Self)
    }

    /// The lowest address of this network that lies in none of the others; none if they leave none. The cost
    /// grows with the square of the number of others.
    pub fn address_outside(&self, others: &[Self]) -> Option<ClientAddress> {
        // What lies there counts as IPv4, so no client has such an address.
        let mapped = IpNet::V6(Ipv6Net::new_assert(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(), 96));
        let mut at = self.0.network();
        loop {
            let taken = others
                .iter()
                .map(|other| other.0)
                .chain([mapped])
                .find(|other| other.contains(&at));
            let Some(taken) = taken else {
                return self.0.contains(&at).then_some(ClientAddress(at));
            };
            at = next(taken.broadcast())?;
        }
    }

    /// Whether there is an address in both networks.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.contains(&other.0.network()) || other.0.contains(&self.0.network())
    }
}

/// The address that follows this one in its family.
fn next(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => u32::from(v4)
            .checked_add(1)
            .map(|bits| Ipv4Addr::from(bits).into()),
        IpAddr::V6(v6) => u128::from(v6)
            .checked_add(1)
            .map(|bits| Ipv6Addr::from(bits).into()),
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let net = text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| {
                const LIKE: &str = "write it like 10.0.0.0/8 or 2001:db8::/32";
                if is_like_a_name(text) {
                    format!(
                        "`{text}` is a name, which whoever controls the reverse zone could give any client; {LIKE}"
                    )
                } else {
                    format!("`{text}` is not an address or network; {LIKE}")
                }
            })?;
        Ok(Self(match net {
            IpNet::V6(v6) => match v6.addr().to_ipv4_mapped() {
                Some(v4) if v6.prefix_len() >= 96 => {
                    IpNet::new_assert(v4.into(), v6.prefix_len() - 96).trunc()
                }
                _ => net.trunc(),
            },
            IpNet::V4(_) => net.trunc(),
        }))
    }
}

/// Whether somebody meant the name of a host or a domain, perhaps with `*`.
fn is_like_a_name(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.*".contains(c))
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> ClientAddress {
        ClientAddress::new(text.parse().unwrap())
    }

    #[test]
    fn mapped_addresses_count_as_ipv4() {
        let ten: Network = "10.0.0.0/8".parse().unwrap();
        assert!(ten.contains(client("::ffff:10.1.2.3")));
        assert_eq!("::ffff:10.0.0.0/104".parse::<Network>().unwrap(), ten);
        assert!(!ten.contains(client("11.0.0.1")));
    }

    #[test]
    fn an_ipv6_client_is_its_64() {
        assert_eq!(
            client("2001:db8::1:2:3:4").network(),
            "2001:db8::/64".parse().unwrap()
        );
        assert_eq!(client("192.0.2.1").network(), "192.0.2.1/32".parse().unwrap());
    }

    #[test]
    fn networks_overlap_where_one_holds_the_other() {
        let net = |text: &str| text.parse::<Network>().unwrap();
        assert!(net("10.0.0.0/8").overlaps(&net("10.1.0.0/16")));
        assert!(net("10.1.2.3").overlaps(&net("10.0.0.0/8")));
        assert!(!net("10.0.0.0/9").overlaps(&net("10.128.0.0/9")));
        assert!(!net("0.0.0.0/0").overlaps(&net("::/0")));
    }

    #[test]
    fn the_networks_of_an_address_are_those_that_contain_it() {
        let address = client("10.1.2.3");
        let networks: Vec<_> = address.networks().collect();
        assert_eq!(networks.len(), 33);
        assert!(networks.iter().all(|network| network.contains(address)));
        assert!(networks.contains(&"10.0.0.0/8".parse().unwrap()));
        assert!(networks.contains(&"0.0.0.0/0".parse().unwrap()));
        assert_eq!(client("2001:db8::1").networks().count(), 129);
    }

    #[test]
    fn an_address_outside_is_found_if_there_is_one() {
        let outside = |network: &str, others: &[&str]| {
            let others: Vec<Network> = others.iter().map(|net| net.parse().unwrap()).collect();
            let network: Network = network.parse().unwrap();
            network
                .address_outside(&others)
                .map(|address| address.to_string())
        };
        let found = |address: &str| Some(address.to_owned());
        assert_eq!(outside("10.0.0.0/8", &[]), found("10.0.0.0"));
        assert_eq!(
            outside("10.0.0.0/8", &["10.0.0.0/9", "10.128.0.0/16", "10.0.0.0/24"]),
            found("10.129.0.0")
        );
        assert_eq!(outside("10.0.0.0/8", &["10.128.0.0/9", "10.0.0.0/9"]), None);
        assert_eq!(outside("10.1.2.3", &["10.1.2.3"]), None);
        assert_eq!(outside("0.0.0.0/0", &["0.0.0.0/1", "::/0"]), found("128.0.0.0"));
        assert_eq!(outside("0.0.0.0/0", &["0.0.0.0/1", "128.0.0.0/1"]), None);
        // What is left is ::ffff:0:0/96, the IPv4 addresses.
        assert_eq!(outside("::fffe:0:0/95", &["::fffe:0:0/96"]), None);
        let [v4, v6] = Network::everywhere();
        assert!(v4.contains(client("::ffff:10.1.2.3")) && v6.contains(client("2001:db8::1")));
    }

    #[test]
    fn host_names_are_not_networks() {
        assert!("lab.example.org".parse::<Network>().is_err());
        assert!("10.0.0.0/33".parse::<Network>().is_err());
    }
}
