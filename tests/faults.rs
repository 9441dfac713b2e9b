//! What goes wrong between PostgreSQL and Slack, and where each connection is afterwards.
//!
//! Each scenario sends connections through the real `bootstrap`, invoking it as Lambda does: a batch
//! that fails goes to the retry queue and comes once more, in a window. What Slack showed is then held
//! against what went in. `cargo test --test faults -- --nocapture` prints the table.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    unreachable_pub,
    reason = "tests may"
)]

#[path = "faults/batches.rs"]
mod batches;
#[path = "faults/row.rs"]
mod row;
#[path = "faults/run.rs"]
mod run;
#[path = "faults/secrets.rs"]
mod secrets;
#[path = "faults/slack.rs"]
mod slack;
mod support;

use row::Row;

type Scenario = fn() -> Row;

#[test]
fn nothing_is_lost_and_nothing_is_untrue() {
    // Fault, and the expected: events, delivered, duplicates, in the retry queue.
    let scenarios: [(Scenario, [usize; 4]); 23] = [
        (slack::nothing_wrong, [3, 3, 0, 0]),
        (slack::rate_limited, [3, 3, 0, 0]),
        (slack::rate_limited_for_long, [3, 3, 0, 0]),
        (slack::rate_limited_for_good, [3, 0, 0, 3]),
        (slack::server_errors, [3, 3, 0, 0]),
        (slack::server_errors_for_good, [3, 0, 0, 3]),
        // Slack has shown them, and nobody can know.
        (slack::slow, [3, 3, 3, 0]),
        (slack::cut, [3, 3, 3, 0]),
        (slack::hung_up, [3, 3, 0, 0]),
        (slack::refused, [3, 0, 0, 3]),
        (slack::no_name, [3, 0, 0, 3]),
        (slack::webhook_gone, [3, 0, 0, 3]),
        (slack::message_refused, [3, 0, 0, 3]),
        (secrets::rotated, [3, 3, 0, 0]),
        (secrets::deleted, [3, 0, 0, 3]),
        (secrets::expired, [3, 0, 0, 3]),
        (secrets::secrets_manager_down, [3, 3, 0, 0]),
        (batches::second_channel, [3, 3, 0, 0]),
        (batches::repeated, [3, 3, 0, 0]),
        (batches::reordered, [3, 3, 0, 0]),
        (batches::full_batch, [5000, 5000, 0, 0]),
        (batches::hostile, [18, 18, 0, 0]),
        (batches::mixed, [3, 3, 0, 0]),
    ];
    let running = scenarios.map(|(scenario, expected)| (std::thread::spawn(scenario), expected));
    let rows = running.map(|(row, expected)| (row.join().unwrap(), expected));
    println!(
        "{:<44}{:>9}{:>11}{:>12}{:>8}{:>6}{:>7}",
        "fault", "events in", "delivered", "duplicates", "queued", "lost", "false"
    );
    for (row, _) in &rows {
        println!("{row}");
    }
    for (row, [events, delivered, duplicates, queued]) in rows {
        let fault = row.fault;
        let (lost, untrue) = (0, 0);
        assert_eq!(
            row,
            Row {
                fault,
                events,
                delivered,
                duplicates,
                queued,
                lost,
                untrue
            }
        );
    }
}
