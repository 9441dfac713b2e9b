//! What an invocation asks the history, and what it teaches it.

use std::collections::{BTreeSet, HashSet};

use super::App;
use crate::cloudwatch::LogBatch;
use crate::detection::shelf::Shelf;
use crate::entry::Place;
use crate::history::table::Turn;
use crate::history::{Answers, Until, day};
use crate::memory::Memory;
use crate::slack::SlackError;
use crate::window::Window;

/// Where other processes tell of refusals that matter for a batch: none where nobody is let in.
pub(super) fn shelves(app: &App) -> impl Fn(&LogBatch) -> Vec<Shelf> {
    |batch| {
        let times = || {
            batch
                .events
                .iter()
                .map(|event| event.timestamp.div_euclid(1000))
        };
        let period = times().min().zip(times().max());
        let lets_in = memchr::memmem::find(batch.text.as_bytes(), b"connection authorized");
        match period.zip(lets_in) {
            Some(((first, last), _)) => {
                Shelf::before(&Place::of(batch, &app.settings), first, last)
            }
            None => Vec::new(),
        }
    }
}

/// Learns of refusals that other processes have seen.
pub(super) async fn recall(
    app: &App,
    memory: &mut Memory,
    shelves: impl Iterator<Item = Shelf>,
    turn: &mut Turn,
) {
    let Some(history) = &app.history else { return };
    let shelves: HashSet<_> = shelves.collect();
    let shelves: Vec<_> = shelves.into_iter().collect();
    if !shelves.is_empty() {
        for refusal in history.recall(&shelves, turn).await {
            memory.past.refusals.add(refusal);
        }
    }
}

pub(super) async fn look_up(
    app: &App,
    memory: &mut Memory,
    window: &Window,
    turn: &mut Turn,
) -> Answers {
    let questions = window.logins.questions(&mut memory.past.known);
    match &app.history {
        Some(history) if !questions.is_empty() => history.look_up(&questions, turn).await,
        _ => Answers::new(),
    }
}

/// Writes what the window has taught, but for the records that come again. What could not be written
/// is known to this process all the same, which tries again with the next such login.
pub(super) async fn teach(
    app: &App,
    memory: &mut Memory,
    window: &Window,
    (answers, failed): (&Answers, &[(BTreeSet<usize>, SlackError)]),
    turn: &mut Turn,
) {
    let news = memory.past.refusals.take_news();
    let (Some(history), Some(remembered)) = (&app.history, &app.settings.remembered) else {
        return;
    };
    if !news.is_empty() {
        history.tell(&news, turn).await;
    }
    let has_failed = |record| failed.iter().any(|(records, _)| records.contains(&record));
    let known = &mut memory.past.known;
    let lessons = window.logins.lessons(known, answers, has_failed);
    if lessons.is_empty() {
        return;
    }
    let written = history.teach(&lessons, remembered, turn).await;
    let written: HashSet<_> = written.into_iter().collect();
    for lesson in &lessons {
        let until = Until {
            expiry: remembered.expiry(lesson.time),
            day: written.contains(&lesson.key).then(|| day(lesson.time)),
        };
        known.learn(lesson.key, until);
    }
}
