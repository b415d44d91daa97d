export KUBECONFIG=$RUN/admin/admin.conf

# The files of the authorities, where kubeadm looks for them.
authorities() {
  pki=/etc/kubernetes/pki
  mkdir -p $pki/etcd
  for pair in cluster:ca front-proxy:front-proxy-ca etcd:etcd/ca service-account:sa; do
    sed -n '/BEGIN CERT/,/END CERT/p' "$RUN/p/pki/${pair%:*}" >"$pki/${pair#*:}.crt"
    (umask 077 && sed -n '/PRIVATE KEY/,/PRIVATE KEY/p' "$RUN/p/pki/${pair%:*}" >"$pki/${pair#*:}.key")
  done
  rm $pki/sa.crt
  sed -n '/BEGIN PUBLIC/,/END PUBLIC/p' $RUN/p/pki/service-account >$pki/sa.pub
  # Nobody without a certificate or token sees more than whether the API is well.
  [ -z "${AUTHENTICATION:-}" ] || cat >/etc/kubernetes/authentication.yaml <<EOF
apiVersion: apiserver.config.k8s.io/$AUTHENTICATION
kind: AuthenticationConfiguration
anonymous: {enabled: true, conditions: [{path: /livez}, {path: /readyz}, {path: /healthz}]}
EOF
}

initial() {
  cat >$RUN/init.yaml <<EOF
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration:
  $node
localAPIEndpoint: {advertiseAddress: $IP}
bootstrapTokens: [{token: "$token", ttl: 15m, description: joins nodes of clusterform, usages: [signing, authentication], groups: ["system:bootstrappers:kubeadm:default-node-token"]}]
timeouts: {controlPlaneComponentHealthCheck: 8m}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
clusterName: "$CLUSTER"
kubernetesVersion: $VERSION
controlPlaneEndpoint: $API:6443
encryptionAlgorithm: ECDSA-P256
networking: {podSubnet: $PODS, serviceSubnet: $SERVICES}
apiServer:
  certSANs: [kubernetes, $API, $(parameter names)]
  extraArgs:
    ${AUTHENTICATION:+- {name: authentication-config, value: /etc/kubernetes/authentication.yaml\}}
    # Pods leave a node that is gone after a minute, instead of five.
    - {name: default-not-ready-toleration-seconds, value: "60"}
    - {name: default-unreachable-toleration-seconds, value: "60"}
  extraVolumes: [${AUTHENTICATION:+{name: authentication, hostPath: /etc/kubernetes/authentication.yaml, mountPath: /etc/kubernetes/authentication.yaml, readOnly: true, pathType: File\}}]
# A kubelet reports every 10 s: three reports missed, and the node is not ready.
controllerManager: {extraArgs: [{name: node-monitor-grace-period, value: 30s}]}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: systemd
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
conntrack: {maxPerCore: 0, min: 0}
EOF
}

newer() { [ "$1" != "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort -V | tail -n 1)" = "$1" ]; }
running() { kubectl -n kube-system get configmap kubeadm-config -o jsonpath='{.data.ClusterConfiguration}' 2>>$LOG | sed -n 's/^kubernetesVersion: //p'; }

# What runs on all nodes follows the newest control plane; an older one that joins changes nothing. During an upgrade
# kube-proxy may so be a minor ahead of the API servers that are not replaced yet: it asks them for nothing that is new.
addons() {
  newer "$(running)" "$VERSION" && return
  [ $MODE = init ] || log kubeadm init phase upload-config all --config $RUN/init.yaml || return
  log kubeadm init phase addon kube-proxy --config $RUN/init.yaml || return
  for file in $RUN/objects/*; do
    log kubectl apply --server-side --force-conflicts --field-manager=clusterform -f "$file" || return
  done
  log kubeadm init phase addon coredns --config $RUN/init.yaml
}

# kubeadm takes the version of a joining control plane from the cluster's configuration: a newer one raises it first.
raise() {
  mkdir -p $RUN/admin
  log kubeadm init phase kubeconfig admin --config $RUN/init.yaml --kubeconfig-dir $RUN/admin || return
  [ "$MODE" = join ] || return 0
  newer "$VERSION" "$(running)" || return 0
  log kubeadm init phase upload-config kubeadm --config $RUN/init.yaml --kubeconfig $KUBECONFIG
}

# The cluster's settings in the objects of its add-ons. What makes a node ready is not put in place by flannel: see cf.
overlay() {
  mkdir -p $RUN/objects
  for file in /usr/local/lib/clusterform/objects/*; do
    case $OVERLAY$file in none*flannel*) continue ;; esac
    sed -e 's|net.d/10-flannel.conflist|net.d/10-flannel.new|' -e "s|\"Network\": \".*\"|\"Network\": \"$PODS\"|" -e "/\"Backend\"/,/}/ s|\"Type\": .*|\"Type\": \"$OVERLAY\"${MTU:+, \"MTU\": $MTU}|" "$file" >"$RUN/objects/${file##*/}"
  done
}

# Which node begins: the engine names one, and it makes sure that no other has.
decide() {
  [ -n "$(parameter leader)" ] || [ -n "$(parameter initialised)" ] || { echo 'no node is named to begin yet' >>$LOG && return 1; }
  [ "$(parameter leader)" = "$INSTANCE" ] && [ -z "$(parameter initialised)" ] && ! cf others && MODE=init && touch $STATE/init
  [ -e $STATE/init ] && MODE=init
  return 0
}

