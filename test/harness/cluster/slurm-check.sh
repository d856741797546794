#!/bin/bash
# slurm-check.sh - checks that the cluster of slurm-up.sh does what tests rely on.
# About 100 s, of which 60 to 90 are Slurm's own walltime (its unit is a minute).
here=$(dirname "$(readlink -f "$0")"); cd "$(mktemp -d /tmp/slurm-check.XXXXXX)" || exit 1; work=$PWD; chmod 755 .
pass=0 fail=0 puser=${PILOT_USER:-pilotuser}
ok() { # NAME EXPECTED ACTUAL
  if [ "$2" = "$3" ]; then pass=$((pass+1)); printf 'ok    %s\n' "$1"
  else fail=$((fail+1)); printf 'FAIL  %s\n        expected: %s\n        got:      %s\n' "$1" "$2" "$3"; fi; }
has() { case $3 in *$2*) ok "$1" x x;; *) ok "$1" "...$2..." "$3";; esac; }
until_() { local e=$((SECONDS+$1)); shift; until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $e ] || return 1; sleep 0.1; done; }
state() { squeue -h -t all -j "$1" -o %T; }
is() { [ "$(state "$1")" = "$2" ]; }
node() { "$here/slurm-node.sh" "$@"; }
net() { "$here/net-fault.sh" "$@"; }

t0=$(date +%s%N); PILOT_FRESH=1 "$here/slurm-up.sh" 4 >env 2>up.log || { cat up.log; echo "0 passed, 1 failed"; exit 1; }
t1=$(date +%s%N); . ./env; cat up.log
ok "up in under 10 s" yes "$([ $(( (t1-t0)/1000000 )) -lt 10000 ] && echo yes)"
has "up again keeps it" "already up" "$("$here/slurm-up.sh" 4 2>&1 >/dev/null)"

# walltime, in the background: USR1 to the batch shell, then TERM at one minute
cat >wall.sh <<'J'
#!/bin/bash
trap 'echo USR1 $SECONDS' USR1; trap 'echo TERM $SECONDS' TERM
for i in $(seq 1 900); do sleep 0.2; done
J
wall=$(sbatch --parsable -N1 -w n4 -t 1 --signal=B:USR1@20 -o wall.out wall.sh)

ok "srun: one process on each node, each with its own name and address" \
  "$(for i in 1 2 3 4; do echo "n$i $PILOT_NET.1$i"; done)" "$(srun -N4 --ntasks-per-node=1 bash -c 'echo $(hostname) $(hostname -I)' | sort)"
