#!/bin/bash
# clusterform-node makes this machine a node of its cluster. clusterform-node.service runs it at every boot; what is done
# already is not done again. Its log is /var/log/clusterform.log, its progress on the console.
set -uo pipefail
umask 022
RUN=/run/clusterform STATE=/var/lib/clusterform LOG=/var/log/clusterform.log
install -d -m 700 $RUN $RUN/p $STATE # secrets are in RUN, in memory, until the node has joined
touch $LOG && chmod 600 $LOG
set -a
. /etc/clusterform/node.env
set +a

cf() { /usr/local/lib/clusterform/cf "$@"; }
say() { cf say "$1" "$2"; }
log() { "$@" >>$LOG 2>&1 </dev/null; }
# The last line of the log that says something, for people.
last() { grep -av '^ *$' $LOG | tail -n 1 | cut -c 1-300; }
fail() {
  say failed "$1"
  rm -rf $RUN/p
  exit 1
}
# Tries go on for half an hour, with a pause that grows to 30 s and differs from node to node.
begin() { attempt=1 pause=1 end=$((SECONDS + 1800)); }
again() {
  [ $SECONDS -lt $end ] || fail "$1"
  sleep $((pause - pause / 2)).$((RANDOM % 10))
  attempt=$((attempt + 1)) pause=$((pause * 2 > 30 ? 30 : pause * 2))
}
# parameter NAME: its value, nothing if it does not exist.
parameter() { cat "$RUN/p/$1" 2>/dev/null; }
# packages COMMAND DEB RPM: installs packages unless the command is there. Lists of packages are words.
packages() {
  command -v "$1" >/dev/null && return
  say fetching "packages: $2"
  for _ in 1 2 3 4 5; do
    if command -v apt-get >/dev/null; then
      export DEBIAN_FRONTEND=noninteractive
      log apt-get -o DPkg::Lock::Timeout=300 update
      log apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $2 && return
    else
      log dnf install -y $3 && return
    fi
    sleep $((5 + RANDOM % 10))
  done
  fail "installing $1: $(last)"
}
kernel() {
  printf '%s\n' overlay br_netfilter >/etc/modules-load.d/clusterform.conf
  log modprobe -a overlay br_netfilter
  printf '%s = 1\n' net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables >/etc/sysctl.d/90-clusterform.conf
  log sysctl -p /etc/sysctl.d/90-clusterform.conf
  swapoff -a
  sed -i '/^[^#].*\sswap\s/s/^/#/' /etc/fstab
}

say booting "$ROLE of $CLUSTER"
cf identity >$STATE/identity || fail "the metadata service does not answer"
set -a
. $STATE/identity
set +a
