#!/bin/bash
# The Debian mirrors that this machine's apt is set up for, one address a line.
set -euo pipefail

[[ $# -eq 0 ]] || { echo "usage: scripts/debian-mirrors.sh" >&2; exit 2; }

# Where apt has not been updated yet, it knows an address, but not whose archive is there.
# shellcheck disable=SC2016  # apt expands it
{
  apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 2> /dev/null | sed -n 's/^Debian Debian //p'
  apt-get update --print-uris 2> /dev/null | sed -nE "s#^'([^']*/debian/)dists/.*#\1#p"
} | awk '!seen[$0]++'
