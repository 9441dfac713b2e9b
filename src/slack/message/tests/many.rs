//! Whole messages about many connections, and about none.

use insta::assert_snapshot;

use super::*;

fn busy() -> Vec<Connection<'static>> {
    let later = |connection, seconds| {
        with(connection, |facts| {
            facts.time = facts.time.map(|time| time + Duration::from_secs(seconds));
        })
    };
    let walsender = with(connection(), |facts| {
        facts.user = Some("repl_user".into());
        facts.database = None;
        facts.replication = true;
        facts.host = Some("[local]".into());
        facts.application_name = Some("walreceiver".into());
    });
    vec![
        connection(),
        later(disconnected(), 70_000),
        later(connection(), 9),
        later(rejected(), 1),
        later(walsender, 5),
        later(suspicious(), 30),
        later(connection(), 4),
        Connection {
            standing: Standing::Claimed,
            ..connection()
        },
    ]
}

#[test]
fn many_connections_are_lists_of_groups() {
    let busy = busy();
    let busy: Vec<_> = busy.iter().collect();
    assert_snapshot!(text(&busy, Language::Ja), @r#"
    ⚠️ Aurora PostgreSQL: 偽装の疑い 1件、拒否 1件、新しい接続 5件、切断 1件

    クラスターID: aurora-postgresql-cluster
    インスタンス: writer-1
    期間: 2024-01-01 12:00:00 JST – 2024-01-02 07:26:40 JST

    *⚠️ 偽装の疑い 1件*
    何者かがログに偽の行を書き込んだ可能性があります。この時刻の前後のログを直接確認し、接続元を調べてください。
    • クライアントIP: 不明 · 12:00:30

    *🚫 拒否 1件*
    • myuser → mydb · 192.168.1.100 · 12:00:01
        ↳ `password authentication failed for user "myuser"`

    *🔗 新しい接続 5件*
    • myuser → mydb · 192.168.1.100 · psql · 12:00:00 · 未確認
    • *3件* myuser → mydb · 192.168.1.100 · psql · 12:00:00–12:00:09
    • repl_user → なし（レプリケーション） · [local]（Unixソケット） · walreceiver · 12:00:05

    *👋 切断 1件*
    • myuser → mydb · 192.168.1.100 · psql · 2024-01-02 07:26:40 · 1時間2分
    "#);
    assert_snapshot!(blocks(&busy, Language::Ja), @r#"
    ---- header
    ⚠️ Aurora PostgreSQL: 偽装の疑い 1件、拒否 1件、新しい接続 5件、切断 1件
    ---- section
    クラスターID: aurora-postgresql-cluster
    インスタンス: writer-1
    期間: 2024-01-01 12:00:00 JST – 2024-01-02 07:26:40 JST
    ---- section
    *⚠️ 偽装の疑い 1件*
    何者かがログに偽の行を書き込んだ可能性があります。この時刻の前後のログを直接確認し、接続元を調べてください。
    • クライアントIP: 不明 · 12:00:30
    ---- section
    *🚫 拒否 1件*
    • myuser → mydb · 192.168.1.100 · 12:00:01
        ↳ `password authentication failed for user "myuser"`
    ---- section
    *🔗 新しい接続 5件*
    • myuser → mydb · 192.168.1.100 · psql · 12:00:00 · 未確認
    • *3件* myuser → mydb · 192.168.1.100 · psql · 12:00:00–12:00:09
    • repl_user → なし（レプリケーション） · [local]（Unixソケット） · walreceiver · 12:00:05
    ---- section
    *👋 切断 1件*
    • myuser → mydb · 192.168.1.100 · psql · 2024-01-02 07:26:40 · 1時間2分
    ---- context
    🔎 <LINK|CloudWatch Logsで開く>  |  🕒 あなたの時間帯では: <!date^1704078000^{date_num} {time_secs}|2024-01-01 12:00:00 JST> – <!date^1704148000^{date_num} {time_secs}|2024-01-02 07:26:40 JST>
    "#);
    assert_snapshot!(blocks(&busy, Language::En), @r#"
    ---- header
    ⚠️ Aurora PostgreSQL: 1 suspected forgery, 1 refused, 5 new connections, 1 ended
    ---- section
    Cluster ID: aurora-postgresql-cluster
    Instance: writer-1
    Period: 2024-01-01 12:00:00 JST – 2024-01-02 07:26:40 JST
    ---- section
    *⚠️ 1 suspected forgery*
    Somebody may be writing forged lines into the log. Read the log around this time itself, and find out who the client is.
    • Client IP: unknown · 12:00:30
    ---- section
    *🚫 1 refused*
    • myuser → mydb · 192.168.1.100 · 12:00:01
        ↳ `password authentication failed for user "myuser"`
    ---- section
    *🔗 5 new connections*
    • myuser → mydb · 192.168.1.100 · psql · 12:00:00 · unconfirmed
    • *3×* myuser → mydb · 192.168.1.100 · psql · 12:00:00–12:00:09
    • repl_user → none (replication) · [local] (Unix socket) · walreceiver · 12:00:05
    ---- section
    *👋 1 ended*
    • myuser → mydb · 192.168.1.100 · psql · 2024-01-02 07:26:40 · 1 h 2 min
    ---- context
    🔎 <LINK|Open in CloudWatch Logs>  |  🕒 Your time: <!date^1704078000^{date_num} {time_secs}|2024-01-01 12:00:00 JST> – <!date^1704148000^{date_num} {time_secs}|2024-01-02 07:26:40 JST>
    "#);
}

#[test]
fn lines_that_cannot_be_read_are_told() {
    let notice = |count| Notice {
        kind: NoticeKind::Unparsed,
        count,
        place: Some(std::rc::Rc::new(place())),
        id: String::new(),
    };
    let three = notice(3);
    let nothing = Batch {
        notices: &[&three],
        ..batch(&[], Language::Ja)
    };
    assert_snapshot!(blocks_of(&nothing), @"
    ---- header
    ⚠️ Aurora PostgreSQLのログを読み取れません
    ---- section
    クラスターID: aurora-postgresql-cluster
    インスタンス: writer-1
    ---- section
    ⚠️ 接続に関するとみられるログ 3行を読み取れませんでした。通知が漏れている可能性があります。DBパラメータ log_line_prefix と LOG_LINE_PREFIX の設定が一致しているか確認してください。
    ---- context
    🔎 <LINK|CloudWatch Logsで開く>
    ");
    let connection = connection();
    let place = place();
    let told = told(&[&connection], &place);
    let once = notice(1);
    let one = Batch {
        notices: &[&once],
        ..batch(&told, Language::En)
    };
    assert_snapshot!(blocks_of(&one), @"
    ---- header
    🔗 New connection to Aurora PostgreSQL
    ---- section
    *Database connection*
    User: myuser
    Database: mydb
    Client IP: 192.168.1.100
    Cluster ID: aurora-postgresql-cluster
    Connected at: 2024-01-01 12:00:00 JST
    ---- section
    *Instance*
    writer-1
    *Application*
    psql
    *Authentication*
    scram-sha-256
    *Encryption*
    TLSv1.3 (TLS_AES_256_GCM_SHA384, 256 bits)
    *Process ID*
    4236
    ---- section
    ⚠️ 1 log line that looks like a connection could not be read, so connections may be missing here. Check that LOG_LINE_PREFIX equals the DB parameter log_line_prefix.
    ---- context
    🔎 <LINK|Open in CloudWatch Logs>  |  🕒 Your time: <!date^1704078000^{date_num} {time_secs}|2024-01-01 12:00:00 JST>
    ");
}

#[test]
fn several_accounts_are_shown_by_name_or_id() {
    let connection = connection();
    let place = |account: &str, name: Option<&str>| Place {
        account: Some(account.to_owned()),
        account_name: name.map(str::to_owned),
        cluster: "orders".to_owned(),
        ..place()
    };
    let places = [
        place("123456789012", Some("production")),
        place("210987654321", None),
    ];
    let told: Vec<_> = places
        .iter()
        .flat_map(|place| told(&[&connection], place))
        .collect();
    let shown = Shown {
        account: true,
        region: true,
    };
    let both = Batch {
        shown,
        ..batch(&told, Language::En)
    };
    assert_snapshot!(blocks_of(&both), @"
    ---- header
    🔗 Aurora PostgreSQL: 2 new connections
    ---- section
    2 clusters
    Period: 2024-01-01 12:00:00 JST
    ---- section
    *🔗 2 new connections*
    • *orders* (production · ap-northeast-1) · myuser → mydb · 192.168.1.100 · psql · 12:00:00
    • *orders* (210987654321 · ap-northeast-1) · myuser → mydb · 192.168.1.100 · psql · 12:00:00
    ---- context
    🕒 Your time: <!date^1704078000^{date_num} {time_secs}|2024-01-01 12:00:00 JST>
    ");
    // One of them alone, once both are known.
    let one = Batch {
        shown,
        ..batch(&told[1..], Language::En)
    };
    assert!(blocks_of(&one).contains("Account: 210987654321"));
    let single = batch(&told[..1], Language::En);
    assert!(!blocks_of(&single).contains("production"));
}

#[test]
fn clusters_of_one_name_in_two_regions_are_two() {
    let connection = connection();
    let places = ["ap-northeast-1", "eu-west-1"].map(|region| Place {
        region: Some(region.to_owned()),
        ..place()
    });
    let told: Vec<_> = places
        .iter()
        .flat_map(|place| told(&[&connection], place))
        .collect();
    let shown = Shown {
        account: false,
        region: true,
    };
    let batch = Batch {
        shown,
        ..batch(&told, Language::En)
    };
    let blocks = blocks_of(&batch);
    for line in ["2 clusters", "(ap-northeast-1)", "(eu-west-1)"] {
        assert!(blocks.contains(line), "{line} is not in {blocks}");
    }
}

#[test]
fn what_happens_in_many_clusters_is_one_line_each() {
    let places: Vec<_> = (0..40)
        .map(|number| Place {
            cluster: format!("cluster-{number}"),
            ..place()
        })
        .collect();
    let from = |last: usize| {
        let mut connection = connection();
        connection.facts.host = Some(format!("10.0.0.{last}").into());
        connection
    };
    let logins: Vec<_> = (0..40).map(from).collect();
    let refused = rejected();
    let mut of_all = Vec::new();
    for (place, login) in places.iter().zip(&logins) {
        of_all.extend(told(&[login, &refused], place));
    }
    // What stands out stays apart.
    let unconfirmed = Connection {
        standing: Standing::Claimed,
        ..connection()
    };
    of_all.extend(told(&[&unconfirmed], &places[7]));
    let blocks = blocks_of(&batch(&of_all, Language::En));
    let lines = [
        "*🚫 40 refused*\n• *40×* *40 clusters* · myuser → mydb · 192.168.1.100 ·",
        "*🔗 41 new connections*\n• *cluster-7* · myuser → mydb · 192.168.1.100 ·",
        "\n• *40×* *40 clusters* · myuser → mydb · 40 clients · psql ·",
    ];
    for line in lines {
        assert!(blocks.contains(line), "{line} is not in {blocks}");
    }
    assert_eq!(blocks.matches("• ").count(), 3, "{blocks}");
    // Of a few clusters each line says which.
    let few = blocks_of(&batch(&of_all[..6], Language::En));
    for line in ["*cluster-0* · myuser", "*cluster-2* · myuser", "10.0.0.2"] {
        assert!(few.contains(line), "{line} is not in {few}");
    }
}
