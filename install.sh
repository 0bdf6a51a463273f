#!/bin/sh
# Installs the pinned npm packages when they are missing or older than the lock file, and builds the console when it is older
# than its sources, so that a fresh clone needs no other step. Not "npm ci": it refuses lock files that lack the optional
# packages of other platforms.
set -eu
cd "$(dirname "$0")"
if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm install --no-save --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
fi
node_modules/.bin/node apps/console/build.ts
