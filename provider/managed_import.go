package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/clusterform/clusterform/provider/blockschema"
	"github.com/clusterform/clusterform/provider/engine"
)

// ImportState implements resource.ResourceWithImportState: REGION/NAME of a cluster, REGION/CLUSTER/NAME of anything in
// one.
func (m *managed) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	if !m.ready(&resp.Diagnostics) {
		return
	}
	id := req.ID
	if id == "" && req.Identity != nil {
		resp.Diagnostics.Append(req.Identity.GetAttribute(ctx, path.Root("id"), &id)...)
	}
	of, name, err := m.parseID(id)
	if err != nil {
		resp.Diagnostics.AddError("Invalid id", err.Error())
		return
	}
	blocks, err := m.conn.engine.Cluster(of).Blocks()
	if err != nil {
		resp.Diagnostics.AddError("The cluster's record cannot be used", err.Error())
		return
	}
	b, has := blocks[engine.Block{Type: m.block, Name: name}.Address()]
	if !has {
		resp.Diagnostics.AddError("Nothing to import", fmt.Sprintf("%s has no %s %q. Its records are looked for in the provider's state_dir.", of, m.block, name))
		return
	}
	state, err := m.imported(resp.State.Raw.Type(), of, b)
	if err != nil {
		resp.Diagnostics.AddError("Cannot import", err.Error())
		return
	}
	resp.State.Raw = state
	identify(ctx, resp.Identity, (&subject{block: b, cluster: of}).id(), &resp.Diagnostics)
}

// parseID reads a resource's id.
func (m *managed) parseID(id string) (of engine.ID, name string, err error) {
	if m.block == "cluster" {
		of, err = engine.ParseID(id, m.conn.region)
		return of, of.Name, err
	}
	i := strings.LastIndexByte(id, '/')
	if i < 0 {
		return of, "", fmt.Errorf("%q is not an id: write REGION/CLUSTER/NAME", id)
	}
	of, err = engine.ParseID(id[:i], m.conn.region)
	return of, id[i+1:], err
}

// imported is the state of a resource that is on record: its arguments as they were last applied.
func (m *managed) imported(t tftypes.Type, of engine.ID, b engine.Block) (tftypes.Value, error) {
	object, ok := t.(tftypes.Object)
	if !ok {
		return tftypes.Value{}, fmt.Errorf("a state of type %s was asked for", t)
	}
	s := &subject{block: b, cluster: of}
	fields := map[string]tftypes.Value{}
	for name, at := range object.AttributeTypes {
		fields[name] = tftypes.NewValue(at, nil)
	}
	schema := blockschema.Of(m.block)
	var names []string
	for _, a := range blockschema.Arguments(schema) {
		names = append(names, a.Name)
	}
	for _, n := range blockschema.Blocks(schema) {
		names = append(names, n.Type)
	}
	for _, name := range names {
		v, err := blockschema.FromBody(b.Body[name], object.AttributeTypes[name])
		if err != nil {
			return tftypes.Value{}, fmt.Errorf("%s: %w", name, err)
		}
		fields[name] = v
	}
	if m.block == "cluster" {
		fields["region"] = tftypes.NewValue(tftypes.String, of.Region)
	} else {
		fields["cluster"] = tftypes.NewValue(tftypes.String, of.String())
	}
	fields["name"] = tftypes.NewValue(tftypes.String, b.Name)
	fields["id"] = tftypes.NewValue(tftypes.String, s.id())
	fields["deletion_protection"] = tftypes.NewValue(tftypes.Bool, m.protected)
	return tftypes.NewValue(t, fields), nil
}
