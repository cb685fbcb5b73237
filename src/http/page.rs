//! The page on `/`: what this is, and the command line that connects.

use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, HOST, HeaderMap, HeaderValue, REFERRER_POLICY};
use http::uri::Authority;

use super::reply::{self, Reply};

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// Nothing may be loaded, run, framed or sent; only the page's own style counts.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// What stands in the page for the address by which the browser reached us.
const ADDRESS: &str = "{address}";

/// Longest `Host` taken, in bytes: a name of 253, a colon and a port.
const HOST_BYTES_MAX: usize = 253 + 1 + 5;

/// The page.
pub(super) fn page(headers: &HeaderMap) -> Reply {
    let address = headers.get(HOST).and_then(address).unwrap_or("HOST:PORT");
    let html = include_str!("page.html").replace(ADDRESS, address);
    let mut reply = reply::reply(StatusCode::OK, HTML, html);
    let headers = reply.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    reply
}

/// The host and port, if that is what the header holds. The alphabet has nothing that means anything in HTML
/// or to a shell, for the line is there to be copied.
fn address(host: &HeaderValue) -> Option<&str> {
    let text = host.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if text.is_empty() || text.len() > HOST_BYTES_MAX || !text.bytes().all(plain) {
        return None;
    }
    text.parse::<Authority>().ok().map(|_| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(host: &str) -> Option<String> {
        address(&HeaderValue::from_bytes(host.as_bytes()).unwrap()).map(str::to_owned)
    }

    #[test]
    fn the_address_of_the_browser_is_shown() {
        for host in [
            "broker.example.org",
            "broker.example.org:8443",
            "192.0.2.1:8443",
            "[2001:db8::1]:8443",
        ] {
            assert_eq!(shown(host).as_deref(), Some(host));
        }
    }

    #[test]
    fn what_is_no_address_is_not_shown() {
        for host in [
            "",
            "<script>alert(1)</script>",
            "a\"b",
            "a'b",
            "a&b",
            "a;reboot",
            "$(reboot)",
            "a b",
            "u@h",
            "h/x",
            "ä.example",
            "[::1",
            &"a".repeat(300),
        ] {
            assert_eq!(shown(host), None, "{host}");
        }
    }

    #[test]
    fn the_page_needs_nothing_else_and_has_one_place_for_the_address() {
        let html = include_str!("page.html");
        assert!(html.matches(ADDRESS).count() >= 1);
        for outside in ["src=", "href=", "url(", "@import", "<script"] {
            assert!(!html.contains(outside), "{outside}");
        }
    }
}
