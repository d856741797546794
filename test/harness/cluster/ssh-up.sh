#!/bin/bash
# ssh-up.sh NODE... - a real sshd on nodes of a cluster that is up (n1..nN, ctl),
# for the test user alone: each node has a host key of its own, the user one key,
# and host keys are checked strictly against the user's own known_hosts. All of it
# lies in the cluster's directory and goes with it; the daemons go with their nodes.
# Safe to run again, as after `slurm-node.sh boot NODE`.
. "$(dirname "$(readlink -f "$0")")/nodes-lib.sh"
PUSER=${PILOT_USER:?the test user}
[ "$(id -u)" = 0 ] || die "needs root"
[ $# -gt 0 ] || die "usage: ssh-up.sh NODE..."
keys=$PILOT_DIR/ssh

install_packages() {
  command -v sshd >/dev/null && command -v ssh >/dev/null && return 0
  msg "installing openssh-server openssh-client"
  # RUNLEVEL=1: the package's own init script starts nothing
  local apt="env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 -o Acquire::Retries=5"
  { $apt install -y --no-install-recommends openssh-server openssh-client ||
    { $apt update && $apt install -y --no-install-recommends openssh-server openssh-client; }; } >&2 ||
    die "could not install openssh-server"
}

new_key() { [ -e "$1" ] || ssh-keygen -q -t ed25519 -N '' -C '' -f "$1" || die "no key $1"; }

make_client() {
  local home ssh
  home=$(getent passwd "$PUSER" | cut -d: -f6); ssh=$home/.ssh
  case $home in "$PILOT_DIR"/*) ;; *) die "$PUSER is not a user of this cluster";; esac
  mkdir -p "$ssh"; new_key "$ssh/id_ed25519"
  cp "$ssh/id_ed25519.pub" "$ssh/authorized_keys"
  [ -e "$ssh/config" ] || printf '%s\n' "Host *" "  User $PUSER" "  IdentityFile $ssh/id_ed25519" "  IdentitiesOnly yes" \
    "  StrictHostKeyChecking yes" "  UserKnownHostsFile $ssh/known_hosts" "  GlobalKnownHostsFile /dev/null" >"$ssh/config"
  : >>"$ssh/known_hosts"
  # without PAM sshd refuses an account that is locked, as useradd leaves it; "*" is no password either
  usermod -p '*' "$PUSER"
}

start_sshd() {
  local node=$1 addr conf home
  addr=$(node_addr "$node"); conf=$keys/$node.conf; home=$(getent passwd "$PUSER" | cut -d: -f6)
  new_key "$keys/$node"
  grep -q "^$node," "$home/.ssh/known_hosts" 2>/dev/null ||
    { echo "$node,$addr $(cut -d' ' -f1,2 "$keys/$node.pub")" >>"$home/.ssh/known_hosts"
      printf '%s\n' "Host $node" "  HostName $addr" "  HostKeyAlias $node" >>"$home/.ssh/config"; }
  printf '%s\n' "ListenAddress $addr:22" "HostKey $keys/$node" "PidFile $keys/$node.pid" "UsePAM no" \
    "AllowUsers $PUSER" "PasswordAuthentication no" "KbdInteractiveAuthentication no" "PrintMotd no" "PrintLastLog no" \
    "MaxStartups 100" "LogLevel VERBOSE" >"$conf"
  in_node "$node" pgrep -xo sshd >/dev/null && return 0
  PILOT_WD=/ in_node "$node" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    /usr/sbin/sshd -f "$conf" -E "$PILOT_DIR/log/sshd-$node.log" </dev/null 9>&- || die "sshd on $node: see $PILOT_DIR/log"
}

install_packages
take_lock
mkdir -p "$keys" /run/sshd && chmod 700 "$keys"
make_client
for node in "$@"; do start_sshd "$node"; done
chown -R "$PUSER:" "$(getent passwd "$PUSER" | cut -d: -f6)/.ssh"
