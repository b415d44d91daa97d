package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func authority(t *testing.T, name string, validity time.Duration) *pki.Authority {
	t.Helper()
	a, err := pki.NewAuthority(name, validity, now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// handshake is a server and a client of their own authorities, at a moment.
func handshake(t *testing.T, server, client *pki.Pair, trustedByClient, trustedByServer *pki.Authority, name string, at time.Time) error {
	t.Helper()
	pair := func(p *pki.Pair) []tls.Certificate {
		c, err := p.TLS()
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{c}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	clock := func() time.Time { return at }
	answer := make(chan error, 1)
	go func() {
		there, err := listener.Accept()
		if err != nil {
			answer <- err
			return
		}
		defer there.Close()
		_ = there.SetDeadline(time.Now().Add(10 * time.Second))
		answer <- tls.Server(there, &tls.Config{Certificates: pair(server), ClientCAs: trustedByServer.Pool(), ClientAuth: tls.RequireAndVerifyClientCert, Time: clock}).Handshake()
	}()
	here, err := net.DialTimeout("tcp", listener.Addr().String(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	_ = here.SetDeadline(time.Now().Add(10 * time.Second))
	if err := tls.Client(here, &tls.Config{Certificates: pair(client), RootCAs: trustedByClient.Pool(), ServerName: name, Time: clock}).Handshake(); err != nil {
		here.Close()
		<-answer
		return err
	}
	return <-answer // a client learns of its refusal only after its handshake
}

func TestCertificatesConvinceTheOtherSide(t *testing.T) {
	t.Parallel()
	ours, theirs := authority(t, "ours", 0), authority(t, "theirs", 0)
	issue := func(a *pki.Authority, validity time.Duration) (*pki.Pair, *pki.Pair) {
		server, err := a.IssueServer(pki.Server{CommonName: "api", Names: []string{"kubernetes", "10.0.0.1"}, Validity: 24 * time.Hour}, now)
		if err != nil {
			t.Fatal(err)
		}
		client, err := a.IssueClient(pki.Client{CommonName: "admin", Organizations: []string{"system:masters"}, Validity: validity}, now)
		if err != nil {
			t.Fatal(err)
		}
		return server, client
	}
	server, client := issue(ours, 0)
	_, stranger := issue(theirs, 0)
	for _, c := range []struct {
		name   string
		client *pki.Pair
		asks   string
		at     time.Time
		ok     bool
	}{
		{"by name", client, "kubernetes", now, true},
		{"by address", client, "10.0.0.1", now, true},
		{"with a clock that is four minutes behind", client, "kubernetes", now.Add(-4 * time.Minute), true},
		{"by a name that is not in the certificate", client, "other", now, false},
		{"with a certificate of another authority", stranger, "kubernetes", now, false},
		{"an hour and a second later", client, "kubernetes", now.Add(time.Hour + time.Second), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if err := handshake(t, server, c.client, ours, ours, c.asks, c.at); (err == nil) != c.ok {
				t.Errorf("handshake: %v, want success: %t", err, c.ok)
			}
		})
	}
}

func TestAuthoritySurvivesItsText(t *testing.T) {
	t.Parallel()
	a := authority(t, "cluster", 0)
	text, err := a.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	again, err := pki.ParseAuthority(text)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Certificate().Equal(a.Certificate()) {
		t.Error("another certificate came back")
	}
	if want := now.Add(pki.AuthorityValidity); !again.ExpiresAt().Equal(want) {
		t.Errorf("it ends %s, want %s", again.ExpiresAt(), want)
	}
	p, err := again.IssueClient(pki.Client{CommonName: "x"}, now)
	if err != nil {
		t.Fatal(err)
	}
	c, err := pki.ParseCertificate(string(p.Certificate))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Verify(x509.VerifyOptions{Roots: a.Pool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
}

func TestNothingOutlivesItsAuthority(t *testing.T) {
	t.Parallel()
	a := authority(t, "short", 30*time.Minute)
	p, err := a.IssueClient(pki.Client{CommonName: "x"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if !p.ExpiresAt.Equal(a.ExpiresAt()) {
		t.Errorf("the certificate ends %s, its authority %s", p.ExpiresAt, a.ExpiresAt())
	}
	if _, err := a.IssueClient(pki.Client{CommonName: "x"}, now.Add(time.Hour)); err == nil || !strings.Contains(err.Error(), "ended on") {
		t.Errorf("an authority that has ended signs: %v", err)
	}
}

func TestDamagedAuthoritiesAreRefused(t *testing.T) {
	t.Parallel()
	a, err := authority(t, "a", 0).Bundle()
	if err != nil {
		t.Fatal(err)
	}
	b := authority(t, "b", 0).CertificatePEM()
	_, key, _ := strings.Cut(a, "-----END CERTIFICATE-----\n")
	for name, c := range map[string]struct{ text, want string }{
		"nothing":            {"", "no certificate"},
		"no key":             {b, "no private key"},
		"no certificate":     {key, "no certificate"},
		"another one's key":  {b + key, "not that of its certificate"},
		"a key that is torn": {b + strings.Replace(key, "\nM", "\nA", 1), "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pki.ParseAuthority(c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			noKeyIn(t, err.Error(), key)
		})
	}
}

// noKeyIn fails when a line of a key is part of a text.
func noKeyIn(t *testing.T, text, key string) {
	t.Helper()
	for line := range strings.Lines(key) {
		if line = strings.TrimSpace(line); len(line) > 20 && !strings.HasPrefix(line, "-----") && strings.Contains(text, line) {
			t.Errorf("a private key is shown: %.40s…", text)
		}
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	t.Parallel()
	a := authority(t, "cluster", 0)
	bundle, err := a.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	p, err := a.IssueClient(pki.Client{CommonName: "x"}, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		noKeyIn(t, fmt.Sprintf(format, a), bundle)
		noKeyIn(t, fmt.Sprintf(format, p), string(p.Key))
	}
	if !strings.Contains(a.String(), "key hidden") {
		t.Errorf("String says %q", a.String())
	}
}
