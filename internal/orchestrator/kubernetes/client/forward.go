package client

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"

	"github.com/clusterform/clusterform/hclconfig"
)

// forwardTimeout bounds the setting up of a forwarded connection.
const forwardTimeout = 10 * time.Second

// Forward connects to a port of a pod through the API server and the pod's kubelet.
func (k *Client) Forward(ctx context.Context, namespace, pod string, target int) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, forwardTimeout)
	defer cancel()
	what := fmt.Sprintf("forward port %d of pod %s/%s", target, namespace, pod)
	config, err := k.streamConfig(ctx)
	if err != nil {
		return nil, k.failed(what, err)
	}
	dialer, err := k.forwardDialer(config, namespace, pod)
	if err != nil {
		return nil, k.failed(what, err)
	}
	type dialed struct {
		conn net.Conn
		err  error
	}
	// Dial takes no context.
	done := make(chan dialed, 1)
	go func() {
		conn, err := open(dialer, target)
		done <- dialed{conn, err}
	}()
	select {
	case d := <-done:
		return d.conn, k.failed(what, d.err)
	case <-ctx.Done():
		go func() {
			if d := <-done; d.conn != nil {
				_ = d.conn.Close()
			}
		}()
		return nil, k.failed(what, ctx.Err())
	}
}

// forwardDialer speaks WebSocket, and SPDY where something on the way does not.
func (k *Client) forwardDialer(config *rest.Config, namespace, pod string) (httpstream.Dialer, error) {
	url := k.api.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("portforward").URL()
	address, err := withHost(url, config)
	if err != nil {
		return nil, err
	}
	modern, err := portforward.NewSPDYOverWebsocketDialer(address, config)
	if err != nil {
		return nil, err
	}
	roundTripper, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	old := spdy.NewDialer(upgrader, &http.Client{Transport: roundTripper}, http.MethodPost, address)
	return portforward.NewFallbackDialer(modern, old, notUpgraded), nil
}

func notUpgraded(err error) bool {
	return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
}

func open(dialer httpstream.Dialer, target int) (net.Conn, error) {
	conn, _, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, err
	}
	headers := http.Header{}
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	headers.Set(corev1.PortHeader, strconv.Itoa(target))
	headers.Set(corev1.PortForwardRequestIDHeader, "0")
	failures, err := conn.CreateStream(headers)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	// Nothing is ever written to it.
	_ = failures.Close()
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := conn.CreateStream(headers)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	f := &forwarded{Stream: data, conn: conn}
	go f.watch(failures)
	return f, nil
}

// forwarded is a stream as a net.Conn. It has no deadlines: its users bound their calls by closing it.
type forwarded struct {
	httpstream.Stream
	conn httpstream.Connection

	mu  sync.Mutex
	err error // what the kubelet said went wrong
}

// watch waits for the kubelet's word that the connection failed.
func (f *forwarded) watch(failures io.Reader) {
	text, err := io.ReadAll(io.LimitReader(failures, 1000))
	if err != nil || len(text) == 0 {
		return
	}
	f.mu.Lock()
	f.err = fmt.Errorf("%s", hclconfig.Printable(string(text)))
	f.mu.Unlock()
	_ = f.conn.Close()
}

func (f *forwarded) Read(p []byte) (int, error) {
	n, err := f.Stream.Read(p)
	if err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.err != nil {
			err = f.err
		}
	}
	return n, err
}

func (f *forwarded) Close() error {
	_ = f.Stream.Reset()
	return f.conn.Close()
}

func (f *forwarded) LocalAddr() net.Addr              { return pipeAddr{} }
func (f *forwarded) RemoteAddr() net.Addr             { return pipeAddr{} }
func (f *forwarded) SetDeadline(time.Time) error      { return nil }
func (f *forwarded) SetReadDeadline(time.Time) error  { return nil }
func (f *forwarded) SetWriteDeadline(time.Time) error { return nil }

// pipeAddr is the address of a forwarded connection, which has none.
type pipeAddr struct{}

func (pipeAddr) Network() string { return "forwarded" }
func (pipeAddr) String() string  { return "forwarded" }
