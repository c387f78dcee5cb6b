"""Notes by author, with Flask.

    DATABASE=app.db gunicorn --workers 4 flask_app:app
"""

import contextlib
import os
import pathlib
import sqlite3
import threading

from flask import Flask, request

app = Flask(__name__)
local = threading.local()


def connect():
    db = sqlite3.connect(os.environ["DATABASE"], isolation_level=None, timeout=10)
    db.enable_load_extension(True)
    db.load_extension(os.environ.get("STREAMVIEW", "streamview"))
    db.enable_load_extension(False)
    db.execute("SELECT sv_consistency('latest')").fetchone()
    return db


def database():
    """The connection of this thread, opened by its first request: after gunicorn has forked."""
    if not hasattr(local, "db"):
        local.db = connect()
    return local.db


# gunicorn runs this in each worker; with --preload once, and forks then: so it is closed again.
with contextlib.closing(connect()) as db:
    db.executescript(pathlib.Path(__file__).with_name("schema.sql").read_text(encoding="utf-8"))


def notes_by(author):
    rows = database().execute(
        "SELECT doc_id, value, seq FROM notes_by_author WHERE key = ?", (author,)
    ).fetchall()
    notes = [{"id": id, "text": text, "seq": seq} for id, text, seq in rows]
    return {"pid": os.getpid(), "notes": notes}


@app.post("/notes")
def add_note():
    note = request.get_json()
    database().execute(
        "INSERT INTO notes(key, value) VALUES (?, ?)", (note["id"], request.get_data(as_text=True))
    )
    return notes_by(note["author"])


@app.get("/notes")
def show_notes():
    return notes_by(request.args["author"])
