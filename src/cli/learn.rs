//! `learn`: what a log knows, into the table of the history, so that the first day is quiet.
//!
//! The tool writes itself, with the caller's credentials. The AWS CLI could only put whole items
//! (`batch-write-item`), and would overwrite what the function has written since; here each item has
//! the function's own condition: a newer day stays. So it may run at any time, and again.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::time::SystemTime;

use serde_json::{Map, Value};
use tokio::runtime::Runtime;

use super::logs::{self, Common, Step};
use super::preview::print;
use super::progress::Progress;
use super::{Failure, LearnFlags, LogFiles, input, settings};
use crate::aws::dynamodb::Table;
use crate::cloudwatch::LogBatch;
use crate::config::{self, Settings};
use crate::entry::Place;
use crate::history::table::{History, Turn, date};
use crate::history::{Answers, Key, Known, Lesson, Logins, Remembered, Until, day};
use crate::http;
use crate::sessions::{Connection, Outcome, Sessions};

/// So many kinds of login are held before they are written.
const MOST_AT_ONCE: usize = 10_000;

pub(super) fn run(files: &LogFiles, flags: &LearnFlags) -> Result<(), Failure> {
    let settings = settings(&flags.environment())?;
    let place = place(flags, &settings)?;
    let mut learner = Learner {
        remembered: settings.remembered.unwrap_or_default(),
        place: Rc::new(place),
        writer: (!flags.dry_run).then(|| Writer::new(flags)).transpose()?,
        logins: Logins::default(),
        known: Known::default(),
        counts: Counts::default(),
    };
    let prefix = flags.prefix.given()?;
    let progress = Progress::new(input::total_length(&files.paths()), flags.dry_run);
    let mut sessions = BTreeMap::<usize, Sessions<'static>>::new();
    let mut common = Common::default();
    logs::read(files, prefix.as_ref(), &progress, &mut |step| {
        let settled = match step {
            Step::Piece(piece) => {
                let sessions = sessions.entry(piece.log).or_default();
                piece.add_to(sessions, &mut common);
                sessions.take_settled()
            }
            Step::EndOfFile => {
                let sessions = std::mem::take(&mut sessions).into_values();
                sessions.flat_map(Sessions::take_all).collect()
            }
        };
        let mut settled = settled.into_iter();
        settled.try_for_each(|connection| learner.add(&connection))
    })?;
    learner.write()?;
    drop(progress);
    learner.report()
}

/// The function knows a log by its account and log group, so both must be as it sees them.
fn place(flags: &LearnFlags, settings: &Settings) -> Result<Place, Failure> {
    let batch = LogBatch {
        log_group: flags.log_group.clone(),
        owner: flags.account.clone(),
        ..LogBatch::default()
    };
    let place = Place::of(&batch, settings);
    match place.account {
        Some(_) => Ok(place),
        None => Err(Failure::NoAccount),
    }
}

struct Learner {
    remembered: Remembered,
    place: Rc<Place>,
    /// None where nothing is to be written.
    writer: Option<Writer>,
    logins: Logins,
    known: Known,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    /// By `user`, `network` and `database`.
    seen: BTreeMap<&'static str, HashSet<Key>>,
    written: HashSet<Key>,
    /// Logins that are not certain, or lack a time or a name.
    unusable: usize,
    too_old: HashSet<Key>,
}

impl Learner {
    fn add(&mut self, connection: &Connection<'_>) -> Result<(), Failure> {
        if connection.outcome != Outcome::Authorized {
            return Ok(());
        }
        let (place, remembered) = (&self.place, &self.remembered);
        let login = connection.confirmed().then_some(connection);
        let login = login.and_then(|login| self.logins.add(login, place, 0, remembered));
        self.counts.unusable += usize::from(login.is_none());
        if self.logins.len() < MOST_AT_ONCE {
            return Ok(());
        }
        self.write()
    }

    /// Writes what was learned so far, as the function would.
    fn write(&mut self) -> Result<(), Failure> {
        let logins = std::mem::take(&mut self.logins);
        let questions = logins.questions(&mut self.known);
        let answers = match &self.writer {
            Some(writer) => writer.look_up(&questions)?,
            None => questions.iter().map(|key| (*key, None)).collect(),
        };
        let now = seconds(SystemTime::now());
        let is_remembered = |lesson: &Lesson<'_>| self.remembered.expiry(lesson.time) > now;
        let (taught, old): (Vec<_>, Vec<_>) = {
            let taught = logins.taught(|_| false).into_iter();
            taught.partition(is_remembered)
        };
        self.counts
            .too_old
            .extend(old.iter().map(|lesson| lesson.key));
        for lesson in &taught {
            let seen = self.counts.seen.entry(lesson.what).or_default();
            seen.insert(lesson.key);
        }
        let mut lessons = logins.lessons(&mut self.known, &answers, |_| false);
        lessons.retain(is_remembered);
        lessons.sort_unstable_by_key(|lesson| (lesson.what, lesson.user, lesson.name));
        self.teach(&lessons, taught)
    }

