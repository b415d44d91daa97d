package client

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
)

// Variable is one of the environment's.
type Variable struct{ Name, Value string }

// Environment writes a client certificate into a directory, which is made with mode 0700, and returns the variables with
// which docker and everything like it speak with the Swarm's manager that answers now. validity 0 is an hour.
func (c *Client) Environment(ctx context.Context, dir string, validity time.Duration) ([]Variable, error) {
	conn, err := c.manager(ctx)
	if err != nil {
		return nil, err
	}
	pair, err := c.authority.IssueClient(pki.Client{CommonName: user, Validity: validity}, c.now())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.cluster.Address, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the certificates: %w", err)
	}
	for name, content := range map[string][]byte{"ca.pem": []byte(c.authority.CertificatePEM()), "cert.pem": pair.Certificate, "key.pem": pair.Key} {
		if err := replaceFile(filepath.Join(dir, name), content); err != nil {
			return nil, fmt.Errorf("write %s: %w", filepath.Join(dir, name), err)
		}
	}
	return []Variable{
		{"DOCKER_HOST", "tcp://" + net.JoinHostPort(conn.host, strconv.Itoa(c.port))},
		{"DOCKER_TLS_VERIFY", "1"},
		{"DOCKER_CERT_PATH", dir},
	}, nil
}

// replaceFile writes a file that only its owner reads, as a whole or not at all.
func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
