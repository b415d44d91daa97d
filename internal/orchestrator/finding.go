package orchestrator

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
)

// Title is how an orchestrator is called in sentences.
func Title(o hclconfig.Orchestrator) string {
	switch o {
	case hclconfig.Kubernetes:
		return "Kubernetes"
	case hclconfig.Swarm:
		return "Docker Swarm"
	case hclconfig.Mesos:
		return "Apache Mesos"
	default:
		return string(o)
	}
}

// Unsupported says that an orchestrator cannot do what a block asks.
type Unsupported struct {
	Orchestrator hclconfig.Orchestrator
	Object       hclconfig.Address // workload.web
	Place        Place             // where in the block
	Reason       string            // why, in whole sentences
	Alternative  string            // what to write instead, in whole sentences
}

// Error is the sentence for the person who wrote the block.
func (u *Unsupported) Error() string {
	return fmt.Sprintf("%s cannot do this: %s", Title(u.Orchestrator), u.detail())
}

func (u *Unsupported) detail() string {
	what := string(u.Object)
	if len(u.Place) > 0 {
		what = fmt.Sprintf("%s of %s", u.Place, u.Object)
	}
	return strings.TrimRight(fmt.Sprintf("%s. %s %s", what, u.Reason, u.Alternative), " ")
}

// Findings collects what is wrong with one block for one orchestrator.
type Findings struct {
	orchestrator hclconfig.Orchestrator
	block        *hclconfig.Block
	finder       *Finder
	diags        hclconfig.Diagnostics
}

// NewFindings starts with none. The finder makes places exact; nil leaves them at the block.
func NewFindings(o hclconfig.Orchestrator, block *hclconfig.Block, finder *Finder) *Findings {
	return &Findings{orchestrator: o, block: block, finder: finder}
}

// Unsupported records an error: reason says why the orchestrator cannot do what is written at the place, alternative what to
// write instead.
func (f *Findings) Unsupported(at Place, reason, alternative string) {
	f.add(hclconfig.Error, "Unsupported by "+Title(f.orchestrator), at, reason, alternative)
}

// Differs records a warning: the orchestrator does it, but not quite as others do.
func (f *Findings) Differs(at Place, reason, alternative string) {
	f.add(hclconfig.Warning, "Different on "+Title(f.orchestrator), at, reason, alternative)
}

// add records a finding, unless it is about a value that is not known yet: of that, nothing can be said.
func (f *Findings) add(severity hclconfig.Severity, summary string, at Place, reason, alternative string) {
	if f.unknown(at) {
		return
	}
	u := Unsupported{Orchestrator: f.orchestrator, Object: f.block.Address, Place: at, Reason: reason, Alternative: alternative}
	d := hclconfig.Diagnostic{Severity: severity, Summary: summary, Detail: u.detail(), Address: f.block.Address}
	r, hidden := f.finder.find(f.block.Range, at)
	d.Subject, d.Hidden = &r, hidden
	f.diags = append(f.diags, d)
}

// Diagnostics are the findings in the order they were made.
func (f *Findings) Diagnostics() hclconfig.Diagnostics { return f.diags }

// CheckKnown gives an error for each attribute of a block whose value is only known after apply: objects made without them
// would say something else than the files.
func CheckKnown(b *hclconfig.Block, finder *Finder) hclconfig.Diagnostics {
	var diags hclconfig.Diagnostics
	for _, path := range b.Unknown {
		r, hidden := finder.find(b.Range, placeOfPath(path))
		diags = append(diags, hclconfig.Diagnostic{
			Severity: hclconfig.Error, Summary: "Known after apply", Address: b.Address, Subject: &r, Hidden: hidden,
			Detail: fmt.Sprintf("The value of %s of %s depends on something that exists only after `clusterform apply`, so its objects cannot be shown yet. Name the addresses of others to leave it out, or write a value that is known.", path, b.Address),
		})
	}
	return diags
}

// unknown tells whether the place, or what it is a part of, is known only after apply.
func (f *Findings) unknown(at Place) bool {
	path := at.path() + "."
	return slices.ContainsFunc(f.block.Unknown, func(u string) bool {
		return strings.HasPrefix(path, u+".")
	})
}
