package workload

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// liveDigest tells a change of what is ours in an object: which fields we own, and their values. The API takes a field from
// us as soon as somebody else sets it to another value, so what is not ours, such as the replicas of an autoscaled
// deployment, does not count. The values of secrets are not looked at: the fields alone tell.
func liveDigest(u *unstructured.Unstructured) string {
	h := sha256.New()
	secret := u.GetKind() == "Secret" && u.GetAPIVersion() == "v1"
	if secret {
		// One that was made anew may hold something else under the same keys.
		_, _ = fmt.Fprintln(h, u.GetUID())
	}
	for _, line := range ownedLeaves(u, fieldManager, secret) {
		_, _ = fmt.Fprintln(h, line)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// ownedLeaves are the fields that a manager applied, with their values, as sorted lines.
func ownedLeaves(u *unstructured.Unstructured, manager string, secret bool) []string {
	var out []string
	for _, m := range u.GetManagedFields() {
		if m.Manager != manager || m.Operation != metav1.ManagedFieldsOperationApply || m.Subresource != "" || m.FieldsV1 == nil {
			continue
		}
		var fields map[string]any
		if json.Unmarshal(m.FieldsV1.Raw, &fields) == nil {
			w := walker{secret: secret}
			w.walk("", fields, u.Object, false)
			out = append(out, w.lines...)
		}
	}
	slices.Sort(out)
	return out
}

// walker goes through a set of fields in the form of the API (FieldsV1) and an object side by side.
type walker struct {
	lines  []string
	secret bool
}

func (w *walker) walk(at string, fields map[string]any, value any, hidden bool) {
	leaf := len(fields) == 0
	if _, whole := fields["."]; whole && len(fields) == 1 {
		leaf = true
	}
	if leaf {
		w.leaf(at, value, hidden)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		inner, _ := fields[name].(map[string]any)
		typ, rest, _ := strings.Cut(name, ":")
		switch typ {
		case ".":
			w.lines = append(w.lines, at+" exists")
		case "f":
			m, _ := value.(map[string]any)
			part, there := m[rest]
			if !there {
				part = nil
			}
			w.walk(at+"."+rest, inner, part, hidden || w.secret && at == "" && (rest == "data" || rest == "stringData"))
		case "k":
			w.walk(at+"["+rest+"]", inner, keyed(value, rest), hidden)
		default: // "v:" is a member of a set, "i:" a place in a list
			w.lines = append(w.lines, at+"["+name+"]")
		}
	}
}

func (w *walker) leaf(at string, value any, hidden bool) {
	if hidden {
		w.lines = append(w.lines, at)
		return
	}
	text, err := json.Marshal(value) // maps in order
	if err != nil {
		text = []byte("?")
	}
	w.lines = append(w.lines, at+"="+string(text))
}

// keyed finds the item of a list whose fields are those of the key, {"name":"app"}.
func keyed(value any, key string) any {
	var want map[string]any
	if json.Unmarshal([]byte(key), &want) != nil {
		return nil
	}
	list, _ := value.([]any)
	for _, e := range list {
		m, _ := e.(map[string]any)
		same := m != nil
		for k, v := range want {
			same = same && fmt.Sprint(m[k]) == fmt.Sprint(v)
		}
		if same {
			return m
		}
	}
	return nil
}

// changedBy says, for people, who else has set fields of an object since a time: `kubectl-edit set spec.replicas`. What the
// cluster's own controllers do is not told.
func changedBy(u *unstructured.Unstructured, since time.Time) string {
	var out []string
	for _, m := range u.GetManagedFields() {
		if m.FieldsV1 == nil || m.Subresource == "status" || strings.HasPrefix(m.Manager, fieldManager) || m.Manager == "kube-controller-manager" || m.Time == nil || m.Time.Before(&metav1.Time{Time: since}) {
			continue
		}
		var fields map[string]any
		if json.Unmarshal(m.FieldsV1.Raw, &fields) != nil {
			continue
		}
		var w walker
		w.walk("", fields, nil, true)
		names := w.lines
		text := ""
		for i, n := range names[:min(3, len(names))] {
			if i > 0 {
				text += ", "
			}
			text += strings.TrimPrefix(n, ".")
		}
		if n := len(names) - 3; n > 0 {
			text += fmt.Sprintf(" and %d more", n)
		}
		out = append(out, fmt.Sprintf("%s set %s", m.Manager, text))
	}
	return strings.Join(out, "; ")
}
