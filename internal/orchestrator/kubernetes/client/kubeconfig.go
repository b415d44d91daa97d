package client

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// Kubeconfig makes the file that kubectl reads: one context of that name, with a client certificate of its own that is
// good for ttl (0: an hour) and cannot be taken back. server is a URL; "" takes the address that answers from here.
// Whatever the address, its certificate is checked for the name that all of the cluster's have.
func (k *Client) Kubeconfig(ctx context.Context, name, server string, ttl time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if server == "" {
		host, err := k.transport.answering(ctx)
		if err != nil {
			return nil, err
		}
		server = "https://" + hostPort(host)
	}
	if u, err := url.Parse(server); err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("%s: %q is no address of an API; want https://HOST:%s", k.cluster.Address, server, port)
	} else if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), port)
		server = u.String()
	}
	pair, err := k.authority.IssueClient(pki.Client{CommonName: userName, Organizations: []string{group}, Validity: ttl}, k.now())
	if err != nil {
		return nil, err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{
		Server: server, TLSServerName: serverName, CertificateAuthorityData: []byte(k.authority.CertificatePEM()),
	}
	user := name + "-" + userName
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: pair.Certificate, ClientKeyData: pair.Key}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: user}
	config.CurrentContext = name
	return clientcmd.Write(*config)
}

var (
	_ orchestrator.KubeconfigMaker   = (*Client)(nil)
	_ orchestrator.CertificateReader = (*Client)(nil)
	_ orchestrator.LogReader         = (*Client)(nil)
	_ orchestrator.Executor          = (*Client)(nil)
	_ orchestrator.StatusReader      = (*Client)(nil)
)
