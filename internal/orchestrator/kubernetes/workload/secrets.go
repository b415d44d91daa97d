package workload

import (
	"encoding/base64"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

// shortest is how long a secret has to be to be looked for in texts: shorter ones are in every text.
const shortest = 4

// hider takes the values of the Secrets among objects out of texts: programs log what they should not, and the API repeats
// what it was given.
func hider(objects []*unstructured.Unstructured) func(string) string {
	var values []string
	add := func(v string) {
		if len(v) >= shortest {
			values = append(values, v)
		}
	}
	for _, u := range objects {
		if u.GetKind() != "Secret" {
			continue
		}
		data, _, _ := unstructured.NestedMap(u.Object, "data")
		for _, v := range data {
			s, _ := v.(string)
			add(s)
			if plain, err := base64.StdEncoding.DecodeString(s); err == nil {
				add(strings.TrimSpace(string(plain)))
			}
		}
		plain, _, _ := unstructured.NestedMap(u.Object, "stringData")
		for _, v := range plain {
			s, _ := v.(string)
			add(strings.TrimSpace(s))
		}
	}
	if len(values) == 0 {
		return func(s string) string { return s }
	}
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) }) // the longest first: one may hold another
	pairs := make([]string, 0, 2*len(values))
	for _, v := range values {
		pairs = append(pairs, v, orchestrator.Hidden)
	}
	return strings.NewReplacer(pairs...).Replace
}
