# OpenPBS or PBS Professional; for Torque the resource is pbs://?flavour=torque.
export PILOTFISH_HOME="${SCRATCH:-$HOME}/pilotfish"
export PILOTFISH_RESOURCE=pbs://
export PILOTFISH_QUEUE=workq
export PILOTFISH_PROJECT=my-project
