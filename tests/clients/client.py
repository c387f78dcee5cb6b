"""Python's sqlite3: the scenario, then threads with a connection each, and a fork.

usage: client.py <scenario> <extension> <database>
"""

import dataclasses
import os
import sqlite3
import sys
import threading

WORKERS = 4
APPENDS = 25


@dataclasses.dataclass
class Step:
    line: int
    verb: str
    sql: str
    parameters: tuple = ()
    rows: list = dataclasses.field(default_factory=list)
    error: str | None = None


def parse_literal(text):
    if text == "NULL":
        return None
    if text.startswith("'"):
        return text[1:-1]
    if text.startswith("X'"):
        return bytes.fromhex(text[2:-1])
    return float(text) if "." in text else int(text)


def parse_values(text):
    return tuple(parse_literal(value) for value in text.split(" | "))


def parse_scenario(path):
    steps = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            line = line.rstrip("\n")
            word, _, text = line.partition(" ")
            if line.startswith(" "):
                steps[-1].sql += "\n" + line
            elif word == "with":
                steps[-1].parameters = parse_values(text)
            elif word == "row":
                steps[-1].rows.append(parse_values(text))
            elif word == "error":
                steps[-1].error = text
            elif line and word not in ("#", "needs"):  # Python has all that could be needed
                steps.append(Step(number, word, text))
    return steps


def connect(extension, database):
    # isolation_level None: a transaction begins where the program says so. timeout: of PRAGMA busy_timeout.
    connection = sqlite3.connect(database, isolation_level=None, timeout=60)
    connection.enable_load_extension(True)
    connection.load_extension(extension)
    connection.enable_load_extension(False)
    return connection


def run_statement(connection, step):
    try:
        rows = connection.execute(step.sql, step.parameters).fetchall()
    except sqlite3.Error as error:
        if step.error is None or step.error not in str(error):
            sys.exit(f"line {step.line}: {step.sql}\nexpected error: {step.error}\ngot error: {error}")
        return
    if step.error is not None or rows != step.rows:
        sys.exit(f"line {step.line}: {step.sql}\nexpected: {step.error or step.rows}\ngot: {rows}")


def run_scenario(path, extension, database):
    connection = None
    for step in parse_scenario(path):
        if step.verb == "open":
            connection = connect(extension, database)
        elif step.verb == "close":
            connection.close()
        elif step.verb in ("begin", "commit", "rollback"):
            connection.execute(step.verb)
        elif step.verb in ("do", "query"):
            run_statement(connection, step)
        else:
            sys.exit(f"line {step.line}: unknown step {step.verb}")


def append_and_read(extension, database, worker, failures):
    """Appends, and finds each of its appends in the view at once."""
    try:
        connection = connect(extension, database)
        for i in range(APPENDS):
            connection.execute(
                "INSERT INTO events(key, value) VALUES (?, json_object('tags', json_array(?, ?)))",
                (f"{worker}/{i}", "concurrent", worker),
            )
            (count,) = connection.execute(
                "SELECT count(*) FROM by_tag WHERE key = ?", (worker,)
            ).fetchone()
            if count != i + 1:
                raise AssertionError(f"{worker} sees {count} of its {i + 1} appends")
        connection.close()
    except Exception as error:
        failures.append(error)


def run_threads(extension, database):
    failures = []
    threads = [
        threading.Thread(target=append_and_read, args=(extension, database, f"worker {n}", failures))
        for n in range(WORKERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit(f"threads: {failures}")
    connection = connect(extension, database)
    (count,) = connection.execute("SELECT count(*) FROM by_tag WHERE key = 'concurrent'").fetchone()
    connection.close()
    if count != WORKERS * APPENDS:
        sys.exit(f"threads: {count} of {WORKERS * APPENDS} appends are there")


def run_fork(extension, database):
    """A forked child may not use the parent's log: it is told so, and the parent goes on."""
    connection = connect(extension, database)
    statement = "INSERT INTO events(key, value) VALUES ('fork', '{}')"
    connection.execute(statement)
    child = os.fork()
    if child == 0:
        try:
            connection.execute(statement)
            os._exit(1)
        except sqlite3.Error as error:
            os._exit(0 if "fork" in str(error) else 2)
    _, status = os.waitpid(child, 0)
    if status != 0:
        sys.exit(f"fork: the child's append ended with {status}")
    connection.execute(statement)
    connection.close()


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    _, scenario, extension, database = sys.argv
    run_scenario(scenario, extension, database)
    run_threads(extension, database)
    run_fork(extension, database)


main()