ok "nodes have their own process table" 1 "$(srun -N1 -w n3 bash -c 'ps -e -o comm= | grep -c "^slurmd$"')"
ok "nodes reach nothing outside" no "$(srun -N1 ip route | grep -q default && echo yes || echo no)"
id=$(sbatch --parsable -N2 --ntasks-per-node=1 -c4 -o b.out --wrap 'scontrol show hostnames; srun hostname | sort')
until_ 15 is "$id" COMPLETED; ok "sbatch -N2, scontrol show hostnames, srun inside" "$(printf 'n1\nn2\nn1\nn2')" "$(cat b.out)"
id=$(sbatch --parsable -N2 -t 7 -o /dev/null --wrap 'sleep 60'); until_ 10 is "$id" RUNNING
ok "squeue -o" "$id|RUNNING|2|7:00|root" "$(squeue -h -j "$id" -o '%i|%T|%D|%l|%u')"
ok "squeue --json" "RUNNING 7" "$(squeue --json | python3 -c 'import json,sys; j=[j for j in json.load(sys.stdin)["jobs"] if j["job_id"]==int(sys.argv[1])][0]; s=j["job_state"]; t=j["time_limit"]; print(s if isinstance(s,str) else s[0], t if isinstance(t,int) else t["number"])' "$id")"
has "scontrol show job" "JobState=RUNNING" "$(scontrol show job "$id")"
scancel "$id"; until_ 10 is "$id" CANCELLED; ok "scancel" CANCELLED "$(state "$id")"
id=$(sbatch --parsable -N1 -o t.out --wrap 'trap "echo got USR1" USR1; for i in $(seq 1 100); do sleep 0.1; done'); until_ 10 is "$id" RUNNING; sleep 0.5
scancel -b -s USR1 "$id"; sleep 0.7; has "scancel -b -s USR1 reaches the batch script" "got USR1" "$(cat t.out)"; scancel "$id"
ok "salloc + srun" "n1 n2 n3" "$(salloc -Q -N3 -t 2 srun --ntasks-per-node=1 hostname | sort | tr '\n' ' ' | sed 's/ $//')"
id=$(sbatch --parsable -N3 -x n4 -o /dev/null --wrap 'sleep 60'); until_ 10 is "$id" RUNNING   # the batch host (n1) cannot leave
scontrol update JobId="$id" NodeList=n1,n3 >/dev/null; ok "shrink, choosing who leaves" "n[1,3] 2" "$(squeue -h -j "$id" -o '%N %D')"; rm -f slurm_job_*; scancel "$id"
u() { setpriv --reuid=$puser --regid=$puser --init-groups env HOME="$PILOT_DIR/home/$puser" "$@"; }
id=$(cd "$PILOT_DIR/home/$puser" && u sbatch --parsable -N2 -o u.out --wrap 'srun id -un'); until_ 15 is "$id" COMPLETED
ok "a user's job" "$(printf '%s\n%s' "$puser" "$puser")" "$(cat "$PILOT_DIR/home/$puser/u.out")"
ok "fake GPUs" "0,1 0,1" "$(srun -N2 --gres=gpu:2 --ntasks-per-node=1 bash -c 'echo $CUDA_VISIBLE_DEVICES' | tr '\n' ' ' | sed 's/ $//')"
for i in $(seq 1 40); do sbatch -n1 -o /dev/null --wrap 'sleep 15' >/dev/null; done
many() { [ "$(squeue -h -t R -n wrap -o %i | wc -l)" -ge 40 ]; }; until_ 20 many; ok "40 jobs of one CPU at once on two cores" 40 "$(squeue -h -t R -n wrap -o %i | wc -l)"; scancel -n wrap; until_ 15 eval '! squeue -h -n wrap -o %i | grep -q .'
id=$(sbatch --parsable -N2 -w n[1-2] --requeue --open-mode=append -o r.out --wrap 'echo run ${SLURM_RESTART_COUNT:-0}; sleep 60'); until_ 10 grep -q "run 0" r.out
scontrol requeue "$id"; until_ 40 grep -q "run 1" r.out; ok "requeue" "run 0 run 1" "$(grep '^run' r.out | tr '\n' ' ' | sed 's/ $//')"; scancel "$id"
a=$(sbatch --parsable -N2 -w n[1-2] --no-requeue -o /dev/null --wrap 'srun sleep 90')
b=$(sbatch --parsable -N2 -w n[2-3] --no-kill -o /dev/null --wrap 'srun --no-kill -K0 sleep 90; sleep 90')
until_ 10 is "$a" RUNNING; until_ 10 is "$b" RUNNING; sleep 1; node crash n2
until_ 60 is "$a" NODE_FAIL; ok "a node's power cut ends its job" NODE_FAIL "$(state "$a")"
has "... and shows in sinfo" down "$(sinfo -h -N -n n2 -p debug -o %t)"
until_ 10 eval '[ "$(squeue -h -j $b -o "%T %N")" = "RUNNING n3" ]'; ok "... but not one with --no-kill" "RUNNING n3" "$(squeue -h -j "$b" -o '%T %N')"; scancel "$b"
node boot n2; until_ 30 eval '[ "$(sinfo -h -N -n n2 -p debug -o %t)" = idle ]'; ok "power on again" idle "$(sinfo -h -N -n n2 -p debug -o %t)"
id=$(sbatch --parsable -N2 -w n[1-2] -o ctl.out --wrap 'srun bash -c "sleep 6; echo done"'); until_ 10 is "$id" RUNNING; sleep 1
node kill-ctld; squeue >/dev/null 2>&1; ok "slurmctld away: squeue fails" 1 $?; node start-ctld; until_ 30 is "$id" COMPLETED; ok "... the job goes on and ends well" "done done COMPLETED" "$(tr '\n' ' ' <ctl.out)$(state "$id")"
tcp() { node exec "$1" timeout 2 bash -c "echo >/dev/tcp/$2/$3" 2>/dev/null && echo open || echo shut; }
ok "wire: open" open "$(tcp n1 "$PILOT_NET.12" 6818)"; net cut n1 n2; ok "wire: cut" shut "$(tcp n1 "$PILOT_NET.12" 6818)"
ok "wire: only that pair" open "$(tcp n3 "$PILOT_NET.12" 6818)"; net heal; ok "wire: healed" open "$(tcp n1 "$PILOT_NET.12" 6818)"
net delay n1 n2 100; s=$(date +%s%N); tcp n1 "$PILOT_NET.12" 6818 >/dev/null; ms=$(( ($(date +%s%N)-s)/1000000 )); ok "wire: 100 ms each way" yes "$([ $ms -ge 200 ] && echo yes || echo $ms)"; net heal
until_ 90 is "$wall" TIMEOUT; ok "walltime: TIMEOUT" TIMEOUT "$(state "$wall")"; ok "... USR1 before TERM" "USR1 TERM" "$(grep -oE '^(USR1|TERM) ' wall.out | tr -d '\n' | sed 's/ $//')"; grep -E '^(USR1|TERM) ' wall.out | sed 's/^/        at second: /'
t0=$(date +%s%N); "$here/slurm-down.sh" --quiet; ok "down" 0 $?; echo "      down in $(( ($(date +%s%N)-t0)/1000000 )) ms"
ok "nothing left" "0 0 no no" "$(grep -lazs "^pilot-init:$PILOT_DIR:" /proc/[0-9]*/cmdline | wc -l) $(ip -o link | grep -c "$PILOT_IF") $([ -e "$PILOT_DIR" ] && echo yes || echo no) $(getent passwd $puser >/dev/null && echo yes || echo no)"
cd /; rm -rf "$work"
echo "$pass passed, $fail failed"; [ $fail = 0 ]
