//! Every word a person reads in Slack, in every language.
//!
//! A new language is one more variant of [`Language`] and one more [`Words`] table: the compiler
//! names what is missing from it.

use std::time::Duration;

use crate::sessions::Outcome;

/// A language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// Japanese.
    #[default]
    Ja,
    /// English.
    En,
}

impl Language {
    /// Every language there is.
    pub const ALL: [Language; 2] = [Language::Ja, Language::En];

    /// `ja` or `en`.
    #[must_use]
    pub fn named(code: &str) -> Option<Language> {
        Language::ALL
            .into_iter()
            .find(|language| language.code() == code)
    }

    /// Its ISO 639 code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Language::Ja => "ja",
            Language::En => "en",
        }
    }

    /// Its words.
    #[must_use]
    pub fn words(self) -> &'static Words {
        match self {
            Language::Ja => &JA,
            Language::En => &EN,
        }
    }
}

/// One value for each outcome.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the outcomes' own names")]
pub struct ByOutcome<T> {
    pub authorized: T,
    pub rejected: T,
    pub disconnected: T,
    pub probed: T,
    pub suspicious: T,
}

impl<T: Copy> ByOutcome<T> {
    /// The value for `outcome`.
    #[must_use]
    pub fn of(&self, outcome: Outcome) -> T {
        match outcome {
            Outcome::Authorized => self.authorized,
            Outcome::Rejected => self.rejected,
            Outcome::Disconnected => self.disconnected,
            Outcome::Probed => self.probed,
            Outcome::Suspicious => self.suspicious,
        }
    }
}

/// What tells outcomes apart at a glance.
pub const EMOJI: ByOutcome<&str> = ByOutcome {
    authorized: "🔗",
    rejected: "🚫",
    disconnected: "👋",
    probed: "🔍",
    suspicious: "⚠️",
};

/// The words of one language. None of them needs escaping.
#[derive(Debug)]
pub struct Words {
    /// Headline of a message about one connection.
    pub headline: ByOutcome<&'static str>,
    /// Part of a headline about many, and the heading of a list.
    pub counted: ByOutcome<fn(usize) -> String>,
    /// Between the parts of a headline.
    pub comma: &'static str,
    /// Headline when log lines could not be read and nothing else is to be told.
    pub headline_unparsed: &'static str,
    /// Title over the facts of one connection.
    pub facts: ByOutcome<&'static str>,

    /// Label of the role name.
    pub user: &'static str,
    /// Label of the database name.
    pub database: &'static str,
    /// Label of the client's address.
    pub client: &'static str,
    /// Label of the cluster.
    pub cluster: &'static str,
    /// Label of the time.
    pub time: ByOutcome<&'static str>,
    /// Label of the first and last time of many.
    pub period: &'static str,
    /// Label of the instance.
    pub instance: &'static str,
    /// Label of the application name.
    pub application: &'static str,
    /// Label of the authentication method.
    pub auth_method: &'static str,
    /// Label of the identity that the client proved.
    pub identity: &'static str,
    /// Label of the encryption.
    pub encryption: &'static str,
    /// Behind TLS facts that an application name could imitate.
    pub as_logged: &'static str,
    /// Label of the server process.
    pub backend_pid: &'static str,
    /// Label of PostgreSQL's message.
    pub reason: &'static str,
    /// Label of the DETAIL under it.
    pub detail: &'static str,
    /// Label of the length of a session.
    pub session_time: &'static str,

    /// A fact that is not known.
    pub unknown: &'static str,
    /// In place of a database: physical replication has none.
    pub replication: &'static str,
    /// A connection that is not encrypted.
    pub plain_text: &'static str,
    /// After `[local]`.
    pub unix_socket: &'static str,
    /// Strength of a cipher.
    pub bits: fn(u16) -> String,
    /// Length of a session.
    pub duration: fn(Duration) -> String,

    /// Note on a connection whose `connection received` line was not seen.
    pub unconfirmed: &'static str,
    /// The same, in a list.
    pub unconfirmed_short: &'static str,
    /// Note on attempts that libpq made for one user action.
    pub attempts: fn(u32) -> String,
    /// What a suspicion means and what to do.
    pub suspicion: &'static str,
    /// Lines that look like connections and could not be read, and what to check.
    pub unparsed: fn(usize) -> String,

    /// Lines about connections in another language than English, and what to do.
    pub translated: fn(usize) -> String,
    /// Payloads that cannot be read, and the name of the error.
    pub unreadable: fn(usize, &str) -> String,
    /// Label of the AWS account.
    pub account: &'static str,
    /// How many clusters a message is about.
    pub clusters: fn(usize) -> String,
    /// Headline of the message by which a person tries a webhook.
    pub test_headline: &'static str,
    /// What that message says.
    pub test: &'static str,

