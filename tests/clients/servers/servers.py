"""How each server of examples/servers/ is started, asked and stopped."""

import http.client
import os
import pathlib
import signal
import socket
import subprocess
import textwrap
import time
import urllib.parse

EXAMPLES = pathlib.Path(__file__).resolve().parents[3] / "examples" / "servers"
NODE_MODULES = pathlib.Path(__file__).resolve().parents[1] / "node" / "node_modules"
START_TIMEOUT = 60
STOP_TIMEOUT = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Server:
    """A server process and its workers. `extension` and `database` are absolute paths."""

    WORKERS = 2  # its children
    RESTARTS_WORKERS = True  # what becomes of a worker that was killed
    HOLDS = True  # its workers have the log open between requests
    KILL_GRACE = 0.0  # seconds for which a dead worker may still be handed requests
    REQUEST_TIMEOUT = 60
    EXIT_CODES = (0,)
    RELOAD_SIGNAL = None

    @staticmethod
    def why_not():
        """Why this machine has none, or None."""
        return None

    def __init__(self, extension, database, directory):
        self.extension = extension
        self.directory = directory
        self.port = free_port()
        self.log_path = directory / f"server-{self.port}.log"
        self.environment = dict(os.environ, DATABASE=str(database), STREAMVIEW=extension)

    def command(self):
        raise NotImplementedError

    def start(self):
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                self.command(), env=self.environment, cwd=EXAMPLES, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                status, body = self.request("GET", "/notes?author=nobody")
                break
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"the server does not start: {self.log()}") from error
                time.sleep(0.02)
        if status != 200:
            raise AssertionError(f"the server answers {status} at first: {body}\n{self.log()}")

    def worker_pids(self):
        return children(self.process.pid)

    def reload(self):
        self.process.send_signal(self.RELOAD_SIGNAL)

    def signal_stop(self):
        self.process.terminate()

    def stop(self):
        self.signal_stop()
        code = self.process.wait(STOP_TIMEOUT)
        if code not in self.EXIT_CODES:
            raise AssertionError(f"the server ended with {code}: {self.log()}")

    def log(self):
        return self.log_path.read_text(errors="replace")

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.REQUEST_TIMEOUT)

    def request(self, method, target, body=None):
        """The status and the text of the answer. OSError where there is none."""
        connection = self.connect()
        try:
            headers = {"Content-Type": "application/json", "Connection": "close"}
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except http.client.HTTPException as error:
            raise ConnectionError(f"no answer: {error!r}") from error
        finally:
            connection.close()


class Gunicorn(Server):
    WORKERS = 4
    RELOAD_SIGNAL = signal.SIGHUP
    OPTIONS = ("--workers", "4")
    APPLICATION = "flask_app:app"

    def command(self):
        return ["/usr/bin/gunicorn", *self.OPTIONS, "--bind", f"127.0.0.1:{self.port}",
                "--graceful-timeout", "60", self.APPLICATION]


class GunicornPreload(Gunicorn):
    RELOAD_SIGNAL = None  # the workers would be those of the code that was loaded
    OPTIONS = ("--workers", "2", "--threads", "2", "--preload")
    WORKERS = 2


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class Container(Gunicorn):
    """In namespaces of its own, as in a container: it sees nothing of the others but the database's directory, which
    is at another place there."""

    OPTIONS = ("--workers", "2")
    WORKERS = 1  # that can be seen from here: it starts the others
    HOLDS = False  # that is, not by a number that is known here
    RESTARTS_WORKERS = False
    RELOAD_SIGNAL = None
    NAMESPACES = ("--user", "--map-root-user", "--mount", "--pid", "--fork", "--net", "--ipc", "--uts")
    VOLUME = "/mnt"

    @staticmethod
    def why_not():
        trial = subprocess.run(["unshare", *Container.NAMESPACES, "true"], capture_output=True, text=True, check=False)
        return trial.stderr if trial.returncode != 0 else None

    def command(self):
        self.environment["DATABASE"] = f"{self.VOLUME}/app.db"
        return ["unshare", *self.NAMESPACES, "bash", "-c",
                'mount --bind "$1" "$2" && mount -t tmpfs hidden "$1" && mount -t proc proc /proc && exec "${@:3}"',
                "bash", self.directory, self.VOLUME,
                "/usr/bin/gunicorn", *self.OPTIONS, "--bind", f"unix:{self.VOLUME}/web-{self.port}", self.APPLICATION]

    def connect(self):
        return UnixConnection(self.directory / f"web-{self.port}", self.REQUEST_TIMEOUT)

    def signal_stop(self):
        os.kill(children(self.process.pid)[0], signal.SIGTERM)  # unshare does not hand it on


