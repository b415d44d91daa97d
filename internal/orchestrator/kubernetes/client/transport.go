package client

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// renewBefore is how much of a certificate's time is left when the next one is made. The API checks it with every request,
// so connections do not outlive it.
const renewBefore = 10 * time.Minute

// transport carries requests to an address that answers, under a certificate that is good.
type transport struct {
	mint      func() (*pki.Pair, error)
	now       func() time.Time
	dialer    *dialer
	authority *pki.Authority

	mu      sync.Mutex
	current *http.Transport
	config  *tls.Config
	expires time.Time
	closed  bool
}

var errClosed = errors.New("the client of this cluster is closed")

// RoundTrip implements http.RoundTripper. What only reads is asked once more when its connection broke.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.once(req)
	if err != nil && req.Method == http.MethodGet && req.Context().Err() == nil && cut(err) {
		return t.once(req)
	}
	return resp, err
}

func (t *transport) once(req *http.Request) (*http.Response, error) {
	current, _, err := t.get()
	if err != nil {
		return nil, err
	}
	resp, err := current.RoundTrip(req)
	switch {
	case err != nil:
		// A connection that died is not to be waited for again. When nobody answered, there is none to blame.
		if req.Context().Err() == nil && !errors.Is(err, orchestrator.ErrUnreachable) {
			t.elsewhere(current)
		}
	case resp.StatusCode == http.StatusServiceUnavailable, resp.StatusCode == http.StatusGatewayTimeout, resp.StatusCode == http.StatusInternalServerError:
		// An API server that lost its etcd answers so: the caller's next try goes to another one.
		t.elsewhere(current)
	}
	return resp, err
}

// elsewhere makes the next request open a connection to another address.
func (t *transport) elsewhere(current *http.Transport) {
	if t.dialer.elsewhere() {
		t.replace(current)
	}
}

// away is elsewhere for a caller that got no answer in its own time.
func (t *transport) away() {
	t.mu.Lock()
	current := t.current
	t.mu.Unlock()
	if current != nil {
		t.elsewhere(current)
	}
}

// forget gives up all connections, those in use, too.
func (t *transport) forget() {
	t.mu.Lock()
	if t.current != nil {
		t.current.CloseIdleConnections()
		t.current = nil
	}
	t.mu.Unlock()
	t.dialer.cut()
}

func (t *transport) replace(current *http.Transport) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == current {
		t.current = nil
		// Streams on it go on; it closes with the last of them.
		current.CloseIdleConnections()
	}
}

func (t *transport) get() (*http.Transport, *tls.Config, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, nil, errClosed
	}
	if t.current != nil && t.expires.Sub(t.now()) > renewBefore {
		return t.current, t.config, nil
	}
	if t.current != nil {
		t.current.CloseIdleConnections()
		t.current = nil
	}
	if t.config == nil || t.expires.Sub(t.now()) <= renewBefore {
		pair, err := t.mint()
		if err != nil {
			return nil, nil, err
		}
		certificate, err := pair.TLS()
		if err != nil {
			return nil, nil, err
		}
		t.expires = pair.ExpiresAt
		t.config = &tls.Config{
			MinVersion: tls.VersionTLS12, ServerName: serverName, RootCAs: t.authority.Pool(),
			Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"}, Time: t.now,
		}
	}
	config := t.config
	t.current = &http.Transport{
		DialTLSContext:    func(ctx context.Context, _, _ string) (net.Conn, error) { return t.dialer.dial(ctx, config) },
		ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8, IdleConnTimeout: 90 * time.Second,
		// A machine that lost its power says nothing: ask.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 5 * time.Second},
	}
	return t.current, config, nil
}

// answering is the address that answers now.
func (t *transport) answering(ctx context.Context) (string, error) {
	host, _, err := t.server(ctx)
	return host, err
}

// server is the address that answers now, and the end of its certificate.
func (t *transport) server(ctx context.Context) (host string, expires time.Time, err error) {
	_, config, err := t.get()
	if err != nil {
		return "", time.Time{}, err
	}
	conn, err := t.dialer.dial(ctx, config)
	if err != nil {
		return "", time.Time{}, err
	}
	defer func() { _ = conn.Close() }()
	host, _, err = net.SplitHostPort(conn.RemoteAddr().String())
	return host, conn.ConnectionState().PeerCertificates[0].NotAfter, err
}

func (t *transport) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.current != nil {
		t.current.CloseIdleConnections()
		t.current = nil
	}
}
