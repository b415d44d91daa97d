package provider_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/clusterform/clusterform/internal/state"
)

// shape is what is recorded of every object, without what differs between two clusters that are alike: ids, addresses, times,
// and the user-data, in which the UID and the endpoint stand.
func (l *lab) shape(t *testing.T) []string {
	t.Helper()
	paths := []string{filepath.Join(l.stateDir, testRegion, "lab", "state.json"), filepath.Join(filepath.Dir(l.stateDir), "cli", "clusterform.state.json")}
	var out []string
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		out = append(out, recordsOf(t, path)...)
	}
	if len(out) < 10 {
		t.Fatalf("only %d records", len(out))
	}
	slices.Sort(out)
	return out
}

var changing = regexp.MustCompile(`[0-9a-f]{16,}|lab-[0-9a-f]{8}|(i|vpc|subnet|sg|igw|rtb|eipalloc|eipassoc|rtbassoc)-[0-9a-f]+|\d+\.\d+\.\d+\.\d+(/\d+)?|ip-[0-9-]+|\d{4}-\d\d-\d\dT[0-9:.Z]+|-----BEGIN[^-]*-----[^-]*-----END[^-]*-----(\\n)?`)

func recordsOf(t *testing.T, path string) []string {
	t.Helper()
	f, err := state.Open(path, state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	snap, err := f.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range snap.Records {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, changing.ReplaceAllString(string(text), "…"))
	}
	return out
}
