//! One case: a plan, a deployment, what was told, and the shortest case of its kind.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;

use super::deployment::{Batch, Cut, Deployment, Filter, Order};
use super::log::Log;
use super::oracle::{Finding, Verdict, judge, truth};
use super::reader::{Memory, Prefix, Telling, tell};
use super::server::Setting;
use super::town::{Plan, Town};

#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) plan: Plan,
    pub(crate) deployment: Deployment,
}

/// RDS's two, Debian's, and what others write.
const SETTINGS: [&str; 13] = [
    "%t:%r:%u@%d:[%p]:",
    "%t:%r:%u@%d:[%p]:",
    "%t:%r:%u@%d:[%p]:",
    "%t:%r:%u@%d:[%p]:",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a",
    "%m [%p] %q%u@%d ",
    "%m [%p] ",
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%n %h %u %d %a ",
    "%m [%p] %r %q[user=%u,db=%d,app=%a] ",
    "%t [%p] %r ",
    "%m|%u|%d|%r|%p|%a|",
];

impl Case {
    /// The case of a seed. `honest`: without hostile clients.
    pub(crate) fn of(seed: u64, honest: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let setting = setting(&mut rng);
        let window = [1, 50, 1000, 20_000][rng.usize(..4)];
        let chains = rng.usize(1..8);
        let mut town = Town::new(&mut rng, setting);
        for _ in 0..chains {
            let at = town.rng.u32(..window);
            town.begin_chain(at);
            match town.rng.u32(..3) {
                1 if !honest => town.stranger_chain(),
                2 if !honest && town.rng.bool() => town.insider_chain(),
                _ => town.honest_chain(),
            }
        }
        let mut plan = town.finish();
        // A log may be looked at from some time on.
        if rng.u32(..6) == 0 {
            plan.steps.drain(..rng.usize(..plan.steps.len()));
        }
        Self {
            plan,
            deployment: Deployment::any(&mut rng),
        }
    }

    pub(crate) fn run(&self) -> (Log, Vec<Batch>, Vec<Telling>, Verdict) {
        let log = self.plan.write();
        let batches = self.deployment.deliver(&log);
        let tellings = catch_unwind(AssertUnwindSafe(|| self.tell(&log, &batches)));
        let Ok(tellings) = tellings else {
            let class = "panic".to_owned();
            let mut verdict = Verdict::default();
            verdict.findings.push(Finding {
                class,
                what: String::new(),
            });
            return (log, batches, Vec::new(), verdict);
        };
        let verdict = judge(&self.plan, &log, &self.deployment, &batches, &tellings);
        (log, batches, tellings, verdict)
    }

    fn tell(&self, log: &Log, batches: &[Batch]) -> Vec<Telling> {
        let prefix = Prefix::compile(&self.plan.setting.text).unwrap();
        let mut memories: Vec<Memory> = Vec::new();
        memories.resize_with(self.deployment.processes, Memory::default);
        let mut events = Vec::new();
        let tell = |batch: &Batch| {
            events.clear();
            events.extend(batch.events.iter().map(|event| &log.text[event.clone()]));
            let events: &[&str] = &events;
            tell(
                &mut memories[batch.process],
                &prefix,
                self.deployment.is_filtered(),
                events,
            )
        };
        batches.iter().map(tell).collect()
    }

    fn shows(&self, class: &str) -> bool {
        let (.., verdict) = self.run();
        verdict
            .findings
            .iter()
            .any(|finding| finding.class == class)
    }

    /// The shortest case that shows the same, as far as leaving out goes.
    pub(crate) fn shrink(mut self, class: &str) -> Self {
        loop {
            let shorter = self.shorter().into_iter().find(|case| case.shows(class));
            match shorter {
                Some(case) => self = case,
                None => return self,
            }
        }
    }

