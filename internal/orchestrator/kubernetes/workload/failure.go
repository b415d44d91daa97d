package workload

import (
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// failure is what went wrong with one object, until it is known whose it is.
type failure struct {
	op, code, message, hint string
	key                     key
	err                     error
}

func (f *failure) Error() string { return f.key.text() + ": " + f.message }
func (f *failure) Unwrap() error { return f.err }

// failed explains an answer of the API.
func failed(op string, k key, err error) error {
	var known *failure
	if errors.As(err, &known) {
		return err
	}
	f := &failure{op: op, key: k, message: firstLine(err), err: err}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		f.code = string(status.Status().Reason)
		if text := causes(status.Status()); text != "" {
			f.message = text
		}
	}
	switch {
	case meta.IsNoMatchError(err):
		f.message = "the cluster knows no such type of object"
		f.hint = "Apply the manifest with its CustomResourceDefinition first (depends_on), and see that apiVersion and kind are right"
	case strings.Contains(err.Error(), "exceeded quota"):
		f.hint = "Raise the quota of the namespace, or ask for less"
	case apierrors.IsForbidden(err):
		f.hint = "An admission rule of the cluster refuses it"
	case apierrors.IsInvalid(err) && strings.Contains(err.Error(), "immutable"):
		f.hint = "This cannot be changed in place: plan with -replace and the address to make it anew"
	case away(err):
		f.hint = "The API does not answer: see `clusterform status`, and whether control_plane.access admits this host"
	}
	return f
}

// causes are what an answer says of the fields of an invalid object, without the values, which may be whole objects.
func causes(s metav1.Status) string {
	if s.Reason != metav1.StatusReasonInvalid || s.Details == nil {
		return ""
	}
	var out []string
	for _, c := range s.Details.Causes {
		text := c.Message
		if before, _, ok := strings.Cut(text, ": {"); ok {
			text = before + ": " + text[strings.LastIndex(text, ": ")+2:]
		}
		out = append(out, strings.TrimPrefix(c.Field+": ", ": ")+text)
	}
	return firstLine(errors.New(strings.Join(out, "; ")))
}

// explain gives an error the block that it is about, without anything that is secret.
func (d *Driver) explain(o *resource.Object, hide func(string) string, err error) error {
	if err == nil {
		return nil
	}
	e := &resource.Error{Address: o.Address, ID: idOf(o), Message: hide(firstLine(err)), Err: err}
	var f *failure
	if errors.As(err, &f) {
		e.Op, e.Code, e.Hint = "kubernetes:"+f.op, f.code, hide(f.hint)
		e.Message = hide(f.key.text() + ": " + f.message)
		e.Err = nil // its text is not clean
		if f.err != nil && errors.Is(f.err, orchestrator.ErrUnreachable) {
			e.Err = orchestrator.ErrUnreachable
		}
	}
	return e
}

// firstLine is an error fit to be shown, at most some hundred characters of it.
func firstLine(err error) string {
	const most = 600
	s := strings.TrimSpace(hclconfig.PrintableLine(err.Error()))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// count is "1 replica" or "3 replicas".
func count(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
