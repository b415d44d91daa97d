package hclconfig

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// fileSchema is what may stand in a file outside blocks.
func fileSchema() *hcl.BodySchema {
	out := &hcl.BodySchema{}
	for _, b := range TopLevel() {
		h := hcl.BlockHeaderSchema{Type: b.Type}
		if b.Label != "" {
			h.LabelNames = []string{b.Label}
		}
		out.Blocks = append(out.Blocks, h)
	}
	return out
}

// readFile takes the blocks of one file into the module. Of a broken file,
// nobody knows what is missing in it.
func (l *loader) readFile(m *module, body hcl.Body, broken bool) {
	before := len(l.diags)
	if broken {
		defer func() {
			rest := slices.DeleteFunc(l.diags[before:], func(d Diagnostic) bool { return d.Summary == missingArgument })
			l.diags = l.diags[:before+len(rest)]
		}()
	}
	top := &Schema{Blocks: TopLevel()}
	content, found := body.Content(fileSchema())
	l.diags.add(fromSchemaCheck(found, top, hcl.Range{})...)
	for _, b := range content.Blocks {
		schema := top.block(b.Type).Schema
		read := readBlock(b.Type, firstLabel(b), b.Body, b.DefRange, schema, &l.diags)
		if read.label != "" && !hclsyntax.ValidIdentifier(read.label) && !isMainType(b.Type) {
			l.diags.errorf(labelRange(b), "Invalid name", "%q cannot be a name: it starts with a letter and holds letters, digits, \"_\" and \"-\".", read.label)
			continue
		}
		l.declare(m, read, labelRange(b))
	}
}

// declare puts one block where it belongs.
func (l *loader) declare(m *module, b *block, at hcl.Range) {
	switch b.typ {
	case "clusterform":
		l.declareSettings(m, b)
	case "variable":
		l.declareVariable(m, b)
	case "locals":
		for _, a := range b.order {
			if first, ok := m.locals[a.name]; ok {
				l.duplicate("local value", a.name, a.rng, first.rng)
				continue
			}
			m.locals[a.name] = a
			m.localOrder = append(m.localOrder, a)
		}
	case "output":
		if first, ok := m.outputs[b.label]; ok {
			l.duplicate("output", b.label, b.rng, first.block.rng)
			return
		}
		o := &output{name: b.label, block: b, sensitive: b.staticBool("sensitive", false, &l.diags), dependsOn: l.dependencies(b.attrs["depends_on"])}
		o.description, _ = b.staticString("description", &l.diags)
		m.outputs[b.label] = o
		m.outputOrder = append(m.outputOrder, o)
	case "module":
		l.declareCall(m, b)
	case "moved", "removed", "import":
		l.declareMove(m, b)
	case "check":
		c := &check{name: b.label, block: b}
		c.asserts = append(c.asserts, b.blocks...)
		if i := slices.IndexFunc(m.checks, func(o *check) bool { return o.name == c.name }); i >= 0 {
			l.duplicate("check", b.label, b.rng, m.checks[i].block.rng)
			return
		}
		m.checks = append(m.checks, c)
	default:
		l.declareObject(m, b, at)
	}
}

func (l *loader) duplicate(what, name string, at, first hcl.Range) {
	l.diags.errorf(at, "Duplicate "+what, "There is another %s %q at %s. Give one of them another name.", what, name, place(first))
}

func (l *loader) declareObject(m *module, b *block, at hcl.Range) {
	if problem := checkName(b.label); problem != "" {
		l.diags.errorf(at, "Invalid name", "%s", problem)
		if !hclsyntax.ValidIdentifier(b.label) {
			return
		}
	}
	key := b.typ + "." + b.label
	if first, ok := m.objects[key]; ok {
		l.duplicate(b.typ, b.label, b.rng, first.block.rng)
		return
	}
	o := &object{
		typ: b.typ, name: b.label, block: b, forEach: b.attrs["for_each"], enabled: b.attrs["enabled"],
		dependsOn: l.dependencies(b.attrs["depends_on"]), lifecycle: l.lifecycle(b),
	}
	m.objects[key] = o
	m.objectOrder = append(m.objectOrder, o)
}

