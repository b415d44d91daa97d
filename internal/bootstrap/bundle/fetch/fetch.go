// Package fetch downloads files over HTTP with bounded waits: a server that does not answer or stalls is given up, a
// connection that breaks is continued where it broke, and errors name the URL. Container images are fetched by
// internal/bootstrap/bundle/oci, with this package's transport.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Client downloads.
type Client struct {
	// HTTP makes the requests; NewTransport is made for it.
	HTTP *http.Client
	// Stall is how long to wait for the next byte; 0 is one minute.
	Stall time.Duration
	// Tries bounds how often a download is begun or continued; 0 is 5.
	Tries int
	// Pause is the wait before the second try, and doubles up to ten seconds; 0 is half a second.
	Pause time.Duration
}

// NewTransport returns a transport that bounds connecting, the TLS handshake and the wait for an answer.
func NewTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	t.TLSHandshakeTimeout = 15 * time.Second
	t.ResponseHeaderTimeout = 30 * time.Second
	return t
}

// StatusError is an answer that is no success.
type StatusError struct {
	URL    string
	Status int
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("GET %s: %d %s", e.URL, e.Status, http.StatusText(e.Status))
}

// ErrStalled is the cause when a server sent nothing for too long.
var ErrStalled = errors.New("the server sent nothing for too long")

// File downloads address to path. maxSize bounds it, in bytes. What was written stays when it fails.
func (c *Client) File(ctx context.Context, address, path string, maxSize int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	tries, pause := max(c.Tries, 0), c.Pause
	if tries == 0 {
		tries = 5
	}
	if pause == 0 {
		pause = 500 * time.Millisecond
	}
	var have int64
	for n := 1; ; n++ {
		var again bool
		have, again, err = c.once(ctx, address, f, have, maxSize)
		if err == nil {
			return f.Close()
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !again || n == tries {
			return err
		}
		// With jitter, so that many nodes behind one mirror do not come back at once.
		wait := pause/2 + rand.N(pause)
		pause = min(2*pause, 10*time.Second)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// once makes one request, for what comes after have, and returns how much there is then and whether another try may help.
func (c *Client) once(ctx context.Context, address string, f *os.File, have, maxSize int64) (int64, bool, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return have, false, err
	}
	req.Header.Set("User-Agent", "clusterform")
	// Without this, the transport would ask for gzip and unpack it, and ranges would be of something else.
	req.Header.Set("Accept-Encoding", "identity")
	if have > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(have, 10)+"-")
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return have, true, withoutSecrets(address, err)
	}
	defer func() { _ = res.Body.Close() }()
	switch {
	case res.StatusCode == http.StatusPartialContent && have > 0:
		if !strings.HasPrefix(res.Header.Get("Content-Range"), "bytes "+strconv.FormatInt(have, 10)+"-") {
			return 0, true, fmt.Errorf("GET %s: the server answered with another part than asked for", Redact(address))
		}
	case res.StatusCode == http.StatusOK:
		have = 0
	default:
		again := res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusRequestTimeout || res.StatusCode/100 == 5
		if res.StatusCode == http.StatusRequestedRangeNotSatisfiable {
			have, again = 0, true
		}
		return have, again, &StatusError{Redact(address), res.StatusCode}
	}
	if err := f.Truncate(have); err != nil {
		return have, false, err
	}
	if _, err := f.Seek(have, io.SeekStart); err != nil {
		return have, false, err
	}
	stall := c.Stall
	if stall == 0 {
		stall = time.Minute
	}
	timer := time.AfterFunc(stall, func() { cancel(ErrStalled) })
	defer timer.Stop()
	n, err := io.Copy(f, io.LimitReader(&watched{res.Body, timer, stall}, maxSize-have+1))
	have += n
	switch {
	case have > maxSize:
		return have, false, fmt.Errorf("GET %s: more than %d bytes, which is not what is meant", Redact(address), maxSize)
	case err == nil:
		return have, false, nil
	case errors.Is(context.Cause(ctx), ErrStalled):
		err = ErrStalled
	}
	if _, ok := errors.AsType[*os.PathError](err); ok {
		return have, false, err // the disk's fault
	}
	return have, true, fmt.Errorf("GET %s: after %d bytes: %w", Redact(address), have, err)
}

// watched resets a timer with every byte.
type watched struct {
	r     io.Reader
	timer *time.Timer
	stall time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.timer.Reset(w.stall)
	}
	return n, err
}

// Redact is an address without user and password, for messages.
func Redact(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the address"
	}
	u.User = nil
	u.RawQuery = ""
	return u.String()
}

// withoutSecrets keeps the reason of a failed request and writes the address anew.
func withoutSecrets(address string, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return fmt.Errorf("GET %s: %w", Redact(address), err)
}
