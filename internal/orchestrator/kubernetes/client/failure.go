package client

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

// failed says which cluster and call an error is of. Errors of connections are ErrUnreachable.
func (k *Client) failed(op string, err error) error {
	if err == nil {
		return nil
	}
	// It says the cluster and the addresses already; the name in the URL helps nobody.
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if errors.Is(err, orchestrator.ErrUnreachable) {
		return err
	}
	if cut(err) {
		return fmt.Errorf("%s: %s: %w: %w", k.cluster.Address, op, orchestrator.ErrUnreachable, err)
	}
	if apierrors.IsUnauthorized(err) {
		return fmt.Errorf("%s: %s: %w. The API server does not accept the cluster's authority: was the Parameter Store's copy replaced, or is this machine's clock wrong?", k.cluster.Address, op, err)
	}
	return fmt.Errorf("%s: %s: %w", k.cluster.Address, op, err)
}

// cut is an error of a connection, not an answer.
func cut(err error) bool {
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		return false
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	text := err.Error()
	for _, s := range []string{"EOF", "connection lost", "GOAWAY", "connection reset"} {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// passing errors may be gone at the next try.
func passing(err error) bool {
	return errors.Is(err, orchestrator.ErrUnreachable) || cut(err) || apierrors.IsServerTimeout(err) || apierrors.IsServiceUnavailable(err) ||
		apierrors.IsTooManyRequests(err) || apierrors.IsTimeout(err) || apierrors.IsInternalError(err) || apierrors.IsConflict(err)
}

// failedChecks are the names of what /readyz?verbose finds wrong: its lines that begin "[-]".
func failedChecks(body string) string {
	var names []string
	for line := range strings.Lines(body) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "[-]"); ok {
			name, _, _ = strings.Cut(name, " ")
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
