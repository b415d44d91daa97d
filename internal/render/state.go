package render

import (
	"maps"
	"slices"
	"time"

	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/clusterform/clusterform/planner/resource"
)

// State writes everything recorded, clusters first.
func State(p *Printer, s *resource.Snapshot) {
	if len(s.Records) == 0 && len(s.Outputs) == 0 && len(s.Deposed) == 0 {
		p.Text("The state is empty: nothing is recorded.\n")
		return
	}
	for _, a := range sortedKeys(s.Clusters) {
		c := s.Clusters[a]
		p.styled(bold, "# "+string(a)+"\n")
		p.Textf("# uid %s, region %s\n\n", c.UID, c.Region)
	}
	for _, a := range sortedKeys(s.Records) {
		Record(p, s.Records[a])
		p.Newline()
	}
	for _, a := range sortedKeys(s.Deposed) {
		for _, r := range s.Deposed[a] {
			Record(p, r)
			p.Newline()
		}
	}
	if len(s.Intents) > 0 {
		p.styled(yellow, count(len(s.Intents), "call was", "calls were")+
			" announced by a run that ended before the outcome was known; the next plan looks up what became of them.\n\n")
	}
	if len(s.Outputs) > 0 {
		p.styled(bold, "Outputs:\n\n")
		Outputs(p, s.Outputs)
	}
}

// Record writes one object with all its fields.
func Record(p *Printer, r *resource.Record) {
	p.styled(bold, "# "+string(r.Address))
	if r.Deposed {
		p.styled(red, " (replaced, its removal is pending)")
	}
	if r.Tainted {
		p.styled(red, " (tainted)")
	}
	if r.Incomplete {
		p.styled(red, " (incomplete)")
	}
	p.Newline()
	var rows [][2]string
	row := func(name, text string) {
		if text != "" {
			rows = append(rows, [2]string{name, text})
		}
	}
	row("kind", quote(string(r.Kind)))
	row("id", quote(r.ID))
	row("region", quote(r.Region))
	if r.Generation > 1 {
		row("generation", value(r.Generation))
	}
	if r.Phase != "" {
		row("phase", quote(string(r.Phase)))
	}
	if r.Protected {
		row("prevent_destroy", "true")
	}
	if r.LastError != "" {
		row("last_error", quote(r.LastError))
	}
	for _, f := range resource.Fields(r.Spec) {
		row(f.Path, value(f.New))
	}
	if len(r.DependsOn) > 0 {
		row("depends_on", value(r.DependsOn))
	}
	if !r.UpdatedAt.IsZero() {
		row("updated_at", quote(r.UpdatedAt.UTC().Format(time.RFC3339)))
	}
	width := 0
	for _, x := range rows {
		width = max(width, len(x[0]))
	}
	for _, x := range rows {
		p.Linef("    %-*s = %s", width, x[0], x[1])
	}
}

// Outputs writes outputs as assignments, sorted; sensitive ones without value.
func Outputs(p *Printer, outputs map[string]resource.OutputRecord) {
	width := 0
	for name := range outputs {
		width = max(width, len(name))
	}
	for _, name := range slices.Sorted(maps.Keys(outputs)) {
		p.Textf("%-*s = ", width, name)
		Output(p, outputs[name], width+len(" = "))
	}
}

// widest is how long the line of an output may be before what has parts goes over several lines.
const widest = 80

// Output writes an output's value, which begins at a column, and ends the line; a sensitive one is "(sensitive)". What has
// parts and does not fit on a line has one for each of them.
func Output(p *Printer, o resource.OutputRecord, column int) {
	switch {
	case o.Sensitive:
		p.Line("(sensitive)")
	case len(o.Value) == 0:
		p.Line("null")
	case column+len(o.Value) > widest && (o.Value[0] == '[' || o.Value[0] == '{'):
		p.Text(inParts(o) + "\n")
	default:
		p.Line(string(o.Value))
	}
}

// inParts is a value in the language's form.
func inParts(o resource.OutputRecord) string {
	if typ, err := ctyjson.UnmarshalType(o.Type); err == nil {
		if v, err := ctyjson.Unmarshal(o.Value, typ); err == nil {
			return CtyValue(v)
		}
	}
	return hardLine(string(o.Value))
}

func sortedKeys[V any](m map[resource.Address]V) []resource.Address {
	return slices.SortedFunc(maps.Keys(m), resource.Compare)
}
