//! The real UCCS client of Arctica Greeter: `remote-logon-config-agent`.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};

/// It is ended after this many seconds whatever happens.
const LIFETIME_S: &str = "60";

/// Asks the broker at this address as a greeter would, with this version of the interface.
///
/// The broker's own certificate is taken unseen: the library that the client uses trusts the authorities of the whole
/// machine and no file of a test.
pub fn ask(broker: SocketAddr, api: &str, user: &str, password: &str) -> Output {
    let mut client = Command::new("timeout")
        .args(["--kill-after=5", LIFETIME_S, "remote-logon-config-agent"])
        .args(["--skip-ssl-verify", user])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LANG", "C.UTF-8")
        .env(
            "SERVER_ROOT",
            format!("https://localhost:{}/uccs/inifile/", broker.port()),
        )
        .env("API_VERSION", api)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(client.stdin.take().unwrap(), "{password}").unwrap();
    client.wait_with_output().unwrap()
}
