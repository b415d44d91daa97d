package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// small is a model with what makes wire names differ: location names, query names, lists, maps and recursion.
func small(protocol string) *model {
	m := &model{
		Operations: map[string]operation{"Do": {Input: &ref{Shape: "DoRequest"}}},
		Shapes: map[string]shape{
			"DoRequest": {Type: "structure", Required: []string{"Names"}, Members: map[string]ref{
				"Names": {Shape: "NameList", LocationName: "name"}, "Odd": {Shape: "String", LocationName: "odd", QueryName: "Even"}, "tree": {Shape: "Tree"},
			}},
			"NameList": {Type: "list", Member: &ref{Shape: "String", LocationName: "item"}},
			"Tree":     {Type: "structure", Members: map[string]ref{"Kids": {Shape: "TreeList"}, "At": {Shape: "Time"}}},
			"TreeList": {Type: "list", Member: &ref{Shape: "Tree"}},
			"String":   {Type: "string"}, "Time": {Type: "timestamp"},
		},
	}
	m.Metadata.Protocol = protocol
	return m
}

func TestWireNames(t *testing.T) {
	t.Parallel()
	for protocol, want := range map[string][]string{
		"ec2":   {`Names []string "aws:\"Name,name,e=item,req\""`, `Odd string "aws:\"Even,odd\""`, `Tree *Tree "aws:\"Tree,tree\""`, `Kids []Tree "aws:\"Kids,Kids,e=item\""`, `At *time.Time`},
		"query": {`Names []string "aws:\"name,name,e=item,m,req\""`, `Kids []Tree "aws:\"Kids,Kids,e=member,m\""`},
	} {
		src, err := generate(small(protocol), service{name: "x", actions: []string{"Do"}})
		if err != nil {
			t.Fatal(err)
		}
		flat := strings.Join(strings.Fields(string(src)), " ")
		for _, w := range want {
			w = strings.NewReplacer(`"aws:\"`, "`aws:\"", `\""`, "\"`").Replace(w)
			if !strings.Contains(flat, w) {
				t.Errorf("%s: no %s in\n%s", protocol, w, src)
			}
		}
	}
}

func TestUnknownActionIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := generate(small("ec2"), service{name: "x", actions: []string{"Undo"}}); err == nil || !strings.Contains(err.Error(), "Undo") {
		t.Errorf("%v, want the name of the action", err)
	}
}

func TestActionsFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, err string }{
		{"sections and comments", "[a] # one\nX Y\n[b]\nZ", ""},
		{"an action before any section", "X", "before the first"},
		{"an action twice", "[a]\nX X", "twice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "actions.txt")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := readActions(file)
			if c.err == "" && (err != nil || len(got) != 2 || len(got[0].actions) != 2) {
				t.Errorf("%v %v", got, err)
			}
			if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("%v, want %q", err, c.err)
			}
		})
	}
}
