#!/bin/sh
# Generates libraries/protocol/generated from the definitions beside this script, offline.
# Another target folder as the only argument leaves the checkout alone.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../libraries/protocol}
PATH=$here/../node_modules/.bin:$PATH
exec buf generate "$here" --template "$here/buf.gen.yaml" --output "$out"
