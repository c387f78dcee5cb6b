#!/usr/bin/awk -f
# Turns Debian package stanzas (what `apt-cache dumpavail` prints) into one JSON document per line:
#
#   apt-cache dumpavail | LC_ALL=C awk -f scripts/debian-packages.awk > packages.jsonl
#
#   {"key":"pkg/<name>","value":{"package","version","section","priority","installed_size","size",
#    "tags":[...],"depends":[...],"description"}}
#
# `depends` names every package of Depends once, alternatives included, without version or
# architecture. Of a package that is listed more than once, the first stanza counts.

function json_string(s) {
  gsub(/\\/, "\\\\", s)
  gsub(/"/, "\\\"", s)
  gsub(/[\001-\037]/, " ", s)
  return "\"" s "\""
}

# The distinct names of `list` as a JSON array. `separator` and `suffix`, what to cut off behind each
# name, are regular expressions.
function json_array(list, separator, suffix,    count, i, names, seen, out) {
  count = split(list, names, separator)
  for (i = 1; i <= count; i++) {
    sub(/^ +/, "", names[i])
    sub(suffix, "", names[i])
    if (names[i] == "" || names[i] in seen) continue
    seen[names[i]] = 1
    out = out (out == "" ? "" : ",") json_string(names[i])
  }
  return "[" out "]"
}

function print_document() {
  printf "{\"key\":%s,\"value\":{", json_string("pkg/" field["Package"])
  printf "\"package\":%s,", json_string(field["Package"])
  printf "\"version\":%s,", json_string(field["Version"])
  printf "\"section\":%s,", json_string(field["Section"])
  printf "\"priority\":%s,", json_string(field["Priority"])
  printf "\"installed_size\":%d,\"size\":%d,", field["Installed-Size"], field["Size"]
  printf "\"tags\":%s,", json_array(field["Tag"], ",", " +$")
  printf "\"depends\":%s,", json_array(field["Depends"], "[,|]", "[ (:[].*$")
  printf "\"description\":%s}}\n", json_string(field["Description"])
}

function end_of_stanza() {
  if (field["Package"] != "" && !(field["Package"] in printed)) {
    printed[field["Package"]] = 1
    print_document()
  }
  split("", field)
}

/^$/ { end_of_stanza(); next }
# A line that begins with a blank continues the field; of a description only the first line is kept.
/^[ \t]/ {
  if (name != "Description") field[name] = field[name] $0
  next
}
{
  colon = index($0, ":")
  name = substr($0, 1, colon - 1)
  field[name] = substr($0, colon + 2)
  sub(/ +$/, "", field[name])
}
END { end_of_stanza() }
