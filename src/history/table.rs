//! The table of what is known: looking up, and teaching.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use isahc::HttpClient;
use time::{Date, Month, OffsetDateTime};
use tokio::time::Instant;

use super::{Answers, Key, Lesson, Remembered, Until, day};
use crate::aws::dynamodb::{Attribute, Item, KEY, MOST_KEYS, Table, TableError, Update};
use crate::detection::Refusal;
use crate::detection::shelf::{self, Shelf};
use crate::digest::digest;

/// The longest that an invocation waits for the table, whatever is wrong with it.
const PATIENCE: Duration = Duration::from_secs(1);
/// The part of that time for looking up; the rest is for writing.
const LOOKING_UP: Duration = Duration::from_millis(700);
/// How many requests run at once.
const AT_ONCE: usize = 16;

/// The table, and who asks it.
#[derive(Debug)]
pub struct History {
    client: HttpClient,
    table: Table,
}

/// The time that an invocation gives the table, and what went wrong in it.
#[derive(Debug)]
pub struct Turn {
    left: Duration,
    looking_up: Duration,
    /// The first error; nothing is asked or written after it.
    pub error: Option<TableError>,
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            left: PATIENCE,
            looking_up: LOOKING_UP,
            error: None,
        }
    }
}

impl Turn {
    /// For somebody who would rather wait than not know.
    #[must_use]
    pub fn patient() -> Self {
        const PATIENT: Duration = Duration::from_mins(2);
        Self {
            left: PATIENT,
            looking_up: PATIENT,
            error: None,
        }
    }

    /// Gives the table at most `limit` of the time that is left.
    async fn take<T: Default>(
        &mut self,
        limit: Duration,
        work: impl AsyncFnOnce(Instant) -> (T, Option<TableError>),
    ) -> T {
        if self.error.is_some() {
            return T::default();
        }
        let start = Instant::now();
        let (value, error) = work(start + limit.min(self.left)).await;
        self.left = self.left.saturating_sub(start.elapsed());
        self.error = error;
        value
    }
}

impl History {
    /// The history in a table.
    #[must_use]
    pub fn new(client: HttpClient, table: Table) -> Self {
        Self { client, table }
    }

    /// Asks for something that is not there. The first request of a process is the slowest, and a
    /// fault is best known at the start.
    ///
    /// # Errors
    /// When DynamoDB does not answer in time.
    pub async fn warm_up(&self) -> Result<(), TableError> {
        let keys = ["?".to_owned()];
        let deadline = Instant::now() + PATIENCE;
        let got = self.table.get(&self.client, &keys, &[], deadline).await;
        got.map(drop)
    }

    /// What the table says about the keys; nothing of those that it does not answer for.
    pub async fn look_up(&self, questions: &[Key], turn: &mut Turn) -> Answers {
        turn.take(turn.looking_up, async |deadline| {
            let asked = questions.chunks(MOST_KEYS).map(|keys| async move {
                let texts: Vec<_> = keys.iter().map(|key| key.text()).collect();
                let attributes = ["last", "ttl"];
                let items = self.table.get(&self.client, &texts, &attributes, deadline);
                let items = items.await?;
                Ok((keys, texts, items))
            });
            let mut answered = stream::iter(asked).buffer_unordered(AT_ONCE);
            let mut answers = Answers::new();
            while let Some(answer) = answered.next().await {
                match answer {
                    Ok((keys, texts, items)) => answers.extend(answer_of(keys, &texts, &items)),
                    Err(error) => return (answers, Some(error)),
                }
            }
            (answers, None)
        })
        .await
    }

    /// What other processes have told of refusals.
    pub async fn recall(&self, shelves: &[Shelf], turn: &mut Turn) -> Vec<Refusal> {
        turn.take(turn.looking_up, async |deadline| {
            let keys: Vec<_> = shelves.iter().map(|shelf| shelf.key.text()).collect();
            let mut refusals = Vec::new();
            for keys in keys.chunks(MOST_KEYS) {
                match self
                    .table
                    .get(&self.client, keys, &["refused"], deadline)
                    .await
                {
                    Ok(items) => refusals.extend(items.iter().flat_map(refused)),
                    Err(error) => return (refusals, Some(error)),
                }
            }
            (refusals, None)
        })
        .await
    }

