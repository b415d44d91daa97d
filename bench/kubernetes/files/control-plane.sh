cat >/run/kubeadm.yaml <<X
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration:
  criSocket: unix:///run/containerd/containerd.sock
  kubeletExtraArgs: [{name: node-ip, value: "$IP"}]
localAPIEndpoint: {advertiseAddress: $IP}
bootstrapTokens: [{token: TOKEN, ttl: 24h0m0s, usages: [signing, authentication], groups: ["system:bootstrappers:kubeadm:default-node-token"]}]
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: vVERSION
networking: {podSubnet: 10.244.0.0/16}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: systemd
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
conntrack: {maxPerCore: 0, min: 0}
X
kubeadm init --config /run/kubeadm.yaml
export KUBECONFIG=/etc/kubernetes/admin.conf
curl -fsS $files/kube-flannel.yml | kubectl apply -f -
kubectl apply -f - <<'X'
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello}
spec:
  replicas: 3
  selector: {matchLabels: {app: hello}}
  template:
    metadata: {labels: {app: hello}}
    spec:
      containers:
      - name: hello
        image: registry.lab:5000/hello:1
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 2}
---
apiVersion: v1
kind: Service
metadata: {name: hello}
spec:
  type: NodePort
  selector: {app: hello}
  ports: [{port: 8080, nodePort: 30080}]
X
until [ "$(kubectl get nodes --no-headers | grep -c ' Ready ')" = 3 ]; do sleep 0.5; done
kubectl -n kube-system rollout status deployment/coredns --timeout=10m
kubectl rollout status deployment/hello --timeout=10m
echo "by hand: all is up" >/dev/console
