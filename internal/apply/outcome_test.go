package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/planner/resource"
)

// status is a service's answer.
type status int

func (s status) Error() string       { return fmt.Sprintf("status %d", int(s)) }
func (s status) HTTPStatusCode() int { return int(s) }

func TestOutcomeUnknown(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		err  error
		want bool
	}{
		{"canceled", &resource.Error{Code: "Canceled", Err: context.Canceled}, true},
		{"too late", context.DeadlineExceeded, true},
		{"connection lost", &resource.Error{Op: "ec2:CreateVpc", Err: errors.New("reset by peer")}, true},
		{"of an unknown kind", errors.New("hm"), true},
		{"the service failed", &resource.Error{Code: "InternalError", Err: fmt.Errorf("call: %w", status(500))}, true},
		{"the service refused", &resource.Error{Code: "UnauthorizedOperation", Err: fmt.Errorf("call: %w", status(403))}, false},
		{"no capacity", &resource.Error{Code: "InsufficientInstanceCapacity", Err: status(500)}, false},
		{"refused without a status", &resource.Error{Code: "Server.InternalError"}, false},
		{"the driver refused", &resource.Error{Message: "the name is taken by another cluster"}, false},
	} {
		if got := outcomeUnknown(tc.err); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestErrorTextsAreFitForATerminal(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":                     "plain",
		"\x1b]0;title\a red\x1b[0m": "]0;title red[0m",
		"two\nlines\r":              "two\nlines",
		"\u202eback\u200e":          "back",
		"bad \xff byte":             "bad  byte",
	} {
		if got := printable(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	long := lastError(errors.New(strings.Repeat("ä", maxRecordedError)))
	if len(long) > maxRecordedError+len("…") || !strings.HasSuffix(long, "ä…") {
		t.Errorf("%d bytes, ending in %q", len(long), long[len(long)-8:])
	}
}
