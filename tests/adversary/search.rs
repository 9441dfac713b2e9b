//! Case after case, and what they have shown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use super::case::Case;
use super::oracle::Counts;

#[derive(Default)]
pub(crate) struct Found {
    by_deployment: BTreeMap<String, Counts>,
    /// By class: how often, and the seed of the first.
    classes: BTreeMap<String, (usize, u64)>,
    seconds: f64,
}

/// The cases of `cases` seeds from `seed` on.
pub(crate) fn search(seed: u64, cases: u64, threads: u64) -> Found {
    let started = Instant::now();
    let mut found = Found::default();
    std::thread::scope(|scope| {
        let search = |thread| {
            move || {
                search_some(
                    (seed + thread..seed + cases).step_by(usize::try_from(threads).unwrap()),
                )
            }
        };
        let threads: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(search(thread)))
            .collect();
        for thread in threads {
            found.add(thread.join().unwrap());
        }
    });
    found.seconds = started.elapsed().as_secs_f64();
    found
}

fn search_some(seeds: impl Iterator<Item = u64>) -> Found {
    let mut found = Found::default();
    for seed in seeds {
        let case = Case::of(seed, false);
        let (.., verdict) = case.run();
        found
            .by_deployment
            .entry(case.deployment.label())
            .or_default()
            .add(&verdict.counts);
        for finding in verdict.findings {
            let class = found.classes.entry(finding.class).or_insert((0, seed));
            class.0 += 1;
        }
    }
    found
}

impl Found {
    fn add(&mut self, other: Self) {
        for (label, counts) in other.by_deployment {
            self.by_deployment.entry(label).or_default().add(&counts);
        }
        for (class, (count, seed)) in other.classes {
            let known = self.classes.entry(class).or_insert((0, seed));
            *known = (known.0 + count, known.1.min(seed));
        }
    }

    /// How often a history would have learned something.
    pub(crate) fn taught(&self) -> usize {
        let counts = self.by_deployment.values();
        counts.map(|counts| counts.taught).sum()
    }

    pub(crate) fn assert_nothing(&self) {
        assert!(self.classes.is_empty(), "{}", self.examples());
    }

    /// Totals by deployment, and an example of each class.
    pub(crate) fn report(&self) -> String {
        let mut text = String::new();
        let mut all = Counts::default();
        let columns =
            "   cases confirmed   false  hidden accused | unconf.   false  masked suspicions";
        writeln!(text, "{:58}{columns}", "").unwrap();
        for (label, counts) in &self.by_deployment {
            all.add(counts);
            writeln!(text, "{label:58}{}", row(counts)).unwrap();
        }
        writeln!(text, "{:58}{}", "all", row(&all)).unwrap();
        writeln!(text, "{} lessons for a history", all.taught).unwrap();
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let rate = all.cases as f64 / self.seconds;
        writeln!(
            text,
            "{} cases in {:.1} s, {rate:.0} a second",
            all.cases, self.seconds
        )
        .unwrap();
        text + &self.examples()
    }

    fn examples(&self) -> String {
        let mut classes: Vec<_> = self.classes.iter().collect();
        classes.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        let mut text = String::new();
        for (class, (count, seed)) in &classes {
            writeln!(text, "{count:8}  {class}  (seed {seed})").unwrap();
        }
        let most = std::env::var("ADVERSARY_EXAMPLES").map_or(12, |most| most.parse().unwrap());
        for (class, (_, seed)) in classes.into_iter().take(most) {
            let case = Case::of(*seed, false).shrink(class);
            writeln!(
                text,
                "\n{class}: ADVERSARY_SEED={seed} ADVERSARY_CASES=1\n{}",
                case.print()
            )
            .unwrap();
        }
        text
    }
}

fn row(counts: &Counts) -> String {
    let Counts {
        cases,
        confirmed,
        unconfirmed,
        suspicions,
        false_facts,
        hidden,
        accused,
        ..
    } = counts;
    let Counts {
        unconfirmed_false,
        masked,
        ..
    } = counts;
    format!(
        "{cases:8} {confirmed:9} {false_facts:7} {hidden:7} {accused:7} | {unconfirmed:7} {unconfirmed_false:7} {masked:7} {suspicions:10}"
    )
}
