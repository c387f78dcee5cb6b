"""A web server with several processes and shells beside it use one log, while the server is replaced.

Requests come from several threads all the time, and none may fail. Meanwhile, one after the other: the server's
workers are reloaded; one of them is killed; a second server starts, and the first one ends; the shell that has
held the log from the beginning ends, and so does another one that writes; the worker that has taken over is killed.

Each request that writes reads its write. Each other request asks for a note that an earlier request of any
thread, to whichever process, was told to be there.

usage: run.py <server> <streamview.so>
"""

import dataclasses
import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

from servers import EXAMPLES, SERVERS, query_string

CLIENTS = 4
REQUESTS = 2000  # at least
AUTHORS = 300
TIMEOUT = 120
SKIPPED = 77  # as tests/clients/CMakeLists.txt has it


def wait_until(condition, what):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {TIMEOUT} s: {what}")
        time.sleep(0.01)


class Shell:
    """A sqlite3 shell that somebody has left open."""

    MARK = "-- done --"

    def __init__(self, extension, database):
        self.process = subprocess.Popen(
            ["sqlite3", "-batch", database], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.run(f".timeout 10000\n.load {extension}")

    def run(self, commands):
        """Whatever it prints, errors included."""
        self.process.stdin.write(f"{commands}\n.print {self.MARK}\n")
        self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline().rstrip("\n")) != self.MARK:
            if self.process.poll() is not None and not line:
                raise AssertionError(f"the shell has ended: {lines}")
            lines.append(line)
        return "\n".join(lines)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


@dataclasses.dataclass
class Write:
    note: str
    author: str
    seq: int
    pid: int
    start: float
    end: float


class Traffic:
    """Threads that send requests to all the servers there are, until they are stopped or one fails."""

    def __init__(self, server, seed):
        self.mutex = threading.Lock()
        self.random = random.Random(seed)
        self.servers = [server]
        self.busy = {}  # of each server, how many requests it is working on
        self.requests = 0
        self.reads_elsewhere = 0  # by a process other than the one that wrote
        self.writes = []
        self.unknown = set()  # notes of which the request was not answered
        self.unanswered = []  # requests: when they began and ended, and the error
        self.kills = []  # from when until when requests may be unanswered
        self.failure = None
        self.stopping = False
        self.threads = [
            threading.Thread(target=self._run, args=(n, random.Random(f"{seed}/{n}")))
            for n in range(CLIENTS)
        ]
        for thread in self.threads:
            thread.start()

    def check(self):
        if self.failure is not None:
            raise self.failure

    def go_on(self, requests):
        """Returns when that many more requests were answered."""
        wanted = self.requests + requests

        def done():
            self.check()
            return self.requests >= wanted

        wait_until(done, f"{requests} requests")

    def add(self, server):
        with self.mutex:
            self.servers = [*self.servers, server]

    def remove(self, server):
        """Returns when that server works on no request any more."""
        with self.mutex:
            self.servers = [other for other in self.servers if other is not server]
        wait_until(lambda: self.busy[server] == 0, "the first server's last requests")

    def kill(self, pid, grace):
        with self.mutex:
            start = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        self.kills.append((start, time.monotonic() + grace))

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()
        self.check()
        for start, end, error in self.unanswered:
            if not any(start <= until and end >= since for since, until in self.kills):
                raise AssertionError(f"a request without an answer, and no worker was killed: {error}")

    def _run(self, client, random_numbers):
        try:
            count = 0
            while not self.stopping and self.failure is None:
                self._write(f"{client}/{count}", f"author {random_numbers.randrange(AUTHORS)}")
                self._read(random_numbers)
                count += 1
        except Exception as error:  # whatever it is, the test fails with it
            self.failure = error

    def _request(self, method, target, body=None):
        """(process, seqs by note, start, end), or None without an answer."""
        with self.mutex:
            server = self.random.choice(self.servers)
            self.busy[server] = self.busy.get(server, 0) + 1
        start = time.monotonic()
        try:
            status, text = server.request(method, target, body)
        except OSError as error:
            self.unanswered.append((start, time.monotonic(), error))
            return None
        finally:
            end = time.monotonic()
            with self.mutex:
                self.busy[server] -= 1
        if status != 200:
            raise AssertionError(f"{method} {target}: {status}\n{text}\n{server.log()}")
        with self.mutex:
            self.requests += 1
        answer = json.loads(text)
        return answer["pid"], {note["id"]: note["seq"] for note in answer["notes"]}, start, end

    def _write(self, note, author):
        body = json.dumps({"id": note, "author": author, "text": f"größe {note}"})
        answer = self._request("POST", "/notes", body)
        if answer is None:
            self.unknown.add(note)
            return
        pid, seqs, start, end = answer
        if note not in seqs:
            raise AssertionError(f"process {pid} does not see its write {note} of {author}: {seqs}")
        with self.mutex:
            self.writes.append(Write(note, author, seqs[note], pid, start, end))

    def _read(self, random_numbers):
        with self.mutex:
            if not self.writes:
                return
            # Mostly one of the last, which the others have had no time to notice by themselves.
            last = len(self.writes) - 1
            write = self.writes[max(0, last - int(random_numbers.expovariate(0.3)))]
        answer = self._request("GET", f"/notes?{query_string(author=write.author)}")
        if answer is None:
            return
        pid, seqs, _, _ = answer
        if seqs.get(write.note) != write.seq:
            raise AssertionError(f"process {pid} does not see what {write.pid} has acknowledged: {write}, {seqs}")
        if pid != write.pid:
            self.reads_elsewhere += 1


