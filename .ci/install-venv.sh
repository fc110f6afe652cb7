#!/usr/bin/env bash
# Python's venv module is a package of its own on Debian.
set -eu
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing python3-venv …"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends python3-venv >/dev/null
else
  echo "Python's venv module is missing: install the package python3-venv, then run this again." >&2
  exit 1
fi
