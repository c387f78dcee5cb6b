#!/usr/bin/env python3
"""Writes what the benchmarks measured into docs/performance.md, with plots beside it.

usage: bench/report.py <results> <docs>

<results> holds what bench/run.sh has kept: versus.txt, reads.txt, scaling.txt, group_commit.txt, sharing.txt,
parts.txt and, where PouchDB and flumedb were measured, peers.txt.
Between its two marks docs/performance.md is replaced; the plots are docs/performance-*.svg.
"""

import pathlib
import statistics
import sys

BEGIN = "<!-- measured by bench/run.sh: begin -->"
END = "<!-- measured by bench/run.sh: end -->"

# What each figure is called, whether more of it is better, and the ratio to SQLite that is aimed at.
FIGURES = [
    ("insert_acknowledged", "INSERT acknowledged", "documents/s", True, "at least 10x"),
    ("insert_complete", "both views complete", "documents/s", True, "at least 4x, SQL map 2.5x"),
    ("update_complete", "update of 10 %, views complete", "documents/s", True, "at least 3x"),
    ("lookup_p50", "look-up of 10 rows, p50", "us", False, "at most 1.3x"),
    ("range_p50", "range of 20 rows, p50", "us", False, "at most 1x"),
    ("rebuild_seconds", "tags view from scratch", "s", False, "at most 1x"),
    ("put_read_p50", "put, then read it back, p50", "us", False, "at most 1x"),
    ("put_read_p99", "put, then read it back, p99", "us", False, "at most 1x"),
    ("disk_megabytes", "on disk", "MB", False, "at most 1x"),
    ("peak_megabytes", "peak memory", "MB", False, ""),
]
CONTESTANTS = ["streamview", "streamview_sql", "sqlite", "rocksdb"]
PEERS = ["pouchdb", "flumedb"]
# What is measured of a client and of the holder (bench/sharing.cc), and the ratio that is aimed at.
AT_MOST, AT_LEAST_HALF = "at most 2x", "at least 0.5x"
SHARING = [
    ("view_lookup", "look-up of 10 rows", AT_MOST),
    ("view_lookup_latest", "the same, `latest`", AT_MOST),
    ("view_lookup_documents", "the same, with documents", AT_MOST),
    ("document_lookup", "document by key", AT_MOST),
    ("entry_lookup", "entry by seq", AT_MOST),
    ("view_page", "1,000 rows of a view", AT_LEAST_HALF),
    ("view_page_documents", "the same, with documents", AT_LEAST_HALF),
    ("documents_page", "1,000 documents", AT_LEAST_HALF),
    ("log_page", "1,000 entries of the log", AT_LEAST_HALF),
    ("append", "INSERT, transactions of 1,000", "at least 0.6x"),
]
COLOURS = {"streamview": "#2a6fbb", "streamview_sql": "#7fb0e0", "sqlite": "#999999",
           "insert": "#7fb0e0", "sv_append": "#2a6fbb"}


def read_medians(path):
    """Of lines `name... value`, comments left out: the median of each name."""
    found = {}
    for words in map(str.split, path.read_text().splitlines()):
        if words and words[0] != "#":
            found.setdefault(tuple(words[:-1]), []).append(float(words[-1]))
    return {name: statistics.median(values) for name, values in found.items()}


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(rows):
    head, *body = rows
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in body])


def bars(title, groups, series):
    """An SVG of horizontal bars: groups of (label, {name: value}), drawn to the longest."""
    height = 30 + sum(18 * len(values) + 12 for _, values in groups)
    longest = max(value for _, values in groups for value in values.values())
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="760" height="{height}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="760" height="{height}" fill="white"/>',
           f'<text x="8" y="18" font-size="14">{title}</text>']
    y = 34
    for label, values in groups:
        out.append(f'<text x="8" y="{y + 12}">{label}</text>')
        for name in series:
            if name not in values:
                continue
            width = max(1, 330 * values[name] / longest)
            out.append(f'<rect x="230" y="{y}" width="{width:.1f}" height="14" '
                       f'fill="{COLOURS[name]}"/>')
            out.append(f'<text x="{236 + width:.1f}" y="{y + 12}">{number(values[name])} {name}'
                       '</text>')
            y += 18
        y += 12
    return "\n".join(out + ["</svg>", ""])


def versus(results, docs):
    text = (results / "versus.txt").read_text()
    title = text.splitlines()[0].lstrip("# ")
    values = read_medians(results / "versus.txt")
    rows = [["", "streamview", "SQL maps", "SQLite", "RocksDB", "ratio", "SQL maps", "goal"]]
    ratios = []
    for figure, name, unit, more, goal in FIGURES:
        found = {c: values[(c, figure)] for c in CONTESTANTS if (c, figure) in values}
        row = [f"{name} ({unit})"] + [number(found[c]) if c in found else "" for c in CONTESTANTS]
        row += [f"{found[c] / found['sqlite']:.2f}x" for c in CONTESTANTS[:2]]
        rows.append(row + [goal])
        if more:
            ratios.append((name, {c: found[c] / found["sqlite"] for c in CONTESTANTS[:2]}))
        else:
            ratios.append((name, {c: found["sqlite"] / found[c] for c in CONTESTANTS[:2]}))
    (docs / "performance-versus.svg").write_text(
        bars("How many times better than SQLite", ratios, CONTESTANTS[:2]))
    return f"### Against SQLite and RocksDB: {title}\n\n{table(rows)}\n\n![](performance-versus.svg)\n"