func (l *loader) declareCall(m *module, b *block) {
	if first, ok := m.calls[b.label]; ok {
		l.duplicate("module", b.label, b.rng, first.block.rng)
		return
	}
	c := &call{name: b.label, block: b, forEach: b.attrs["for_each"], enabled: b.attrs["enabled"], dependsOn: l.dependencies(b.attrs["depends_on"])}
	if source, ok := b.staticString("source", &l.diags); ok {
		if strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../") || source == "." || source == ".." {
			c.source = source
		} else {
			l.diags.errorf(b.attrs["source"].expr.Range(), "Unsupported module source", "%q is not a local directory. Write a path that starts with \"./\" or \"../\"; other sources are not supported.", source)
		}
	}
	m.calls[b.label] = c
	m.callOrder = append(m.callOrder, c)
}

// lifecycle reads the lifecycle block of a main block.
func (l *loader) lifecycle(b *block) lifecycle {
	var out lifecycle
	i := slices.IndexFunc(b.blocks, func(n *block) bool { return n.typ == "lifecycle" })
	if i < 0 {
		return out
	}
	n := b.blocks[i]
	out.preventDestroy = n.staticBool("prevent_destroy", false, &l.diags)
	out.createBeforeDestroy = n.staticBool("create_before_destroy", false, &l.diags)
	out.replaceTriggeredBy = l.dependencies(n.attrs["replace_triggered_by"])
	if a := n.attrs["ignore_changes"]; a != nil {
		out.ignoreChanges = l.ignoreChanges(b.schema, a)
	}
	return out
}

func (l *loader) ignoreChanges(schema *Schema, a *argument) []string {
	if hcl.ExprAsKeyword(a.expr) == "all" {
		return []string{"all"}
	}
	exprs, found := hcl.ExprList(a.expr)
	if found.HasErrors() {
		l.diags.errorf(a.expr.Range(), "Invalid ignore_changes", "Write a list of arguments, [tags, labels.tier], or all.")
		return nil
	}
	var out []string
	for _, e := range exprs {
		t, found := hcl.RelTraversalForExpr(e)
		if found.HasErrors() {
			l.diags.errorf(e.Range(), "Invalid ignore_changes", "Write the name of an argument of this block, without quotes: tags, labels.tier.")
			continue
		}
		text := strings.TrimPrefix(traversalText(t), ".")
		root := text
		if i := strings.IndexAny(text, ".["); i > 0 {
			root = text[:i]
		}
		known := schema.attribute(root)
		if (known == nil || known.Computed) && schema.block(root) == nil {
			l.diags.errorf(e.Range(), "Invalid ignore_changes", "There is no argument %q in this block.%s", root, didYouMeanSentence(root, slices.Values(schema.names())))
			continue
		}
		out = append(out, text)
	}
	return out
}

// dependencies reads a list of references that are not evaluated.
func (l *loader) dependencies(a *argument) []dependency {
	if a == nil {
		return nil
	}
	exprs, found := hcl.ExprList(a.expr)
	if found.HasErrors() {
		l.diags.errorf(a.expr.Range(), "Invalid "+a.name, "Write a list of references: %s = [cluster.lab].", a.name)
		return nil
	}
	var out []dependency
	for _, e := range exprs {
		t, found := hcl.AbsTraversalForExpr(e)
		if found.HasErrors() {
			l.diags.errorf(e.Range(), "Invalid "+a.name, "Write a reference without quotes or expressions: %s = [cluster.lab].", a.name)
			continue
		}
		parts, err := addressOfTraversal(t)
		if err == nil && parts.Rest != "" && a.name == "depends_on" {
			parts.Rest = "" // depending on a part is depending on the whole
		}
		if err != nil {
			l.diags.errorf(e.Range(), "Invalid "+a.name, "%q is not a reference to an object: %s.", traversalText(t), err)
			continue
		}
		out = append(out, dependency{parts: parts, rng: e.Range()})
	}
	return out
}

func labelRange(b *hcl.Block) hcl.Range {
	if len(b.LabelRanges) > 0 {
		return b.LabelRanges[0]
	}
	return b.DefRange
}
