"""Lambda, Kinesis and SQS around the function, in simulated time.

What is real: every batch is read by a real process, which composes its message and posts it; Slack answers by the simulated
clock. What is played: the waits. A process never sleeps, since its deadline is near; how long it would have waited until its
next attempt is reckoned here by its own rules (src/slack.rs `spread`, src/slack/patience.rs, src/http.rs `next_wait`,
src/pipeline.rs `LONGEST_DIRECT`), and an attempt of which it is plain that Slack refuses it is counted without a process."""

import heapq
import json

from . import load

MEMORY_GB = 0.25
PROCESSOR = 256 / 1769  # of one, that Lambda gives to 256 MB
ROUND_TRIP = 0.15  # seconds for a request to Slack
COLD_START = 0.3
TIMEOUT = 60 - 0.5  # of the function, without what it keeps back
DIRECT = 10.0  # of an invocation by CloudWatch Logs
PATIENCE = 3.0  # that a process has saved up at most, for a Slack that throttles such an invocation
SAVED = 0.1  # of the time that passes
PAYLOAD = 6 * 1024 * 1024  # bytes of one synchronous invocation
RECORDS = 10_000
WINDOW = 60.0
VISIBILITY = 420.0  # of the retry queue
RECEIVES = 618
POLLERS = 2

KINESIS_RECORD = (
    '{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"%032x","sequenceNumber":"%056d","data":"%s",'
    '"approximateArrivalTimestamp":%.3f},"eventSource":"aws:kinesis","eventVersion":"1.0",'
    '"eventID":"shardId-000000000000:%056d","eventName":"aws:kinesis:record",'
    '"invokeIdentityArn":"arn:aws:iam::123456789012:role/aurora-connection-audit","awsRegion":"us-east-1",'
    '"eventSourceARN":"arn:aws:kinesis:us-east-1:123456789012:stream/aurora-connection-audit"}'
)


class Clock:
    def __init__(self):
        self.now, self.heap, self.number = 0.0, [], 0

    def at(self, when, what):
        self.number += 1
        heapq.heappush(self.heap, (max(when, self.now), self.number, what))

    def run(self, until, is_done):
        while self.heap and self.heap[0][0] <= until and not is_done():
            self.now, _, what = heapq.heappop(self.heap)
            what()


class Environment:
    """A warm process, as Lambda counts them."""

    def __init__(self):
        self.ready, self.process = 0.0, None
        self.saved, self.since = PATIENCE, 0.0

    def patience(self, now):
        return min(PATIENCE, self.saved + max(0.0, now - self.since) * SAVED)

    def left(self, invocation, now):
        """How long the invocation may still wait for a Slack that throttles."""
        left = invocation.deadline - now
        return left if invocation.is_window else min(left, self.patience(now))

    def wait(self, invocation, now, wait):
        if not invocation.is_window:
            self.saved, self.since = max(0.0, self.patience(now) - wait), now + wait


class Invocation:
    def __init__(self, event, batches, source, done):
        self.event, self.batches, self.done = event, batches, done
        self.is_stream, self.is_window = source == "stream", source != "direct"
        self.seconds = TIMEOUT if self.is_window else DIRECT
        self.outcome, self.attempts, self.work = None, 0, 0.0