class Writer:
    """A shell that writes all the time, and a job that is run again and again."""

    def __init__(self, extension, database):
        self.shell = Shell(extension, database)
        self.environment = dict(os.environ, DATABASE=str(database), STREAMVIEW=extension)
        self.written = self.jobs = 0
        self.failure = None
        self.stopping = False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        try:
            while not self.stopping:
                self._write()
                if self.written % 10 == 0:
                    self._run_job()
        except Exception as error:  # whatever it is, the test fails with it
            self.failure = error

    def _write(self):
        self.written += 1
        found = self.shell.run(
            f"INSERT INTO notes(key, value) VALUES ('shell/{self.written}', '{{\"author\":\"shell\"}}');\n"
            f"SELECT doc_id FROM notes_by_author WHERE key = 'shell' AND doc_id = 'shell/{self.written}';")
        if found != f"shell/{self.written}":
            raise AssertionError(f"the shell has written note {self.written}, and sees: {found}")

    def _run_job(self):
        self.jobs += 1
        job = subprocess.run([EXAMPLES / "cron.sh"], env=self.environment, capture_output=True, text=True, check=False)
        if job.returncode != 0 or not job.stdout.startswith("appended "):
            raise AssertionError(f"the job failed: {job}")

    def stop(self):
        """May be called again."""
        self.stopping = True
        self.thread.join()
        self.shell.close()
        if self.failure is not None:
            raise self.failure


def holder(extension, database):
    """The process that holds the log. (Where none does, it is the shell that looks.) None: it is just being closed."""
    shell = Shell(extension, database)
    pid = shell.run("SELECT holder FROM sv_status WHERE kind = 'log';")
    shell.close()
    return int(pid) if pid else None


def start(server):
    server.start()
    wait_until(lambda: len(server.worker_pids()) == server.WORKERS, "all workers")
    server.workers = set(server.worker_pids())


def await_replaced(traffic, server, pids):
    """Those workers and no others are replaced."""
    def are_replaced():
        traffic.check()
        now = set(server.worker_pids())
        return len(now) == server.WORKERS and not pids & now

    wait_until(are_replaced, "other workers in the place of those that were ended")
    kept = server.workers - pids
    server.workers = set(server.worker_pids())
    if kept - server.workers:
        raise AssertionError(f"a worker has died: {server.log()}")


def stop(server):
    if set(server.worker_pids()) != server.workers:
        raise AssertionError(f"a worker has died: {server.log()}")
    server.stop()


def kill_a_worker(traffic, server, pid):
    traffic.kill(pid, server.KILL_GRACE)
    await_replaced(traffic, server, {pid})


def kill_the_holder(traffic, server, extension, database):
    """A worker that holds the log: others have read and written through it."""
    found = []

    def is_found():
        traffic.check()
        found[:] = [pid for pid in [holder(extension, database)] if pid in server.worker_pids()]
        return found

    wait_until(is_found, "a worker holds the log")
    kill_a_worker(traffic, server, found[0])


def connect(extension, database):
    connection = sqlite3.connect(database, isolation_level=None, timeout=60)
    connection.enable_load_extension(True)
    connection.load_extension(extension)
    return connection


