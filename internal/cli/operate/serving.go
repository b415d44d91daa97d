package operate

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// handshakeTimeout bounds the look at one node's certificate.
const handshakeTimeout = 5 * time.Second

// Serving is the certificate that a control-plane node shows to clients.
type Serving struct {
	Node *resource.Record
	// From is when it was made, Until when it ends; zero when Err says why it was not seen.
	From, Until time.Time
	Err         error
}

// ServingCertificates asks every control-plane node of a cluster, side by side, with a TLS handshake at the port of its API.
// No credentials are needed for that.
func ServingCertificates(ctx context.Context, snap *resource.Snapshot, c resource.Address) []Serving {
	var out []Serving
	for _, rec := range ControlPlane(snap, c) {
		out = append(out, Serving{Node: rec})
	}
	api, err := servedBy(snap, c)
	var wg sync.WaitGroup
	for i := range out {
		s := &out[i]
		if s.Err = err; err == nil {
			wg.Go(func() { s.From, s.Until, s.Err = api.handshake(ctx, addressesOf(snap, c, s.Node)) })
		}
	}
	wg.Wait()
	return out
}

// ControlPlane are the recorded control-plane nodes of a cluster, by their ordinals.
func ControlPlane(snap *resource.Snapshot, c resource.Address) []*resource.Record {
	var out []*resource.Record
	for _, rec := range snap.Records {
		if n, ok := rec.Spec.(*resource.Node); ok && rec.Cluster == c && n.Role == "control_plane" {
			out = append(out, rec)
		}
	}
	slices.SortFunc(out, func(a, b *resource.Record) int { return resource.Compare(a.Address, b.Address) })
	return out
}

// server is how a cluster's API shows itself.
type server struct {
	port string
	// name is in every certificate, whatever the node's addresses are.
	name      string
	authority *x509.CertPool
}

// servers are those of the orchestrators.
func servers(orchestrator string) (server, bool) {
	switch orchestrator {
	case "kubernetes":
		return server{port: "6443", name: "kubernetes"}, true
	case "swarm":
		return server{port: "2376", name: "clusterform"}, true
	}
	return server{}, false
}

func servedBy(snap *resource.Snapshot, c resource.Address) (server, error) {
	rec := snap.Records[c.Child("credentials")]
	if rec == nil {
		return server{}, fmt.Errorf("%s has no credentials in the state", c)
	}
	credentials, _ := rec.Spec.(*resource.Credentials)
	if credentials == nil {
		return server{}, fmt.Errorf("the record at %s is not one of credentials", rec.Address)
	}
	s, known := servers(credentials.Orchestrator)
	s.authority = x509.NewCertPool()
	if !known || !s.authority.AppendCertsFromPEM([]byte(credentials.CA)) {
		return server{}, fmt.Errorf("%s has no recorded authority", c)
	}
	return s, nil
}

// addressesOf are where a node's API may answer from here.
func addressesOf(snap *resource.Snapshot, c resource.Address, rec *resource.Record) []string {
	n := rec.Spec.(*resource.Node)
	out := []string{n.PublicAddr, n.PrivateIP}
	if assoc := snap.Records[c.Child("elastic_ip_association")]; assoc != nil {
		if a, ok := assoc.Spec.(*resource.ElasticIPAssociation); ok && resource.Address(a.Node) == rec.Address {
			out = append([]string{endpoint(snap, c)}, out...)
		}
	}
	return slices.DeleteFunc(slices.Compact(out), func(s string) bool { return s == "" })
}

// handshake takes the first address that answers.
func (s server) handshake(ctx context.Context, hosts []string) (from, until time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	type answer struct {
		leaf *x509.Certificate
		err  error
	}
	answers := make(chan answer, len(hosts))
	for _, h := range hosts {
		go func() {
			leaf, err := s.leaf(ctx, h)
			answers <- answer{leaf, err}
		}()
	}
	for range hosts {
		a := <-answers
		if a.err == nil {
			return madeAt(a.leaf), a.leaf.NotAfter, nil
		}
		err = cmp.Or(err, a.err)
	}
	return from, until, cmp.Or(err, errors.New("it has no address"))
}

// validity is that of the certificates on nodes.
const validity = 365 * 24 * time.Hour

// madeAt is when a certificate was made. Those of kubeadm begin with their authority and tell it by their end alone.
func madeAt(c *x509.Certificate) time.Time {
	if from := c.NotAfter.Add(-validity); from.After(c.NotBefore) {
		return from
	}
	return c.NotBefore
}

// leaf is the certificate shown at an address. One that has ended is shown, too; one of another authority is not believed.
func (s server) leaf(ctx context.Context, host string) (*x509.Certificate, error) {
	d := tls.Dialer{Config: &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // verified below, but for its end, which is what is asked for
		VerifyConnection: func(state tls.ConnectionState) error {
			leaf, at := state.PeerCertificates[0], time.Now()
			if at.After(leaf.NotAfter) {
				at = leaf.NotAfter
			}
			_, err := leaf.Verify(x509.VerifyOptions{Roots: s.authority, DNSName: s.name, CurrentTime: at})
			return err
		},
	}}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(host, s.port))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}
