//! Whole messages about one connection.

use insta::assert_snapshot;

use super::*;

#[test]
fn a_connection() {
    assert_snapshot!(text(&[&connection()], Language::Ja), @"
    🔗 Aurora PostgreSQLへの新しい接続が検出されました

    データベース接続情報
    ユーザー名: myuser
    データベース名: mydb
    クライアントIP: 192.168.1.100
    クラスターID: aurora-postgresql-cluster
    接続時刻: 2024-01-01 12:00:00 JST
    インスタンス: writer-1
    アプリケーション: psql
    認証方式: scram-sha-256
    暗号化: TLSv1.3 (TLS_AES_256_GCM_SHA384, 256ビット)
    プロセスID: 4236
    ");
    assert_snapshot!(blocks(&[&connection()], Language::Ja), @"
    ---- header
    🔗 Aurora PostgreSQLへの新しい接続が検出されました
    ---- section
    *データベース接続情報*
    ユーザー名: myuser
    データベース名: mydb
    クライアントIP: 192.168.1.100
    クラスターID: aurora-postgresql-cluster
    接続時刻: 2024-01-01 12:00:00 JST
    ---- section
    *インスタンス*
    writer-1
    *アプリケーション*
    psql
    *認証方式*
    scram-sha-256
    *暗号化*
    TLSv1.3 (TLS_AES_256_GCM_SHA384, 256ビット)
    *プロセスID*
    4236
    ---- context
    🔎 <LINK|CloudWatch Logsで開く>  |  🕒 あなたの時間帯では: <!date^1704078000^{date_num} {time_secs}|2024-01-01 12:00:00 JST>
    ");
    assert_snapshot!(text(&[&connection()], Language::En), @"
    🔗 New connection to Aurora PostgreSQL

    Database connection
    User: myuser
    Database: mydb
    Client IP: 192.168.1.100
    Cluster ID: aurora-postgresql-cluster
    Connected at: 2024-01-01 12:00:00 JST
    Instance: writer-1
    Application: psql
    Authentication: scram-sha-256
    Encryption: TLSv1.3 (TLS_AES_256_GCM_SHA384, 256 bits)
    Process ID: 4236
    ");
    assert_snapshot!(blocks(&[&connection()], Language::En), @"
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
    ---- context
    🔎 <LINK|Open in CloudWatch Logs>  |  🕒 Your time: <!date^1704078000^{date_num} {time_secs}|2024-01-01 12:00:00 JST>
    ");
}

#[test]
fn the_link_opens_the_log_at_that_second() {
    let payload = payload(&batch(&told(&[&connection()], &place()), Language::Ja));
    let context = &payload["blocks"][3]["elements"][0]["text"];
    assert_snapshot!(context.as_str().unwrap(), @"🔎 <https://ap-northeast-1.console.aws.amazon.com/cloudwatch/home?region=ap-northeast-1#logsV2:log-groups/log-group/$252Faws$252Frds$252Fcluster$252Faurora-postgresql-cluster$252Fpostgresql/log-events/writer-1.0$3Fstart$3D1704078000000|CloudWatch Logsで開く>  |  🕒 あなたの時間帯では: <!date^1704078000^{date_num} {time_secs}|2024-01-01 12:00:00 JST>");
}

#[test]
fn a_refusal_has_its_reason() {
    assert_snapshot!(text(&[&rejected()], Language::Ja), @r#"
    🚫 Aurora PostgreSQLへの接続が拒否されました

    拒否された接続の情報
    ユーザー名: myuser
    データベース名: mydb
    クライアントIP: 192.168.1.100
    クラスターID: aurora-postgresql-cluster
    拒否時刻: 2024-01-01 12:00:00 JST
    理由: `password authentication failed for user "myuser"`
    詳細: `Role "myuser" does not exist.`
    インスタンス: writer-1
    プロセスID: 4236
    🔁 クライアントは2回続けて試行しました（TLSあり・なしの自動再試行）。
    "#);
    assert_snapshot!(blocks(&[&rejected()], Language::Ja), @r#"
    ---- header
    🚫 Aurora PostgreSQLへの接続が拒否されました
    ---- section
    *拒否された接続の情報*
    ユーザー名: myuser
    データベース名: mydb
    クライアントIP: 192.168.1.100
    クラスターID: aurora-postgresql-cluster
    拒否時刻: 2024-01-01 12:00:00 JST
    ---- section
    理由: `password authentication failed for user "myuser"`
    詳細: `Role "myuser" does not exist.`
    ---- section
    *インスタンス*
    writer-1
    *プロセスID*
    4236
    ---- section
    🔁 クライアントは2回続けて試行しました（TLSあり・なしの自動再試行）。
    ---- context
    🔎 <LINK|CloudWatch Logsで開く>  |  🕒 あなたの時間帯では: <!date^1704078000^{date_num} {time_secs}|2024-01-01 12:00:00 JST>
    "#);
    assert_snapshot!(text(&[&rejected()], Language::En), @r#"
    🚫 Connection to Aurora PostgreSQL refused

    Refused connection
    User: myuser
    Database: mydb
    Client IP: 192.168.1.100
    Cluster ID: aurora-postgresql-cluster
    Refused at: 2024-01-01 12:00:00 JST
    Reason: `password authentication failed for user "myuser"`
    Detail: `Role "myuser" does not exist.`
    Instance: writer-1
    Process ID: 4236
    🔁 The client tried 2 times in a row (its own retry with and without TLS).
    "#);
}

#[test]
fn a_disconnection_has_its_length() {
    assert_snapshot!(blocks(&[&disconnected()], Language::Ja), @"
    ---- header
    👋 Aurora PostgreSQLの接続が切断されました
    ---- section
    *切断された接続の情報*
    ユーザー名: myuser
    データベース名: mydb
    クライアントIP: 192.168.1.100
    クラスターID: aurora-postgresql-cluster
    切断時刻: 2024-01-01 12:00:00 JST
    ---- section
    *接続時間*
    1時間2分
    *インスタンス*
    writer-1
    *アプリケーション*
    psql
    *プロセスID*
    4236
    ---- context
    🔎 <LINK|CloudWatch Logsで開く>  |  🕒 あなたの時間帯では: <!date^1704078000^{date_num} {time_secs}|2024-01-01 12:00:00 JST>
    ");
    assert_snapshot!(text(&[&disconnected()], Language::En), @"
    👋 Connection to Aurora PostgreSQL ended

    Ended connection
    User: myuser
    Database: mydb
    Client IP: 192.168.1.100
    Cluster ID: aurora-postgresql-cluster
    Disconnected at: 2024-01-01 12:00:00 JST
    Session time: 1 h 2 min
    Instance: writer-1
    Application: psql
    Process ID: 4236
    ");
}

#[test]
fn a_suspicion_says_what_to_do() {
    assert_snapshot!(blocks(&[&suspicious()], Language::Ja), @"
    ---- header
    ⚠️ Aurora PostgreSQLのログに偽装の疑いがあります
    ---- section
    *偽装が疑われる行の情報*
    クライアントIP: 不明
    クラスターID: aurora-postgresql-cluster
    記録時刻: 2024-01-01 12:00:00 JST
    ---- section
    *インスタンス*
    writer-1
    ---- section
    ⚠️ 何者かがログに偽の行を書き込んだ可能性があります。この時刻の前後のログを直接確認し、接続元を調べてください。
    ---- context
    🔎 <LINK|CloudWatch Logsで開く>  |  🕒 あなたの時間帯では: <!date^1704078000^{date_num} {time_secs}|2024-01-01 12:00:00 JST>
    ");
    assert_snapshot!(text(&[&suspicious()], Language::En), @"
    ⚠️ Aurora PostgreSQL log may hold forged lines

    Suspected line
    Client IP: unknown
    Cluster ID: aurora-postgresql-cluster
    Logged at: 2024-01-01 12:00:00 JST
    Instance: writer-1
    ⚠️ Somebody may be writing forged lines into the log. Read the log around this time itself, and find out who the client is.
    ");
}

#[test]
fn what_is_not_known_is_said() {
    let unknown = Connection {
        outcome: Outcome::Authorized,
        facts: Facts::default(),
        ..suspicious()
    };
    assert_snapshot!(blocks(&[&unknown], Language::Ja), @"
    ---- header
    🔗 Aurora PostgreSQLへの新しい接続が検出されました
    ---- section
    *データベース接続情報*
    ユーザー名: 不明
    データベース名: 不明
    クライアントIP: 不明
    クラスターID: aurora-postgresql-cluster
    接続時刻: 不明
    ---- section
    *インスタンス*
    writer-1
    *アプリケーション*
    不明
    *認証方式*
    不明
    *暗号化*
    不明
    ---- section
    ❔ 未確認: この配信のログ行だけでは確かめられません。レコードの途中で配信が分かれたか、ログ行が偽装された可能性があります。
    ---- context
    🔎 <LINK|CloudWatch Logsで開く>
    ");
    assert_snapshot!(text(&[&unknown], Language::En), @"
    🔗 New connection to Aurora PostgreSQL

    Database connection
    User: unknown
    Database: unknown
    Client IP: unknown
    Cluster ID: aurora-postgresql-cluster
    Connected at: unknown
    Instance: writer-1
    Application: unknown
    Authentication: unknown
    Encryption: unknown
    ❔ Unconfirmed: the log lines of this delivery do not prove it. They may begin or end inside a record, or somebody may have forged them.
    ");
}

#[test]
fn an_identity_is_told_where_it_differs() {
    let certificate = with(connection(), |facts| {
        facts.identity = Some("CN=app,O=Example".into());
        facts.auth_method = Some("cert".into());
        facts.encryption = Encryption::Plain;
    });
    let text = text(&[&certificate], Language::En);
    assert!(text.contains("\nAuthentication: cert\nAuthenticated as: `CN=app,O=Example`\nEncryption: none (plain text)\n"));
}

#[test]
fn a_hostile_name_stays_one_harmless_line() {
    let hostile = with(connection(), |facts| {
        facts.user = Some("x\nユーザー名: admin <!channel> *b* `c` :fire:".into());
        facts.database = Some("\u{202e}bdym".into());
        facts.application_name = Some("\u{1b}[31m@here https://example.com/".into());
        facts.host = Some("2001:db8:1::23".into());
    });
    assert_snapshot!(text(&[&hostile], Language::Ja), @r"
    🔗 Aurora PostgreSQLへの新しい接続が検出されました

    データベース接続情報
    ユーザー名: `x␊ユーザー名: admin &lt;!channel&gt; *b* \u{60}c\u{60} :fire:`
    データベース名: `\u{202e}bdym`
    クライアントIP: `2001:db8:1::23`
    クラスターID: aurora-postgresql-cluster
    接続時刻: 2024-01-01 12:00:00 JST
    インスタンス: writer-1
    アプリケーション: `␛[31m@here https://example.com/`
    認証方式: scram-sha-256
    認証されたID: myuser
    暗号化: TLSv1.3 (TLS_AES_256_GCM_SHA384, 256ビット)
    プロセスID: 4236
    ");
    assert_snapshot!(blocks(&[&hostile], Language::Ja), @r"
    ---- header
    🔗 Aurora PostgreSQLへの新しい接続が検出されました
    ---- section
    *データベース接続情報*
    ユーザー名: `x␊ユーザー名: admin &lt;!channel&gt; *b* \u{60}c\u{60} :fire:`
    データベース名: `\u{202e}bdym`
    クライアントIP: `2001:db8:1::23`
    クラスターID: aurora-postgresql-cluster
    接続時刻: 2024-01-01 12:00:00 JST
    ---- section
    *インスタンス*
    writer-1
    *アプリケーション*
    `␛[31m@here https://example.com/`
    *認証方式*
    scram-sha-256
    *認証されたID*
    myuser
    *暗号化*
    TLSv1.3 (TLS_AES_256_GCM_SHA384, 256ビット)
    *プロセスID*
    4236
    ---- context
    🔎 <LINK|CloudWatch Logsで開く>  |  🕒 あなたの時間帯では: <!date^1704078000^{date_num} {time_secs}|2024-01-01 12:00:00 JST>
    ");
}
