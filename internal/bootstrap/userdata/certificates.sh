#!/bin/bash
# certificates [DAYS]: renews what kubeadm has signed for this control-plane node when any of it ends within that time, 90
# days unless said otherwise, and restarts what reads its own only when it starts. clusterform-certificates.timer runs it
# once a day. The authorities themselves last ten years and are the engine's business.
set -uo pipefail
LOG=/var/log/clusterform.log K=/etc/kubernetes
cf() { /usr/local/lib/clusterform/cf "$@"; }
log() { "$@" >>$LOG 2>&1 </dev/null; }
fail() {
  cf say certificates "$1"
  exit 1
}

# due SECONDS: whether a certificate ends within that time.
due() {
  for file in $K/pki/*.crt $K/pki/etcd/*.crt $K/*.conf; do
    case $file in
      *ca.crt) continue ;;
      *.crt) pem=$(cat "$file") ;;
      *) pem=$(sed -n 's/^ *client-certificate-data: *//p' "$file" | base64 -d) ;;
    esac
    [ -z "$pem" ] || openssl x509 -noout -checkend "$1" <<<"$pem" >/dev/null 2>&1 || return 0
  done
  return 1
}

# The containers of one of this node's own pods.
containers() { ctr -n k8s.io containers ls -q "labels.\"io.kubernetes.pod.name\"==$1-$INSTANCE,labels.\"io.kubernetes.container.name\"==$1" | sort; }
restart() {
  old=$(containers "$1") end=$((SECONDS + 300))
  for id in $old; do log ctr -n k8s.io tasks kill -s SIGTERM "$id"; done # those of earlier starts are gone already
  until [ -n "$(comm -13 <(echo "$old") <(containers "$1"))" ] && cf well; do
    [ $SECONDS -lt $end ] || fail "renewed, but $1 has not come back in 5 minutes; the next try is tomorrow"
    sleep 1
  done
}

# A restart that failed is made up for.
[ -e $K/pki/renewed ] || due $((${1:-90} * 86400)) || exit 0
# What is not well is left alone, unless that may be because of certificates that have ended.
cf well || due 0 || fail "they end soon, and the API or etcd of this node is not well; the next try is tomorrow"
log kubeadm certs renew all || fail "not renewed: $(grep -av '^ *$' $LOG | tail -n 1 | cut -c 1-300)"
touch $K/pki/renewed
for name in etcd kube-apiserver kube-controller-manager kube-scheduler; do restart $name; done
rm $K/pki/renewed
cf say ready "certificates renewed until $(openssl x509 -noout -enddate -in $K/pki/apiserver.crt | cut -d = -f 2)"
