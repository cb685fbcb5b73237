//! What is logged of a panic.

use std::any::Any;
use std::panic::{self, Location};

/// Has panics logged like everything else: in one line, with the request under way, and without words that were put
/// together at run time, in which a password might stand. For the whole process, from now on.
pub(super) fn log_panics() {
    panic::set_hook(Box::new(|panic| tell(panic.payload(), panic.location())));
}

fn tell(payload: &(dyn Any + Send), location: Option<&Location<'_>>) {
    let words = payload.downcast_ref::<&'static str>().copied();
    let location = location.map(tracing::field::display);
    tracing::error!(
        location,
        "panicked, which is a fault in this program: {}",
        words.unwrap_or("…")
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Captured;

    #[test]
    fn a_panic_is_one_line_with_its_place_and_the_request_and_nothing_of_that() {
        let (log, _guard) = Captured::begin();
        let here = Location::caller();
        tracing::error_span!("request", decision_id = "4T9").in_scope(|| {
            tell(&"a fixed text", Some(here));
            tell(
                &format!("byte 3 of `{}` is no boundary", "s3cret\nword"),
                Some(here),
            );
        });
        let fixed = log.line("a fixed text");
        assert!(
            fixed.contains("request{decision_id=\"4T9\"}") && fixed.contains("panics.rs:"),
            "{fixed}"
        );
        assert_eq!(log.lines("this program: …"), 1);
        assert_eq!(log.lines("s3cret") + log.lines("word"), 0);
    }
}
