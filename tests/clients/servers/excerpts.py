"""Each program text in docs/servers.md that is "From [<file>](...)" stands in that file as it does there.

usage: excerpts.py
"""

import pathlib
import re
import sys

DOCUMENT = pathlib.Path(__file__).resolve().parents[3] / "docs" / "servers.md"
LEAST = 9  # that many are there; fewer are found only where this no longer knows them


def excerpts(lines):
    """(file, text) of each block between a "From" and the next heading, but for commands to start a server."""
    source, block = None, None
    for line in lines:
        if block is not None:
            if line == "```":
                if source is not None and not is_command:
                    yield source, "\n".join(block)
                block = None
            else:
                block.append(line)
        elif line.startswith("```"):
            is_command = line == "```sh" and source is not None and source.suffix != ".sh"
            block = []
        elif line.startswith("#"):
            source = None
        elif found := re.search(r"\bFrom \[[^]]*\]\(([^)]*)\):$", line):
            source = DOCUMENT.parent / found[1]


def main():
    found = list(excerpts(DOCUMENT.read_text(encoding="utf-8").splitlines()))
    if len(found) < LEAST:
        sys.exit(f"{DOCUMENT}: only {len(found)} excerpts")
    for source, text in found:
        if text not in source.read_text(encoding="utf-8"):
            sys.exit(f"{DOCUMENT}: this is not in {source}:\n{text}")


main()
