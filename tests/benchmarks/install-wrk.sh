#!/usr/bin/env bash
# wrk makes the load of the benchmark.
# Root installs it; others are told by the benchmark, and its test, that it is missing.
set -eu
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing wrk …"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends wrk >/dev/null
fi
