//! Draws messages as Slack would show them: a line of stdin is a payload, stdout is a web page.
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::io::{self, BufRead};

use aurora_connection_audit::preview;

fn main() -> io::Result<()> {
    let payloads: Vec<_> = io::stdin()
        .lock()
        .lines()
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect::<io::Result<_>>()?;
    print!("{}", preview::html(&payloads));
    Ok(())
}
