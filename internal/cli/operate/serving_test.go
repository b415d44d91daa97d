package operate

import (
	"bytes"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
	"github.com/clusterform/clusterform/internal/cli/iostreams"
	"github.com/clusterform/clusterform/planner/resource"
)

// listening shows a certificate for name, made at a time, at the address returned; it does nothing but the handshake.
func listening(t *testing.T, ca *pki.Authority, name string, made time.Time) string {
	t.Helper()
	pair, err := ca.IssueServer(pki.Server{CommonName: name, Names: []string{name}, Validity: validity}, made)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAnyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = conn.(*tls.Conn).HandshakeContext(t.Context())
				_ = conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func authority(t *testing.T, now time.Time) *pki.Authority {
	t.Helper()
	ca, err := pki.NewAuthority("lab", 10*validity, now)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func TestTheCertificateThatANodeShows(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ca := authority(t, now.Add(-2*validity))
	for _, c := range []struct {
		name  string
		at    string
		wrong string
	}{
		{name: "of this cluster", at: listening(t, ca, "kubernetes", now.Add(-time.Hour))},
		{name: "one that has ended", at: listening(t, ca, "kubernetes", now.Add(-validity-time.Hour))},
		{name: "of another cluster", at: listening(t, authority(t, now), "kubernetes", now), wrong: "unknown authority"},
		{name: "of another server", at: listening(t, ca, "etcd", now), wrong: "etcd"},
		{name: "nobody there", at: "127.0.0.1:1", wrong: "refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			host, port, err := net.SplitHostPort(c.at)
			if err != nil {
				t.Fatal(err)
			}
			from, until, err := server{port: port, name: "kubernetes", authority: ca.Pool()}.handshake(t.Context(), []string{host})
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("error: %v", err)
				}
				return
			}
			if err != nil || until.Sub(from) > validity || from.After(now) {
				t.Errorf("from %s until %s: %v", from, until, err)
			}
		})
	}
	if _, _, err := (server{}).handshake(t.Context(), nil); err == nil {
		t.Error("a node without an address was asked")
	}
}

func TestCertificatesAreListed(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	o := &CertsOptions{Options: &Options{Streams: &iostreams.Streams{Out: &out, Now: func() time.Time { return now }}}}
	node := resource.Address("cluster.lab.control_plane").Index(0)
	if err := o.list("cluster.lab", []certificateJSON{
		{Name: "authority", ExpiresAt: now.Add(3650 * 24 * time.Hour)},
		{Name: string(node), ExpiresAt: now.Add(29*24*time.Hour + time.Minute)},
		{Name: "cluster.lab.control_plane[1]", Problem: "its certificate was not seen: connection refused"},
	}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"authority                     2036-11-20, 3650 days left", "cluster.lab.control_plane[0]  2026-12-22, 29 days left",
		"cluster.lab.control_plane[1]  its certificate was not seen", "end within 30 days", "clusterform certs renew cluster.lab",
	} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%q is not in:\n%s", part, out.String())
		}
	}
}
