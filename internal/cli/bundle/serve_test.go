package bundle_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/bundletest"
	"github.com/clusterform/clusterform/internal/cli"
	"github.com/clusterform/clusterform/internal/cli/iostreams"
)

// `bundle serve` answers until it is interrupted, and ends well then.
func TestServe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	streams := func(out io.Writer) *iostreams.Streams {
		return &iostreams.Streams{
			In: bytes.NewReader(nil), Out: out, Err: io.Discard, Dir: dir, Now: time.Now, Width: func() int { return 80 },
			Environ: []string{"CLUSTERFORM_CACHE_DIR=" + filepath.Join(dir, "cache"), "CLUSTERFORM_LAB_DIR=" + filepath.Join(dir, "labs")},
		}
	}
	mirror := bundletest.New(t, "amd64").URL + "/cache"
	if code := cli.Main(t.Context(), []string{"bundle", "build", "-arch=amd64", "-mirror=" + mirror, "-out=bundle"}, streams(io.Discard)); code != 0 {
		t.Fatalf("building ended with %d", code)
	}
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- cli.Main(ctx, []string{"bundle", "serve", "bundle", "-listen=127.0.0.1:0"}, streams(in))
		_ = in.Close()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	address := regexp.MustCompile(`http://\S+/`).FindString(line)
	if address == "" {
		t.Fatalf("it says %q, %v", line, err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"files/kubeadm", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Range", "bytes=0-6")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	want, werr := os.ReadFile(filepath.Join(dir, "bundle", "files", "kubeadm"))
	if err != nil || werr != nil || res.StatusCode != http.StatusPartialContent || !bytes.Equal(got, want[:7]) {
		t.Errorf("got %d %q, %v, %v", res.StatusCode, got, err, werr)
	}
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("interrupted, it ended with %d", code)
	}
}
