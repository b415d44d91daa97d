package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/clusterform/clusterform/internal/lab/api/wire"
)

// ServeHTTP answers AWS requests, and the lab's own control requests under /_lab/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_lab/") {
		s.control.ServeHTTP(w, r)
		return
	}
	if r.ContentLength > wire.MaxBody {
		w.Header().Set("Connection", "close")
	}
	body, tooLarge, err := readBody(r.Body)
	if err != nil {
		return // the client went away
	}
	a, err := s.respond(r, body, tooLarge)
	if err != nil {
		hangUp(w)
		return
	}
	a.header(w.Header())
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that went away needs no answer
}

func (a *answer) header(h http.Header) {
	h.Set("Content-Type", a.typ)
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	h.Set("X-Amzn-Requestid", a.requestID)
	h.Set("X-Content-Type-Options", "nosniff")
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter) {
	if h, ok := w.(http.Hijacker); ok {
		if conn, _, err := h.Hijack(); err == nil {
			conn.Close()
			return
		}
	}
	panic(http.ErrAbortHandler) // net/http's way to say the same; it never reaches the client as anything but EOF
}

func readBody(r io.Reader) (body []byte, tooLarge bool, err error) {
	if r == nil {
		return nil, false, nil
	}
	body, err = io.ReadAll(io.LimitReader(r, wire.MaxBody+1))
	return body, len(body) > wire.MaxBody, err
}

// Transport is an in-memory connection to the server for an http.Client: it answers in the caller's goroutine, whatever
// host the request names, and honours the request's context. Paths under /_lab/ reach the control endpoint.
func (s *Server) Transport() http.RoundTripper { return memory{s} }

type memory struct{ s *Server }

// RoundTrip implements http.RoundTripper.
func (m memory) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	body, tooLarge, err := readBody(r.Body)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(r.URL.Path, "/_lab/") {
		return m.roundTripControl(r, body)
	}
	a, err := m.s.respond(r, body, tooLarge)
	switch {
	case errors.Is(err, errLostRequest), errors.Is(err, errLostResponse):
		return nil, fmt.Errorf("%w (%w)", io.ErrUnexpectedEOF, err)
	case err != nil:
		return nil, err
	}
	resp := &http.Response{
		Status: strconv.Itoa(a.status) + " " + http.StatusText(a.status), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: r,
	}
	a.header(resp.Header)
	return resp, nil
}

func (m memory) roundTripControl(r *http.Request, body []byte) (*http.Response, error) {
	inner := r.Clone(r.Context())
	inner.Body = io.NopCloser(bytes.NewReader(body))
	w := &recorder{header: http.Header{}, status: 200}
	m.s.control.ServeHTTP(w, inner)
	return &http.Response{
		Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.header,
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(b []byte) (int, error) { return w.body.Write(b) }
