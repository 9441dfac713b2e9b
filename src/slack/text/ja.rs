//! Japanese.

use super::{ByOutcome, Words, duration};

pub(super) static JA: Words = Words {
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
    let_in: |n| format!("拒否の後に許可 {n}件"),
    headline_let_in: "拒否の後にAurora PostgreSQLへの接続が許可されました",
    after_refusals: |n| format!("直前の10分間に拒否 {n}回"),
    let_in_means: "同じ接続元またはユーザーが繰り返し拒否された後に接続しました。パスワードの推測が成功した可能性があります。本人に確認してください。",
    new_user: |user| format!("初めてのユーザー: {user}"),
    new_network: |user| format!("{user} の初めてのネットワーク"),
    new_database: |user| format!("{user} の初めてのデータベース"),
    new: [
        "初めてのユーザー",
        "初めてのネットワーク",
        "初めてのデータベース",
    ],
    access: |users, clusters| {
        format!("Aurora PostgreSQLの利用状況: {clusters}クラスター、{users}ユーザー")
    },
    access_since: |since, today| format!("{since} から {today} まで（日付はUTC）"),
    access_first: |today, days| {
        format!("初回の集計（{today}）: 記録されているすべて（最大{days}日分）")
    },
    access_new: |n| format!("新規 {n}ユーザー"),
    access_idle: |n, days| format!("{days}日以上接続なし {n}ユーザー"),
    access_idle_means: |days| {
        format!(
            "アクセス権が不要になっている可能性があります。{days}日間接続がないユーザーは記録から消え、一覧に載らなくなります。"
        )
    },
    access_connected: |n| format!("接続あり {n}ユーザー"),
    access_last: |day| format!("最終 {day}"),
    access_more: |n| format!("ほか{n}件"),
    access_more_clusters: |clusters, n| format!("ほか{clusters}クラスター（{n}ユーザー）"),
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
    clients: |n| format!("{n}クライアント"),
    test_headline: "🔔 aurora-connection-audit テスト通知",
    test: "このチャンネルに通知が届くことを確認しました。",
    times: |n| format!("{n}件"),
    more: |groups, n| format!("ほか{groups}グループ（{n}件）"),
    open_log: "CloudWatch Logsで開く",
    your_time: "あなたの時間帯では",
};
