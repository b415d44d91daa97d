package workload

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// veil compares two states of an object without showing what is sensitive in it.
type veil struct {
	kind string
	// wanted are the values that the manifest has itself.
	wanted map[string]string
	// sensitive are the paths of such values, with [] for each index: a server may put elements before others.
	sensitive map[string]bool
	// hide takes the values out of texts, wherever they got to.
	hide func(string) string
}

// newVeil knows what is sensitive from the attributes, in which such values stand as digests.
func newVeil(want *unstructured.Unstructured, in planner.PreviewRequest) *veil {
	v := &veil{kind: want.GetKind(), wanted: leavesOf(want), sensitive: map[string]bool{}}
	for _, m := range []*resource.Manifest{in.Before, in.After} {
		if m == nil {
			continue
		}
		for path, value := range m.Attributes {
			if strings.HasPrefix(value, orchestrator.Hidden) {
				v.sensitive[pattern(path)] = true
			}
		}
	}
	var values []string
	for path, text := range v.wanted {
		if len(text) >= shortest && v.covers(path) {
			values = append(values, text, orchestrator.Hidden)
		}
	}
	ofSecrets, others := hider([]*unstructured.Unstructured{want}), strings.NewReplacer(values...)
	v.hide = func(s string) string { return others.Replace(ofSecrets(s)) }
	return v
}

var index = regexp.MustCompile(`\[\d+\]`)

func pattern(path string) string { return index.ReplaceAllString(path, "[]") }

// covers tells whether the value at a path is not to be shown.
func (v *veil) covers(path string) bool {
	if v.kind == "Secret" && (strings.HasPrefix(path, "data.") || strings.HasPrefix(path, "stringData.")) {
		return true
	}
	return v.sensitive[pattern(path)]
}

// compare lists what leads from one state to the other; live is nil for an object that does not exist.
func (v *veil) compare(live, next *unstructured.Unstructured) *planner.Preview {
	before, after := map[string]string{}, leavesOf(next)
	effect := resource.EffectNone
	if live != nil {
		before, effect = leavesOf(live), resource.EffectUpdate
	}
	out := &planner.Preview{Fields: []resource.FieldChange{}}
	paths := maps.Clone(before)
	maps.Copy(paths, after)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		was, hadIt := before[path]
		is, hasIt := after[path]
		if hadIt && hasIt && was == is {
			out.Unchanged++
			continue
		}
		f := resource.FieldChange{Path: path, Effect: effect}
		if hadIt {
			f.Old = v.shown(path, was)
		}
		switch {
		case hasIt && live == nil && v.wanted[path] == "" && assigned(next, path, is):
			f.Unknown = true
		case hasIt:
			f.New = v.shown(path, is)
		}
		out.Fields = append(out.Fields, f)
	}
	return out
}

func (v *veil) shown(path, text string) string {
	if v.covers(path) {
		return orchestrator.Hidden
	}
	return orchestrator.Shortened(v.hide(text))
}

// assigned tells whether a value of an object that does not exist was chosen for the dry run alone: the one that is made gets
// another.
func assigned(u *unstructured.Unstructured, path, value string) bool {
	if id := string(u.GetUID()); id != "" && strings.Contains(value, id) {
		return true
	}
	switch u.GetKind() {
	case "Service":
		switch p := pattern(path); p {
		case "spec.clusterIP", "spec.clusterIPs[]", "spec.healthCheckNodePort", "spec.ports[].nodePort":
			return value != "None"
		}
	case "Pod":
		return strings.HasPrefix(value, "kube-api-access-")
	}
	return false
}

// leavesOf are an object's values by path, without what it is called and what the API keeps for itself.
func leavesOf(u *unstructured.Unstructured) map[string]string {
	out := map[string]string{}
	for name, value := range u.Object {
		switch name {
		case "apiVersion", "kind", "status":
		case "metadata":
			inner, _ := value.(map[string]any)
			for _, part := range []string{"labels", "annotations", "finalizers", "ownerReferences"} {
				if inner[part] != nil {
					addLeaves(out, "metadata."+part, inner[part])
				}
			}
		default:
			addLeaves(out, name, value)
		}
	}
	delete(out, "metadata.annotations.kubectl.kubernetes.io/last-applied-configuration") // the whole object once more
	return out
}

func addLeaves(out map[string]string, path string, v any) {
	switch v := v.(type) {
	case nil:
	case map[string]any:
		for k, e := range v {
			addLeaves(out, path+"."+k, e)
		}
	case []any:
		for i, e := range v {
			addLeaves(out, path+"["+strconv.Itoa(i)+"]", e)
		}
	case float64:
		out[path] = strconv.FormatFloat(v, 'f', -1, 64)
	default:
		out[path] = fmt.Sprint(v)
	}
}
