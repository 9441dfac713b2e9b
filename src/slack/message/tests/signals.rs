//! What is new, and who was let in after refusals.

use insta::assert_snapshot;

use super::*;
use crate::findings::New;

const LET_IN: Findings = Findings {
    novelty: Novelty::Unknown,
    refusals_before: 7,
};

fn new(user: bool, network: bool, database: bool) -> Findings {
    Findings {
        novelty: Novelty::Known(New {
            user,
            network,
            database,
        }),
        refusals_before: 0,
    }
}

fn text_of(told: &[(&Connection<'_>, Findings)], language: Language) -> String {
    let place = place();
    let told: Vec<_> = told
        .iter()
        .map(|(connection, findings)| Told {
            connection,
            place: &place,
            findings,
        })
        .collect();
    let payload = payload(&batch(&told, language));
    limits::check_limits(&payload);
    payload["text"].as_str().unwrap().to_owned()
}

#[test]
fn one_who_was_let_in_after_refusals() {
    assert_snapshot!(text_of(&[(&connection(), LET_IN)], Language::En), @r#"
    🚨 Let in to Aurora PostgreSQL after refusals

    🚨 *after 7 refusals in ten minutes*: The same client or user was refused again and again and then got in. Somebody may have guessed a password: ask the user.
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
    "#);
    assert_snapshot!(text_of(&[(&connection(), LET_IN)], Language::Ja), @r#"
    🚨 拒否の後にAurora PostgreSQLへの接続が許可されました

    🚨 *直前の10分間に拒否 7回*: 同じ接続元またはユーザーが繰り返し拒否された後に接続しました。パスワードの推測が成功した可能性があります。本人に確認してください。
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
    "#);
}

#[test]
fn one_login_says_what_is_new() {
    let first_lines = |findings, language| {
        let text = text_of(&[(&connection(), findings)], language);
        text.lines().take(3).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(first_lines(new(true, true, true), Language::En), @r#"
    🆕 New connection to Aurora PostgreSQL

    🆕 *New user: myuser*
    "#);
    assert_snapshot!(first_lines(new(false, true, false), Language::En), @r#"
    🆕 New connection to Aurora PostgreSQL

    🆕 *New network for myuser*
    "#);
    assert_snapshot!(first_lines(new(false, true, true), Language::Ja), @r#"
    🆕 Aurora PostgreSQLへの新しい接続が検出されました

    🆕 *myuser の初めてのネットワーク、myuser の初めてのデータベース*
    "#);
    assert_snapshot!(first_lines(new(false, false, false), Language::En), @r#"
    🔗 New connection to Aurora PostgreSQL

    Database connection
    "#);
}

#[test]
fn what_is_new_stands_first_in_its_list_and_who_was_let_in_first_of_all() {
    let other = with(connection(), |facts| facts.user = Some("other".into()));
    let eve = with(connection(), |facts| facts.user = Some("eve".into()));
    let told = [
        (&connection(), new(false, false, false)),
        (&connection(), new(false, false, false)),
        (&other, new(false, true, true)),
        (&rejected(), NO_FINDINGS),
        (&eve, LET_IN),
        (&suspicious(), NO_FINDINGS),
    ];
    assert_snapshot!(text_of(&told, Language::En), @r#"
    🚨 Aurora PostgreSQL: 1 let in after refusals, 1 suspected forgery, 1 refused, 3 new connections

    Cluster ID: aurora-postgresql-cluster
    Instance: writer-1
    Period: 2024-01-01 12:00:00 JST

    *🚨 1 let in after refusals*
    The same client or user was refused again and again and then got in. Somebody may have guessed a password: ask the user.
    • eve → mydb · 192.168.1.100 · psql · 12:00:00 · after 7 refusals in ten minutes

    *⚠️ 1 suspected forgery*
    Somebody may be writing forged lines into the log. Read the log around this time itself, and find out who the client is.
    • Client IP: unknown · 12:00:00

    *🚫 1 refused*
    • myuser → mydb · 192.168.1.100 · 12:00:00
        ↳ `password authentication failed for user "myuser"`

    *🔗 3 new connections*
    • 🆕 new network, new database · other → mydb · 192.168.1.100 · psql · 12:00:00
    • *2×* myuser → mydb · 192.168.1.100 · psql · 12:00:00
    "#);
}

#[test]
fn a_new_user_is_named_as_text() {
    let hostile = with(connection(), |facts| {
        facts.user = Some("<!channel> *x*\n_y_".into());
    });
    let text = text_of(&[(&hostile, new(true, true, true))], Language::En);
    assert!(!text.contains("<!channel>"), "{text}");
    assert_snapshot!(text.lines().nth(2).unwrap(), @"🆕 *New user: `&lt;!channel&gt; *x*␊_y_`*");
}
