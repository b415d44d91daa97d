package hello_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clusterform/clusterform/internal/lab/hello"
)

func TestHello(t *testing.T) {
	t.Parallel()
	first := httptest.NewServer(hello.Handler("first", "1"))
	t.Cleanup(first.Close)
	second := httptest.NewServer(hello.Handler("second", "2"))
	t.Cleanup(second.Close)

	tests := []struct {
		name, url string
		status    int
		contains  string
	}{
		{"says who it is", first.URL, 200, "hello from first at 127.0.0.1:"},
		{"says its version", second.URL, 200, ", version 2\n"},
		{"is healthy", first.URL + "/healthz", 200, "ok\n"},
		{"fetches from another", first.URL + "/?get=" + url.QueryEscape(second.URL), 200, "hello from second"},
		{"passes on the other's status", first.URL + "/?get=" + url.QueryEscape(second.URL+"/none"), 404, "not found"},
		{"refuses another scheme", first.URL + "/?get=" + url.QueryEscape("file:///etc/passwd"), 400, "http://"},
		{"says that nobody answers", first.URL + "/?get=" + url.QueryEscape("http://127.0.0.1:1/"), 502, "refused"},
		{"burns", first.URL + "/burn?for=10ms", 200, "burned for 10ms"},
		{"burns for a minute at most", first.URL + "/burn?for=61s", 400, "1m0s at most"},
		{"burns when it knows how long", first.URL + "/burn", 400, "for=DURATION"},
		{"knows no other path", first.URL + "/other", 404, "not found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status, body := get(t, tt.url, "")
			if status != tt.status || !strings.Contains(body, tt.contains) {
				t.Errorf("GET %s: %d %q; want %d with %q", tt.url, status, body, tt.status, tt.contains)
			}
		})
	}

	t.Run("answers as JSON on request", func(t *testing.T) {
		t.Parallel()
		_, body := get(t, first.URL, "application/json")
		var a hello.Answer
		if err := json.Unmarshal([]byte(body), &a); err != nil || a.Host != "first" || a.Version != "1" || a.Peer == "" {
			t.Errorf("got %q (%v)", body, err)
		}
	})
}

func get(t *testing.T, url, accept string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	well := httptest.NewServer(hello.Handler("well", "1"))
	t.Cleanup(well.Close)
	ill := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(ill.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, tt := range []struct{ name, url, want string }{
		{"who is well is well", well.URL, ""},
		{"who answers otherwise is not", ill.URL, "404"},
		{"nor who does not answer", gone.URL, "refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := hello.Check(t.Context(), strings.TrimPrefix(tt.url, "http://"))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestTailEndsWhenItIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var out strings.Builder
		hello.Tail(ctx, &out, "node")
		if n := strings.Count(out.String(), "tail on node: "); n < 2 || n > 60 {
			t.Errorf("in a minute it said\n%s", out.String())
		}
	})
}
