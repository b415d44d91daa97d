package hclconfig

import (
	"strings"

	"github.com/clusterform/clusterform/hclconfig/function"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

func compareText(a, b string) int { return strings.Compare(a, b) }

// collect evaluates everything in a scope and the modules it calls.
func (ev *evaluator) collect(s *scope, d *Desired) {
	for _, v := range s.module.variableOrder {
		s.validate(v)
	}
	for _, a := range s.module.localOrder {
		s.local(a.name)
	}
	for _, o := range s.module.objectOrder {
		ev.collectObject(s.groups[o.typ+"."+o.name], d)
	}
	for _, c := range s.module.checks {
		d.Checks = append(d.Checks, s.runCheck(c)...)
	}
	for _, m := range s.module.moved {
		m.From, m.To = joinAddress(s.path, string(m.From)), joinAddress(s.path, string(m.To))
		d.Moved = append(d.Moved, m)
	}
	for _, r := range s.module.removed {
		r.From = joinAddress(s.path, string(r.From))
		d.Removed = append(d.Removed, r)
	}
	for _, i := range s.module.imports {
		got := s.evalArgument(i.id, env{})
		if !got.bad && got.set {
			d.Imports = append(d.Imports, Import{To: joinAddress(s.path, i.to.String()), ID: unmarked(got.value).AsString(), Range: i.block.rng})
		}
	}
	for _, c := range s.module.callOrder {
		g := s.calls[c.name]
		if !g.expand() {
			continue
		}
		for _, child := range g.scopes {
			ev.collect(child, d)
		}
	}
	for _, o := range s.module.outputOrder {
		s.output(o.name)
		if s.parent == nil {
			d.Outputs = append(d.Outputs, s.finishedOutput(o))
		}
	}
}

func (ev *evaluator) collectObject(g *group, d *Desired) {
	if !g.expand() {
		return
	}
	for _, i := range g.instances {
		if !i.enabled {
			continue
		}
		b := i.settle()
		block := i.evaluated()
		b.References = i.references(&b)
		switch g.object.typ {
		case "cluster":
			d.Clusters = append(d.Clusters, fillCluster(b, block))
		case "node_pool":
			d.NodePools = append(d.NodePools, fillNodePool(b, block))
		case "workload":
			d.Workloads = append(d.Workloads, fillWorkload(b, block))
		case "manifest":
			d.Manifests = append(d.Manifests, fillManifest(b, block))
		}
		ev.settled[i.address] = block
	}
}

// evalOutput evaluates an output and its preconditions.
func (s *scope) evalOutput(o *output) cty.Value {
	for _, b := range o.block.blocks {
		outcome := s.condition(b, env{address: s.path})
		if outcome.status == CheckFail {
			s.ev.diags.add(Diagnostic{Severity: Error, Summary: "Precondition failed", Detail: outcome.message, Subject: outcome.at, Values: outcome.values, Address: s.path})
		}
	}
	a := o.block.attrs["value"]
	if a == nil {
		return failure()
	}
	v := s.eval(a, env{address: s.path})
	if hasFailed(v) {
		return failure()
	}
	for _, d := range s.resolveDependencies(o.dependsOn) {
		s.ev.mention(d)
	}
	if o.sensitive {
		return v.Mark(function.Sensitive)
	}
	if isSensitive(v) {
		s.ev.diags.add(Diagnostic{
			Severity: Error, Summary: "Sensitive output", Subject: &o.block.rng, Address: s.path,
			Detail: "The value of output \"" + o.name + "\" is sensitive. Write sensitive = true into the block, or use nonsensitive() if it is no secret.",
		})
		return failure()
	}
	return v
}

func (s *scope) finishedOutput(o *output) *Output {
	c := s.outputs[o.name]
	v := c.value
	if hasFailed(v) {
		v = cty.DynamicVal
	}
	return &Output{
		Name: o.name, Value: unmarked(v), Sensitive: o.sensitive, Description: o.description,
		Range: o.block.rng, References: c.refs.sorted(),
	}
}

// validate checks the conditions of a variable.
func (s *scope) validate(v *variable) {
	value := s.variable(v.name)
	if hasFailed(value) {
		return
	}
	for _, b := range v.validations {
		outcome := s.condition(b, env{address: s.path})
		if outcome.status != CheckFail {
			continue
		}
		detail := outcome.message
		if s.parent == nil {
			if from := s.ev.c.values[v.name]; from != nil && from.from != "" {
				detail += "\n\nThe value comes from " + from.from + "."
			}
		}
		s.ev.diags.add(Diagnostic{Severity: Error, Summary: "Invalid value for variable \"" + v.name + "\"", Detail: detail, Subject: outcome.at, Values: outcome.values, Address: s.path})
	}
}

// runCheck evaluates the assertions of a check block. They never stop a run.
func (s *scope) runCheck(c *check) []*CheckResult {
	var out []*CheckResult
	for _, b := range c.asserts {
		before := len(s.ev.diags)
		outcome := s.condition(b, env{address: s.path})
		r := &CheckResult{Address: joinAddress(s.path, "check."+c.name), Status: outcome.status, Message: outcome.message, Range: b.rng}
		if outcome.status == CheckError {
			var why []string
			for _, d := range s.ev.diags[before:] {
				why = append(why, d.Summary+": "+d.Detail)
			}
			r.Message = strings.Join(why, " ")
			s.ev.diags = s.ev.diags[:before]
		}
		out = append(out, r)
	}
	return out
}

// outcome is how a condition ended.
type outcome struct {
	status  CheckStatus
	message string
	at      *hcl.Range
	values  []ValueNote
}

// condition evaluates a block with a condition and an error_message. What
// cannot be evaluated is reported.
func (s *scope) condition(b *block, e env) outcome {
	cond, text := b.attrs["condition"], b.attrs["error_message"]
	if cond == nil || text == nil {
		return outcome{status: CheckError}
	}
	at := cond.expr.Range()
	v := s.eval(cond, e)
	if hasFailed(v) {
		return outcome{status: CheckError, at: &at}
	}
	v = unmarked(v)
	if !v.IsKnown() {
		return outcome{status: CheckUnknown, at: &at}
	}
	got, err := convert.Convert(v, cty.Bool)
	if err != nil || got.IsNull() {
		s.ev.diags.errorf(at, "Invalid condition", "A condition must be true or false.")
		return outcome{status: CheckError, at: &at}
	}
	if got.True() {
		return outcome{status: CheckPass, at: &at}
	}
	return outcome{status: CheckFail, message: s.message(text, e), at: &at, values: s.notes(cond, e)}
}

// message evaluates an error message, which must not give away a secret.
func (s *scope) message(a *argument, e env) string {
	v := s.eval(a, e)
	if hasFailed(v) {
		return "The condition does not hold, and its error_message cannot be evaluated."
	}
	if isSensitive(v) {
		return "The condition does not hold. Its error_message is left out, as it holds a sensitive value."
	}
	got, err := convert.Convert(v, cty.String)
	if err != nil || got.IsNull() || !got.IsKnown() {
		return "The condition does not hold."
	}
	return strings.TrimSpace(got.AsString())
}
