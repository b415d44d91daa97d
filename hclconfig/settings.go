package hclconfig

import (
	"fmt"
	"strconv"
	"strings"
)

// declareSettings reads the clusterform block.
func (l *loader) declareSettings(m *module, b *block) {
	text, ok := b.staticString("required_version", &l.diags)
	if !ok {
		m.settings.Range = b.rng
		return
	}
	a := b.attrs["required_version"]
	if m.settings.RequiredVersion != "" {
		l.diags.errorf(a.rng, "Duplicate argument", "required_version is set at %s already.", place(m.settings.Range))
		return
	}
	if _, err := parseConstraints(text); err != nil {
		l.diags.errorf(a.expr.Range(), "Invalid version constraint", "%s. Write for example \">= 0.1, < 2.0\".", err)
		return
	}
	m.settings = Settings{RequiredVersion: text, Range: a.rng}
}

// checkVersion compares what the modules ask for with what is running.
func (c *Configuration) checkVersion() Diagnostics {
	var diags Diagnostics
	if c.opts.Version == "" {
		return nil
	}
	running, err := parseVersion(c.opts.Version)
	if err != nil {
		return nil
	}
	seen := map[*module]bool{}
	var visit func(m *module)
	visit = func(m *module) {
		if m == nil || seen[m] {
			return
		}
		seen[m] = true
		if m.settings.RequiredVersion != "" {
			constraints, _ := parseConstraints(m.settings.RequiredVersion)
			for _, x := range constraints {
				if !x.allows(running) {
					diags.errorf(m.settings.Range, "Unsupported version", "This configuration asks for clusterform %s, and this is %s. Install another version, or change required_version if you know that it works.", m.settings.RequiredVersion, c.opts.Version)
					break
				}
			}
		}
		for _, call := range m.callOrder {
			visit(call.module)
		}
	}
	visit(c.root)
	return diags
}

// version is a version number; a pre-release counts as the release it precedes.
type version [3]int

func parseVersion(s string) (version, error) {
	var v version
	s, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(s), "v"), "-")
	s, _, _ = strings.Cut(s, "+")
	parts := strings.Split(s, ".")
	if len(parts) > 3 {
		return v, fmt.Errorf("%q is not a version number", s)
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return v, fmt.Errorf("%q is not a version number", s)
		}
		v[i] = n
	}
	return v, nil
}

func (v version) compare(o version) int {
	for i := range v {
		if v[i] != o[i] {
			return v[i] - o[i]
		}
	}
	return 0
}

// constraint is one part of a version constraint: ">= 0.1".
type constraint struct {
	op    string
	bound version
	parts int // how many parts the bound was written with
}

func parseConstraints(s string) ([]constraint, error) {
	var out []constraint
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		c := constraint{op: "="}
		for _, op := range []string{">=", "<=", "!=", "~>", ">", "<", "="} {
			if rest, ok := strings.CutPrefix(part, op); ok {
				c.op, part = op, strings.TrimSpace(rest)
				break
			}
		}
		v, err := parseVersion(part)
		if err != nil {
			return nil, err
		}
		c.bound, c.parts = v, strings.Count(part, ".")+1
		out = append(out, c)
	}
	return out, nil
}

func (c constraint) allows(v version) bool {
	n := v.compare(c.bound)
	switch c.op {
	case ">=":
		return n >= 0
	case "<=":
		return n <= 0
	case ">":
		return n > 0
	case "<":
		return n < 0
	case "!=":
		return n != 0
	case "~>":
		// The last part that is written may grow: ~> 1.2 is >= 1.2, < 2.0.
		limit := c.bound
		i := max(c.parts-2, 0)
		limit[i]++
		for j := i + 1; j < len(limit); j++ {
			limit[j] = 0
		}
		return n >= 0 && v.compare(limit) < 0
	}
	return n == 0
}
