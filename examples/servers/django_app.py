"""Notes by author, with Django.

    DATABASE=app.db gunicorn --workers 4 django_app:application
"""

import json
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.db.backends.signals import connection_created
from django.http import JsonResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ.get("SECRET_KEY", "only for tests"),
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["DATABASE"],
            "OPTIONS": {"timeout": 10},
            "CONN_MAX_AGE": None,  # keep connections, and with them the log, open between requests
        }
    },
)


def prepare(connection, **_):
    db = connection.connection
    db.enable_load_extension(True)
    db.load_extension(os.environ.get("STREAMVIEW", "streamview"))
    db.enable_load_extension(False)
    db.execute("SELECT sv_consistency('latest')").fetchone()


connection_created.connect(prepare)


def notes_by(author):
    with connection.cursor() as cursor:
        cursor.execute("SELECT doc_id, value, seq FROM notes_by_author WHERE key = %s", [author])
        notes = [{"id": id, "text": text, "seq": seq} for id, text, seq in cursor.fetchall()]
    return JsonResponse({"pid": os.getpid(), "notes": notes})


def notes(request):
    if request.method == "GET":
        return notes_by(request.GET["author"])
    note = json.loads(request.body)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO notes(key, value) VALUES (%s, %s)", [note["id"], request.body.decode()]
        )
    return notes_by(note["author"])


urlpatterns = [path("notes", notes)]
application = get_wsgi_application()
