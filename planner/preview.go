package planner

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// Previewer asks clusters that exist what they would make of a manifest: a dry run, which changes nothing.
type Previewer interface {
	// Preview answers with a *Refusal as its error when the cluster would not take the object, and with ErrNoPreview when
	// nothing can be told before the rest of the plan is carried out. Any other error means that the cluster was not asked.
	Preview(ctx context.Context, rt resource.Runtime, in PreviewRequest) (*Preview, error)
}

// PreviewRequest is one manifest that would be applied.
type PreviewRequest struct {
	Cluster resource.Address
	// Before is as recorded, nil for a new one. It tells which values are sensitive, like After.
	Before, After *resource.Manifest
	Content       Content
}

// Preview is what a cluster would make of a manifest, with its defaults and what its admission rules set. Sensitive values
// are not in it.
type Preview struct {
	// Fields lead from the object as it is to the object as it would be, by path ("spec.replicas"). What the cluster keeps for
	// itself, such as managedFields and status, is left out.
	Fields []resource.FieldChange `json:"fields"`
	// Unchanged counts the fields that stay.
	Unchanged int `json:"unchanged,omitempty"`
}

// ErrNoPreview means that a cluster cannot tell yet.
var ErrNoPreview = errors.New("the cluster cannot tell yet what it would make of the object")

// Refusal is what a cluster says against an object.
type Refusal struct {
	// Code is the reason in the API's words: "Invalid", "Forbidden", "Conflict"; RefusalNoType for an object of an unknown type.
	Code string
	// Message is the API's, fit to be shown; Hint says what to do and may be empty.
	Message, Hint string
}

// RefusalNoType is the Code for objects of a type that the cluster does not know.
const RefusalNoType = "NoType"

func (r *Refusal) Error() string { return r.Message }

const (
	// previewTimeout bounds what all previews of a plan take together.
	previewTimeout = 30 * time.Second
	// previewsAtOnce bounds how many are asked for at the same time.
	previewsAtOnce = 8
)

// preview asks clusters about the manifests that the plan creates or changes.
func (p *planning) preview(ctx context.Context) {
	list := p.previewable()
	if len(list) == 0 {
		return
	}
	p.req.Progress("Asking about " + plural(len(list), "manifest", "manifests"))
	ctx, cancel := context.WithTimeout(ctx, previewTimeout)
	defer cancel()
	errs := make([]error, len(list))
	rt := newReader(p.req.State)
	places := make(chan struct{}, previewsAtOnce)
	var wg sync.WaitGroup
	for n, s := range list {
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			in := PreviewRequest{Cluster: s.After.Cluster, After: s.After.Spec.(*resource.Manifest)}
			if s.Before != nil {
				in.Before, _ = s.Before.Spec.(*resource.Manifest)
			}
			in.Content = p.wanted.contents[in.After.Content]
			s.Preview, errs[n] = p.req.Previewer.Preview(ctx, rt, in)
		})
	}
	wg.Wait()
	for n, s := range list {
		p.previewFailed(s, errs[n])
	}
}

// previewable are the steps that a cluster can be asked about: it exists, and what the plan does to it leaves it standing.
func (p *planning) previewable() []*Step {
	if p.req.Previewer == nil || p.req.Mode != ModeNormal {
		return nil
	}
	var out []*Step
	for i := range p.plan.Steps {
		s := &p.plan.Steps[i]
		if s.Kind != resource.KindManifest || s.After == nil || len(s.Unknown) > 0 || s.Operation != resource.Create && s.Operation != resource.Update {
			continue
		}
		if s.Pair >= 0 && s.Reason != ReasonCannotUpdate { // the object that is there goes first
			continue
		}
		if _, has := p.wanted.contents[contentOf(s.After.Spec)]; has && p.answering(s.After.Cluster) {
			out = append(out, s)
		}
	}
	return out
}

// answering tells whether a cluster's API is expected to answer: it stands, and answered when it was read.
func (p *planning) answering(cluster resource.Address) bool {
	if _, renewed := p.changes.renewed[credentialsOf(cluster)]; renewed || p.silent[cluster] || p.controlPlaneLost(cluster) {
		return false
	}
	if p.req.State.Records[credentialsOf(cluster)] == nil {
		return false
	}
	for a, rec := range p.current.records {
		if parent(a) != controlPlaneOf(cluster) || !stands(rec) {
			continue
		}
		if _, gone := p.current.gone[a]; !gone {
			return true
		}
	}
	return false
}

// previewFailed tells why there is no preview of a step, where that is not to be expected.
func (p *planning) previewFailed(s *Step, err error) {
	refusal, refused := errors.AsType[*Refusal](err)
	switch {
	case err == nil, errors.Is(err, ErrNoPreview):
	case !refused:
		if p.silent[s.After.Cluster] {
			return // told once
		}
		p.silent[s.After.Cluster] = true
		p.warnUnasked(s.After.Cluster, "it was not asked what it makes of manifests, which are shown as the files have them: "+callText(err))
	case p.mayHelp(s, refusal):
		if refusal.Code == RefusalNoType && p.definesTypes(s.After.Cluster) {
			return // as is to be expected
		}
		p.warning(p.blocks()[s.Address], s.Address, "The cluster would refuse this now",
			"%s: %s\n\nWhat else this plan changes may make up for it. If it does not, the apply fails here.%s", s.Address, refusal.Message, advice(refusal.Hint))
	default:
		p.fail(p.blocks()[s.Address], s.Address, "The cluster refuses this", "%s: %s%s", s.Address, refusal.Message, advice(refusal.Hint))
	}
}

// advice is a hint as a paragraph of its own.
func advice(hint string) string {
	if hint == "" {
		return ""
	}
	return "\n\n" + hint + "."
}

// mayHelp tells whether what a cluster says against an object may no longer be so when its turn comes: what is wrong with the
// object by itself stays wrong, unless its type is changed; a quota, a policy or an account that it needs may be in the plan,
// or in one beside it, where this one has -target, as those of Terraform's resources do.
func (p *planning) mayHelp(s *Step, r *Refusal) bool {
	switch r.Code {
	case RefusalNoType:
		return true // a program on the cluster may define it
	case "Conflict":
		return false
	case "Invalid", "BadRequest":
		return p.definesTypes(s.After.Cluster) || len(p.targets) > 0 && isCustom(s.After.Spec.(*resource.Manifest))
	}
	return len(p.targets) > 0 || slices.ContainsFunc(p.plan.Steps, func(o Step) bool {
		return o.Address != s.Address && isWork(o.Kind) && clusterOfStep(&o) == s.After.Cluster
	})
}

// isCustom tells an object whose type is defined on the cluster, and not a part of Kubernetes.
func isCustom(m *resource.Manifest) bool {
	group, _, hasGroup := strings.Cut(m.APIVersion, "/")
	return hasGroup && strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io")
}

// definesTypes tells whether the plan makes or changes types of a cluster's objects.
func (p *planning) definesTypes(cluster resource.Address) bool {
	return slices.ContainsFunc(p.plan.Steps, func(o Step) bool {
		if o.After == nil || o.After.Cluster != cluster {
			return false
		}
		m, isManifest := o.After.Spec.(*resource.Manifest)
		return isManifest && m.ObjectKind == "CustomResourceDefinition"
	})
}

func clusterOfStep(s *Step) resource.Address {
	if s.After != nil {
		return s.After.Cluster
	}
	return s.Before.Cluster
}
