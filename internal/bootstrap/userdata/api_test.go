package userdata_test

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
)

// A node takes an address for its API's only when the certificate there is of its own cluster and the API is well.
func TestOnlyTheClustersOwnAPICounts(t *testing.T) {
	t.Parallel()
	authority := func() *pki.Authority {
		a, err := pki.NewAuthority("kubernetes", 0, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	ours, theirs := authority(), authority()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), []byte(ours.CertificatePEM()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		authority *pki.Authority
		holds     string
		path      string
		statement string
		want      string
	}{
		{"well", ours, "kubernetes", "/readyz", "m.answers('127.0.0.1', '/readyz')", "True"},
		{"not ready yet", ours, "kubernetes", "/nothing", "m.answers('127.0.0.1', '/readyz')", "False"},
		{"another cluster's", theirs, "kubernetes", "/readyz", "m.answers('127.0.0.1', '/readyz')", "False"},
		{"another server of this cluster", ours, "etcd", "/readyz", "m.answers('127.0.0.1', '/readyz')", "False"},
		{"the token lets us join", ours, "kubernetes", "/join", "m.answers('127.0.0.1', '/join', 'right')", "True"},
		{"the token does not", ours, "kubernetes", "/join", "m.answers('127.0.0.1', '/join', 'wrong')", "False"},
		{"TLS alone", ours, "kubernetes", "", "m.answers('127.0.0.1')", "True"},
		{"only what answers is alive", ours, "kubernetes", "/readyz", "m.alive(['127.0.0.1', '127.0.0.7'])", "['127.0.0.1']"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pair, err := c.authority.IssueServer(pki.Server{CommonName: "api", Names: []string{c.holds}}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			certificate, err := pair.TLS()
			if err != nil {
				t.Fatal(err)
			}
			listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
			if err != nil {
				t.Fatal(err)
			}
			server := &http.Server{ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != c.path || r.URL.Path == "/join" && r.Header.Get("Authorization") != "Bearer right" {
					http.Error(w, "no", http.StatusForbidden)
				}
			})}
			go func() { _ = server.Serve(listener) }()
			t.Cleanup(func() { _ = server.Close() })
			_, port, err := net.SplitHostPort(listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			got, err := python(t, dir, "print("+c.statement+")", "API_PORT="+port, "API_NAME=kubernetes", "API_HEALTH=/readyz")
			if err != nil || strings.TrimSpace(got) != c.want {
				t.Errorf("%s = %s (%v), want %s", c.statement, got, err, c.want)
			}
		})
	}
}
