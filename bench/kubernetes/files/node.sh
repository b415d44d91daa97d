#!/bin/bash
# What a person who knows the lab would write: the software by curl, kubeadm with a configuration that suits small machines.
exec >/var/log/by-hand.log 2>&1
set -ex
trap 'echo "by hand: failed: $(tail -n 1 /var/log/by-hand.log)" >/dev/console' ERR
files=ARTIFACTS/bundles/BUNDLE/files
IP=$(hostname -I | cut -d' ' -f1)
for program in kubeadm kubelet kubectl; do
  curl -fsS -o /usr/local/bin/$program $files/$program &
done
mkdir -p /opt/cni/bin && curl -fsS $files/cni-plugins-linux-amd64-CNI.tgz | tar -xz -C /opt/cni/bin &
wait
chmod 755 /usr/local/bin/kube*
printf '%s\n' net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1 >/etc/sysctl.d/90-kubernetes.conf
sysctl -p /etc/sysctl.d/90-kubernetes.conf
cat >/etc/containerd/config.toml <<'X'
version = 2
imports = ["/etc/containerd/conf.d/*.toml"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:PAUSE"
  restrict_oom_score_adj = true
  tolerate_missing_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = true
X
systemctl enable containerd
systemctl restart containerd
cat >/etc/systemd/system/kubelet.service <<'X'
[Unit]
After=containerd.service
[Service]
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=/usr/local/bin/kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml --config-dir=/etc/kubernetes/kubelet.conf.d $KUBELET_KUBEADM_ARGS
Restart=always
StartLimitIntervalSec=0
RestartSec=2
[Install]
WantedBy=multi-user.target
X
systemctl daemon-reload
systemctl enable kubelet
