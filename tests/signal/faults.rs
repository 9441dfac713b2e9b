//! What ails the table, and how little of it anybody notices.

use std::time::{Duration, Instant};

use super::support::dynamodb::{DynamoDb, Fault};
use super::support::{Function, PATIENCE, login};
use super::{THREE_LINES, batch, insist, texts, with_history};

/// A process that has told somebody before, so that it waits for nothing but the table.
fn warm(table: &DynamoDb) -> Function {
    let function = with_history(table, THREE_LINES);
    assert!(function.local.first_poll(PATIENCE));
    function.invoke(&batch(0, &login("first", 1)));
    std::thread::sleep(Duration::from_secs(1)); // Slack takes a message a second
    function
}

/// As soon as there are so many, or as many as there are when patience ends.
fn warnings(function: &Function, wanted: usize) -> usize {
    let log = function.log_with_times("no history", wanted);
    log.matches("no history").count()
}

/// A login is told within a second more than otherwise, with one warning.
#[track_caller]
fn assert_little_is_added(fault: Fault) {
    let table = DynamoDb::start();
    let function = warm(&table);
    let start = Instant::now();
    function.invoke(&batch(1, &login("bob", 2)));
    let usually = start.elapsed();
    std::thread::sleep(Duration::from_secs(1));
    table.state().fault = Some(fault);
    let start = Instant::now();
    function.invoke(&batch(2, &login("carol", 3)));
    let took = start.elapsed();
    // Half a second is for a busy machine.
    let most = usually + Duration::from_millis(1500);
    assert!(took < most, "{took:?}, usually {usually:?}");
    assert!(texts(&function)[2].contains("carol"));
    assert_eq!(warnings(&function, 1), 1, "{}", function.log());
}

#[test]
fn a_slow_table_adds_a_second_at_most() {
    assert_little_is_added(Fault::Slow(Duration::from_secs(20)));
}

#[test]
fn a_table_that_is_slow_to_write_adds_a_second_at_most() {
    assert_little_is_added(Fault::SlowOnly("UpdateItem", Duration::from_secs(20)));
}

#[test]
fn a_throttled_table_adds_a_second_at_most() {
    assert_little_is_added(Fault::Refuses(400, "ThrottlingException"));
}

#[test]
fn a_table_that_leaves_all_keys_adds_a_second_at_most() {
    assert_little_is_added(Fault::LeavesAllKeys);
}

#[test]
fn a_moment_of_throttling_is_waited_out() {
    let table = DynamoDb::start();
    let function = warm(&table);
    for number in 1..4 {
        table.state().fault = Some(Fault::ThrottlesOnce);
        function.invoke(&batch(number, &login(&format!("user{number}"), 2)));
        std::thread::sleep(Duration::from_secs(1));
    }
    let texts = texts(&function);
    assert_eq!(texts.len(), 4);
    for (number, text) in (1..4).zip(&texts[1..]) {
        assert!(text.contains(&format!("New user: user{number}")), "{text}");
    }
    assert_eq!(warnings(&function, 0), 0, "{}", function.log());
    assert_eq!(table.state().items.len(), 4 * 3);
}

#[test]
fn a_table_that_is_deleted_and_made_anew_under_a_warm_process() {
    let table = DynamoDb::start();
    let function = warm(&table);
    table.state().items.clear();
    table.state().fault = Some(Fault::Refuses(400, "ResourceNotFoundException"));
    function.invoke(&batch(1, &login("first", 2)));
    function.invoke(&batch(2, &login("bob", 3)));
    assert_eq!(
        texts(&function).len(),
        2,
        "this process knows the one, and nobody the other"
    );
    assert_eq!(warnings(&function, 2), 2);
    table.state().fault = None;
    function.invoke(&batch(3, &login("bob", 4)));
    function.invoke(&batch(4, &login("bob", 5)));
    let texts = texts(&function);
    assert_eq!(texts.len(), 3);
    assert!(texts[2].contains("New user: bob"), "{}", texts[2]);
    assert_eq!(table.state().items.len(), 3, "the new table learns");
}

/// More keys than one call takes, of which one call fails: what is known stays silent or is told, and
/// what is new is told.
#[test]
fn a_table_that_answers_in_part_hides_nobody() {
    let table = DynamoDb::start();
    let function = warm(&table);
    let users: Vec<_> = (0..90).map(|number| format!("user{number}")).collect();
    let logins: String = users
        .iter()
        .zip(10..)
        .map(|(user, number)| login(user, number))
        .collect();
    table.state().fault = Some(Fault::RefusesEveryOther(500, "InternalServerError"));
    let outcome = function.invoke(&batch(1, &logins));
    assert!(!outcome.failed, "{}", outcome.body);
    let told = function.taken()[1].payload.to_string();
    assert!(told.contains("90 new connections"), "{told}");
}

#[test]
fn two_processes_at_once_on_a_bad_table_hide_nobody() {
    let table = DynamoDb::start();
    let functions = [warm(&table), warm(&table)];
    table.state().fault = Some(Fault::LeavesKeys);
    std::thread::scope(|scope| {
        for function in &functions {
            scope.spawn(|| {
                for number in 1..6 {
                    insist(
                        function,
                        &batch(number, &login(&format!("user{number}"), 2)),
                    );
                }
            });
        }
    });
    let told: Vec<_> = functions.iter().flat_map(texts).collect();
    for number in 1..6 {
        let user = format!("user{number}");
        assert!(told.iter().any(|text| text.contains(&user)), "{user}");
    }
}
