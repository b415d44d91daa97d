package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/fetch"
)

var content = bytes.Repeat([]byte("0123456789"), 10_000)

func client() *fetch.Client {
	return &fetch.Client{HTTP: &http.Client{Transport: fetch.NewTransport()}, Pause: time.Millisecond}
}

func TestFile(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	cut := func(w http.ResponseWriter, req *http.Request) { // breaks off twice
		if requests.Add(1) <= 2 {
			w.Header().Set("Content-Length", "100000")
			if req.Header.Get("Range") != "" {
				w.Header().Set("Content-Range", "bytes "+strings.TrimSuffix(strings.TrimPrefix(req.Header.Get("Range"), "bytes="), "-")+"-99999/100000")
				w.WriteHeader(http.StatusPartialContent)
			}
			from := 30_000 * (int(requests.Load()) - 1)
			_, _ = w.Write(content[from : from+30_000])
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(content))
	}
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		want    string
		// requests that may be made
		requests int32
	}{
		{name: "whole", handler: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) }, requests: 1},
		{name: "continued where it broke", handler: cut, requests: 3},
		{name: "a server that cannot continue begins again", requests: 2, handler: func() http.HandlerFunc {
			var n atomic.Int32
			return func(w http.ResponseWriter, _ *http.Request) {
				if n.Add(1) == 1 {
					w.Header().Set("Content-Length", "100000")
					_, _ = w.Write(content[:50_000])
					panic(http.ErrAbortHandler)
				}
				_, _ = w.Write(content)
			}
		}()},
		{name: "overloaded, then not", requests: 2, handler: func() http.HandlerFunc {
			var n atomic.Int32
			return func(w http.ResponseWriter, _ *http.Request) {
				if n.Add(1) == 1 {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				_, _ = w.Write(content)
			}
		}()},
		{name: "not there is not asked for again", handler: http.NotFound, requests: 1, want: "404 Not Found"},
		{name: "overloaded for ever", requests: 5, want: "503 Service Unavailable", handler: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}},
		{name: "too large", requests: 1, want: "more than 100000 bytes", handler: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(append(bytes.Clone(content), 'x'))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var made atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				made.Add(1)
				tt.handler(w, req)
			}))
			t.Cleanup(server.Close)
			path := filepath.Join(t.TempDir(), "file")
			address := strings.Replace(server.URL, "://", "://user:secret@", 1) + "/file?token=secret"
			err := client().File(t.Context(), address, path, int64(len(content)))
			if made.Load() != tt.requests {
				t.Errorf("%d requests, want %d", made.Load(), tt.requests)
			}
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "/file") {
					t.Errorf("got %v, want %q and the address", err, tt.want)
				} else if strings.Contains(err.Error(), "secret") {
					t.Errorf("%v: names a secret", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
				t.Errorf("got %d bytes, %v; want %d", len(got), err, len(content))
			}
		})
	}
}

func TestFileGivesUpOnAServerThatStalls(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Length", "100000")
		_, _ = w.Write(content[:10])
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
	}))
	t.Cleanup(server.Close)
	c := client()
	c.Stall, c.Tries = 20*time.Millisecond, 2
	err := c.File(t.Context(), server.URL, filepath.Join(t.TempDir(), "file"), 100_000)
	if !errors.Is(err, fetch.ErrStalled) {
		t.Errorf("got %v", err)
	}
}

func TestFileEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		cancel()
		<-req.Context().Done()
	}))
	t.Cleanup(server.Close)
	if err := client().File(ctx, server.URL, filepath.Join(t.TempDir(), "file"), 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestParseChecksum(t *testing.T) {
	t.Parallel()
	sum, other := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	for _, tt := range []struct{ name, text, want string }{
		{"the sum alone", sum, sum},
		{"and a newline", sum + "\n", sum},
		{"upper case", strings.ToUpper(sum), sum},
		{"as sha256sum writes it", sum + "  tool.tgz\n", sum},
		{"binary mode", sum + " *tool.tgz\n", sum},
		{"one of several", other + "  tool.arm64\n" + sum + "  dist/tool.tgz\n", sum},
		{"signed", "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + sum + "  tool.tgz\n-----BEGIN PGP SIGNATURE-----\n", sum},
		{"another file's", other + "  tool.arm64\n", ""},
		{"two and no names", sum + "\n" + other + "\n", ""},
		{"a page instead", "<html>not found</html>", ""},
		{"a SHA-512", sum + sum + "  tool.tgz\n", ""},
		{"nothing", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := fetch.ParseChecksum(tt.text, "tool.tgz")
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func FuzzParseChecksum(f *testing.F) {
	f.Add(strings.Repeat("ab", 32)+"  tool.tgz\n", "tool.tgz")
	f.Fuzz(func(t *testing.T, text, file string) {
		if got, err := fetch.ParseChecksum(text, file); err == nil && !fetch.IsSHA256(got) {
			t.Errorf("%q is no SHA-256", got)
		}
	})
}
