package hclconfig

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Address names an object, a module or a part of an object:
//
//	cluster.lab
//	node_pool.worker["blue"]
//	module.edge["a"].node_pool.worker
//	node_pool.worker["blue"][0]        the first node
//	cluster.lab.vpc                    a resource of the cluster
type Address string

// AddressParts is an Address taken apart.
type AddressParts struct {
	Module Address // `module.edge["a"]`, empty at the root
	Type   string  // "cluster", "node_pool", "workload", "manifest"; empty when a module is named
	Name   string
	Key    string // for_each key
	HasKey bool
	Rest   string // what follows: "[0]", ".vpc", ".subnet[\"a\"]"
}

// Contains says whether other is a itself or lies within it: an instance of a
// block with for_each, an object of a module, a node of a pool.
func (a Address) Contains(other Address) bool {
	if !strings.HasPrefix(string(other), string(a)) {
		return false
	}
	rest := other[len(a):]
	return rest == "" || rest[0] == '.' || rest[0] == '['
}

// Parse takes the address apart. The error says what is wrong with it.
func (a Address) Parse() (AddressParts, error) {
	return ParseAddress(string(a))
}

// ParseAddress reads an address as a person writes it after -target.
func ParseAddress(s string) (AddressParts, error) {
	if len(s) > 1024 {
		return AddressParts{}, fmt.Errorf("an address is at most 1024 characters long, not %d", len(s))
	}
	traversal, diags := hclsyntax.ParseTraversalAbs([]byte(s), "address", hcl.InitialPos)
	if diags.HasErrors() {
		return AddressParts{}, fmt.Errorf("%q is not an address: %s; write for example node_pool.worker or node_pool.worker[\"blue\"]", s, firstSentence(diags[0].Detail))
	}
	parts, err := addressOfTraversal(traversal)
	if err != nil {
		return AddressParts{}, fmt.Errorf("%q is not an address: %w", s, err)
	}
	return parts, nil
}

// String puts the parts together again.
func (p AddressParts) String() string {
	var b strings.Builder
	b.WriteString(string(p.Module))
	if p.Type != "" {
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(p.Type + "." + p.Name)
		if p.HasKey {
			b.WriteString("[" + quoteKey(p.Key) + "]")
		}
	}
	b.WriteString(p.Rest)
	return b.String()
}

// Object is the address of the object, without what follows it.
func (p AddressParts) Object() Address {
	p.Rest = ""
	return Address(p.String())
}

// addressOfTraversal reads steps such as module.edge["a"].node_pool.worker["x"][0].
func addressOfTraversal(t hcl.Traversal) (AddressParts, error) {
	var p AddressParts
	steps, err := stepsOf(t)
	if err != nil {
		return p, err
	}
	for len(steps) > 0 && steps[0].name == "module" {
		if len(steps) < 2 || steps[1].index {
			return p, fmt.Errorf("the name of the module is missing after \"module.\"")
		}
		p.Module = joinAddress(p.Module, "module."+steps[1].name)
		steps = steps[2:]
		if len(steps) > 0 && steps[0].index && steps[0].text {
			p.Module += Address("[" + quoteKey(steps[0].name) + "]")
			steps = steps[1:]
		}
	}
	if len(steps) == 0 {
		if p.Module == "" {
			return p, fmt.Errorf("it is empty")
		}
		return p, nil
	}
	if steps[0].index || !isMainType(steps[0].name) {
		return p, fmt.Errorf("%q is not a kind of object%s; there are cluster, node_pool, workload, manifest and module",
			steps[0].name, didYouMean(steps[0].name, append(mainTypes(), "module")))
	}
	p.Type = steps[0].name
	if len(steps) < 2 || steps[1].index {
		return p, fmt.Errorf("the name is missing after \"%s.\"", p.Type)
	}
	p.Name = steps[1].name
	steps = steps[2:]
	if len(steps) > 0 && steps[0].index && steps[0].text {
		p.Key, p.HasKey = steps[0].name, true
		steps = steps[1:]
	}
	for _, s := range steps {
		switch {
		case s.index && s.text:
			p.Rest += "[" + quoteKey(s.name) + "]"
		case s.index:
			p.Rest += "[" + s.name + "]"
		default:
			p.Rest += "." + s.name
		}
	}
	return p, nil
}

// step is one step of a traversal: .name, ["name"] or [3].
type step struct {
	name  string
	index bool
	text  bool // index by a string
}

func stepsOf(t hcl.Traversal) ([]step, error) {
	out := make([]step, 0, len(t))
	for _, s := range t {
		switch s := s.(type) {
		case hcl.TraverseRoot:
			out = append(out, step{name: s.Name})
		case hcl.TraverseAttr:
			out = append(out, step{name: s.Name})
		case hcl.TraverseIndex:
			switch {
			case s.Key.Type() == cty.String:
				out = append(out, step{name: s.Key.AsString(), index: true, text: true})
			case s.Key.Type() == cty.Number:
				n, acc := s.Key.AsBigFloat().Int64()
				if acc != 0 || n < 0 {
					return nil, fmt.Errorf("an index is a whole number from 0")
				}
				out = append(out, step{name: strconv.FormatInt(n, 10), index: true})
			default:
				return nil, fmt.Errorf("an index is a string or a whole number")
			}
		default:
			return nil, fmt.Errorf("it holds a step that is neither a name nor an index")
		}
	}
	return out, nil
}

func joinAddress(module Address, rest string) Address {
	if module == "" {
		return Address(rest)
	}
	return module + "." + Address(rest)
}

// quoteKey writes a for_each key as HCL does, so that an address can be read back.
func quoteKey(key string) string {
	return string(escapeQuoted(key))
}

func escapeQuoted(s string) []byte {
	out := make([]byte, 0, len(s)+2)
	out = append(out, '"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r == '\n':
			out = append(out, `\n`...)
		case r == '\r':
			out = append(out, `\r`...)
		case r == '\t':
			out = append(out, `\t`...)
		case (r == '$' || r == '%') && i+1 < len(s) && s[i+1] == '{':
			out = append(out, byte(r), byte(r))
		case r < 0x20 || r == 0x7f:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = append(out, string(r)...)
		}
	}
	return append(out, '"')
}

func firstSentence(s string) string {
	if i := strings.IndexAny(s, ".\n"); i > 0 {
		return s[:i]
	}
	return s
}

// moduleStep is one step of a module path.
type moduleStep struct {
	name, key string
	hasKey    bool
}

// moduleSteps takes a module path apart.
func moduleSteps(a Address) ([]moduleStep, error) {
	if a == "" {
		return nil, nil
	}
	t, diags := hclsyntax.ParseTraversalAbs([]byte(a), "address", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	steps, err := stepsOf(t)
	if err != nil {
		return nil, err
	}
	var out []moduleStep
	for i := 0; i+1 < len(steps) && steps[i].name == "module"; {
		m := moduleStep{name: steps[i+1].name}
		i += 2
		if i < len(steps) && steps[i].index {
			m.key, m.hasKey = steps[i].name, true
			i++
		}
		out = append(out, m)
	}
	return out, nil
}
