//! What a process with a history would write into its table, and whether it is so.

use std::rc::Rc;

use aurora_connection_audit::entry::Place;
use aurora_connection_audit::history::{Logins, Remembered};
use aurora_connection_audit::sessions::Connection;

use super::deployment::Batch;
use super::facts::is_text;
use super::log::{Event, Log};
use super::reader::Outcome;
use super::town::Plan;

/// A user is known, from a network or with a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lesson {
    what: &'static str,
    user: String,
    name: Option<String>,
}

pub(crate) fn taught(connections: &[Connection<'_>]) -> Vec<Lesson> {
    let (place, remembered) = (Rc::new(Place::default()), Remembered::default());
    let mut logins = Logins::default();
    for connection in connections {
        logins.add(connection, &place, 0, &remembered);
    }
    let taught = logins.taught(|_| false).into_iter();
    let lessons = taught.map(|lesson| Lesson {
        what: lesson.what,
        user: lesson.user.to_owned(),
        name: lesson.name.map(str::to_owned),
    });
    lessons.collect()
}

/// Has somebody really logged in so, in this batch? One who is turned away after all has not.
pub(crate) fn is_true(lesson: &Lesson, batch: &Batch, log: &Log, plan: &Plan) -> bool {
    let is_here = |event: &&Event| {
        let is_refused = event.superseded.as_ref().is_some_and(|it| batch.holds(it));
        event.outcome == Outcome::Authorized
            && !is_refused
            && event.bearing.iter().any(|span| batch.overlaps(span))
    };
    log.events.iter().filter(is_here).any(|event| {
        let backend = &plan.backends[event.backend];
        let network = || Remembered::default().network(backend.host);
        is_text(&lesson.user, &backend.user)
            && match (lesson.what, lesson.name.as_deref()) {
                ("network", Some(name)) => name == network(),
                ("database", Some(name)) => is_text(name, &backend.database),
                _ => true,
            }
    })
}
