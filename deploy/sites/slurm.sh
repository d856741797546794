# A Slurm cluster with a fast network and a scratch file system: copy, and set what your site calls it.
export PILOTFISH_HOME="${SCRATCH:-$HOME}/pilotfish"
export PILOTFISH_RESOURCE=slurm://
export PILOTFISH_QUEUE=standard
export PILOTFISH_PROJECT=my-account
# The network that functions' events should take; `ip -br address` on a node shows them.
export PILOTFISH_INTERFACE=ib0
