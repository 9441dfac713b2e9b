//! A PostgreSQL server of its own, on loopback, in a temporary folder.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub(crate) const LOG_LINE_PREFIX: &str = "%t:%r:%u@%d:[%p]:";

/// `postgres` refuses to run as root; `nobody` is this on every Linux.
const NOBODY: u32 = 65534;

/// Without TLS every name may try a password; with TLS only the listed roles have an entry.
const PG_HBA: &str = "\
local     all         all                               trust
local     replication all                               trust
host      all         rejected_user       127.0.0.1/32  reject
host      replication replication_user    127.0.0.1/32  trust
host      all         +trusted            127.0.0.1/32  trust
hostssl   all         app_user            127.0.0.1/32  scram-sha-256
hostssl   all         prefer_user         127.0.0.1/32  scram-sha-256
hostnossl all         scram_user          127.0.0.1/32  scram-sha-256
hostnossl all         all                 127.0.0.1/32  password
";

/// Servers of this process so far.
static STARTED: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Server {
    postgres: Child,
    folder: PathBuf,
    bin: PathBuf,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) fn start() -> Self {
        let bin = bin();
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("live-postgresql-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        if is_root(&folder) {
            chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let port = free_port();
        let data = folder.join("data");
        let initdb = [
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
        ];
        succeed(
            unprivileged(&folder, &bin.join("initdb"))
                .args(initdb)
                .args(["--no-sync", "-D"])
                .arg(&data),
        );
        write_settings(&data, &folder, port);
        let postgres = unprivileged(&folder, &bin.join("postgres"))
            .arg("-D")
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            postgres,
            folder,
            bin,
            port,
        };
        server.wait_until_ready();
        server
    }

    /// Until the startup process is done, clients are turned away.
    fn wait_until_ready(&self) {
        let deadline = Instant::now() + Duration::from_mins(2);
        while !self
            .psql("user=postgres dbname=postgres", "", "select 1")
            .status
            .success()
        {
            assert!(
                Instant::now() < deadline,
                "the server does not start:\n{}",
                self.text()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Over the server's socket unless `conninfo` names a host.
    pub(crate) fn psql(&self, conninfo: &str, password: &str, sql: &str) -> Output {
        Command::new(self.bin.join("psql"))
            .arg(format!(
                "host={} port={} {conninfo}",
                self.folder.display(),
                self.port
            ))
            .args(["--no-psqlrc", "--no-password", "-At", "-c", sql])
            .env("PGPASSWORD", password)
            .output()
            .unwrap()
    }

    /// Stops the server, so that its log is complete. Returns the log and where its CSV is.
    pub(crate) fn stop(&mut self) -> (String, PathBuf) {
        let mut pg_ctl = unprivileged(&self.folder, &self.bin.join("pg_ctl"));
        succeed(
            pg_ctl
                .args(["stop", "-w", "-m", "fast", "-D"])
                .arg(self.folder.join("data")),
        );
        self.postgres.wait().unwrap();
        (self.text(), self.folder.join("log/postgresql.csv"))
    }

    /// Its log, as soon as it holds `text`: it is written a moment after the client has heard.
    pub(crate) fn text_with(&self, text: &str) -> String {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let log = self.text();
            if log.contains(text) {
                return log;
            }
            assert!(Instant::now() < deadline, "{text} is not in\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What its log holds so far.
    pub(crate) fn text(&self) -> String {
        let log = fs::read(self.folder.join("log/postgresql.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.postgres.try_wait(), Ok(None)) {
            let mut pg_ctl = unprivileged(&self.folder, &self.bin.join("pg_ctl"));
            pg_ctl
                .args(["stop", "-m", "immediate", "-D"])
                .arg(self.folder.join("data"));
            let _ = pg_ctl.output();
            let _ = self.postgres.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The folder of the server's programs, which Debian does not put into PATH.
fn bin() -> PathBuf {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|major| major.path().join("bin"))
        .collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    found.splice(0..0, std::env::split_paths(&path));
    found.extend(std::env::var_os("PG_BINDIR").map(PathBuf::from));
    found
        .into_iter()
        .rfind(|bin| bin.join("initdb").exists())
        .expect(
            "no PostgreSQL server here: install one (Debian: apt-get install postgresql), \
             or name the folder of its initdb in PG_BINDIR",
        )
}

/// Are we root? The owner of what we make tells.
fn is_root(ours: &Path) -> bool {
    fs::metadata(ours).unwrap().uid() == 0
}

/// A command that does not run as root: it runs as the owner of `folder`.
fn unprivileged(folder: &Path, program: &Path) -> Command {
    let mut command = if fs::metadata(folder).unwrap().uid() == NOBODY {
        let mut setpriv = Command::new("setpriv");
        setpriv
            .args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")])
            .args(["--clear-groups", "--"])
            .arg(program);
        setpriv
    } else {
        Command::new(program)
    };
    command.current_dir(folder);
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn write_settings(data: &Path, folder: &Path, port: u16) {
    let folder = folder.display();
    let settings = format!(
        "listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
ssl = on
fsync = off
logging_collector = on
log_destination = 'stderr,csvlog'
log_directory = '{folder}/log'
log_filename = 'postgresql.log'
log_line_prefix = '{LOG_LINE_PREFIX}'
log_timezone = 'UTC'
log_connections = on
log_disconnections = on
"
    );
    fs::write(data.join("postgresql.auto.conf"), settings).unwrap();
    fs::write(data.join("pg_hba.conf"), PG_HBA).unwrap();
    succeed(
        Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-subj",
                "/CN=localhost",
            ])
            .args(["-keyout", "server.key", "-out", "server.crt"])
            .current_dir(data),
    );
    let owner = fs::metadata(data).unwrap().uid();
    for file in ["server.key", "server.crt"] {
        let file = data.join(file);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        chown(file, Some(owner), None).unwrap();
    }
}

fn succeed(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
