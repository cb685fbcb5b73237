//! A process of the worker: does what it is asked, one thing at a time, and ends with the worker.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::unistd::dup2_stdin;

use super::answers::Unreachable;
use super::limits::REQUEST_BYTES_MAX;
use super::message::{Reply, Request};
use super::settings::Service;
use super::{lookup, transaction};
use crate::worker_socket::frame;

/// Most open files. A module needs a handful.
const OPEN_FILES_MAX: u64 = 256;

/// Serves the worker that started this process, over the socket that is its standard input, until the worker
/// is gone. The process must have one thread: modules may do what is not safe beside others.
///
/// # Errors
/// The operating system refuses what the process gives up, or the socket breaks.
pub fn run(service: &Service) -> io::Result<()> {
    let mut socket = take_socket()?;
    give_up_rights(service)?;
    frame::write_blocking(&mut socket, &Reply::Pong.encode())?;
    loop {
        let body = match frame::read_blocking(&mut socket, REQUEST_BYTES_MAX) {
            Ok(body) => body,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        let request = Request::decode(&body).map_err(io::Error::other)?;
        // The buffer is wiped before modules run.
        drop(body);
        frame::write_blocking(&mut socket, &answer(service, request).encode())?;
    }
}

/// The socket, out of reach for the programs that modules start.
fn take_socket() -> io::Result<UnixStream> {
    // `try_clone_to_owned` sets close-on-exec.
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    dup2_stdin(File::open("/dev/null")?)?;
    Ok(UnixStream::from(socket))
}

fn give_up_rights(service: &Service) -> io::Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    if !service.new_privileges {
        prctl::set_no_new_privs()?;
    }
    setrlimit(Resource::RLIMIT_NOFILE, OPEN_FILES_MAX, OPEN_FILES_MAX)?;
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    std::env::set_current_dir("/")
}

fn answer(service: &Service, request: Request) -> Reply {
    match request {
        Request::Ping => Reply::Pong,
        Request::User { name } => match lookup::user(&name) {
            Ok(user) => Reply::User(user),
            Err(cause) => Reply::Failed(Unreachable { cause, sent: false }),
        },
        Request::Authenticate {
            name,
            password,
            client,
        } => transaction::authenticate(service, &name, password, client),
        Request::ChangePassword {
            name,
            old,
            new,
            client,
        } => transaction::change_password(service, &name, old, new, client),
    }
}
