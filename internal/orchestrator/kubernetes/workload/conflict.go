package workload

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// conflict is a field that somebody else has set, as the API tells it.
type conflict struct {
	manager string
	field   string // ".spec.replicas"
	// applies: the manager applies declared objects, too, and would set the field again.
	applies bool
	// scales: it came through the object's scale, as autoscalers and `kubectl scale` do.
	scales bool
}

// conflictManager reads the API's sentence: conflict with "kubectl" with subresource "scale" using apps/v1. Who applies
// has no "using".
var conflictManager = regexp.MustCompile(`conflict with "([^"]*)"(?: with subresource "([^"]*)")?( using .*)?`)

// conflictsOf are the fields that keep an object from being applied.
func conflictsOf(err error) []conflict {
	var status apierrors.APIStatus
	if !apierrors.IsConflict(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var out []conflict
	for _, c := range status.Status().Details.Causes {
		if c.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		x := conflict{field: c.Field}
		if m := conflictManager.FindStringSubmatch(c.Message); m != nil {
			x.manager, x.scales, x.applies = m[1], m[2] == "scale", m[3] == ""
		}
		out = append(out, x)
	}
	return out
}

// yields tells whether all the fields are to be set as the files say: those of an object that we made, and that somebody
// changed by hand. scaled is an object that an autoscaler of ours was in charge of, and no longer is.
func yields(list []conflict, ours, scaled bool) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(c conflict) bool {
		if c.manager == autoscaleManager {
			return false
		}
		autoscaler := c.scales && c.manager == "kube-controller-manager"
		return !ours || c.applies || autoscaler && !scaled
	})
}

// conflictError says whose fields they are and what to do.
func conflictError(k key, list []conflict, ours bool) error {
	fields := map[string][]string{}
	var managers []string
	autoscaled := false
	for _, c := range list {
		if fields[c.manager] == nil {
			managers = append(managers, c.manager)
		}
		fields[c.manager] = append(fields[c.manager], strings.TrimPrefix(c.field, "."))
		autoscaled = autoscaled || c.scales
	}
	var who []string
	for _, m := range managers {
		list := fields[m]
		text := strings.Join(list[:min(3, len(list))], ", ")
		if n := len(list) - 3; n > 0 {
			text += fmt.Sprintf(" and %d more", n)
		}
		who = append(who, fmt.Sprintf("%q manages %s", m, text))
	}
	e := &failure{op: "Apply", key: k, code: "Conflict", message: strings.Join(who, "; ")}
	switch {
	case !ours:
		e.hint = fmt.Sprintf("It was not made by clusterform: delete it (kubectl delete %s %s%s), or give the block another name or namespace", strings.ToLower(k.kind), k.name, inNamespace(k))
	case autoscaled:
		e.hint = "Something scales it: write an autoscale block instead of replicas, or delete that autoscaler"
	default:
		e.hint = "Take the fields out of the block, or make the other one let go of them"
	}
	return e
}

func inNamespace(k key) string {
	if k.namespace == "" {
		return ""
	}
	return " -n " + k.namespace
}
