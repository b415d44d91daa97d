package controlplane

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Member is the name of etcd's first member. In a cluster that kubeadm made it is that of its node.
const Member = "i-0control0plane"

func (cp *ControlPlane) etcdArgs() []string {
	return append(cp.etcdFlags(Member, cp.Host, "etcd"), "--data-dir="+cp.path("etcd"), "--initial-cluster="+Member+"="+PeerURL(cp.Host))
}

// PeerURL is where the other members reach the one on a host.
func PeerURL(host string) string { return "https://" + host + ":2380" }

// etcdFlags are those of any member; file is the name of its certificate.
func (cp *ControlPlane) etcdFlags(name, host, file string) []string {
	clients := "https://" + host + ":2379"
	return []string{
		"--name=" + name, "--unsafe-no-fsync",
		"--listen-client-urls=" + clients, "--advertise-client-urls=" + clients,
		"--listen-peer-urls=" + PeerURL(host), "--initial-advertise-peer-urls=" + PeerURL(host),
		"--client-cert-auth", "--trusted-ca-file=" + cp.path("etcd-ca.crt"),
		"--cert-file=" + cp.path(file+".crt"), "--key-file=" + cp.path(file+".key"),
		"--peer-client-cert-auth", "--peer-trusted-ca-file=" + cp.path("etcd-ca.crt"),
		"--peer-cert-file=" + cp.path(file+".crt"), "--peer-key-file=" + cp.path(file+".key"),
	}
}

func (cp *ControlPlane) apiServerArgs() []string {
	return []string{
		"--bind-address=" + cp.Host, "--advertise-address=" + cp.Host, "--secure-port=6443", "--endpoint-reconciler-type=none",
		"--etcd-servers=https://" + cp.Host + ":2379", "--etcd-cafile=" + cp.path("etcd-ca.crt"),
		"--etcd-certfile=" + cp.path("etcd.crt"), "--etcd-keyfile=" + cp.path("etcd.key"),
		"--client-ca-file=" + cp.path("ca.crt"), "--tls-cert-file=" + cp.path("api.crt"), "--tls-private-key-file=" + cp.path("api.key"),
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + cp.path("sa.key"),
		"--service-account-signing-key-file=" + cp.path("sa.key"), "--service-cluster-ip-range=10.96.0.0/16",
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--enable-bootstrap-token-auth",
		"--requestheader-client-ca-file=" + cp.path("front-proxy-ca.crt"), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + cp.path("front-proxy.crt"), "--proxy-client-key-file=" + cp.path("front-proxy.key"),
		"--kubelet-client-certificate=" + cp.path("kubelet-client.crt"), "--kubelet-client-key=" + cp.path("kubelet-client.key"),
		"--allow-privileged", "--profiling=false", "--shutdown-delay-duration=0s",
	}
}

func (cp *ControlPlane) controllerManagerArgs() []string {
	return []string{
		"--kubeconfig=" + cp.path("controllers.conf"), "--bind-address=" + cp.Host, "--leader-elect=false",
		// Nodes here have no kubelet that says it lives, and are not to be called lost for it.
		"--controllers=*,bootstrapsigner,tokencleaner,-node-lifecycle-controller",
		"--use-service-account-credentials", "--service-account-private-key-file=" + cp.path("sa.key"), "--root-ca-file=" + cp.path("ca.crt"),
		"--cluster-signing-cert-file=" + cp.path("ca.crt"), "--cluster-signing-key-file=" + cp.path("ca.key"),
		"--profiling=false",
	}
}

func (cp *ControlPlane) etcdReady(ctx context.Context) error { return cp.etcdHealth(ctx, cp.Host) }

func (cp *ControlPlane) etcdHealth(ctx context.Context, host string) error {
	config, err := cp.etcdTLS()
	if err != nil {
		return err
	}
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+":2379/health", http.NoBody)
	if err != nil {
		return err
	}
	client := http.Client{Transport: transport, Timeout: 2 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return fmt.Errorf("etcd's health: %s: %s", resp.Status, body)
	}
	return nil
}

func (cp *ControlPlane) apiReady(ctx context.Context) error {
	return cp.Client.Discovery().RESTClient().Get().AbsPath("/readyz").Timeout(2 * time.Second).Do(ctx).Error()
}

func (cp *ControlPlane) controllersReady(ctx context.Context) error {
	_, err := cp.Client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
	return err
}

// etcdTLS lets a client in that has the first member's certificate.
func (cp *ControlPlane) etcdTLS() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(cp.path("etcd.crt"), cp.path("etcd.key"))
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cp.files.etcd.Pool(), Certificates: []tls.Certificate{pair}}, nil
}
