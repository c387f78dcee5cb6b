#!/bin/bash
# Tests of the program streamview-hold: each is a function whose name begins with test_. Other processes are
# sqlite3 shells.
# STREAMVIEW_PRELOAD: a sanitizer's run-time libraries, for the shells.
set -euo pipefail

[[ $# -eq 3 ]] ||
  { echo "usage: tests/hold/hold.sh <streamview-hold> <streamview.so> <test>" >&2; exit 2; }
hold=$(realpath "$1")
sources=$(realpath "$(dirname "$0")/../..")
extension=$(realpath "$2")

directory=$(realpath "$(mktemp -d)")
started=()
finish() {
  ((${#started[@]} == 0)) || kill -9 "${started[@]}" 2> /dev/null || true
  rm -rf "$directory"
}
trap finish EXIT
cd "$directory"
chmod 755 .

fail() {
  echo "$*" >&2
  cat messages* >&2 || true
  exit 1
}

# wait_until <command>...: until it succeeds
wait_until() {
  local i
  for ((i = 0; i < 2000; i++)); do
    if "$@"; then return; fi
    sleep 0.01
  done
  fail "in vain: $*"
}

# A process that lives for one command.
run() {
  LD_PRELOAD=${STREAMVIEW_PRELOAD:-} sqlite3 -batch -cmd '.timeout 10000' -cmd ".load $extension" app.db "$1"
}

# expect <what is expected> <SQL>
expect() {
  local actual
  actual=$(run "$2")
  [[ $actual == "$1" ]] || fail "$2: is '$actual', and should be '$1'"
}

# Sets $pid to a shell that lives until its standard input, descriptor 7, ends.
start_shell() {
  [[ -p commands ]] || mkfifo commands
  LD_PRELOAD=${STREAMVIEW_PRELOAD:-} sqlite3 -batch -cmd '.timeout 10000' -cmd ".load $extension" app.db \
    < commands > answers &
  pid=$!
  started+=("$pid")
  exec 7> commands
  echo "$1" >&7
  wait_until test -s answers
}

# start_hold <argument>...: sets $pid. It has begun to hold when this returns.
holds=0
start_hold() {
  local ready=ready.$((++holds))
  perl -MIO::Socket::UNIX -e '
    my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die "$!";
    open(my $there, ">", "$ARGV[0].there") or die "$!";
    alarm 60;
    $socket->recv(my $message, 100);
    exit($message eq "READY=1" ? 0 : 1);' "$ready" &
  local listener=$!
  wait_until test -e "$ready.there"
  NOTIFY_SOCKET=$directory/$ready "$hold" --extension "$extension" "$@" \
    2> "messages.$holds" 7>&- &
  pid=$!
  started+=("$pid")
  wait "$listener" || fail "it is not ready"
}

is_said() { grep -qF "$1" messages*; }
is_gone() { [[ ! -e $1 ]]; }
holder_is() { [[ $(run "SELECT holder FROM sv_status WHERE name = '${2:-events}'") == "$1" ]]; }

# ends <process> <expected exit status>
ends() {
  local status=0
  wait "$1" || status=$?
  [[ $status -eq $2 ]] || fail "process $1 ended with status $status, and should with $2"
}

# refuses <exit status> <what it says> <argument>...: a call that ends by itself
refuses() {
  local expected=$1 says=$2 status=0
  shift 2
  "$hold" "$@" > printed 2>&1 < /dev/null || status=$?
  if [[ $status -ne $expected ]] || ! grep -qF -- "$says" printed; then
    fail "streamview-hold $*: status $status: $(cat printed)"
  fi
}

# What a process has used and done up to now.
used() {
  cat "/proc/$1/stat" "/proc/$1"/task/*/status |
    awk 'NR == 1 { print $14 + $15 } /^voluntary_ctxt_switches/ { n += $2 } END { print n }'
}

# Whether a process does nothing at all for three seconds.
is_quiet() {
  local before
  before=$(used "$1")
  sleep 3
  [[ $(used "$1") == "$before" ]]
}

create() {
  run "CREATE VIRTUAL TABLE events USING sv_log; CREATE TABLE plain(x);
       CREATE VIRTUAL TABLE tags USING sv_view(log = events, emit = '\$.t[*]');
       INSERT INTO events(key, value) VALUES ('a', '{\"t\":[1,2]}');"
}

test_processes_that_come_and_go_are_its_clients() {
  create
  start_hold app.db
  for i in 1 2 3; do
    expect "$pid|1" "SELECT holder, clients FROM sv_status WHERE kind = 'log'"
    run "INSERT INTO events(key, value) VALUES ($i, '{\"t\":[2]}')"
    expect $((i + 1)) "SELECT count(*) FROM tags WHERE key = 2"
  done
  run "BEGIN; INSERT INTO events(key, value) VALUES ('b', '{}'); INSERT INTO plain VALUES (1); COMMIT"
  expect '5|1' 'SELECT sv_head(), (SELECT count(*) FROM plain)'
  holder_is "$pid" || fail "another process holds the log"
}

test_in_wal_mode_it_is_the_same() {
  run 'PRAGMA journal_mode = WAL'
  create
  start_hold app.db
  holder_is "$pid" || fail "another process holds the log"
  run 'CREATE VIRTUAL TABLE more USING sv_log'
  wait_until holder_is "$pid" more
  run 'DROP TABLE more'
  wait_until is_said 'log more: dropped'
}

test_when_it_is_killed_the_next_process_takes_over() {
  create
  start_hold app.db
  run "INSERT INTO events(key, value) VALUES ('b', '{\"t\":[3]}')"
  kill -9 "$pid"
  ends "$pid" 137
  expect '2|3' 'SELECT sv_head(), (SELECT count(*) FROM tags)'
  run "INSERT INTO events(key, value) VALUES ('c', '{}')"
  expect 3 'SELECT sv_head()'
}

test_a_signal_ends_it_and_its_logs_are_closed() {
  create
  for signal in TERM INT HUP; do
    start_hold app.db
    holder_is "$pid" || fail "another process holds the log"
    kill -"$signal" "$pid"
    ends "$pid" 0
    [[ ! -e app.db-events/SOCKET ]] || fail "the log was not closed"
  done
  holder_is "$pid" && fail "it holds the log though it has ended"
  expect 1 'SELECT count(*) FROM events'
}

test_it_takes_over_when_the_first_holder_ends() {
  create
  start_shell 'SELECT count(*) FROM events;'
  local shell=$pid
  start_hold app.db
  holder_is "$shell" || fail "the shell should hold the log"
  is_said "by way of process $shell" || fail "it should say who holds the log"
  exec 7>&-
  wait "$shell"
  wait_until holder_is "$pid"
}

test_it_takes_over_when_the_first_holder_is_killed() {
  create
  start_shell 'SELECT count(*) FROM events;'
  local shell=$pid
  start_hold app.db
  kill -9 "$shell"
  wait_until holder_is "$pid"
  expect 1 'SELECT count(*) FROM events'
}

test_it_takes_over_when_the_first_holder_closes_the_log_and_lives_on() {
  create
  start_shell 'SELECT count(*) FROM events;'
  local shell=$pid
  start_hold app.db
  printf '.open other.db\nSELECT 1;\n' >&7
  wait_until holder_is "$pid"
  kill -0 "$shell"
}

test_of_two_one_waits() {
  create
  start_hold app.db
  local first=$pid
  start_hold app.db
  holder_is "$first" || fail "the first one should hold the log"
  kill -9 "$first"
  wait_until holder_is "$pid"
}

test_logs_that_are_created_and_dropped_later_are_noticed() {
  touch app.db
  start_hold app.db
  create
  wait_until holder_is "$pid"
  run 'CREATE VIRTUAL TABLE more USING sv_log'
  wait_until holder_is "$pid" more
  run 'ALTER TABLE more RENAME TO less'
  holder_is "$pid" less || fail "it should hold the log that was renamed"
  run 'DROP TABLE less'
  wait_until is_gone app.db-more/SOCKET
  holder_is "$pid" || fail "it should hold the other log still"
}

test_several_databases_are_held_at_a_time() {
  create
  mkdir two
  (cd two && create)
  start_hold app.db two/app.db
  holder_is "$pid" || fail "it should hold the log"
  (cd two && holder_is "$pid") || fail "it should hold the other log"
}

test_a_log_that_cannot_be_opened_is_tried_again() {
  create
  run 'CREATE VIRTUAL TABLE more USING sv_log'
  mv app.db-events elsewhere
  start_hold app.db
  is_said 'log events: the log'\''s directory is missing' || fail "it should say what is wrong"
  holder_is "$pid" more || fail "it should hold the other log"
  mv elsewhere app.db-events
  wait_until holder_is "$pid"
}

test_a_database_that_is_moved_away_ends_it() {
  create
  start_hold app.db
  mv app.db other.db
  ends "$pid" 1
  is_said 'app.db: was deleted, moved or replaced' || fail "it should say why it ended"
}

test_while_nothing_happens_it_does_nothing() {
  create
  start_hold app.db
  local hold_pid=$pid
  start_shell 'SELECT count(*) FROM tags;'
  # The server's thread goes to sleep a second after the last request.
  wait_until is_quiet "$hold_pid"
  # It is not dead.
  echo 'SELECT holder FROM sv_status WHERE name = "events";' >&7
  wait_until grep -qx "$hold_pid" answers
}

# 77: not tested, for want of systemd.
test_systemd_takes_the_unit() {
  command -v systemd-analyze > /dev/null || exit 77
  local unit=streamview-hold@srv-app-app.db.service
  sed "s|/usr/bin/streamview-hold|$hold|" "$sources/examples/streamview-hold@.service" > "$unit"
  systemd-analyze verify "./$unit" > printed 2>&1 || fail "$(cat printed)"
  [[ ! -s printed ]] || fail "$(cat printed)"
}

test_wrong_calls_are_refused() {
  refuses 0 'usage: streamview-hold' --help
  refuses 0 'streamview-hold 0.' --version
  refuses 2 'which database?'
  refuses 2 'what is --colour?' --colour app.db
  refuses 2 'what is --extension?' --extension
  refuses 1 'app.db: No such file or directory; create the database first' app.db
  head -c 5000 /dev/zero | tr '\0' x > app.db
  refuses 1 'app.db: file is not a database' app.db
  refuses 1 '.: unable to open database file' .
  rm app.db
  create
  refuses 1 'the extension cannot be loaded' --extension /nowhere/streamview app.db
}

test_what_it_may_not_write_it_does_not_hold() {
  create
  local as_other=()
  [[ $(id -u) -ne 0 ]] || as_other=(setpriv --reuid 65534 --clear-groups)
  cp "$hold" "$extension" .
  chmod 444 app.db
  "${as_other[@]}" ./streamview-hold app.db > printed 2>&1 && fail "it should not hold app.db"
  grep -q 'app.db: the database file cannot be written' printed || fail "$(cat printed)"
  chmod 666 app.db
  chmod 777 .
  chmod -R a+rX,a-w app.db-events
  "${as_other[@]}" ./streamview-hold app.db > printed 2>&1 && fail "it should not hold the log"
  grep -q 'app.db-events cannot be written' printed || fail "$(cat printed)"
}

"test_$3"