class Django(Gunicorn):
    OPTIONS = ("--workers", "2")
    APPLICATION = "django_app:application"
    WORKERS = 2


class Node(Server):
    # What the primary has handed to a worker that dies is neither answered nor closed.
    KILL_GRACE = 1.0
    REQUEST_TIMEOUT = 10

    def command(self):
        self.environment["PORT"] = str(self.port)
        if NODE_MODULES.is_dir():  # else it is Debian's, which Debian's Node finds
            self.environment["NODE_PATH"] = str(NODE_MODULES)
        return ["node", "node_cluster.cjs"]


class PhpCli(Server):
    HOLDS = False
    RESTARTS_WORKERS = False

    def command(self):
        extension = pathlib.Path(self.extension)
        self.environment |= {"STREAMVIEW": extension.name, "PHP_CLI_SERVER_WORKERS": str(self.WORKERS)}
        return ["php", "-d", f"sqlite3.extension_dir={extension.parent}",
                "-S", f"127.0.0.1:{self.port}", "index.php"]

    def signal_stop(self):
        os.killpg(self.process.pid, signal.SIGINT)  # as Ctrl-C does: it has no other way to end its workers


class PhpFpm(Server):
    HOLDS = False
    RELOAD_SIGNAL = signal.SIGUSR2

    def command(self):
        extension = pathlib.Path(self.extension)
        self.socket = self.directory / f"fpm-{self.port}"
        configuration = self.directory / f"fpm-{self.port}.conf"
        configuration.write_text(textwrap.dedent(f"""\
            [global]
            error_log = /proc/self/fd/2
            process_control_timeout = 60s
            [www]
            listen = {self.socket}
            pm = static
            pm.max_children = {self.WORKERS}
            catch_workers_output = yes
            env[DATABASE] = {self.environment["DATABASE"]}
            env[STREAMVIEW] = {extension.name}
            """) + ("user = root\ngroup = root\n" if os.getuid() == 0 else ""))
        program = max(pathlib.Path("/usr/sbin").glob("php-fpm[0-9]*"))
        return [program, "--nodaemonize", *(["--allow-to-run-as-root"] if os.getuid() == 0 else []),
                "-d", f"sqlite3.extension_dir={extension.parent}", "--fpm-config", configuration]

    def request(self, method, target, body=None):
        path, _, query = target.partition("?")
        body = (body or "").encode()
        environment = {
            "REQUEST_METHOD": method, "SCRIPT_FILENAME": str(EXAMPLES / "index.php"), "SCRIPT_NAME": path,
            "QUERY_STRING": query, "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body))}
        answer = subprocess.run(
            ["cgi-fcgi", "-bind", "-connect", self.socket], env=environment, input=body,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=self.REQUEST_TIMEOUT, check=False)
        head, separator, text = answer.stdout.decode().partition("\r\n\r\n")
        if not separator:
            raise ConnectionError(f"no answer: {answer}")
        fields = dict(line.split(": ", 1) for line in head.split("\r\n"))
        return int(fields.get("Status", "200").split()[0]), text


class Puma(Server):
    EXIT_CODES = (0, -signal.SIGTERM, 128 + signal.SIGTERM)

    def command(self):
        return ["puma", "--workers", str(self.WORKERS), "--threads", "2:2",
                "--bind", f"tcp://127.0.0.1:{self.port}", "config.ru"]


class Go(Server):
    """One process with a pool of connections; there are two of them only while one is replaced."""

    WORKERS = 0
    RESTARTS_WORKERS = False

    def command(self):
        self.environment["ADDRESS"] = f"127.0.0.1:{self.port}"
        return [os.environ["GO_SERVER"]]


SERVERS = {
    # name: the first one, and the one that is to replace it
    "gunicorn": (Gunicorn, GunicornPreload),
    "containers": (Container, Container),
    "django": (Django, Django),
    "node_cluster": (Node, Node),
    "php_cli": (PhpCli, PhpCli),
    "php_fpm": (PhpFpm, PhpFpm),
    "puma": (Puma, Puma),
    "go": (Go, Go),
}


def query_string(**fields):
    return urllib.parse.urlencode(fields)