    fn teach(&mut self, lessons: &[Lesson<'_>], taught: Vec<Lesson<'_>>) -> Result<(), Failure> {
        let keys: HashSet<_> = lessons.iter().map(|lesson| lesson.key).collect();
        match &self.writer {
            Some(writer) => {
                writer.teach(lessons, &self.remembered)?;
                let was_known = |lesson: &Lesson<'_>| !keys.contains(&lesson.key);
                let known: Vec<_> = taught.into_iter().filter(was_known).collect();
                writer.backdate(&known)?;
            }
            None => lessons.iter().try_for_each(show)?,
        }
        for lesson in lessons {
            let until = Until {
                expiry: self.remembered.expiry(lesson.time),
                day: Some(day(lesson.time)),
            };
            self.known.learn(lesson.key, until);
        }
        self.counts.written.extend(keys);
        Ok(())
    }

    fn report(&self) -> Result<(), Failure> {
        let counts = &self.counts;
        let of = |what| counts.seen.get(what).map_or(0, HashSet::len);
        let [users, networks, databases] = ["user", "network", "database"].map(of);
        let written = counts.written.len();
        let known = (users + networks + databases).saturating_sub(written);
        let told = format!(
            "{}: {users} users, {networks} networks, {databases} databases; {written} written, {known} known already\n",
            self.place.cluster
        );
        match self.writer {
            Some(_) => print(&told)?,
            None => eprint!("{}", told.replace("written", "to write")),
        }
        tell_of(
            counts.unusable,
            "logins are not certain, or have no time, and teach nothing",
        );
        tell_of(
            counts.too_old.len(),
            "users, networks or databases were seen too long ago to be remembered",
        );
        Ok(())
    }
}

fn tell_of(count: usize, what: &str) {
    if count > 0 {
        eprintln!("aurora-connection-audit: {count} {what}");
    }
}

/// What would be written, as a line of JSON.
fn show(lesson: &Lesson<'_>) -> Result<(), Failure> {
    let mut object = Map::<String, Value>::new();
    let mut add = |name: &str, value: &str| object.insert(name.to_owned(), value.into());
    add("what", lesson.what);
    add(
        "account",
        lesson.place.account.as_deref().unwrap_or_default(),
    );
    add("log_group", &lesson.place.log_group);
    add("cluster", &lesson.place.cluster);
    add("user", lesson.user);
    if let Some(name) = lesson.name {
        add(lesson.what, name);
    }
    add("first", &date(lesson.first));
    add("last", &date(lesson.time));
    let mut line = Vec::new();
    super::json::write(&mut line, &object).map_err(Failure::Stdout)?;
    line.push(b'\n');
    print(&String::from_utf8_lossy(&line))
}

/// Writes into the table.
struct Writer {
    history: History,
    runtime: Runtime,
}

impl Writer {
    fn new(flags: &LearnFlags) -> Result<Self, Failure> {
        let table = table(flags)?;
        let client = http::client().map_err(Failure::Client)?;
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        Ok(Self {
            history: History::new(client, table),
            runtime: runtime.enable_all().build().map_err(Failure::Runtime)?,
        })
    }

    /// With as much patience as it takes.
    fn call<T>(&self, work: impl AsyncFnOnce(&mut Turn) -> T) -> Result<T, Failure> {
        let mut turn = Turn::patient();
        let value = self.runtime.block_on(work(&mut turn));
        match turn.error {
            Some(error) => Err(Failure::Table(error)),
            None => Ok(value),
        }
    }

    fn look_up(&self, questions: &[Key]) -> Result<Answers, Failure> {
        self.call(async |turn| self.history.look_up(questions, turn).await)
    }

    fn teach(&self, lessons: &[Lesson<'_>], remembered: &Remembered) -> Result<(), Failure> {
        let taught = async |turn: &mut Turn| self.history.teach(lessons, remembered, turn).await;
        self.call(taught).map(drop)
    }

    fn backdate(&self, lessons: &[Lesson<'_>]) -> Result<(), Failure> {
        self.call(async |turn| self.history.backdate(lessons, turn).await)
    }
}

fn table(flags: &LearnFlags) -> Result<Table, Failure> {
    let is_missing = |name: &&str| variable(name).is_none();
    let credentials = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    if credentials.iter().any(is_missing) {
        return Err(Failure::NoCredentials);
    }
    let name = flags.table.as_deref().unwrap_or_default();
    if !name.starts_with("arn:") && variable("AWS_REGION").is_none() {
        return Err(Failure::NoRegion);
    }
    config::table(name, variable).map_err(Failure::Flags)
}

/// Of the environment; the AWS CLI has a second variable for the region.
fn variable(name: &str) -> Option<String> {
    let of = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let second = (name == "AWS_REGION").then_some("AWS_DEFAULT_REGION");
    of(name).or_else(|| of(second?))
}

/// An id of twelve digits.
pub(super) fn account(id: &str) -> Result<String, String> {
    let is_id = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
    is_id
        .then(|| id.to_owned())
        .ok_or_else(|| "must be twelve digits".to_owned())
}

fn seconds(time: SystemTime) -> i64 {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since_epoch.unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}
