//! Sockets that systemd hands over and the broker does not serve, and ports that others have.

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use super::service::Service;
use super::{Site, conf_d};
use crate::lab::broker::Broker;

/// A broker that needs nothing else to start.
const HOST_USERS: &str = "[authentication]\nmethods = [\"pam\"]\n[directory]\nsource = \"nss\"\n[server]\n";

#[test]
fn a_socket_that_is_not_in_the_configuration_stops_the_start() {
    let mut service = Service::new(&format!("{HOST_USERS}listen = [\"127.0.0.1:1\", \"[::1]:2\"]\n"));
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let (code, said) = service.fail_with(socket.into());
    assert_eq!(code, Some(78), "{said}");
    let both =
        format!("listens on {address} for the broker, but `listen` in [server] names 127.0.0.1:1, [::1]:2:");
    assert!(said.contains(&both), "{said}");
    assert!(said.contains("systemctl edit x2godirector.socket"), "{said}");
}

#[test]
fn something_else_than_a_listening_tcp_socket_stops_the_start() {
    let mut service = Service::new(HOST_USERS);
    let unix = UnixListener::bind(service.folder().join("other.sock")).unwrap();
    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = std::net::TcpStream::connect(listening.local_addr().unwrap()).unwrap();
    let file = fs::File::open("/dev/null").unwrap();
    for socket in [unix.into(), datagrams.into(), connected.into(), file.into()] {
        let (code, said) = service.fail_with(socket);
        assert_eq!(code, Some(78), "{said}");
        assert!(said.contains("no listening TCP socket"), "{said}");
    }
}

#[test]
fn a_reload_says_that_the_socket_unit_must_follow() {
    let site = Site::start(&[], "");
    let good = fs::read_to_string(conf_d(&site.service)).unwrap();
    let moved = good.replace(
        "[server]\n",
        "[server]\nlisten = [\"127.0.0.1:0\", \"[::1]:0\"]\n",
    );
    assert_ne!(good, moved);
    fs::write(conf_d(&site.service), moved).unwrap();
    let said = site.said(&["reload"]);
    assert!(
        said.contains("Reloaded") && said.contains("ListenStream=") && said.contains("x2godirector.socket"),
        "{said}"
    );
}

#[test]
fn a_port_that_another_program_has_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (code, said) = Broker::fail(&format!("{HOST_USERS}listen = [\"{address}\"]\n"));
    assert_eq!(code, Some(1), "{said}");
    for part in [
        format!("cannot listen on {address}, which is in `listen` of [server]: another program"),
        "systemctl start x2godirector".to_owned(),
    ] {
        assert!(said.contains(&part), "{part}: {said}");
    }
}
