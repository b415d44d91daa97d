package planner

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// The plan as a document for other programs; docs/plan-format.md explains each field. Names follow Terraform's plan JSON
// where the meaning is the same.
type (
	document struct {
		FormatVersion   string                                      `json:"format_version"`
		ToolVersion     string                                      `json:"clusterform_version"`
		Timestamp       time.Time                                   `json:"timestamp"`
		Mode            Mode                                        `json:"mode"`
		Lineage         string                                      `json:"lineage"`
		Serial          uint64                                      `json:"serial"`
		Partial         bool                                        `json:"partial"`
		Applyable       bool                                        `json:"applyable"`
		Clusters        map[resource.Address]resource.ClusterRecord `json:"clusters,omitempty"`
		ResourceChanges []resourceChange                            `json:"resource_changes"`
		ResourceDrift   []resourceDrift                             `json:"resource_drift"`
		OutputChanges   map[string]outputDocument                   `json:"output_changes"`
		Checks          []Check                                     `json:"checks"`
		Recovered       []recoveredDocument                         `json:"recovered"`
		Protect         map[resource.Address]bool                   `json:"protect,omitempty"`
		Summary         Summary                                     `json:"summary"`
	}
	resourceChange struct {
		Address         resource.Address   `json:"address"`
		PreviousAddress resource.Address   `json:"previous_address,omitempty"`
		Kind            resource.Kind      `json:"kind"`
		Cluster         resource.Address   `json:"cluster"`
		Region          string             `json:"region"`
		ID              string             `json:"id,omitempty"`
		Action          Action             `json:"action"`
		ActionReason    Reason             `json:"action_reason"`
		Because         string             `json:"because,omitempty"`
		Deposed         bool               `json:"deposed,omitempty"`
		Protected       bool               `json:"protected,omitempty"`
		Ending          bool               `json:"ending,omitempty"`
		Generation      int                `json:"generation,omitempty"`
		Importing       *importingDocument `json:"importing,omitempty"`
		Change          change             `json:"change"`
		Steps           []stepDocument     `json:"steps"`
	}
	importingDocument struct {
		ID string `json:"id"`
	}
	change struct {
		Actions      []string               `json:"actions"`
		Before       resource.Spec          `json:"before"`
		After        resource.Spec          `json:"after"`
		AfterUnknown map[string]bool        `json:"after_unknown"`
		Fields       []resource.FieldChange `json:"fields"`
		ReplacePaths []string               `json:"replace_paths,omitempty"`
		Preview      *Preview               `json:"preview,omitempty"`
	}
	stepDocument struct {
		ID        int32              `json:"id"`
		Operation resource.Operation `json:"operation,omitempty"`
		Needs     []int32            `json:"needs"`
	}
	resourceDrift struct {
		Address resource.Address       `json:"address"`
		Kind    resource.Kind          `json:"kind"`
		ID      string                 `json:"id"`
		Gone    bool                   `json:"gone"`
		Reason  string                 `json:"reason,omitempty"`
		Fields  []resource.FieldChange `json:"fields"`
	}
	outputDocument struct {
		Actions      []string        `json:"actions"`
		Before       json.RawMessage `json:"before"`
		After        json.RawMessage `json:"after"`
		AfterUnknown bool            `json:"after_unknown"`
		Sensitive    bool            `json:"sensitive"`
	}
	recoveredDocument struct {
		Operation resource.Operation `json:"operation"`
		Kind      resource.Kind      `json:"kind"`
		Addresses []resource.Address `json:"addresses"`
		Token     string             `json:"token,omitempty"`
		Status    resource.Status    `json:"status"`
		Found     []resource.Address `json:"found"`
		Message   string             `json:"message"`
	}
)

