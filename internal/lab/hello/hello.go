// Package hello is the sample workload of the lab, the image registry.lab:5000/hello:1. The clusterform binary itself is
// the program: the image holds it under the name /hello, and it acts as the sample when it is called by that name.
//
// It answers on port 8080:
//
//	GET /            its version, host name, its address and the peer's, as text (application/json on request)
//	GET /healthz     200 "ok"
//	GET /?get=URL    fetches URL itself and passes the answer on, to see that one workload reaches another
//	GET /burn?for=5s keeps one processor busy for as long (a minute at most) and then answers, to see load scale a workload
//
// `/hello check` asks the sample in the same container whether it is healthy, for health checks that run a command, and
// `/hello terminal` tells what it sees of its terminal (see Terminal). Called as /tail, the program is a sidecar that says
// something now and then (see Tail).
package hello

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Addr is where the sample listens.
const Addr = ":8080"

// fetchLimit bounds what /?get= passes on, in bytes.
const fetchLimit = 1 << 20

// Serve answers on addr until ctx ends; then running requests have five seconds to finish.
func Serve(ctx context.Context, addr string) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	server := &http.Server{Addr: addr, Handler: Handler(host, firstOf(os.Getenv(VersionVariable), "1")), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return fmt.Errorf("hello: %w", err)
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(bounded); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("hello: %w", err)
	}
	return nil
}

// VersionVariable names the environment variable with the version that the sample says it is; its images differ in that.
const VersionVariable = "HELLO_VERSION"

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// Answer is what / says.
type Answer struct {
	Version string `json:"version"`
	Host    string `json:"host"`
	Address string `json:"address"`
	Peer    string `json:"peer"`
}

// Handler answers in the name of host, as that version.
func Handler(host, version string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	// A connection for each request: the name is resolved and another replica may answer each time.
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if target := r.URL.Query().Get("get"); target != "" {
			fetch(w, r, client, target)
			return
		}
		a := Answer{Version: version, Host: host, Peer: r.RemoteAddr}
		if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
			a.Address = local.String()
		}
		if strings.Contains(r.Header.Get("Accept"), "application/json") {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(a)
			return
		}
		fmt.Fprintf(w, "hello from %s at %s to %s, version %s\n", a.Host, a.Address, a.Peer, a.Version)
	})
	mux.HandleFunc("GET /burn", burn)
	return mux
}

// burnLimit bounds one request's load.
const burnLimit = time.Minute

// burn computes until the time asked for is over or nobody waits for the answer any more.
func burn(w http.ResponseWriter, r *http.Request) {
	wanted, err := time.ParseDuration(r.URL.Query().Get("for"))
	if err != nil || wanted <= 0 || wanted > burnLimit {
		http.Error(w, fmt.Sprintf("burn: want for=DURATION of %s at most, such as 5s", burnLimit), http.StatusBadRequest)
		return
	}
	began := time.Now()
	var block [sha256.Size]byte
	for time.Since(began) < wanted && r.Context().Err() == nil {
		for range 1000 {
			block = sha256.Sum256(block[:])
		}
	}
	fmt.Fprintf(w, "burned for %s, as far as %x\n", wanted, block[:4])
}

func fetch(w http.ResponseWriter, r *http.Request, client *http.Client, target string) {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		http.Error(w, "get: want an http:// or https:// URL", http.StatusBadRequest)
		return
	}
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, u.String(), nil)
	if err != nil {
		http.Error(w, "get: "+err.Error(), http.StatusBadRequest)
		return
	}
	answer, err := client.Do(req)
	if err != nil {
		http.Error(w, "get: "+err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = answer.Body.Close() }()
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, io.LimitReader(answer.Body, fetchLimit))
}
