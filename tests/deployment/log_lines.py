"""Log lines of a few sessions, as PostgreSQL 16 writes them on Aurora. Each is a log event of its own."""

import datetime
import itertools

pids = itertools.count(4000)
TODAY = datetime.datetime.now(datetime.timezone.utc).date()  # an access summary leaves out what is long ago


def logins(*users, network="10.0.1", hour=10):
    """Of these users, one session each."""
    lines = []
    for number, user in enumerate(users):
        host, port, pid = f"{network}.{number + 1}", f"5432{number}", next(pids)
        at = f"{TODAY} {hour}:00:{number:02} UTC:{host}({port})"
        lines += [
            f"{at}:[unknown]@[unknown]:[{pid}]:LOG:  connection received: host={host} port={port}",
            f"{at}:{user}@app:[{pid}]:LOG:  connection authenticated: identity=\"{user}\" method=scram-sha-256 (/rdsdbdata/config/pg_hba.conf:13)",
            f"{at}:{user}@app:[{pid}]:LOG:  connection authorized: user={user} database=app",
        ]
    return lines


def wrong_passwords(user, count, host="10.0.1.1"):
    lines = []
    for number in range(count):
        pid = next(pids)
        at = f"{TODAY} 09:59:{number:02} UTC:{host}(6432{number})"
        lines += [
            f"{at}:[unknown]@[unknown]:[{pid}]:LOG:  connection received: host={host} port=6432{number}",
            f"{at}:{user}@app:[{pid}]:FATAL:  password authentication failed for user \"{user}\"",
            f"{at}:{user}@app:[{pid}]:DETAIL:  Connection matched file \"/rdsdbdata/config/pg_hba.conf\" line 13: \"host all all all md5\"",
        ]
    return lines