def check_log(extension, database, traffic, writer):
    """What was acknowledged is there, once, in the order in which it was; and nothing else."""
    connection = connect(extension, database)
    entries = connection.execute("SELECT seq, key FROM notes").fetchall()
    if [seq for seq, _ in entries] != list(range(1, len(entries) + 1)):
        raise AssertionError("the log has gaps")
    seqs = {key: seq for seq, key in entries if key is not None}
    expected = {write.note for write in traffic.writes} | {f"shell/{n + 1}" for n in range(writer.written)}
    surplus = seqs.keys() - expected
    if expected - seqs.keys() or surplus - traffic.unknown:
        raise AssertionError(f"lost: {expected - seqs.keys()}, unknown: {surplus - traffic.unknown}")
    if len(entries) != len(expected) + len(surplus) + writer.jobs:
        raise AssertionError(f"{len(entries)} entries of {len(expected)} + {len(surplus)} + {writer.jobs}")

    latest_start = 0.0
    for write in sorted(traffic.writes, key=lambda write: write.seq):
        if seqs[write.note] != write.seq:
            raise AssertionError(f"{write} is entry {seqs[write.note]}")
        if write.end < latest_start:
            raise AssertionError(f"{write} was acknowledged before one with a lower number was sent")
        latest_start = max(latest_start, write.start)

    (rows,) = connection.execute("SELECT count(*) FROM notes_by_author").fetchone()
    if rows != len(entries):
        raise AssertionError(f"the view has {rows} rows of {len(entries)}")
    for table in ("notes", "notes_by_author"):
        connection.execute(f"INSERT INTO {table}({table}) VALUES ('integrity-check')")
    if connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
        raise AssertionError("the database is damaged")
    connection.close()


def run(first, second, extension, database, seed):
    """Returns what was counted."""
    begin = time.monotonic()

    def say(what):
        print(f"{time.monotonic() - begin:6.1f} s: {what}", flush=True)

    idle = Shell(extension, database)
    idle.run(f".read {EXAMPLES / 'schema.sql'}")
    idle.run("SELECT count(*) FROM notes;")
    if holder(extension, database) != idle.process.pid:
        raise AssertionError("the first shell does not hold the log")

    start(first)
    say(f"the shell, {idle.process.pid}, holds the log; the server has started")
    traffic = Traffic(first, seed)
    writer = Writer(extension, database)
    part = REQUESTS // 5
    try:
        traffic.go_on(part)
        if first.RELOAD_SIGNAL is not None:
            say("reload")
            first.reload()
            await_replaced(traffic, first, first.workers)
        traffic.go_on(part)
        if first.RESTARTS_WORKERS:
            say("kill a worker")
            kill_a_worker(traffic, first, min(first.workers))
        start(second)
        say("the second server has started")
        traffic.add(second)
        traffic.go_on(part)
        traffic.remove(first)
        stop(first)
        say("the first server has ended")
        traffic.go_on(part)
        idle.close()
        say("the first shell has ended")
        traffic.go_on(part)
        writer.stop()  # so that a worker has the log, if it was the other shell
        say("the other shell has ended")
        if second.RESTARTS_WORKERS and second.HOLDS:
            kill_the_holder(traffic, second, extension, database)
            say("the worker that held the log was killed")
        # Where nobody holds it for long, each request opens it: that takes longer.
        traffic.go_on(part if second.HOLDS else part // 5)
    finally:
        writer.stop()
        traffic.stop()
    stop(second)

    if traffic.requests < REQUESTS or not traffic.reads_elsewhere or not writer.written:
        raise AssertionError("the test has not tested")
    check_log(extension, database, traffic, writer)
    return (f"{traffic.requests} requests, {traffic.reads_elsewhere} of them reads of what another process wrote, "
            f"{len(traffic.unanswered)} lost with a worker; {writer.written} entries by the shell, {writer.jobs} jobs")


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in SERVERS:
        sys.exit(__doc__)
    extension = str(pathlib.Path(sys.argv[2]).resolve())
    if (why_not := SERVERS[sys.argv[1]][0].why_not()) is not None:
        print(f"left out: {why_not}")
        sys.exit(SKIPPED)
    seed = os.environ.get("STREAMVIEW_SEED") or str(random.SystemRandom().randrange(1 << 32))
    print(f"STREAMVIEW_SEED={seed}", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        database = directory / "app.db"
        first, second = (kind(extension, database, directory) for kind in SERVERS[sys.argv[1]])
        try:
            print(run(first, second, extension, str(database), seed))
        finally:
            for server in (first, second):
                if hasattr(server, "process") and server.process.poll() is None:
                    os.killpg(server.process.pid, signal.SIGKILL)  # its workers, too


main()
