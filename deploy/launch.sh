#!/bin/sh
# The pilotfish command of an installed copy. Finds the copy through any links that lead here, whatever the working folder,
# and runs it on the copy's own Node and nats-server.
self=$0
hops=0
while [ -L "$self" ] && [ "$hops" -lt 40 ]; do
  target=$(readlink "$self")
  case $target in
    /*) self=$target ;;
    *) self=$(dirname "$self")/$target ;;
  esac
  hops=$((hops + 1))
done
home=$(CDPATH='' cd -- "$(dirname -- "$self")/.." && pwd -P) || exit 1
: "${PILOTFISH_NATS_SERVER:=$home/bin/nats-server}"
export PILOTFISH_NATS_SERVER
exec "$home/bin/node" "$home/dist/cli.mjs" "$@"
