cat >/run/join.yaml <<X
apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
discovery: {bootstrapToken: {apiServerEndpoint: "LEADER:6443", token: TOKEN, unsafeSkipCAVerification: true}}
nodeRegistration:
  criSocket: unix:///run/containerd/containerd.sock
  kubeletExtraArgs: [{name: node-ip, value: "$IP"}]
X
kubeadm join --config /run/join.yaml