def reads(results, docs):
    lines = (results / "reads.txt").read_text().splitlines()
    title = lines[0].lstrip("# ")
    measured = {}  # by part and shape: the fields of bench/reads.cc
    for fields in (line.split("\t") for line in lines[2:] if not line.startswith("#")):
        measured.setdefault(fields[0], {})[fields[1]] = fields[2:]
    rows = [["", "SQLite, us", "streamview, us", "ratio", "p99, ratio", "least", "goal"]]
    for shape, (sqlite, own, ratio, sqlite99, own99, *aims) in measured["rested"].items():
        aims = [f"{aim}x" for aim in aims] or ["", ""]
        rows.append([shape, number(float(sqlite)), number(float(own)), f"{ratio}x",
                     f"{float(own99) / float(sqlite99):.2f}x", *aims])
    parts = [part for part in measured if part not in ("rested", "client")]
    others = [["ratio to SQLite's", *parts, "client, to the holder"]]
    for shape in measured["rested"]:
        found = [measured[part].get(shape) for part in [*parts, "client"]]
        others.append([shape] + [f"{fields[2]}x" if fields else "" for fields in found])
    ratios = [(shape, {"streamview": float(fields[2])})
              for shape, fields in measured["rested"].items() if float(fields[2]) < 20]
    (docs / "performance-reads.svg").write_text(
        bars("Time of a read, as a multiple of SQLite's (those below 20)", ratios, ["streamview"]))
    memory = lines[-1].lstrip("# ")
    return (f"### Reads: {title}\n\n{table(rows)}\n\n![](performance-reads.svg)\n\n"
            f"Under other conditions ([bench/reads.cc](../bench/reads.cc) says which):\n\n"
            f"{table(others)}\n\nOf the whole run: {memory}.\n")


def peers(results, _):
    path = results / "peers.txt"
    if not path.exists():
        return ""
    count = int(path.read_text().split()[1])
    values = read_medians(path)
    rows = [["", "streamview", "SQLite", "PouchDB", "flumedb", "to PouchDB", "to flumedb"]]
    for figure, name, unit, *_ in FIGURES:
        found = {c: values[(c, figure)] for c in ["streamview", "sqlite", *PEERS]}
        rows.append([f"{name} ({unit})"] + [number(value) for value in found.values()]
                    + [f"{number(found['streamview'] / found[c])}x" for c in PEERS])
    return f"### Beside PouchDB and flumedb: {count:,} documents\n\n{table(rows)}\n"


def scaling(results, docs):
    values = {name[0]: value for name, value in read_medians(results / "scaling.txt").items()}
    tenths = [(f"tenth {i}", {"streamview": values[f"tenth_{i}_per_second"]})
              for i in range(1, 11)]
    (docs / "performance-scaling.svg").write_text(
        bars("Appends a second, by tenths of the log", tenths, ["streamview"]))
    rows = [["", ""]]
    rows.append(["the last tenth of the appends, as to the first",
                 f"{values['tenth_10_per_second'] / values['tenth_1_per_second']:.2f}"])
    for key, name in [("complete_per_second", "documents/s until both views were complete"),
                      ("ingest_peak_megabytes", "peak memory of that, MB"),
                      ("disk_megabytes", "on disk, MB"),
                      ("open_milliseconds", "opening after a clean close, to the first answer, ms"),
                      ("open_after_kill_milliseconds", "opening after a kill -9, to full answers, ms"),
                      ("open_after_kill_peak_megabytes", "peak memory of that, MB")]:
        rows.append([name, number(values[key])])
    title = (results / "scaling.txt").read_text().splitlines()[0].lstrip("# ")
    return f"### As a log grows: {title}\n\n{table(rows)}\n\n![](performance-scaling.svg)\n"


def group_commit(results, docs):
    lines = [line.split() for line in (results / "group_commit.txt").read_text().splitlines()]
    lines = [words for words in lines if words and (words[0] == "threads" or words[0].isdigit())]
    head, *body = lines
    groups = [(f"{words[0]} threads", dict(zip(head[1:], map(float, words[1:])))) for words in body]
    (docs / "performance-group-commit.svg").write_text(
        bars("Durable commits a second, a row each", groups, head[1:]))
    rows = [head] + [[words[0]] + [number(float(w)) for w in words[1:]] for words in body]
    return f"### Durable commits, a row each\n\n{table(rows)}\n\n![](performance-group-commit.svg)\n"


def sharing(results, _):
    values = read_medians(results / "sharing.txt")
    rows = [["", "holder", "client", "200 bytes there and back", "ratio", "goal"]]
    for figure, name, goal in SHARING:
        found = {of[-1]: value for of, value in values.items() if of[0] == figure}
        trip = f"{found['round_trip_us']:.1f} us" if "round_trip_us" in found else ""
        rows.append([name, f"{number(found['holder_us'])} us", f"{number(found['client_us'])} us",
                     trip, f"{found['ratio']:.2f}x", goal])
    durable = {of[-1]: value for of, value in values.items() if of[0] == "durable"}
    return (
        f"### Several processes\n\n{table(rows)}\n\n"
        f"Durable commits of one row by 16 processes, on a disk whose fsync takes "
        f"{values[('fsync_ms',)]:.2f} ms, and here took "
        f"{values[('fsync_as_measured_with_ms',)]:.2f} ms: {number(durable['sqlite_per_second'])} a "
        f"second in SQLite, {number(durable['sv_append_per_second'])} by `sv_append`, "
        f"{durable['ratio']:.1f}x (goal: at least 3x).\n")


def parts(results, _):
    text = (results / "parts.txt").read_text()
    return f"### Parts\n\n```\n{text.rstrip()}\n```\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    results, docs = map(pathlib.Path, sys.argv[1:])
    page = docs / "performance.md"
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    written = [part(results, docs) for part in (versus, reads, peers, scaling, group_commit, sharing,
                                                parts)]
    measured = "\n".join(filter(None, written))
    page.write_text(f"{before}{BEGIN}\n\n{measured}\n{END}{after}")


main()
