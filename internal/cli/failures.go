package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/apply"
	"github.com/clusterform/clusterform/internal/render"
	"github.com/clusterform/clusterform/planner/resource"
)

// failuresNamed is how many parents of failed objects a title names.
const failuresNamed = 3

// failure is one reason with every object that it stopped.
type failure struct {
	// op is what was tried: an API call, or the action where there was none.
	op, detail string
	addresses  []resource.Address
}

// failures groups failed steps by reason, in the order of the first of each: 500 nodes that get no capacity have one
// cause, and one report.
func failures(steps []apply.StepError) []failure {
	var out []failure
	index := map[string]int{}
	for _, s := range steps {
		f := failureOf(s)
		key := f.op + "\n" + render.WithoutRequest(f.detail)
		i, seen := index[key]
		if !seen {
			i = len(out)
			index[key] = i
			out = append(out, f)
		}
		out[i].addresses = append(out[i].addresses, s.Step.Address)
	}
	return out
}

func failureOf(s apply.StepError) failure {
	e, ok := errors.AsType[*resource.Error](s.Err)
	switch {
	case !ok:
		return failure{op: string(s.Step.Action), detail: s.Err.Error()}
	case e.Op == "":
		return failure{op: string(s.Step.Action), detail: callText(e)}
	default:
		return failure{op: e.Op, detail: callText(e)}
	}
}

func (f failure) diagnostic() hclconfig.Diagnostic {
	d := problem(f.objects()+": "+f.op+" failed", f.detail)
	if len(f.addresses) == 1 {
		d.Address = hclconfig.Address(f.addresses[0])
	}
	return d
}

// objects names what failed: one object by its address, those of one list by their ordinals, more by their number.
func (f failure) objects() string {
	if len(f.addresses) == 1 {
		return string(f.addresses[0])
	}
	lists := render.Bundles(f.addresses)
	if len(lists) == 1 {
		return lists[0]
	}
	named := strings.Join(lists[:min(failuresNamed, len(lists))], ", ")
	if n := len(lists) - failuresNamed; n > 0 {
		named += fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("%d objects (%s)", len(f.addresses), named)
}
