//! Logs of honest clients only: who is accused, and how many logins stay unconfirmed.

use std::fmt::Write as _;

use fastrand::Rng;

use super::case::Case;
use super::deployment::{Cut, Deployment, Filter, Order};
use super::oracle::{Counts, Finding};
use super::server::{Backend, Setting, Walsender};
use super::town::{Role, Town};

/// RDS's two.
pub(crate) const PREFIXES: [&str; 2] = [
    "%t:%r:%u@%d:[%p]:",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a",
];
const SERVERS: u32 = 10;
/// Of each server, one after the other.
const CLIENTS: u32 = 150;
const SIZES: [usize; 6] = [1, 2, 5, 10, 20, 50];

/// Whose logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// Of clients whose names do not hold the prefix's own `@`.
    Plain,
    Any,
}

/// Many clients of one server, a few at the same time.
fn log(seed: u64, setting: &str, chains: u32, names: Names) -> super::town::Plan {
    let mut rng = Rng::with_seed(seed);
    let mut town = Town::new(&mut rng, Setting::new(setting));
    // A login takes milliseconds, a session its time.
    town.pace = (8, 2000);
    for chain in 0..chains {
        town.begin_chain(chain * 500);
        town.honest_chain();
    }
    let mut plan = town.finish();
    if names == Names::Plain {
        let holds_at = |name: &[u8]| name.contains(&b'@');
        let is_plain = |one: &Backend| !holds_at(&one.user) && !holds_at(&one.database);
        plan.steps
            .retain(|step| is_plain(&plan.backends[step.backend]));
    }
    plan
}

/// Of several servers, for their versions write different lines.
fn counts(setting: &str, names: Names, processes: usize, size: usize) -> (Counts, String) {
    let mut counts = Counts::default();
    let mut first = None;
    for seed in 1..=SERVERS {
        let case = Case {
            plan: log(seed.into(), setting, CLIENTS, names),
            deployment: deployment(processes, size, seed.into()),
        };
        let (.., verdict) = case.run();
        counts.add(&verdict.counts);
        let finding = verdict.findings.into_iter().next();
        first = first.or(finding.map(|found| format!("{}: {}", found.class, found.what)));
    }
    (counts, first.unwrap_or_default())
}

/// Processes by batch size: logins unconfirmed in percent, and suspicions.
pub(crate) fn table(setting: &str, names: Names) -> String {
    let mut text =
        format!("{names:?} names, {setting}: logins unconfirmed, and suspicions\nprocesses");
    for size in SIZES {
        write!(text, "{:>20}", format!("batches of {size}")).unwrap();
    }
    let mut examples = String::new();
    for processes in 1..=5 {
        write!(text, "\n{processes:9}").unwrap();
        for size in SIZES {
            let (counts, example) = counts(setting, names, processes, size);
            if !example.is_empty() {
                writeln!(
                    examples,
                    "{processes} processes, batches of {size}: {example}"
                )
                .unwrap();
            }
            let cell = format!("{:.1} % {:4}", share(&counts), counts.suspicions);
            write!(text, "{cell:>20}").unwrap();
        }
    }
    text + "\n" + &examples
}

#[expect(clippy::cast_precision_loss, reason = "a percentage")]
fn share(counts: &Counts) -> f64 {
    counts.logins_unconfirmed as f64 * 100.0 / counts.logins.max(1) as f64
}

/// Batches of 5 and more: no suspicion, no falsehood, at most so many percent of the logins unconfirmed.
pub(crate) fn assert_table(setting: &str, names: Names, most: f64) {
    for processes in 1..=5 {
        for size in SIZES.into_iter().filter(|size| *size >= 5) {
            let (counts, example) = counts(setting, names, processes, size);
            let is_kept = counts.suspicions + counts.false_facts + counts.hidden == 0
                && share(&counts) <= most;
            assert!(
                is_kept,
                "{processes} processes, batches of {size}: {counts:?} {example}"
            );
        }
    }
}

/// A whole log of RDS's in one batch, without the libraries' noise,
/// walsenders, names like `a@b` and processes that have a pid again, which the first release misreads: the truth is what the log says.
pub(crate) fn assert_easy(cases: u64) {
    for seed in 0..cases {
        let setting = PREFIXES[usize::try_from(seed % 2).unwrap()];
        let mut plan = log(seed, setting, 5, Names::Any);
        let noisy = plan.steps.iter().filter(|step| step.role == Role::Noise);
        let mut left_out: Vec<usize> = noisy.map(|step| step.backend).collect();
        let is_hard = |at: &usize| {
            let backend = &plan.backends[*at];
            let names = [&backend.user[..], &backend.database].concat();
            let is_client = !backend.host.is_empty();
            !is_client
                || backend.walsender != Walsender::No
                || names.iter().any(|byte| b"@:".contains(byte))
        };
        left_out.extend((0..plan.backends.len()).filter(is_hard));
        plan.steps.retain(|step| !left_out.contains(&step.backend));
        let deployment = deployment(1, usize::MAX, seed);
        let case = Case { plan, deployment };
        let (.., verdict) = case.run();
        // Where it is not certain that libpq has tried twice.
        let is_known = |finding: &Finding| finding.class.contains("several refusals told as one");
        assert!(
            verdict.findings.iter().all(is_known),
            "seed {seed}\n{}",
            case.print()
        );
    }
}

/// In order, a log event for each line that begins as the prefix does.
fn deployment(processes: usize, size: usize, seed: u64) -> Deployment {
    Deployment {
        cut: Cut::Head,
        filter: Filter::None,
        sizes: (size, size),
        processes,
        round_robin: false,
        order: Order::Kept,
        seed,
    }
}
