//! The message about one connection.

use super::facts::{self, Fact};
use super::{Batch, Block, Message, Text, Told, context, notices};
use crate::sessions::{Connection, Outcome};
use crate::slack::text::{EMOJI, LET_IN, NEW};

pub(super) fn message(told: &Told<'_>, batch: &Batch<'_>) -> Message {
    let Told {
        connection, place, ..
    } = *told;
    let words = batch.words();
    let outcome = connection.outcome;
    let new = told.findings.what_is_new();
    let headline = match new {
        _ if told.findings.is_let_in() => format!("{LET_IN} {}", words.headline_let_in),
        Some(_) => format!("{NEW} {}", words.headline.of(outcome)),
        None => format!("{} {}", EMOJI.of(outcome), words.headline.of(outcome)),
    };
    let signals = signals(told, batch);
    let title = words.facts.of(outcome);
    let main = lines(&facts::main(told, batch));
    let refusal = lines(&facts::refusal(connection, batch));
    let more = facts::more(told, batch);
    let notes = notes(connection, batch);

    let mut text = Text::new(&headline);
    text.line("");
    text.lines(&signals);
    text.line(title);
    for line in main
        .iter()
        .chain(&refusal)
        .chain(&lines(&more))
        .chain(&notes)
    {
        text.line(line);
    }

    let mut blocks = vec![Block::Header(headline)];
    if !signals.is_empty() {
        blocks.push(Block::Section(signals.join("\n")));
    }
    blocks.push(Block::Section(format!("*{title}*\n{}", main.join("\n"))));
    if !refusal.is_empty() {
        blocks.push(Block::Section(refusal.join("\n")));
    }
    blocks.push(Block::Fields(more.iter().map(Fact::field).collect()));
    if !notes.is_empty() {
        blocks.push(Block::Section(notes.join("\n")));
    }
    blocks.extend(context(batch, Some(place), connection.facts.time, None));
    Message { text, blocks }
}

/// What makes it worth a look, before all else.
fn signals(told: &Told<'_>, batch: &Batch<'_>) -> Vec<String> {
    let words = batch.words();
    let refusals = told.findings.refusals_before;
    let let_in = told.findings.is_let_in().then(|| {
        let after = (words.after_refusals)(refusals);
        format!("{LET_IN} *{after}*: {}", words.let_in_means)
    });
    let new = told.findings.what_is_new();
    let new = new.map(|new| {
        let user = facts::user(told.connection, batch, facts::NAME);
        format!("{NEW} *{}*", words.new_of(new, &user))
    });
    let_in.into_iter().chain(new).collect()
}

fn lines(facts: &[Fact]) -> Vec<String> {
    facts.iter().map(Fact::line).collect()
}

fn notes(connection: &Connection<'_>, batch: &Batch<'_>) -> Vec<String> {
    let words = batch.words();
    let suspicious = connection.outcome == Outcome::Suspicious;
    let unconfirmed = !connection.confirmed() && !suspicious;
    let attempts = connection.attempts;
    let notes = [
        suspicious.then(|| format!("⚠️ {}", words.suspicion)),
        unconfirmed.then(|| format!("❔ {}", words.unconfirmed)),
        (attempts > 1).then(|| format!("🔁 {}", (words.attempts)(attempts))),
    ];
    notes.into_iter().flatten().chain(notices(batch)).collect()
}
