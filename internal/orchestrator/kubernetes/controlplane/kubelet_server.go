package controlplane

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/apimachinery/pkg/util/httpstream/spdy"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
)

// Streams are what a played kubelet answers for its pods.
type Streams struct {
	// Log is what a container has written.
	Log func(pod, container string) string
	// Follow writes what a container writes, for those who follow it: query is what they asked for, as a kubelet gets it. It
	// returns when the container ends or ctx does. nil is Log and then the end.
	Follow func(ctx context.Context, pod, container string, query url.Values, out io.Writer)
	// Exec runs a command and returns its exit code.
	Exec func(pod, container string, command []string, in io.Reader, out, err io.Writer) int
	// Terminal is Exec for commands with a terminal: sizes are the terminal's, as JSON {"Width":80,"Height":24} one after another.
	Terminal func(pod, container string, command []string, in io.Reader, out io.Writer, sizes io.Reader) int
	// Forward connects to a port of a pod.
	Forward func(pod string, port int) (net.Conn, error)
}

// serve answers the API server as a kubelet does and returns its port.
func (cp *ControlPlane) serve(tb testing.TB, s *Streams) int32 {
	tb.Helper()
	values, err := cp.Parameters.Get(tb.Context(), pki.KubernetesCluster)
	if err != nil {
		tb.Fatal(err)
	}
	authority, err := pki.ParseAuthority(values[pki.KubernetesCluster])
	if err != nil {
		tb.Fatal(err)
	}
	pair, err := authority.IssueServer(pki.Server{CommonName: "kubelet", Names: []string{cp.Host}, Validity: time.Hour}, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	certificate, err := pair.TLS()
	if err != nil {
		tb.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", func(w http.ResponseWriter, r *http.Request) {
		switch pod, container := r.PathValue("pod"), r.PathValue("container"); {
		case s.Follow != nil && r.URL.Query().Get("follow") == "true":
			s.Follow(r.Context(), pod, container, r.URL.Query(), flushing{w})
		case s.Log != nil:
			_, _ = io.WriteString(w, s.Log(pod, container))
		}
	})
	mux.HandleFunc("POST /exec/{namespace}/{pod}/{container}", s.exec)
	mux.HandleFunc("POST /portForward/{namespace}/{pod}", s.forward)
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", net.JoinHostPort(cp.Host, "0"))
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewUnstartedServer(mux)
	_ = server.Listener.Close()
	server.Listener = listener
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	tb.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	_, text, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	port, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		tb.Fatal(err)
	}
	return int32(port)
}

// flushing sends what is written at once.
type flushing struct{ http.ResponseWriter }

func (f flushing) Write(b []byte) (int, error) {
	n, err := f.ResponseWriter.Write(b)
	if flusher, ok := f.ResponseWriter.(http.Flusher); ok {
		flusher.Flush()
	}
	return n, err
}

// exec speaks version 4 of the protocol of remote commands.
func (s *Streams) exec(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	wanted := 1 // errors
	for _, name := range []string{"input", "output", "error", "tty"} {
		if q.Get(name) == "1" {
			wanted++
		}
	}
	if q.Get("tty") == "1" && q.Get("error") == "1" {
		wanted--
	}
	streams, conn := accept(w, r, "v4.channel.k8s.io")
	if conn == nil {
		return
	}
	defer func() { _ = conn.Close() }()
	by := map[string]httpstream.Stream{}
	for len(by) < wanted {
		select {
		case stream := <-streams:
			by[stream.Headers().Get(corev1.StreamType)] = stream
		case <-conn.CloseChan():
			return
		}
	}
	var in io.Reader = http.NoBody
	out, errOut := io.Discard, io.Discard
	if stream := by[corev1.StreamTypeStdin]; stream != nil {
		in = stream
	}
	if stream := by[corev1.StreamTypeStdout]; stream != nil {
		out = stream
	}
	if stream := by[corev1.StreamTypeStderr]; stream != nil {
		errOut = stream
	}
	status := metav1.Status{Status: metav1.StatusSuccess}
	var code int
	if sizes := by[corev1.StreamTypeResize]; sizes != nil && s.Terminal != nil {
		code = s.Terminal(r.PathValue("pod"), r.PathValue("container"), q["command"], in, out, sizes)
	} else {
		code = s.Exec(r.PathValue("pod"), r.PathValue("container"), q["command"], in, out, errOut)
	}
	if code != 0 {
		status = metav1.Status{
			Status: metav1.StatusFailure, Reason: "NonZeroExitCode",
			Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: "ExitCode", Message: strconv.Itoa(code)}}},
		}
	}
	text, _ := json.Marshal(status) // its fields are plain
	_, _ = by[corev1.StreamTypeError].Write(text)
	for _, stream := range by {
		_ = stream.Close()
	}
	// The other side hangs up once it has read all of it.
	select {
	case <-conn.CloseChan():
	case <-time.After(2 * time.Second):
	}
}

// forward connects each pair of streams to a port.
func (s *Streams) forward(w http.ResponseWriter, r *http.Request) {
	streams, conn := accept(w, r, "portforward.k8s.io")
	if conn == nil {
		return
	}
	defer func() { _ = conn.Close() }()
	failures := map[string]httpstream.Stream{}
	for {
		select {
		case <-conn.CloseChan():
			return
		case stream := <-streams:
			id := stream.Headers().Get(corev1.PortForwardRequestIDHeader)
			if stream.Headers().Get(corev1.StreamType) == corev1.StreamTypeError {
				failures[id] = stream
				continue
			}
			port, _ := strconv.Atoi(stream.Headers().Get(corev1.PortHeader))
			go s.connect(stream, failures[id], r.PathValue("pod"), port)
		}
	}
}

func (s *Streams) connect(data, failure httpstream.Stream, pod string, port int) {
	defer func() { _ = data.Close() }()
	target, err := s.Forward(pod, port)
	if err != nil {
		_, _ = io.WriteString(failure, err.Error())
		_ = failure.Close()
		return
	}
	defer func() { _ = target.Close() }()
	var group sync.WaitGroup
	group.Go(func() {
		_, _ = io.Copy(target, data)
		_ = target.Close()
	})
	_, _ = io.Copy(data, target)
	_ = data.Reset()
	group.Wait()
}

// accept upgrades a request and hands over the streams that the other side opens.
func accept(w http.ResponseWriter, r *http.Request, protocol string) (<-chan httpstream.Stream, httpstream.Connection) {
	if _, err := httpstream.Handshake(r, w, []string{protocol}); err != nil {
		return nil, nil
	}
	streams := make(chan httpstream.Stream, 8)
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(stream httpstream.Stream, _ <-chan struct{}) error {
		streams <- stream
		return nil
	})
	return streams, conn
}

// DialEtcd connects to etcd's port of the member on a host, as a forwarded port of its pod does.
func DialEtcd(host string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, "2379"))
}
