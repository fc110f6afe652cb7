#!/usr/bin/env bash
# The browser tests need Chromium, and the node that drives it needs libatomic1.
# Root installs them; for others the tests say that Chromium is missing.
set -eu
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing Chromium …"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
    chromium fonts-dejavu-core libatomic1 >/dev/null
else
  echo "No Chromium here, and only root can install it: the browser tests will say so." >&2
fi