    /// Tells other processes of refusals.
    pub async fn tell(&self, news: &HashMap<Shelf, Vec<Refusal>>, turn: &mut Turn) {
        turn.take(PATIENCE, async |deadline| {
            for (shelf, refusals) in news {
                let update = on_shelf(shelf, refusals);
                if let Err(error) = self.table.update(&self.client, &update, deadline).await {
                    return ((), Some(error));
                }
            }
            ((), None)
        })
        .await;
    }

    /// Writes the lessons, as far as there is time; those that were written.
    pub async fn teach(
        &self,
        lessons: &[Lesson<'_>],
        remembered: &Remembered,
        turn: &mut Turn,
    ) -> Vec<Key> {
        turn.take(turn.left, async |deadline| {
            let written = lessons.iter().map(|lesson| async move {
                let update = update(lesson, remembered);
                let written = self.table.update(&self.client, &update, deadline).await;
                written.map(|()| lesson.key)
            });
            let mut written = stream::iter(written).buffer_unordered(AT_ONCE);
            let mut keys = Vec::new();
            while let Some(key) = written.next().await {
                match key {
                    Ok(key) => keys.push(key),
                    Err(error) => return (keys, Some(error)),
                }
            }
            (keys, None)
        })
        .await
    }

    /// Says of what the table knows that it was there before: nothing else of it changes.
    pub async fn backdate(&self, lessons: &[Lesson<'_>], turn: &mut Turn) {
        turn.take(turn.left, async |deadline| {
            let written = lessons.iter().map(|lesson| async move {
                let update = was_there(lesson);
                self.table.update(&self.client, &update, deadline).await
            });
            let mut written = stream::iter(written).buffer_unordered(AT_ONCE);
            while let Some(written) = written.next().await {
                if let Err(error) = written {
                    return ((), Some(error));
                }
            }
            ((), None)
        })
        .await;
    }
}

impl History {
    /// The day of the last access summary, if there was one.
    ///
    /// # Errors
    /// When DynamoDB does not say so before the deadline.
    pub async fn last_summary(&self, deadline: Instant) -> Result<Option<i64>, TableError> {
        let keys = [summary_key()];
        let items = self.table.get(&self.client, &keys, &["last"], deadline);
        let items = items.await?;
        Ok(items.first().and_then(last_day))
    }

    /// Remembers that there was a summary, for good.
    ///
    /// # Errors
    /// When DynamoDB does not answer before the deadline.
    pub async fn remember_summary(&self, time: i64, deadline: Instant) -> Result<(), TableError> {
        let update = Update {
            key: summary_key(),
            expression: "SET #what = :what, #last = :last".to_owned(),
            condition: None,
            names: vec!["what", "last"],
            values: vec![
                ("what", Attribute::S("summary".to_owned())),
                ("last", Attribute::S(date(time))),
            ],
        };
        self.table.update(&self.client, &update, deadline).await
    }

    /// Hands every item of the table to `each`, in any order, also what has expired.
    ///
    /// # Errors
    /// When DynamoDB does not give all of them before the deadline.
    pub async fn read_all(
        &self,
        attributes: &[&'static str],
        mut each: impl FnMut(Item),
        deadline: Instant,
    ) -> Result<(), TableError> {
        let mut start = None;
        loop {
            let page = self.table.scan(&self.client, attributes, start, deadline);
            let (items, next) = page.await?;
            items.into_iter().for_each(&mut each);
            if next.is_none() {
                return Ok(());
            }
            start = next;
        }
    }
}

fn summary_key() -> String {
    Key(digest(&["summary"])).text()
}

fn answer_of(
    keys: &[Key],
    texts: &[String],
    items: &[Item],
) -> impl Iterator<Item = (Key, Option<Until>)> {
    keys.iter().zip(texts).map(|(key, text)| {
        let is_asked = |item: &&Item| item.get(KEY) == Some(&Attribute::S(text.clone()));
        (*key, items.iter().find(is_asked).map(until))
    })
}

/// DynamoDB deletes what has expired days later, so the expiry is ours to compare. What is damaged
/// counts as expired.
fn until(item: &Item) -> Until {
    let expiry = match item.get("ttl") {
        Some(Attribute::N(number)) => number.parse().unwrap_or_default(),
        _ => 0,
    };
    Until {
        expiry,
        day: last_day(item),
    }
}

fn last_day(item: &Item) -> Option<i64> {
    match item.get("last") {
        Some(Attribute::S(date)) => read_date(date),
        _ => None,
    }
}

/// A day is written once: another process may have been faster, and a late batch changes nothing.
fn update(lesson: &Lesson<'_>, remembered: &Remembered) -> Update {
    let text = |text: &str| Attribute::S(text.to_owned());
    let place = lesson.place;
    let mut values = vec![
        ("what", text(lesson.what)),
        ("cluster", text(&place.cluster)),
        ("log_group", text(&place.log_group)),
        ("user", text(lesson.user)),
        (
            "ttl",
            Attribute::N(remembered.expiry(lesson.time).to_string()),
        ),
        ("last", text(&date(lesson.time))),
        ("first", text(&date(lesson.first))),
    ];
    values.extend(place.account.as_deref().map(|id| ("account", text(id))));
    values.extend(lesson.name.map(|name| (lesson.what, text(name))));
    let names: Vec<_> = values.iter().map(|(name, _)| *name).collect();
    let sets = names.iter().map(|name| match *name {
        "first" if !lesson.had_expired => "#first = if_not_exists(#first, :first)".to_owned(),
        name => format!("#{name} = :{name}"),
    });
    let sets: Vec<_> = sets.collect();
    Update {
        key: lesson.key.text(),
        expression: format!("SET {}", sets.join(", ")),
        condition: Some("attribute_not_exists(#last) OR #last < :last"),
        names,
        values,
    }
}

fn was_there(lesson: &Lesson<'_>) -> Update {
    Update {
        key: lesson.key.text(),
        expression: "SET #first = :first".to_owned(),
        condition: Some("#first > :first"),
        names: vec!["first"],
        values: vec![("first", Attribute::S(date(lesson.first)))],
    }
}

fn refused(item: &Item) -> impl Iterator<Item = Refusal> {
    let members = match item.get("refused") {
        Some(Attribute::SS(members)) => members.as_slice(),
        _ => &[],
    };
    members.iter().filter_map(|member| shelf::read(member))
}

/// An item holds 400 KB, and a refusal takes about 35 bytes. Beyond that refusals are not told to other
/// processes, and nothing else fails for them.
const MOST_ON_A_SHELF: u32 = 8000;

fn on_shelf(shelf: &Shelf, refusals: &[Refusal]) -> Update {
    let members = refusals.iter().map(shelf::write).collect();
    Update {
        key: shelf.key.text(),
        expression: "ADD #refused :refused SET #what = :what, #ttl = :ttl".to_owned(),
        condition: Some("attribute_not_exists(#refused) OR size(#refused) < :most"),
        names: vec!["refused", "what", "ttl"],
        values: vec![
            ("refused", Attribute::SS(members)),
            ("what", Attribute::S("refusals".to_owned())),
            ("ttl", Attribute::N(shelf.expiry.to_string())),
            ("most", Attribute::N(MOST_ON_A_SHELF.to_string())),
        ],
    }
}

/// `2026-11-24`, UTC.
#[must_use]
pub fn date(time: i64) -> String {
    OffsetDateTime::from_unix_timestamp(time)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .date()
        .to_string()
}

/// The day of `2026-11-24`, counted from the epoch.
#[must_use]
pub fn read_date(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let (year, month, of_month) = (parts.next()?, parts.next()?, parts.next()?);
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    let date = Date::from_calendar_date(year.parse().ok()?, month, of_month.parse().ok()?).ok()?;
    Some(day(date.midnight().assume_utc().unix_timestamp()))
}
