
API=api.clusterform.internal
MODE=join

runtime() {
  packages containerd "containerd conntrack socat ethtool iptables ebtables kmod" "containerd conntrack-tools socat ethtool iptables-nft"
  packages conntrack "conntrack socat ethtool iptables ebtables" "conntrack-tools socat ethtool iptables-nft"
  pause=$(kubeadm config images list --kubernetes-version "$VERSION" 2>>$LOG | grep /pause:) || fail "kubeadm does not run: $(last)"
  # Without CAP_SYS_RESOURCE (a machine that is a container) scores below the parent's cannot be set.
  rigid=true
  (((0x$(awk '/^CapEff/ {print $2}' /proc/self/status) >> 24) & 1)) && rigid=false
  mkdir -p /etc/containerd/conf.d /etc/containerd/certs.d
  cat >/etc/containerd/config.toml <<EOF
version = 2
imports = ["/etc/containerd/conf.d/*.toml"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$pause"
  restrict_oom_score_adj = $rigid
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = true
EOF
  [ -z "${REGISTRY:-}" ] || for host in registry.k8s.io ghcr.io docker.io; do
    mkdir -p /etc/containerd/certs.d/$host
    printf 'server = "https://%s"\n[host."%s"]\n  capabilities = ["pull", "resolve"]\n' $host "$REGISTRY" >/etc/containerd/certs.d/$host/hosts.toml
  done
  log systemctl enable containerd
  log systemctl restart containerd || fail "containerd does not start: $(last)"
}

# What the node will run is pulled while the rest is downloaded, and while it waits for the API.
images() {
  wanted=$(kubeadm config images list --kubernetes-version "$VERSION" 2>>$LOG)
  [ "$ROLE" = control_plane ] || wanted=$(grep -E 'pause|kube-proxy' <<<"$wanted")
  for image in $wanted $([ "$OVERLAY" = none ] || sed -n 's/^ *image: *//p' /usr/local/lib/clusterform/objects/*flannel*.yml | sort -u); do
    ctr -n k8s.io images pull --hosts-dir /etc/containerd/certs.d "$image" >/dev/null 2>&1 &
  done
}

kubelet() {
  mkdir -p /etc/systemd/system/kubelet.service.d /etc/kubernetes/kubelet.conf.d /etc/kubernetes/manifests
  cat >/etc/systemd/system/kubelet.service <<'EOF'
[Unit]
Description=kubelet
Wants=network-online.target
After=network-online.target containerd.service
[Service]
Environment="KUBELET_AUTH=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=/usr/local/bin/kubelet $KUBELET_AUTH --config=/var/lib/kubelet/config.yaml --config-dir=/etc/kubernetes/kubelet.conf.d $KUBELET_KUBEADM_ARGS
Restart=always
StartLimitIntervalSec=0
RestartSec=1
[Install]
WantedBy=multi-user.target
EOF
  cf reserved >$RUN/reserved && . $RUN/reserved
  printf '%s\n' 'apiVersion: kubelet.config.k8s.io/v1beta1' 'kind: KubeletConfiguration' "systemReserved: $RESERVED" >/etc/kubernetes/kubelet.conf.d/20-clusterform.conf
  log systemctl daemon-reload
  log systemctl enable kubelet clusterform-api.timer
}

configuration() {
  cf pool >$RUN/pool && . $RUN/pool
  token=$(parameter join)
  node="name: $INSTANCE
  criSocket: unix:///run/containerd/containerd.sock
  imagePullSerial: false
  kubeletExtraArgs: [{name: node-ip, value: $IP}, {name: node-labels, value: \"$LABELS\"}]
  taints: $TAINTS"
  cat >$RUN/join.yaml <<EOF
apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
discovery: {file: {kubeConfigPath: $RUN/discovery.conf}, tlsBootstrapToken: "$token"}
nodeRegistration:
  $node
timeouts: {discovery: 30s, tlsBootstrap: 2m, controlPlaneComponentHealthCheck: 8m}
EOF
  [ "$ROLE" = worker ] || echo "controlPlane: {localAPIEndpoint: {advertiseAddress: $IP}}" >>$RUN/join.yaml
  cat >$RUN/discovery.conf <<EOF
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://$API:6443", certificate-authority-data: $(base64 -w0 /etc/clusterform/ca.crt)}}]
users: [{name: u, user: {token: "$token"}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
EOF
}

attempt() {
  log cf parameters && [ -n "$(parameter join)" ] && [ -n "$(parameter endpoints)" ] || { echo 'the cluster lets nobody join yet' >>$LOG && return 1; }
  [ "$ROLE" = worker ] || decide || return
  if [ $MODE = init ]; then
    sed -i "/$API/d" /etc/hosts && echo "$IP $API" >>/etc/hosts
  else
    cf wait && cf hosts || { echo "no API lets us join at $(parameter endpoints)" >>$LOG && return 1; }
    [ -z "${tried:-}" ] || log kubeadm reset -f
  fi
  configuration
  [ "$ROLE" = worker ] || { initial && authorities && raise; } || return
  say joining "$MODE (attempt $attempt)"
  try=$MODE${tried:-1} tried=2
  case $try in
    init1) log kubeadm init --config $RUN/init.yaml --skip-token-print --skip-phases=addon ;;
    # Another try goes on with what the first has made.
    init*) log kubeadm init --config $RUN/init.yaml --skip-token-print --skip-phases=addon --ignore-preflight-errors=all ;;
    *)
      log kubeadm join --config $RUN/join.yaml || return
      # Until it had its certificate kubelet asked in vain, with growing pauses, and the first pods would wait them out.
      log systemctl restart kubelet || return 0
      ;;
  esac
}

if [ ! -e $STATE/joined ]; then
  kernel
  say fetching "$VERSION"
  cf fetch kubeadm kube-flannel.yml 2>>$LOG || fail "$(last)"
  runtime
  images
  cf fetch 2>>$LOG || fail "$(last)"
  kubelet
  begin
  until attempt; do
    [ $attempt -lt 3 ] || say joining "attempt $attempt: $(last)"
    again "did not join: $(last)"
  done
  log systemctl start clusterform-api.timer
  if [ "$ROLE" = control_plane ]; then
    packages openssl openssl openssl
    log systemctl enable --now clusterform-certificates.timer
    overlay
    begin
    until addons; do again "add-ons: $(last)"; done
  fi
  touch $STATE/joined
  rm -rf $RUN/*
else
  cf hosts
fi
cf ready 2>>$LOG || fail "joined, but $(last)"
say ready "$INSTANCE"
