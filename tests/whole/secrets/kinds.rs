//! The same for passwords that go other ways than to a directory's bind: to PAM, and to a domain.

use super::*;
use crate::active_directory;
use crate::lab::pam::{PamWorker, matrix};
use crate::lab::samba::{self, Samba};

/// A login, a wrong and an unknown one, a change, and logins by the ticket and by the password after it.
async fn log_in_and_change(broker: &Broker) {
    let post = async |task: &str, user: &str, marker: &Marker, more: String| {
        let password = marker.encoded();
        let form = format!("task={task}&user={user}&password={password}{more}");
        post_from(broker.address, None, &form).await.1
    };
    let none = || "&authid=".to_owned();
    let granted = post("listsessions", "marker", &OLD, none()).await;
    let authid = format!("&authid={}", ticket(&granted));
    for (user, marker) in [("marker", &WRONG), ("nobody-here", &UNKNOWN)] {
        let refused = post("listsessions", user, marker, authid.clone()).await;
        assert!(!refused.contains("Access granted"), "{refused}");
    }
    let change = format!("&newpass={}{authid}", NEW.encoded());
    let changed = post("setpass", "marker", &OLD, change).await;
    assert!(changed.contains("PASSWORD CHANGED: OK"), "{changed}");
    for (marker, authid) in [(&OLD, authid), (&NEW, none())] {
        let granted = post("listsessions", "marker", marker, authid).await;
        assert!(granted.contains("Access granted"), "{granted}");
    }
}

fn pam(worker: &PamWorker) -> String {
    format!(
        "\n[authentication]\nmethods = [\"pam\"]\n[authentication.pam]\nsocket = \"{}\"\n",
        worker.path("pam.sock").display()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_is_left_behind_that_pam_checked_and_changed() {
    let mut worker = matrix(&format!("marker:{}:x2godirector\n", OLD.password()));
    let slapd = Slapd::start(&(directory() + &slapd::people(&["marker"])));
    let configuration = configuration(&slapd, Reach::Plain, 1) + &pam(&worker);
    let mut broker = Broker::start_logging(&configuration, "trace");
    log_in_and_change(&broker).await;
    nothing_is_left_in(&mut broker, "XFCE of ${user}").await;

    // What modules keep in their own processes is theirs; the worker passes passwords on.
    let traces: Vec<_> = MARKERS.iter().flat_map(|marker| marker.traces()).collect();
    let found = traces_in_memory(worker.process().id(), &traces);
    assert!(found.is_empty(), "in the worker:\n{}", found.join("\n"));
    assert_eq!(search(worker.log().as_bytes(), &traces), [], "in its log");
    for process in worker.processes() {
        for file in ["cmdline", "environ"] {
            let text = fs::read(format!("/proc/{process}/{file}")).unwrap();
            assert_eq!(search(&text, &traces), [], "in {file}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_is_left_behind_that_a_domain_checked_and_changed() {
    let domain = Samba::shared();
    domain.add(&samba::user_with("marker", &OLD.password(), &[]));
    let configuration = active_directory::configuration(domain);
    let mut broker = Broker::start_logging(&configuration, "trace");
    log_in_and_change(&broker).await;
    nothing_is_left_in(&mut broker, "Office of ${user}").await;
}
