package orchestrator

import (
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/clusterform/clusterform/hclconfig"
)

// Place names a part of a block by the steps to it: `container "app"`, `resources`, `cpu`.
type Place []string

// At makes a place.
func At(steps ...string) Place { return steps }

// Labelled is the step to a block with a label.
func Labelled(typ, label string) string { return typ + " " + strconv.Quote(label) }

// In is a place below this one.
func (p Place) In(steps ...string) Place { return append(slices.Clip(p), steps...) }

// String is the place as it is written in sentences: `container "app".resources.cpu`.
func (p Place) String() string { return strings.Join(p, ".") }

// path is the place as hclconfig.Block.Unknown has it, whose labels are steps like any other.
func (p Place) path() string {
	var steps []string
	for _, s := range p {
		typ, label, labelled := parseStep(s)
		steps = append(steps, typ)
		if labelled {
			steps = append(steps, label)
		}
	}
	return strings.Join(steps, ".")
}

// placeOfPath reads the paths of hclconfig.Block.Unknown, whose labels are steps like any other: "container.app.image".
func placeOfPath(path string) Place { return strings.Split(path, ".") }

// Finder finds places in the files a configuration was read from. A nil Finder knows no more than the range of the block.
type Finder struct {
	sources hclconfig.Sources
	bodies  map[string]*hclsyntax.Body // nil for what is not HCL's own syntax
}

// NewFinder reads files when they are first needed. It is not safe for use by several goroutines at once.
func NewFinder(sources hclconfig.Sources) *Finder {
	return &Finder{sources: sources, bodies: map[string]*hclsyntax.Body{}}
}

// Find returns the range of a part of the block at r, or of the smallest part around it that is written there.
func (f *Finder) Find(r hcl.Range, at Place) hcl.Range {
	found, _ := f.find(r, at)
	return found
}

// find also tells whether the line may hold a sensitive value, and is better not shown.
func (f *Finder) find(r hcl.Range, at Place) (found hcl.Range, hidden bool) {
	if f == nil {
		return r, false
	}
	block := f.block(r)
	for i := 0; i < len(at) && block != nil; i++ {
		typ, label, labelled := parseStep(at[i])
		if a := block.Body.Attributes[typ]; a != nil && !labelled {
			return a.SrcRange, typ == "env" || typ == "files" || typ == "object"
		}
		if !labelled && i+1 < len(at) && hasLabels(block.Body, typ) {
			i++
			label, labelled = at[i], true
		}
		if block = child(block.Body, typ, label, labelled); block != nil {
			r = block.DefRange()
		}
	}
	return r, false
}

// block finds the top-level block that starts where r does.
func (f *Finder) block(r hcl.Range) *hclsyntax.Block {
	body, read := f.bodies[r.Filename]
	if !read {
		if strings.HasSuffix(r.Filename, ".hcl") {
			if file, diags := hclsyntax.ParseConfig(f.sources.Bytes(r.Filename), r.Filename, hcl.InitialPos); !diags.HasErrors() {
				body, _ = file.Body.(*hclsyntax.Body)
			}
		}
		f.bodies[r.Filename] = body
	}
	if body == nil {
		return nil
	}
	i := slices.IndexFunc(body.Blocks, func(b *hclsyntax.Block) bool { return b.DefRange().Start.Line == r.Start.Line })
	if i < 0 {
		return nil
	}
	return body.Blocks[i]
}

func parseStep(step string) (typ, label string, labelled bool) {
	typ, quoted, labelled := strings.Cut(step, " ")
	if !labelled {
		return typ, "", false
	}
	label, err := strconv.Unquote(quoted)
	return typ, label, err == nil
}

func hasLabels(body *hclsyntax.Body, typ string) bool {
	return slices.ContainsFunc(body.Blocks, func(b *hclsyntax.Block) bool { return b.Type == typ && len(b.Labels) > 0 })
}

func child(body *hclsyntax.Body, typ, label string, labelled bool) *hclsyntax.Block {
	for _, b := range body.Blocks {
		if b.Type == typ && (!labelled || slices.Equal(b.Labels, []string{label})) {
			return b
		}
	}
	return nil
}