    /// How often a group of connections was seen.
    pub times: fn(usize) -> String,
    /// What a list had no room for: groups, and connections in them.
    pub more: fn(usize, usize) -> String,
    /// Text of the link to CloudWatch Logs.
    pub open_log: &'static str,
    /// Label of the time in the reader's own zone.
    pub your_time: &'static str,
}

static JA: Words = Words {
    headline: ByOutcome {
        authorized: "Aurora PostgreSQLへの新しい接続が検出されました",
        rejected: "Aurora PostgreSQLへの接続が拒否されました",
        disconnected: "Aurora PostgreSQLの接続が切断されました",
        probed: "Aurora PostgreSQLのポートへの探索が検出されました",
        suspicious: "Aurora PostgreSQLのログに偽装の疑いがあります",
    },
    counted: ByOutcome {
        authorized: |n| format!("新しい接続 {n}件"),
        rejected: |n| format!("拒否 {n}件"),
        disconnected: |n| format!("切断 {n}件"),
        probed: |n| format!("探索 {n}件"),
        suspicious: |n| format!("偽装の疑い {n}件"),
    },
    comma: "、",
    headline_unparsed: "Aurora PostgreSQLのログを読み取れません",
    facts: ByOutcome {
        authorized: "データベース接続情報",
        rejected: "拒否された接続の情報",
        disconnected: "切断された接続の情報",
        probed: "探索元の情報",
        suspicious: "偽装が疑われる行の情報",
    },
    user: "ユーザー名",
    database: "データベース名",
    client: "クライアントIP",
    cluster: "クラスターID",
    time: ByOutcome {
        authorized: "接続時刻",
        rejected: "拒否時刻",
        disconnected: "切断時刻",
        probed: "探索時刻",
        suspicious: "記録時刻",
    },
    period: "期間",
    instance: "インスタンス",
    application: "アプリケーション",
    auth_method: "認証方式",
    identity: "認証されたID",
    encryption: "暗号化",
    as_logged: "※ログの記載",
    backend_pid: "プロセスID",
    reason: "理由",
    detail: "詳細",
    session_time: "接続時間",
    unknown: "不明",
    replication: "なし（レプリケーション）",
    plain_text: "なし（平文）",
    unix_socket: "（Unixソケット）",
    bits: |n| format!("{n}ビット"),
    duration: |length| duration(length, &["日", "時間", "分", "秒", "ミリ秒"], ""),
    unconfirmed: "未確認: この配信のログ行だけでは確かめられません。レコードの途中で配信が分かれたか、ログ行が偽装された可能性があります。",
    unconfirmed_short: "未確認",
    attempts: |n| format!("クライアントは{n}回続けて試行しました（TLSあり・なしの自動再試行）。"),
    suspicion: "何者かがログに偽の行を書き込んだ可能性があります。この時刻の前後のログを直接確認し、接続元を調べてください。",
    unparsed: |n| {
        format!(
            "接続に関するとみられるログ {n}行を読み取れませんでした。通知が漏れている可能性があります。DBパラメータ log_line_prefix と LOG_LINE_PREFIX の設定が一致しているか確認してください。"
        )
    },
    translated: |n| {
        format!(
            "英語以外の言語で書かれたログ {n}行は読み取れません。DBパラメータ lc_messages を C または en_US.UTF-8 にしてください。"
        )
    },
    unreadable: |n, name| {
        format!(
            "CloudWatch Logsのデータ {n}件を読み取れませんでした（{name}）。通知が漏れている可能性があります。"
        )
    },
    account: "アカウント",
    clusters: |n| format!("{n}クラスター"),
    test_headline: "🔔 aurora-connection-audit テスト通知",
    test: "このチャンネルに通知が届くことを確認しました。",
    times: |n| format!("{n}件"),
    more: |groups, n| format!("ほか{groups}グループ（{n}件）"),
    open_log: "CloudWatch Logsで開く",
    your_time: "あなたの時間帯では",
};

