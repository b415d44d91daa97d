package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

const (
	// serverName is the name in every API server's certificate, whatever its address.
	serverName = "kubernetes"
	port       = "6443"
	// userName and group are whom the API and its audit log see. The group is bound to everything before any RBAC object
	// exists, which is when a new cluster needs it.
	userName = "clusterform"
	group    = "system:masters"
	// callTimeout bounds one call that is no wait.
	callTimeout = 30 * time.Second
)

// Client is one cluster's API.
type Client struct {
	cluster    orchestrator.Cluster
	parameters orchestrator.Parameters
	authority  *pki.Authority
	now        func() time.Time
	dialer     *dialer
	transport  *transport
	config     *rest.Config
	api        kubernetes.Interface

	// membership lets one change of etcd's members run at a time, quorumWait is how long one waits for unhealthy members.
	membership sync.Mutex
	quorumWait time.Duration
}

var _ orchestrator.Client = (*Client)(nil)

func newClient(c orchestrator.Cluster, p orchestrator.Parameters, authority *pki.Authority, now func() time.Time) (*Client, error) {
	quiet()
	k := &Client{cluster: c, parameters: p, authority: authority, now: now, dialer: newDialer(c), quorumWait: quorumWait}
	k.transport = &transport{mint: k.mint, now: now, dialer: k.dialer, authority: authority}
	k.config = &rest.Config{
		Host: "https://" + serverName + ":" + port, Transport: k.transport, UserAgent: userName,
		// The API protects itself by priority and fairness.
		QPS: -1,
		// Warnings are about objects of other people as often as not, and nobody reads them in the middle of a run.
		WarningHandler: rest.NoWarnings{},
	}
	api, err := kubernetes.NewForConfig(k.config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Address, err)
	}
	k.api = api
	return k, nil
}

// mint makes an administrator's certificate.
func (k *Client) mint() (*pki.Pair, error) {
	return k.authority.IssueClient(pki.Client{CommonName: userName, Organizations: []string{group}}, k.now())
}

// RESTConfig makes other clients of client-go (dynamic, discovery) use this one's connections. It is a copy. Its transport
// cannot be upgraded to streams: see Exec and Logs.
func (k *Client) RESTConfig() *rest.Config { return rest.CopyConfig(k.config) }

// API is the typed client.
func (k *Client) API() kubernetes.Interface { return k.api }

// Cluster is what the client was made from.
func (k *Client) Cluster() orchestrator.Cluster { return k.cluster }

// Close ends the connections. Calls that run fail.
func (k *Client) Close() error {
	k.transport.close()
	return nil
}

// Forget gives up the connections, because addresses lead elsewhere now. Calls that run fail at once, as they would later
// without an answer; the next ones connect anew.
func (k *Client) Forget() { k.transport.forget() }

// Healthy is orchestrator.Client's.
func (k *Client) Healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body, err := k.api.Discovery().RESTClient().Get().AbsPath("/readyz").Param("verbose", "").Do(ctx).Raw()
	if err == nil {
		return nil
	}
	if failed := failedChecks(string(body)); failed != "" {
		return fmt.Errorf("%s: the API is not ready: %s", k.cluster.Address, failed)
	}
	return k.failed("GET /readyz", err)
}

// streamConfig is for the parts of client-go that dial by themselves, to upgrade a connection: the address that answers
// now and a certificate of its own.
func (k *Client) streamConfig(ctx context.Context) (*rest.Config, error) {
	host, err := k.transport.answering(ctx)
	if err != nil {
		return nil, err
	}
	pair, err := k.mint()
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host: "https://" + hostPort(host), UserAgent: userName,
		TLSClientConfig: rest.TLSClientConfig{
			ServerName: serverName, CAData: []byte(k.authority.CertificatePEM()), CertData: pair.Certificate, KeyData: pair.Key,
		},
		Proxy: direct,
	}, nil
}

// direct keeps proxies of the environment out: they do not know the cluster's addresses.
func direct(*http.Request) (*url.URL, error) { return nil, nil } //nolint:nilnil // no proxy is an answer
