package function

import (
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty/function"
)

// Entry describes one function.
type Entry struct {
	Name      string
	Group     Group
	Signature string // "cidrhost(prefix, hostnum)"
	Doc       string // one line
	Example   string // "cidrhost(\"10.0.0.0/16\", 5)", with its result after "→" where there is one
	make      func(Env) function.Function
}

// Group is the kind of a function.
type Group string

// The groups, in the order of the page.
const (
	Numeric    Group = "Numbers"
	Text       Group = "Strings"
	Collection Group = "Collections"
	Encoding   Group = "Encodings"
	Filesystem Group = "Files"
	DateTime   Group = "Dates and times"
	Hash       Group = "Hashes and identifiers"
	Network    Group = "Addresses"
	Types      Group = "Types and errors"
)

// Groups lists the groups in the order of the page.
func Groups() []Group {
	return []Group{Numeric, Text, Collection, Encoding, Filesystem, DateTime, Hash, Network, Types}
}

// List describes every function, by group and name.
func List() []Entry {
	out := slices.Concat(numeric(), text(), collection(), collectionSets(), encoding(), filesystem(), dateTime(), hashes(), network(), types())
	groups := Groups()
	slices.SortStableFunc(out, func(a, b Entry) int {
		if i, j := slices.Index(groups, a.Group), slices.Index(groups, b.Group); i != j {
			return i - j
		}
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out
}

// Table makes the functions for one evaluation.
func Table(env Env) map[string]function.Function {
	out := table(env)
	// Templates see the same functions, but no templates within templates:
	// one that renders itself would never end.
	inner := maps.Clone(out)
	delete(inner, "templatefile")
	delete(inner, "templatestring")
	out["templatefile"] = templateFile(env, inner)
	out["templatestring"] = templateString(env, inner)
	return out
}

func table(env Env) map[string]function.Function {
	list := List()
	out := make(map[string]function.Function, len(list))
	for _, e := range list {
		if e.make != nil {
			out[e.Name] = e.make(env)
		}
	}
	return out
}

// is makes an entry's function that needs no Env.
func is(f function.Function) func(Env) function.Function {
	return func(Env) function.Function { return f }
}
