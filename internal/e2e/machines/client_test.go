//go:build linux

package machines_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// answers waits until a URL's answer holds a text.
func (w *world) answers(t *testing.T, url, want string) {
	t.Helper()
	eventually(t, 30*time.Second, url+" answers", func() error {
		text, err := get(url)
		if err == nil && !strings.Contains(text, want) {
			err = fmt.Errorf("it answers %q, without %q", text, want)
		}
		return err
	})
}

// get makes one request over a connection of its own.
func get(url string) (string, error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	return string(body), err
}

// asking is a client that makes one request after another.
type asking struct {
	quit   chan struct{}
	wg     sync.WaitGroup
	asked  int
	failed []string
}

// ask starts a client; stop fails the test for each request that failed.
func (w *world) ask(t *testing.T, url string) *asking {
	return w.askAt(t, func() string { return url })
}

// askAt is ask at a URL that may change.
func (w *world) askAt(t *testing.T, url func() string) *asking {
	w.answers(t, url(), "")
	a := &asking{quit: make(chan struct{})}
	a.wg.Go(func() {
		for {
			select {
			case <-a.quit:
				return
			case <-time.After(50 * time.Millisecond):
			}
			a.asked++
			at := url()
			if _, err := get(at); err != nil {
				a.failed = append(a.failed, fmt.Sprintf("%s: %s: %v", time.Now().Format("15:04:05.000"), at, err))
			}
		}
	})
	t.Cleanup(a.end)
	return a
}

func (a *asking) end() {
	select {
	case <-a.quit:
	default:
		close(a.quit)
	}
	a.wg.Wait()
}

func (a *asking) stop(t *testing.T) {
	t.Helper()
	a.end()
	t.Logf("%d requests, %d failed", a.asked, len(a.failed))
	if a.asked < 20 {
		t.Errorf("only %d requests were made", a.asked)
	}
	if len(a.failed) > 0 {
		t.Errorf("%d of %d requests failed:\n%s", len(a.failed), a.asked, strings.Join(a.failed[:min(10, len(a.failed))], "\n"))
	}
}

// eventually asks until it gets no error, for at most a time.
func eventually(t *testing.T, patience time.Duration, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s: %v", patience, what, err)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// killWhen starts clusterform and ends it with SIGKILL as soon as a condition holds.
func (w *world) killWhen(t *testing.T, when func() bool, args ...string) {
	t.Helper()
	var out strings.Builder
	cmd := w.command(t.Context(), nil, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	deadline := time.After(3 * time.Minute)
	for {
		select {
		case err := <-done:
			t.Fatalf("clusterform ended before it was killed: %v\n%s", err, out.String())
		case <-deadline:
			_ = cmd.Process.Kill()
			<-done
			t.Fatalf("the moment to kill it never came:\n%s", out.String())
		case <-time.After(200 * time.Millisecond):
			if when() {
				_ = cmd.Process.Signal(syscall.SIGKILL)
				<-done
				return
			}
		}
	}
}
