#!/bin/sh
# Makes a self-contained copy of Pilotfish in DIR: Node, nats-server, the bundles, esbuild and the example functions, as
# one tarball and unpacked beside it. Needs no network once `npm run setup` has run in this clone; the copy needs nothing
# from the machine but a shell and may be moved, linked to and put on a shared file system.
#   deploy/install.sh DIR      prints the tarball's path and size on stdout
set -eu

if [ $# -ne 1 ] || [ "$1" = -h ] || [ "$1" = --help ]; then
  echo "usage: deploy/install.sh DIR" >&2
  exit 2
fi

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
# The set-up runs under whatever Node the machine has; afterwards its own is there.
if [ -x "$root/dist/node" ]; then node=$root/dist/node; else node=node; fi
"$node" "$root/deploy/setup.mjs" --quiet

mkdir -p -- "$1"
exec "$root/dist/node" "$root/deploy/install.mjs" "$(CDPATH='' cd -- "$1" && pwd -P)"
