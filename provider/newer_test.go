package provider_test

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// TestWhatNewerVersionsOfTerraformFind asks as Terraform 1.12 and 1.14 do; 1.11 knows neither identities nor actions nor lists.
func TestWhatNewerVersionsOfTerraformFind(t *testing.T) {
	t.Parallel()
	server, err := factories()["clusterform"]()
	if err != nil {
		t.Fatal(err)
	}
	all, err := server.GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all.Diagnostics {
		t.Errorf("%s: %s", d.Summary, d.Detail)
	}
	ids, err := server.GetResourceIdentitySchemas(context.Background(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		t.Fatal(err)
	}
	managed := []string{"clusterform_cluster", "clusterform_manifest", "clusterform_node_pool", "clusterform_workload"}
	for what, names := range map[string]struct{ got, want []string }{
		"actions":        {slices.Sorted(maps.Keys(all.ActionSchemas)), []string{"clusterform_drain", "clusterform_rotate", "clusterform_upgrade"}},
		"list resources": {slices.Sorted(maps.Keys(all.ListResourceSchemas)), managed},
		"identities":     {slices.Sorted(maps.Keys(ids.IdentitySchemas)), managed},
	} {
		if !slices.Equal(names.got, names.want) {
			t.Errorf("%s: %v, want %v", what, names.got, names.want)
		}
	}
}
