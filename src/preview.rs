//! Draws a message as Slack would show it: for a terminal, or as a web page.
//!
//! Both read the payload itself, so what they draw is what is sent.

mod html;
mod mrkdwn;
mod terminal;

use serde_json::Value;

pub use html::html;
pub use terminal::{columns_of, terminal};

/// The name under which the messages appear.
const APP: &str = "Aurora Connection Audit";

/// The texts of a block, in order, and how they are laid out.
enum Block<'p> {
    Header(&'p str),
    Section(&'p str),
    Fields(Vec<&'p str>),
    Context(Vec<&'p str>),
}

/// The blocks of a message; of one without blocks, its text.
fn blocks(payload: &Value) -> Vec<Block<'_>> {
    let blocks = payload.get("blocks").and_then(Value::as_array);
    let blocks: Vec<_> = blocks.into_iter().flatten().filter_map(block).collect();
    if blocks.is_empty() {
        return payload
            .get("text")
            .and_then(Value::as_str)
            .map(Block::Section)
            .into_iter()
            .collect();
    }
    blocks
}

fn block(block: &Value) -> Option<Block<'_>> {
    let list = |key| -> Option<Vec<&str>> {
        Some(
            block
                .get(key)?
                .as_array()?
                .iter()
                .filter_map(text)
                .collect(),
        )
    };
    match block.get("type")?.as_str()? {
        "header" => block.get("text").and_then(text).map(Block::Header),
        "section" => {
            let section = block.get("text").and_then(text).map(Block::Section);
            section.or_else(|| list("fields").map(Block::Fields))
        }
        "context" => list("elements").map(Block::Context),
        _ => None,
    }
}

fn text(object: &Value) -> Option<&str> {
    object.get("text")?.as_str()
}

#[cfg(test)]
mod tests;
