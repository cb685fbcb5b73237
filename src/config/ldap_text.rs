//! Texts of `[directory.ldap]` that have a form of their own: addresses of servers, filters, templates of
//! distinguished names.

use std::net::IpAddr;

use rustls::pki_types::ServerName;
use url::{Host, Url};

use super::value::FromText;
use crate::directory::Filter;
use crate::model::{Dn, Invalid};

const LDAP_PORT: u16 = 389;
const LDAPS_PORT: u16 = 636;
/// What stands for the name of the user in `user_dn_template`.
const USER_PLACEHOLDER: &str = "{user}";

/// `ldaps://HOST[:PORT]` or `ldap://HOST[:PORT]`.
#[derive(Debug)]
pub(super) struct ServerUrl {
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
}

impl ServerUrl {
    /// Whether what is sent there stays on this machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self
                .host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl FromText for ServerUrl {
    fn from_text(text: &str) -> Result<Self, String> {
        // The text is not repeated: somebody may have written a password into it.
        let wrong = || "this is no LDAP server; write it like ldaps://ldap.example.org".to_owned();
        let url = Url::parse(text).map_err(|_| wrong())?;
        let (tls, port) = match url.scheme() {
            "ldaps" => (true, LDAPS_PORT),
            "ldap" => (false, LDAP_PORT),
            _ => return Err(wrong()),
        };
        let bare = url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        if !bare {
            return Err("only the server belongs here, like ldaps://ldap.example.org:636".to_owned());
        }
        let host = match url.host().ok_or_else(wrong)? {
            Host::Domain(name) => name.to_ascii_lowercase(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        // As it will be compared with the certificate; the URL's own rules let almost anything be a host.
        if ServerName::try_from(host.as_str()).is_err() {
            return Err(
                "its host is neither a DNS name (an international one in its xn-- form) nor an address"
                    .to_owned(),
            );
        }
        match url.port().unwrap_or(port) {
            0 => Err("nothing answers on port 0".to_owned()),
            port => Ok(Self { tls, host, port }),
        }
    }
}

impl FromText for Filter {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::new(text)
    }
}

/// A distinguished name in which `{user}` stands for the user's name.
#[derive(Debug)]
pub(super) struct DnTemplate(pub(super) String);

impl FromText for DnTemplate {
    fn from_text(text: &str) -> Result<Self, String> {
        let rest = text.split_once('=').map_or("", |(_, value)| value);
        if !rest.contains(USER_PLACEHOLDER) {
            return Err(format!(
                "it does not name the user; write it like uid={USER_PLACEHOLDER},ou=people,dc=example,dc=org"
            ));
        }
        Self::example(text).map_err(|why| why.to_string())?;
        Ok(Self(text.to_owned()))
    }
}

impl DnTemplate {
    /// What the template gives for somebody.
    pub(super) fn example(template: &str) -> Result<Dn, Invalid> {
        Dn::new(&template.replace(USER_PLACEHOLDER, "user"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_a_scheme_a_host_and_a_port() {
        let url = |text: &str| ServerUrl::from_text(text).map(|url| (url.tls, url.host, url.port));
        assert_eq!(
            url("ldaps://L.example.org"),
            Ok((true, "l.example.org".into(), 636))
        );
        assert_eq!(url("ldap://[::1]:3890/"), Ok((false, "::1".into(), 3890)));
        for bad in [
            "l.example.org",
            "http://l",
            "ldap://",
            "ldapi:///run/slapd",
            "ldap://u:p@h",
            "ldap://h/dc=org",
            "ldap://h?x",
            "ldap://h:0x",
            "ldap://h:0",
            "ldaps://ldäp.example.org",
            "ldaps://a!b",
            "ldaps://a..b",
            "",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert!(!url("ldap://u:geheim@h").unwrap_err().contains("geheim"));
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (text, loopback) in [
            ("ldap://localhost", true),
            ("ldap://127.9.9.9", true),
            ("ldap://[::1]", true),
            ("ldap://localhost.example.org", false),
            ("ldap://10.0.0.1", false),
        ] {
            assert_eq!(
                ServerUrl::from_text(text).unwrap().is_loopback(),
                loopback,
                "{text}"
            );
        }
    }

    #[test]
    fn templates_name_the_user_in_a_value() {
        assert!(DnTemplate::from_text("uid={user},ou=people,dc=x").is_ok());
        for bad in [
            "uid=x,dc=x",
            "{user}=x,dc=x",
            "uid={user},",
            "{user}",
            "uid={usr},dc=x",
        ] {
            assert!(DnTemplate::from_text(bad).is_err(), "{bad}");
        }
    }
}