class Fleet:
    def __init__(self, function, random, concurrency):
        self.function, self.slack, self.random = function, function.slack, random
        self.clock = Clock()
        self.idle, self.running, self.concurrency, self.throttled = [], 0, concurrency, []
        self.most_running = self.invocations = 0
        self.billed = 0.0  # seconds
        self.work, self.worked = 0.0, 0  # of a processor, of so many invocations
        self.wrong, self.pending = [], 0  # messages that do not say what happened; batches that are not told
        self.most_posts = 0  # of one invocation
        self.waiting_at = []  # quarters of the load: batches that are not told

    # Lambda

    def invoke(self, invocation):
        if self.running >= self.concurrency:
            self.throttled.append(invocation)
            return
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.invocations += 1
        environment = self.idle.pop() if self.idle else None
        start = self.clock.now
        if environment is None:
            environment = Environment()
            self.billed += COLD_START
            start += COLD_START
        invocation.start, invocation.deadline = start, start + invocation.seconds
        self.clock.at(start, lambda: self.attempt(invocation, environment))

    def attempt(self, invocation, environment):
        now = self.clock.now
        wait = environment.ready - now
        if wait > 0:
            if wait >= environment.left(invocation, now):
                return self.end(invocation, environment, now + (invocation.work or self.mean_work()), False)
            environment.wait(invocation, now, wait)
            return self.clock.at(environment.ready, lambda: self.attempt(invocation, environment))
        first = invocation.outcome is None
        environment.ready = now + 1.0
        if first or self.slack.takes(now):
            # By the real clock: no time to wait, enough to read.
            patience = 1.4 + len(invocation.batches) * 0.0004
            posts = len(self.slack.posts)
            outcome, environment.process = self.function.invoke(invocation.event, now, patience, environment.process)
            if not outcome.statuses:
                raise RuntimeError(f"the function has not posted: {outcome.body}")
            if first:  # another attempt only posts again
                invocation.work = outcome.cpu / PROCESSOR
                self.work, self.worked = self.work + invocation.work / len(invocation.batches), self.worked + 1
            invocation.outcome, status = outcome, outcome.statuses[0]
            invocation.message = self.slack.posts[-1][1] if status == 200 else None
            self.most_posts = max(self.most_posts, len(self.slack.posts) - posts)
        else:
            status = self.slack.post(now, b"")[0]
        invocation.attempts += 1
        if status == 200:
            return self.end(invocation, environment, now + invocation.work + ROUND_TRIP, True)
        now += ROUND_TRIP + (invocation.work if first else 0)
        left = invocation.deadline - now
        if status == 429:
            environment.ready = now + 1.0
            room = environment.left(invocation, now) - 1.0
            wait = self.random.uniform(1.0, 1.0 + room / 4) if room >= 0 else None
            if wait is not None:
                environment.wait(invocation, now, wait)
        else:
            wait = min(8.0, 0.25 * 2 ** (invocation.attempts - 1)) * self.random.uniform(1, 1.25)
        if wait is None or invocation.attempts >= 20 or left < wait + 0.2:
            return self.end(invocation, environment, now, False)
        self.clock.at(now + wait, lambda: self.attempt(invocation, environment))

    def mean_work(self):
        """Of a batch that was read, but not posted."""
        return self.work / max(1, self.worked)

    def end(self, invocation, environment, at, told):
        self.billed += at - invocation.start

        def ended():
            self.running -= 1
            self.idle.append(environment)
            rest = self.answered(invocation, told)
            invocation.done(rest)
            if self.throttled and self.running < self.concurrency:
                self.invoke(self.throttled.pop(0))

        self.clock.at(at, ended)

    def answered(self, invocation, told):
        """The batches that are not told, by the function's own answer. Those that are get their time."""
        if not told:
            return invocation.batches
        body = invocation.outcome.body
        if invocation.outcome.failed:
            raise RuntimeError(f"told, and failed: {body}")
        failed = {item["itemIdentifier"] for item in body.get("batchItemFailures", [])}
        rest = [batch for batch in invocation.batches if identifier(batch) in failed]
        if invocation.is_stream and rest:
            rest = invocation.batches[invocation.batches.index(rest[0]) :]
        # What the message says against what happened.
        gone = set(map(id, rest))
        logins = [login for batch in invocation.batches if id(batch) not in gone for login in batch.logins]
        message = load.Told(invocation.message)
        refused = sum(login.refused for login in logins)
        expected = {"rejected": refused, "authorized": len(logins) - refused}
        counts = {name: count for name, count in message.counts.items() if count}
        numbers = {login.number for login in logins}
        if counts != {name: count for name, count in expected.items() if count} or not message.adds_up:
            self.wrong.append((expected, message.counts, message.listed))
        elif not message.users <= numbers:
            self.wrong.append((expected, "names of others"))
        else:
            for login in logins:
                login.told.append((self.clock.now, login.number in message.users))
        self.pending -= len(invocation.batches) - len(rest)
        return rest

    # Direct mode

    def direct(self, batches):
        self.mode, self.queue, self.dead, self.sqs = "direct", 0, [], 0
        self.pollers = [Poller(self) for _ in range(POLLERS)]
        self.feed(batches, self.deliver_directly)

    def deliver_directly(self, batch):
        event = json.dumps({"awslogs": {"data": batch.data}})

        def done(rest):
            for batch in rest:
                self.queue += 1
                self.sqs += 1
                self.receive(batch, 0)

        self.invoke(Invocation(event, [batch], "direct", done))

    def receive(self, batch, receives):
        self.random.choice(self.pollers).take(batch, receives)

    # Stream mode

    def stream(self, batches):
        self.mode, self.queue, self.dead, self.sqs = "stream", 0, [], 0
        self.waiting, self.window, self.is_busy, self.records, self.backoff = [], None, False, 0, 1.0
        self.feed(batches, self.deliver_to_stream)

    def deliver_to_stream(self, batch):
        self.records += 1
        batch.announced = self.records
        number = 49_600_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000 + self.records
        record = KINESIS_RECORD % (batch.stream, number, batch.data, load.START + batch.time, number)
        self.waiting.append((batch, record))
        self.queue += 1
        self.look()

    def look(self):
        """Is there a window to open, or one to close?"""
        if self.is_busy or not self.waiting:
            return
        if self.window is None:
            self.window = self.clock.now
            self.clock.at(self.window + WINDOW, self.look)
            self.window_bytes = self.window_at = 0
        # The first records that fit.
        while self.window_at < min(len(self.waiting), RECORDS):
            size = len(self.waiting[self.window_at][1]) + 1
            if self.window_bytes + size > PAYLOAD - 16:
                break
            self.window_bytes += size
            self.window_at += 1
        is_full = self.window_at < len(self.waiting) or self.window_at == RECORDS
        if is_full or self.clock.now >= self.window + WINDOW:
            taken, self.waiting, self.window = self.waiting[: self.window_at], self.waiting[self.window_at :], None
            self.is_busy = True
            self.tell(taken)

    def tell(self, taken):
        event = '{"Records":[%s]}' % ",".join(record for _, record in taken)

        def done(rest):
            self.queue -= len(taken) - len(rest)
            if rest:
                again = taken[len(taken) - len(rest) :]
                self.backoff = min(60.0, self.backoff * 2) if len(rest) == len(taken) else 1.0
                self.clock.at(self.clock.now + self.backoff, lambda: self.tell(again))
            else:
                self.is_busy, self.backoff = False, 1.0
                self.look()

        self.invoke(Invocation(event, [batch for batch, _ in taken], "stream", done))

    # Both

    def feed(self, batches, deliver):
        """Gives each batch at its time, and looks for the next one only then."""
        self.is_fed = False
        batches = iter(batches)

        def following():
            batch = next(batches, None)
            if batch is None:
                self.is_fed = True
                return

            def arrives():
                self.pending += 1
                following()
                deliver(batch)

            self.clock.at(batch.time, arrives)

        following()

    def run(self, seconds, drain):
        """As long as there is load, and then until nothing waits, at most `drain` seconds."""
        for quarter in (1, 2, 3, 4):
            self.clock.run(seconds * quarter / 4 + load.EVERY + 0.001, lambda: False)
            self.waiting_at.append(self.pending)
        self.clock.run(seconds + drain, lambda: self.is_fed and self.pending - len(self.dead) == 0)

    def monthly_cost(self, seconds):
        """Of the load that came in so many seconds, for 30 days of it."""
        months = seconds / (30 * 24 * 3600)
        lambda_ = self.billed * MEMORY_GB * 0.0000133334 + self.invocations * 0.20e-6
        if self.mode == "stream":
            return lambda_ / months + 10.95 + self.records * 0.014e-6 / months  # a shard, and 25 KB units put
        polling = 0.25 * 30 * 24 * 3600 * 0.40e-6  # five pollers, each waits 20 seconds
        return (lambda_ + self.sqs * 0.40e-6) / months + polling


