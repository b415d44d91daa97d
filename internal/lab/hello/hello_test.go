package hello_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/lab/hello"
)

func TestHello(t *testing.T) {
	t.Parallel()
	first := httptest.NewServer(hello.Handler("first"))
	t.Cleanup(first.Close)
	second := httptest.NewServer(hello.Handler("second"))
	t.Cleanup(second.Close)

	tests := []struct {
		name, url string
		status    int
		contains  string
	}{
		{"says who it is", first.URL, 200, "hello from first at 127.0.0.1:"},
		{"is healthy", first.URL + "/healthz", 200, "ok\n"},
		{"fetches from another", first.URL + "/?get=" + url.QueryEscape(second.URL), 200, "hello from second"},
		{"passes on the other's status", first.URL + "/?get=" + url.QueryEscape(second.URL+"/none"), 404, "not found"},
		{"refuses another scheme", first.URL + "/?get=" + url.QueryEscape("file:///etc/passwd"), 400, "http://"},
		{"says that nobody answers", first.URL + "/?get=" + url.QueryEscape("http://127.0.0.1:1/"), 502, "refused"},
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
		if err := json.Unmarshal([]byte(body), &a); err != nil || a.Host != "first" || a.Peer == "" {
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
