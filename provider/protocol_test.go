package provider_test

import (
	"context"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// newer asks the provider as versions of Terraform do that are newer than the one that the tests run.
type newer struct {
	t      *testing.T
	server interface {
		tfprotov6.ProviderServer
		tfprotov6.ActionServer
		tfprotov6.ListResourceServer
	}
	schemas *tfprotov6.GetProviderSchemaResponse
}

// newer is a provider that is configured for the lab.
func (l *lab) newer(t *testing.T) *newer {
	t.Helper()
	server, err := factories()["clusterform"]()
	if err != nil {
		t.Fatal(err)
	}
	n := &newer{t: t}
	var ok bool
	if n.server, ok = server.(interface {
		tfprotov6.ProviderServer
		tfprotov6.ActionServer
		tfprotov6.ListResourceServer
	}); !ok {
		t.Fatalf("%T has neither actions nor lists", server)
	}
	if n.schemas, err = server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{}); err != nil {
		t.Fatal(err)
	}
	resp, err := server.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{Config: n.object(n.schemas.Provider.ValueType(), map[string]string{
		"region": testRegion, "endpoint_url": l.url, "access_key": testKeyID, "secret_key": testSecret, "state_dir": l.stateDir, "wait": "launched",
	})})
	if err != nil {
		t.Fatal(err)
	}
	n.fine(resp.Diagnostics)
	return n
}

// object is a value with some texts in it, and nulls for the rest.
func (n *newer) object(t tftypes.Type, set map[string]string) *tfprotov6.DynamicValue {
	n.t.Helper()
	object, ok := t.(tftypes.Object)
	if !ok {
		n.t.Fatalf("%s is no object", t)
	}
	fields := map[string]tftypes.Value{}
	for name, at := range object.AttributeTypes {
		fields[name] = tftypes.NewValue(at, nil)
	}
	for name, text := range set {
		fields[name] = tftypes.NewValue(tftypes.String, text)
	}
	value, err := tfprotov6.NewDynamicValue(t, tftypes.NewValue(t, fields))
	if err != nil {
		n.t.Fatal(err)
	}
	return &value
}

func (n *newer) fine(diags []*tfprotov6.Diagnostic) {
	n.t.Helper()
	for _, d := range diags {
		n.t.Fatalf("%s: %s", d.Summary, d.Detail)
	}
}

// invoke runs an action to its end.
func (n *newer) invoke(name string, config map[string]string) (progress []string, diags []*tfprotov6.Diagnostic) {
	n.t.Helper()
	resp, err := n.server.InvokeAction(context.WithoutCancel(n.t.Context()), &tfprotov6.InvokeActionRequest{
		ActionType: name, Config: n.object(n.schemas.ActionSchemas[name].Schema.ValueType(), config),
	})
	if err != nil {
		n.t.Fatal(err)
	}
	for e := range resp.Events {
		switch e := e.Type.(type) {
		case tfprotov6.ProgressInvokeActionEventType:
			progress = append(progress, e.Message)
		case tfprotov6.CompletedInvokeActionEventType:
			diags = e.Diagnostics
		}
	}
	return progress, diags
}

// listed is one result of a list resource.
type listedResult struct {
	name, identity string
	resource       map[string]tftypes.Value
}

// list asks for everything of a type.
func (n *newer) list(name string, include bool, config map[string]string) []listedResult {
	n.t.Helper()
	ids, err := n.server.GetResourceIdentitySchemas(n.t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		n.t.Fatal(err)
	}
	resp, err := n.server.ListResource(n.t.Context(), &tfprotov6.ListResourceRequest{
		TypeName: name, IncludeResource: include, Config: n.object(n.schemas.ListResourceSchemas[name].ValueType(), config),
	})
	if err != nil {
		n.t.Fatal(err)
	}
	var out []listedResult
	for r := range resp.Results {
		n.fine(r.Diagnostics)
		x := listedResult{name: r.DisplayName}
		identity := n.fields(r.Identity.IdentityData, ids.IdentitySchemas[name].ValueType())
		if err := identity["id"].As(&x.identity); err != nil {
			n.t.Fatal(err)
		}
		if r.Resource != nil {
			x.resource = n.fields(r.Resource, n.schemas.ResourceSchemas[name].ValueType())
		}
		out = append(out, x)
	}
	return out
}

func (n *newer) fields(v *tfprotov6.DynamicValue, t tftypes.Type) map[string]tftypes.Value {
	n.t.Helper()
	value, err := v.Unmarshal(t)
	if err != nil {
		n.t.Fatal(err)
	}
	var fields map[string]tftypes.Value
	if value.IsNull() {
		return nil
	}
	if err := value.As(&fields); err != nil {
		n.t.Fatal(err)
	}
	return fields
}