static EN: Words = Words {
    headline: ByOutcome {
        authorized: "New connection to Aurora PostgreSQL",
        rejected: "Connection to Aurora PostgreSQL refused",
        disconnected: "Connection to Aurora PostgreSQL ended",
        probed: "Aurora PostgreSQL port probed",
        suspicious: "Aurora PostgreSQL log may hold forged lines",
    },
    counted: ByOutcome {
        authorized: |n| counted(n, "new connection", "new connections"),
        rejected: |n| format!("{n} refused"),
        disconnected: |n| format!("{n} ended"),
        probed: |n| counted(n, "probe", "probes"),
        suspicious: |n| counted(n, "suspected forgery", "suspected forgeries"),
    },
    comma: ", ",
    headline_unparsed: "Aurora PostgreSQL log cannot be read",
    facts: ByOutcome {
        authorized: "Database connection",
        rejected: "Refused connection",
        disconnected: "Ended connection",
        probed: "Probe",
        suspicious: "Suspected line",
    },
    user: "User",
    database: "Database",
    client: "Client IP",
    cluster: "Cluster ID",
    time: ByOutcome {
        authorized: "Connected at",
        rejected: "Refused at",
        disconnected: "Disconnected at",
        probed: "Probed at",
        suspicious: "Logged at",
    },
    period: "Period",
    instance: "Instance",
    application: "Application",
    auth_method: "Authentication",
    identity: "Authenticated as",
    encryption: "Encryption",
    as_logged: "as logged",
    backend_pid: "Process ID",
    reason: "Reason",
    detail: "Detail",
    session_time: "Session time",
    unknown: "unknown",
    replication: "none (replication)",
    plain_text: "none (plain text)",
    unix_socket: " (Unix socket)",
    bits: |n| format!("{n} bits"),
    duration: |length| duration(length, &[" d", " h", " min", " s", " ms"], " "),
    unconfirmed: "Unconfirmed: the log lines of this delivery do not prove it. They may begin or end inside a record, or somebody may have forged them.",
    unconfirmed_short: "unconfirmed",
    attempts: |n| {
        format!("The client tried {n} times in a row (its own retry with and without TLS).")
    },
    suspicion: "Somebody may be writing forged lines into the log. Read the log around this time itself, and find out who the client is.",
    unparsed: |n| {
        format!(
            "{} could not be read, so connections may be missing here. Check that LOG_LINE_PREFIX equals the DB parameter log_line_prefix.",
            counted(
                n,
                "log line that looks like a connection",
                "log lines that look like connections"
            ),
        )
    },
    translated: |n| {
        format!(
            "{} in another language than English and cannot be read. Set the DB parameter lc_messages to C or en_US.UTF-8.",
            if n == 1 {
                "1 log line is".to_owned()
            } else {
                format!("{n} log lines are")
            }
        )
    },
    unreadable: |n, name| {
        format!(
            "{} of CloudWatch Logs could not be read ({name}), so connections may be missing here.",
            counted(n, "payload", "payloads")
        )
    },
    account: "Account",
    clusters: |n| counted(n, "cluster", "clusters"),
    test_headline: "🔔 aurora-connection-audit: test",
    test: "Messages reach this channel.",
    times: |n| format!("{n}×"),
    more: |groups, n| {
        format!(
            "and {groups} more {} ({n} in all)",
            if groups == 1 { "group" } else { "groups" }
        )
    },
    open_log: "Open in CloudWatch Logs",
    your_time: "Your time",
};

fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// The two largest units that are not zero: `1 h 2 min`, `3 s`, `7 ms`.
fn duration(length: Duration, units: &[&str; 5], space: &str) -> String {
    let seconds = length.as_secs();
    let amounts = [
        seconds / 86_400,
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        // Milliseconds only where there is nothing longer.
        if seconds == 0 {
            u64::from(length.subsec_millis())
        } else {
            0
        },
    ];
    let parts: Vec<String> = amounts
        .iter()
        .zip(units)
        .skip_while(|(amount, _)| **amount == 0)
        .take(2)
        .filter(|(amount, _)| **amount != 0)
        .map(|(amount, unit)| format!("{amount}{unit}"))
        .collect();
    if parts.is_empty() {
        format!("0{}", units[4])
    } else {
        parts.join(space)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_found_by_its_code() {
        for language in Language::ALL {
            assert_eq!(Language::named(language.code()), Some(language));
        }
        assert_eq!(Language::named("JA"), None);
        assert_eq!(Language::default(), Language::Ja);
    }

    #[test]
    fn a_duration_is_its_two_largest_units() {
        #[track_caller]
        fn check(length: Duration, en: &str, ja: &str) {
            assert_eq!((EN.duration)(length), en);
            assert_eq!((JA.duration)(length), ja);
        }
        check(Duration::ZERO, "0 ms", "0ミリ秒");
        check(Duration::from_millis(7), "7 ms", "7ミリ秒");
        check(Duration::from_millis(1900), "1 s", "1秒");
        check(Duration::from_secs(3723), "1 h 2 min", "1時間2分");
        check(Duration::from_secs(3603), "1 h", "1時間");
        check(Duration::from_secs(90_061), "1 d 1 h", "1日1時間");
    }
}