// JSON is the plan as a document for other programs (`plan -json`, `show -json`). It holds no sensitive value. Changes
// are in the order of their addresses, a replacement is one of them.
func JSON(p *Plan) (json.RawMessage, error) {
	d := document{
		FormatVersion: p.FormatVersion, ToolVersion: p.ToolVersion, Timestamp: p.CreatedAt, Mode: p.Mode, Lineage: p.Lineage, Serial: p.Serial,
		Partial: p.Partial, Applyable: p.HasChanges() || len(p.Drift) > 0, Clusters: p.Clusters, Protect: p.Protect, Summary: p.Summary,
		ResourceChanges: []resourceChange{}, ResourceDrift: []resourceDrift{}, OutputChanges: map[string]outputDocument{},
		Checks: orEmpty(p.Checks), Recovered: []recoveredDocument{},
	}
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Pair < 0 || s.Operation == resource.Create {
			d.ResourceChanges = append(d.ResourceChanges, p.changeDocument(s))
		}
	}
	slices.SortStableFunc(d.ResourceChanges, func(a, b resourceChange) int { return resource.Compare(a.Address, b.Address) })
	for _, x := range p.Drift {
		d.ResourceDrift = append(d.ResourceDrift, resourceDrift{Address: x.Address, Kind: x.Kind, ID: x.ID, Gone: x.Gone, Reason: x.Reason, Fields: orEmpty(x.Fields)})
	}
	for _, o := range p.Outputs {
		out := outputDocument{Actions: actionWords(o.Action, ""), AfterUnknown: o.Unknown, Sensitive: o.Sensitive}
		if !o.Sensitive {
			out.Before, out.After = o.Before, o.After
		}
		d.OutputChanges[o.Name] = out
	}
	for _, r := range p.Recovered {
		d.Recovered = append(d.Recovered, recoveredDocument{
			Operation: r.Intent.Operation, Kind: r.Intent.Kind, Addresses: orEmpty(r.Intent.Addresses), Token: r.Intent.Token,
			Status: r.Status, Found: orEmpty(r.Found), Message: r.Message,
		})
	}
	return json.Marshal(d)
}

func (p *Plan) changeDocument(s *Step) resourceChange {
	before := s.Before
	steps := []*Step{s}
	if s.Pair >= 0 {
		other := &p.Steps[s.Pair]
		before = other.Before
		steps = append(steps, other)
		slices.SortFunc(steps, func(a, b *Step) int { return int(a.ID - b.ID) })
	}
	c := resourceChange{
		Address: s.Address, Kind: s.Kind, Action: s.Action, ActionReason: s.Reason, Because: s.Because, Protected: s.Protected, Ending: s.Ending, Generation: s.Generation,
		Change: change{Actions: actionWords(s.Action, s.Operation), Fields: orEmpty(s.Fields), AfterUnknown: map[string]bool{}, Preview: s.Preview},
	}
	if s.Action == ActionReplace || s.Action == ActionRoll {
		c.Change.Actions = []string{"delete", "create"}
		if s.CreateFirst {
			c.Change.Actions = []string{"create", "delete"}
		}
		for _, f := range s.Fields {
			if f.Effect == resource.EffectReplace || f.Effect == resource.EffectRoll {
				c.Change.ReplacePaths = append(c.Change.ReplacePaths, f.Path)
			}
		}
	}
	if before != nil {
		c.Cluster, c.Region, c.ID, c.Deposed, c.Change.Before = before.Cluster, before.Region, before.ID, before.Deposed, before.Spec
	}
	if s.After != nil {
		c.Cluster, c.Region, c.Change.After = s.After.Cluster, s.After.Region, s.After.Spec
		for _, path := range s.Unknown {
			c.Change.AfterUnknown[path] = true
		}
		if s.Operation == resource.Create {
			for _, path := range resource.ComputedFields(s.Kind) {
				c.Change.AfterUnknown[path] = true
			}
			c.Change.AfterUnknown["id"] = true
		}
	}
	if s.Action == ActionMove && s.From != s.Address {
		c.PreviousAddress = s.From
	}
	if s.Action == ActionImport {
		c.Importing = &importingDocument{ID: s.ImportID}
	}
	for _, x := range steps {
		c.Steps = append(c.Steps, stepDocument{ID: x.ID, Operation: x.Operation, Needs: orEmpty(x.Needs)})
	}
	return c
}

// actionWords are the actions in Terraform's words, so that a program that looks for "delete" finds it.
func actionWords(a Action, op resource.Operation) []string {
	switch {
	case a == ActionForget:
		return []string{"forget"}
	case a == ActionCreate || op == resource.Create:
		return []string{"create"}
	case a == ActionDestroy || op == resource.Delete:
		return []string{"delete"}
	case a == ActionUpdate || op == resource.Update:
		return []string{"update"}
	}
	return []string{"no-op"}
}

// orEmpty makes a list that is never null in JSON.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
