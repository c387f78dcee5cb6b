#!/bin/bash
# DB Browser for SQLite, on a screen of its own (Xvfb): runs SQL, then shows a view.
#
# DB Browser gives no results to other programs. So the SQL leaves what it saw in an ordinary table, and the rows
# that are shown are copied to the clipboard.
set -euo pipefail

if [[ $# -lt 1 || $# -gt 2 ]]; then
  echo "usage: tests/clients/db_browser.sh <streamview.so> [<screenshot.png>]" >&2
  exit 2
fi
extension=$(realpath "$1")
screenshot=${2:+$(realpath "$2")}
packages=$(realpath "$(dirname "$0")/../../sql/data/debian-packages.jsonl")

directory=$(mktemp -d)
children=()
clean_up() {
  ((${#children[@]} == 0)) || kill "${children[@]}" 2> /dev/null || true
  wait
  rm -rf "$directory"
}
trap clean_up EXIT
cd "$directory"
# Nothing of the user's: no settings, no session.
export HOME=$directory XDG_RUNTIME_DIR=$directory LC_ALL=C.UTF-8
unset DBUS_SESSION_BUS_ADDRESS WAYLAND_DISPLAY XDG_CONFIG_HOME

# wait_until <command>...: until it succeeds, two minutes at most.
wait_until() {
  local deadline=$((SECONDS + 120))
  until "$@"; do
    ((SECONDS < deadline)) || { echo "not within two minutes: $*" >&2; return 1; }
    sleep 0.1
  done
}

mkfifo display
Xvfb -displayfd 3 -screen 0 1000x640x24 -nolisten tcp 3> display 2> xvfb.log &
children+=($!)
read -r number < display
export DISPLAY=:$number

sqlite3 packages.db <<SQL
.load $extension
CREATE VIRTUAL TABLE packages USING sv_log;
CREATE TEMP TABLE line(line);
.mode ascii
.separator "\037" "\n"
.import --schema temp $packages line
INSERT INTO packages(key, value) SELECT line ->> '$.key', line -> '$.value' FROM line;
.mode tabs
.once games
SELECT 'games', value ->> '$.description', key, seq FROM packages
  WHERE value ->> '$.section' = 'games' ORDER BY key LIMIT 5;
SQL
cat > script.sql <<'SQL'
CREATE VIRTUAL TABLE by_section USING sv_view(log = packages,
  map = (SELECT value ->> '$.section' AS section, value ->> '$.description' AS description FROM packages));
INSERT INTO packages(key, value) VALUES ('pkg/test', '{"section":"a test","description":"Is deleted"}');
CREATE TABLE seen AS SELECT doc_id, description FROM by_section WHERE section = 'a test';
INSERT INTO packages(key, value) VALUES ('pkg/test', NULL);
INSERT INTO seen SELECT doc_id, description FROM by_section WHERE section = 'a test';
INSERT INTO seen SELECT name, state FROM sv_status;
SQL
sqlitebrowser -o "extensions/list=$extension" --sql script.sql --table by_section packages.db \
  > browser.log 2>&1 &
browser=$!
children+=("$browser")

# --- It has loaded the extension, defined a view, appended and read.

seen=$'pkg/test|Is deleted\npackages|live\nby_section|live'
has_seen() { [[ $(sqlite3 packages.db 'SELECT * FROM seen' 2>&1) == "$seen" ]]; }
wait_until has_seen

# --- It shows the view, and the games when it is asked for them.

# Types a filter above the first column, and copies what is shown. DB Browser reads rows in the background, and where it
# is not done it shows what it has, or asks whether to stop that: then this has to be done again.
copy_games() {
  local main=$1 other copied
  for other in $(xdotool search --onlyvisible --pid "$browser"); do
    [[ $other == "$main" ]] || { xdotool windowfocus "$other" key Escape; return 1; }
  done
  xdotool windowsize "$main" 1000 480 windowfocus "$main" key shift+alt+0  # nothing but the table
  xdotool mousemove 103 174 click 1 key ctrl+a type '=games'
  xdotool key Return mousemove 100 202 click 1 key ctrl+a ctrl+c
  copied=$(timeout 10 xclip -selection clipboard -out 2> /dev/null) || return 1
  [[ $(head -n 5 <<< "$copied") == "$(< games)" ]]
}
window=$(xdotool search --onlyvisible --name '^DB Browser for SQLite - ')
wait_until copy_games "$window"

# --- A picture of it.

if [[ $screenshot ]]; then
  xdotool windowsize --sync "$window" 1000 480 mousemove 100 229 click 1 sleep 0.5
  for divider in 363 259; do  # a double click makes the column to the left as wide as it has to be
    xdotool mousemove $divider 151 click --repeat 2 --delay 50 1 sleep 0.5
  done
  xdotool mousemove 900 460 sleep 1
  import -window "$window" -strip "$screenshot"
fi
