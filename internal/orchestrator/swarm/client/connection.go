package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/bootstrap/pki"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

const (
	// answerBound is how long one address may take to answer, searchBound all of them.
	answerBound = 5 * time.Second
	searchBound = 15 * time.Second
	// headStart is what an address has over the next one.
	headStart = 400 * time.Millisecond
	// leftBehind is how much later an address is asked that was forgotten.
	leftBehind = 2 * time.Second
	// renewBefore is how long before its end a certificate is not used for new work.
	renewBefore = 10 * time.Minute
	// firstByteBound is how long a manager may take to begin with an answer. Making a service is slowest: it asks a registry.
	firstByteBound = 30 * time.Second
	// user is the common name of the certificates that are made here; it stands in the daemon's logs.
	user = "clusterform"
)

// connection is one manager's API.
type connection struct {
	api       *docker.Client
	host      string
	node      string // its id in the Swarm
	expiresAt time.Time
	gone      context.Context // ends when the connection is given up
	giveUp    context.CancelFunc
}

// close ends the calls that are under way, too.
func (c *connection) close() {
	c.giveUp()
	_ = c.api.Close() // it is of no use any more, whatever it says
}

// manager returns the manager that answered last, or looks for one.
func (c *Client) manager(ctx context.Context) (*connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil && c.now().Before(c.current.expiresAt.Add(-renewBefore)) {
		return c.current, nil
	}
	pair, err := c.authority.IssueClient(pki.Client{CommonName: user}, c.now())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.cluster.Address, err)
	}
	found, err := c.search(ctx, pair)
	if err != nil {
		return nil, err
	}
	if c.current != nil {
		_ = c.current.api.Close() // its certificate ends; calls that are under way need not
	}
	c.current = found
	return found, nil
}

// search asks the addresses in their order, each a little after the one before, and takes the first that is a manager.
func (c *Client) search(ctx context.Context, pair *pki.Pair) (*connection, error) {
	if len(c.cluster.Hosts) == 0 {
		return nil, fmt.Errorf("%w: no address of %s is known", orchestrator.ErrUnreachable, c.cluster.Address)
	}
	bounded, cancel := context.WithTimeout(ctx, searchBound)
	defer cancel()
	type answer struct {
		conn *connection
		err  error
	}
	answers := make(chan answer, len(c.cluster.Hosts))
	for i, host := range c.cluster.Hosts {
		after := time.Duration(i) * headStart
		if host == c.left && len(c.cluster.Hosts) > 1 {
			after += leftBehind
		}
		go func() {
			select {
			case <-time.After(after):
			case <-bounded.Done():
				answers <- answer{err: fmt.Errorf("%s: not asked", host)}
				return
			}
			conn, err := c.ask(bounded, host, pair, firstByteBound)
			answers <- answer{conn, err}
		}()
	}
	var failures []string
	for i := range c.cluster.Hosts {
		a := <-answers
		if a.err != nil {
			failures = append(failures, a.err.Error())
			continue
		}
		cancel()
		go func(rest int) { // those that answer all the same are not needed
			for range rest {
				if late := <-answers; late.conn != nil {
					late.conn.close()
				}
			}
		}(len(c.cluster.Hosts) - i - 1)
		return a.conn, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%w: %s: %s. Check that control_plane.access of %s admits this machine on port %d, and the managers' consoles",
		orchestrator.ErrUnreachable, c.cluster.Address, strings.Join(failures, "; "), c.cluster.Address, c.port)
}

// stream connects to the manager that answered last once more, for one long answer. 0 is for those that may take any time to
// begin: nobody may have anything to say for long.
func (c *Client) stream(ctx context.Context, firstByte time.Duration) (*connection, error) {
	current, err := c.manager(ctx)
	if err != nil {
		return nil, err
	}
	pair, err := c.authority.IssueClient(pki.Client{CommonName: user}, c.now())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.cluster.Address, err)
	}
	conn, err := c.ask(ctx, current.host, pair, firstByte)
	if err != nil {
		c.giveUp(current)
		return nil, fmt.Errorf("%w: %w", orchestrator.ErrUnreachable, err)
	}
	return conn, nil
}

// ask finds out whether an address is that of a manager of our Swarm. firstByte bounds the beginning of each later answer; 0
// does not.
func (c *Client) ask(ctx context.Context, host string, pair *pki.Pair, firstByte time.Duration) (*connection, error) {
	config, err := c.tls(pair)
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(host, strconv.Itoa(c.port))
	// An address that is gone is found out within ten seconds, whatever still waits for its answer.
	alive := net.KeepAliveConfig{Enable: true, Idle: 4 * time.Second, Interval: 2 * time.Second, Count: 3}
	// The client takes its transport over as it is, TLS included.
	transport := &http.Transport{
		TLSClientConfig: config, TLSHandshakeTimeout: answerBound, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: firstByte,
		DialContext: (&net.Dialer{Timeout: answerBound, KeepAliveConfig: alive}).DialContext,
	}
	api, err := docker.New(docker.WithHTTPClient(&http.Client{Transport: transport}), docker.WithHost("tcp://"+address), docker.WithScheme("https"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerBound)
	defer cancel()
	got, err := api.Info(ctx, docker.InfoOptions{})
	switch {
	case err != nil:
		err = fmt.Errorf("%s: %s", address, reason(err))
	case got.Info.Swarm.Error != "":
		err = fmt.Errorf("%s: its Swarm says: %s", address, hclconfig.PrintableLine(got.Info.Swarm.Error))
	case !got.Info.Swarm.ControlAvailable:
		err = fmt.Errorf("%s: it is not a manager of the Swarm yet", address)
	default:
		conn := &connection{api: api, host: host, node: got.Info.Swarm.NodeID, expiresAt: pair.ExpiresAt}
		conn.gone, conn.giveUp = context.WithCancel(context.Background())
		return conn, nil
	}
	_ = api.Close()
	return nil, err
}

func (c *Client) tls(pair *pki.Pair) (*tls.Config, error) {
	certificate, err := pair.TLS()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: ServerName, RootCAs: c.authority.Pool(), Certificates: []tls.Certificate{certificate},
	}, nil
}

// reason is the innermost of a connection's errors: the rest repeats the address.
func reason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer within " + answerBound.String()
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return hclconfig.PrintableLine(err.Error())
		}
		err = inner
	}
}

// isNetwork tells errors of the connection from answers.
func isNetwork(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
}
