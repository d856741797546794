# A Grid Engine cluster: `qconf -spl` lists parallel environments; it takes one with allocation_rule 1.
export PILOTFISH_HOME="${SCRATCH:-$HOME}/pilotfish"
export PILOTFISH_RESOURCE='sge://?pe=node'
export PILOTFISH_QUEUE=all.q
