package controlplane

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
)

// validity of the certificates made here.
const validity = 24 * time.Hour

// files are the keys and certificates that the programs read from their directory.
type files struct {
	admin *rest.Config
	etcd  *pki.Authority
}

// writeFiles makes the certificates that a control-plane node's bootstrap makes, and kubeconfigs.
func writeFiles(dir, host string, parameters map[string]string) (*files, error) {
	now := time.Now()
	authority := map[string]*pki.Authority{}
	for file, name := range map[string]string{"ca": pki.KubernetesCluster, "front-proxy-ca": pki.KubernetesFrontProxy, "etcd-ca": pki.KubernetesEtcd} {
		a, err := pki.ParseAuthority(parameters[name])
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", name, err)
		}
		authority[file] = a
		if err := write(dir, file+".crt", a.CertificatePEM()); err != nil {
			return nil, err
		}
	}
	cluster := authority["ca"]
	// Both readers of the authority's file take what is theirs of certificate and key.
	if err := write(dir, "ca.key", parameters[pki.KubernetesCluster]); err != nil {
		return nil, err
	}
	if err := write(dir, "sa.key", parameters[pki.KubernetesServiceAccount]); err != nil {
		return nil, err
	}
	api, err := cluster.IssueServer(pki.Server{CommonName: "kube-apiserver", Names: []string{"kubernetes", "api.clusterform.internal", host}, Validity: validity}, now)
	if err != nil {
		return nil, err
	}
	f := &files{etcd: authority["etcd-ca"]}
	if err := f.writeEtcd(dir, "etcd", Member, host); err != nil {
		return nil, err
	}
	proxy, err := authority["front-proxy-ca"].IssueClient(pki.Client{CommonName: "front-proxy-client", Validity: validity}, now)
	if err != nil {
		return nil, err
	}
	kubelet, err := cluster.IssueClient(pki.Client{CommonName: "kube-apiserver-kubelet-client", Validity: validity}, now)
	if err != nil {
		return nil, err
	}
	for name, pair := range map[string]*pki.Pair{"kubelet-client": kubelet, "api": api, "front-proxy": proxy} {
		if err := write(dir, name+".crt", string(pair.Certificate)); err != nil {
			return nil, err
		}
		if err := write(dir, name+".key", string(pair.Key)); err != nil {
			return nil, err
		}
	}
	controllers, err := cluster.IssueClient(pki.Client{CommonName: "system:kube-controller-manager", Validity: validity}, now)
	if err != nil {
		return nil, err
	}
	if err := writeKubeconfig(filepath.Join(dir, "controllers.conf"), host, cluster, controllers); err != nil {
		return nil, err
	}
	admin, err := cluster.IssueClient(pki.Client{CommonName: "test", Organizations: []string{"system:masters"}, Validity: validity}, now)
	if err != nil {
		return nil, err
	}
	f.admin = &rest.Config{
		Host: "https://" + host + ":6443",
		TLSClientConfig: rest.TLSClientConfig{
			ServerName: "kubernetes", CAData: []byte(cluster.CertificatePEM()), CertData: admin.Certificate, KeyData: admin.Key,
		},
	}
	return f, nil
}

// writeEtcd makes the certificate of a member.
func (f *files) writeEtcd(dir, file, name, host string) error {
	pair, err := f.etcd.IssueServer(pki.Server{CommonName: name, Names: []string{"localhost", "127.0.0.1", host}, Validity: validity, Client: true}, time.Now())
	if err != nil {
		return err
	}
	if err := write(dir, file+".crt", string(pair.Certificate)); err != nil {
		return err
	}
	return write(dir, file+".key", string(pair.Key))
}

func writeKubeconfig(path, host string, cluster *pki.Authority, user *pki.Pair) error {
	const name = "test"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{
		Server: "https://" + host + ":6443", TLSServerName: "kubernetes", CertificateAuthorityData: []byte(cluster.CertificatePEM()),
	}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: user.Certificate, ClientKeyData: user.Key}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	return clientcmd.WriteToFile(*config, path)
}

func write(dir, name, content string) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600)
}
