package planner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// outputs compares the root outputs with the recorded ones and takes over the results of check blocks.
func (p *planning) outputs(context.Context) {
	recorded := p.req.State.Outputs
	var changes []OutputChange
	wanted := map[string]bool{}
	if p.req.Mode == ModeNormal {
		for _, o := range p.desired.Outputs {
			wanted[o.Name] = true
			if p.plan.Partial && !o.Value.IsWhollyKnown() {
				continue // what it shows was left out
			}
			c, err := p.outputChange(o, recorded[o.Name], hasOutput(recorded, o.Name))
			if err != nil {
				p.fail(&hclconfig.Block{Range: o.Range}, "", "Output cannot be recorded", "output %q: %v.", o.Name, err)
				continue
			}
			if c.Action != ActionNoOp {
				changes = append(changes, c)
			}
		}
	}
	if p.req.Mode != ModeRefreshOnly && !p.plan.Partial {
		for name, r := range recorded {
			if !wanted[name] {
				c := OutputChange{Name: name, Action: ActionDestroy, Sensitive: r.Sensitive}
				if !r.Sensitive {
					c.Before = r.Value
				}
				changes = append(changes, c)
			}
		}
	}
	slices.SortFunc(changes, func(a, b OutputChange) int { return strings.Compare(a.Name, b.Name) })
	p.plan.Outputs = changes
	p.checks()
}

func hasOutput(m map[string]resource.OutputRecord, name string) bool {
	_, ok := m[name]
	return ok
}

func (p *planning) outputChange(o *hclconfig.Output, was resource.OutputRecord, recorded bool) (OutputChange, error) {
	c := OutputChange{Name: o.Name, Action: ActionCreate, Sensitive: o.Sensitive || was.Sensitive}
	if recorded {
		c.Action = ActionUpdate
		if !c.Sensitive {
			c.Before = was.Value
		}
	}
	if !o.Value.IsWhollyKnown() {
		c.Unknown = true
		return c, nil
	}
	value, typ, err := EncodeOutput(o.Value)
	if err != nil {
		return c, err
	}
	if !c.Sensitive {
		c.After = value
	}
	if recorded && o.Sensitive == was.Sensitive && bytes.Equal(compact(was.Type), typ) && p.sameValue(was, value) {
		c.Action = ActionNoOp
	}
	return c, nil
}

func (p *planning) sameValue(was resource.OutputRecord, value []byte) bool {
	if was.Sealed == "" {
		return bytes.Equal(compact(was.Value), value)
	}
	if p.req.Open == nil {
		return false
	}
	plain, err := p.req.Open(was.Sealed)
	return err == nil && bytes.Equal(compact(plain), value)
}

// EncodeOutput turns an output's value into the JSON of its value and of its type, as they are recorded.
func EncodeOutput(v cty.Value) (value, typ []byte, err error) {
	v, _ = v.UnmarkDeep()
	if value, err = ctyjson.Marshal(v, v.Type()); err != nil {
		return nil, nil, fmt.Errorf("its value cannot be written as JSON: %w", err)
	}
	if typ, err = ctyjson.MarshalType(v.Type()); err != nil {
		return nil, nil, fmt.Errorf("its type cannot be written as JSON: %w", err)
	}
	return value, typ, nil
}

// compact drops the white space of JSON that was indented on the way.
func compact(b []byte) []byte {
	var out bytes.Buffer
	if json.Compact(&out, b) != nil {
		return b
	}
	return out.Bytes()
}

// checks takes over what check blocks found; a failed one is a warning and stops nothing.
func (p *planning) checks() {
	if p.req.Mode == ModeDestroy {
		return
	}
	for _, c := range p.desired.Checks {
		p.plan.Checks = append(p.plan.Checks, Check{Address: string(c.Address), Status: string(c.Status), Message: c.Message})
		if c.Status != hclconfig.CheckFail && c.Status != hclconfig.CheckError {
			continue
		}
		d := diagnose(&hclconfig.Block{Range: c.Range}, resource.Address(c.Address), "Check failed", "%s: %s", c.Address, c.Message)
		d.Severity = hclconfig.Warning
		p.diags = append(p.diags, d)
	}
}