    /// Cases that are simpler by one thing.
    fn shorter(&self) -> Vec<Self> {
        let mut cases = Vec::new();
        let mut chains: Vec<usize> = self.plan.steps.iter().map(|step| step.chain).collect();
        chains.sort_unstable();
        chains.dedup();
        for chain in chains.iter().filter(|_| chains.len() > 1) {
            let mut case = self.clone();
            case.plan.steps.retain(|step| step.chain != *chain);
            cases.push(case);
        }
        if self.plan.steps.len() > 1 {
            for end in [1, self.plan.steps.len()] {
                let mut case = self.clone();
                case.plan.steps.remove(end - 1);
                cases.push(case);
            }
            // A whole client.
            let mut backends: Vec<usize> =
                self.plan.steps.iter().map(|step| step.backend).collect();
            backends.sort_unstable();
            backends.dedup();
            for backend in backends.iter().filter(|_| backends.len() > 1) {
                let mut case = self.clone();
                case.plan.steps.retain(|step| step.backend != *backend);
                cases.push(case);
            }
        }
        let deployment = &self.deployment;
        let simpler = [
            Deployment {
                order: Order::Kept,
                ..deployment.clone()
            },
            Deployment {
                filter: Filter::None,
                ..deployment.clone()
            },
            Deployment {
                processes: 1,
                ..deployment.clone()
            },
            Deployment {
                sizes: (10_000, 10_000),
                ..deployment.clone()
            },
            Deployment {
                cut: Cut::Head,
                ..deployment.clone()
            },
        ];
        let as_now = format!("{deployment:?}");
        for simpler in simpler {
            if format!("{simpler:?}") != as_now {
                cases.push(Self {
                    plan: self.plan.clone(),
                    deployment: simpler,
                });
            }
        }
        cases
    }

    /// Everything there is to see.
    pub(crate) fn print(&self) -> String {
        let (log, batches, tellings, verdict) = self.run();
        let mut text = String::new();
        writeln!(
            text,
            "  log_line_prefix = '{}', PostgreSQL {}",
            self.plan.setting.text, self.plan.version
        )
        .unwrap();
        writeln!(text, "  {}", self.deployment.label()).unwrap();
        for (at, batch) in batches.iter().enumerate() {
            writeln!(text, "  batch {at}, process {}", batch.process).unwrap();
            for event in &batch.events {
                writeln!(text, "    LOG   {:?}", &log.text[event.clone()]).unwrap();
            }
            for told in tellings
                .get(at)
                .into_iter()
                .flat_map(|telling| &telling.told)
            {
                writeln!(text, "    TOLD  {}", told.line()).unwrap();
            }
            let unparsed = tellings.get(at).map_or(0, |telling| telling.unparsed);
            if unparsed > 0 {
                writeln!(text, "    TOLD  {unparsed} lines not read").unwrap();
            }
        }
        for event in &log.events {
            writeln!(text, "  TRUTH {}", truth(event, &self.plan)).unwrap();
        }
        for finding in &verdict.findings {
            writeln!(text, "  FOUND {}", finding.class).unwrap();
        }
        text
    }
}

/// One of the known settings, or one that nobody has thought of.
fn setting(rng: &mut Rng) -> Setting {
    const FIELDS: [&str; 9] = ["%r", "%h", "%u", "%d", "%u", "%d", "%p", "%a", "%l"];
    const LITERALS: [&str; 12] = [
        " ", ":", "@", ",", " [", "] ", "|", " user=", ",db=", "/", "=", ": ",
    ];
    if let Ok(setting) = std::env::var("ADVERSARY_PREFIX") {
        return Setting::new(&setting);
    }
    if rng.u32(..5) > 0 {
        return Setting::new(SETTINGS[rng.usize(..SETTINGS.len())]);
    }
    loop {
        let mut fields = FIELDS.to_vec();
        rng.shuffle(&mut fields);
        let mut text = ["%t", "%m", "%n"][rng.usize(..3)].to_owned();
        for field in &fields[..rng.usize(2..7)] {
            text.push_str(LITERALS[rng.usize(..LITERALS.len())]);
            if rng.u32(..8) == 0 {
                text.push_str("%q");
            }
            if !text.contains(field) {
                text.push_str(field);
            }
        }
        text.push_str(LITERALS[rng.usize(..LITERALS.len())]);
        let setting = Setting::new(&text);
        let names_once = text.matches("%u").count() < 2 && text.matches("%d").count() < 2;
        if names_once && setting.has('p') && Prefix::compile(&text).is_some() {
            return setting;
        }
    }
}