class Poller:
    """One of those that Lambda empties a queue with: it gathers a window, and waits for the function's answer."""

    def __init__(self, fleet):
        self.fleet, self.held, self.window, self.is_busy = fleet, [], None, False

    def take(self, batch, receives):
        self.held.append((batch, receives + 1))
        self.look()

    def look(self):
        if self.is_busy or not self.held:
            return
        now = self.fleet.clock.now
        if self.window is None:
            self.window = now
            self.fleet.clock.at(now + WINDOW, self.look)
        is_full = len(self.held) * 2200 > PAYLOAD
        if not is_full and now < self.window + WINDOW:
            return
        taken, size = [], 16
        for batch, receives in self.held[:RECORDS]:
            record = queue_record(batch)
            if taken and size + len(record) + 1 > PAYLOAD:
                break
            size += len(record) + 1
            taken.append((batch, receives, record))
        del self.held[: len(taken)]
        self.window, self.is_busy = None, True
        fleet = self.fleet
        fleet.sqs += 2 * (len(taken) + 9) // 10  # received and deleted by tens

        def done(rest):
            failed = set(map(id, rest))
            for batch, receives, _ in taken:
                if id(batch) not in failed:
                    fleet.queue -= 1
                elif receives >= RECEIVES:
                    fleet.queue -= 1
                    fleet.dead.append(batch)
                else:
                    fleet.clock.at(now + VISIBILITY, lambda batch=batch, receives=receives: fleet.receive(batch, receives))
            self.is_busy = False
            self.look()

        event = '{"Records":[%s]}' % ",".join(record for _, _, record in taken)
        fleet.invoke(Invocation(event, [batch for batch, _, _ in taken], "queue", done))


def queue_record(batch):
    """Lambda's record of a failed invocation, as SQS gives it."""
    failure = {
        "version": "1.0",
        "timestamp": "2026-11-23T09:38:10.000Z",
        "requestContext": {
            "requestId": "e4b46cbf-b738-4880-a18c-df61200e0000",
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:simulated:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 1,
        },
        "requestPayload": {"awslogs": {"data": batch.data}},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorType": "Slack.RateLimited", "errorMessage": "Slack asks to wait longer"},
    }
    return json.dumps(
        {
            "messageId": identifier(batch),
            "receiptHandle": "simulated",
            "body": json.dumps(failure),
            "attributes": {"ApproximateReceiveCount": "1"},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:aurora-connection-audit-retry",
            "awsRegion": "us-east-1",
        }
    )


def identifier(batch):
    if batch.announced:
        return str(49_600_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000 + batch.announced).zfill(56)
    return f"{batch.stream:08}-{int(batch.time * 1000):012}"
