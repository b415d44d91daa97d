package provider_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/provider"
)

// TestResourcesTakeWhatBlocksTake compares the schemas of resources with those of the language, argument by argument, so
// that neither gets one that the other does not know.
func TestResourcesTakeWhatBlocksTake(t *testing.T) {
	t.Parallel()
	schemas := resourceSchemas(t)
	own := []string{"id", "name", "phase", "last_error", "deletion_protection", "timeouts"}
	meta := []string{"for_each", "enabled", "depends_on", "lifecycle", "address", "name"}
	for _, b := range hclconfig.TopLevel() {
		s, has := schemas["clusterform_"+b.Type]
		if !has {
			continue
		}
		delete(schemas, "clusterform_"+b.Type)
		attrs := maps.Clone(s.Attributes)
		for _, name := range own {
			delete(attrs, name)
		}
		compareBlock(t, b.Type, b.Schema, attrs, meta)
	}
	delete(schemas, "clusterform_cluster_ready")
	for name := range schemas {
		t.Errorf("the language has no block for %s", name)
	}
}

func compareBlock(t *testing.T, path string, s *hclconfig.Schema, attrs map[string]schema.Attribute, omitted []string) {
	t.Helper()
	attrs = maps.Clone(attrs)
	for _, a := range s.Attributes {
		if slices.Contains(omitted, a.Name) {
			continue
		}
		got, has := attrs[a.Name]
		delete(attrs, a.Name)
		switch where := path + "." + a.Name; {
		case !has:
			t.Errorf("%s: the resource does not have it", where)
		case a.Computed != (got.IsComputed() && !got.IsOptional()):
			t.Errorf("%s: computed in one and not in the other", where)
		case a.Required != got.IsRequired() && where != "cluster.region": // the provider has a default region
			t.Errorf("%s: required in one and not in the other", where)
		case got.GetMarkdownDescription() == "":
			t.Errorf("%s: no description", where)
		}
	}
	for _, b := range s.Blocks {
		if slices.Contains(omitted, b.Type) {
			continue
		}
		got, has := attrs[b.Type]
		delete(attrs, b.Type)
		if !has {
			t.Errorf("%s.%s: the resource does not have it", path, b.Type)
			continue
		}
		var inner map[string]schema.Attribute
		shape := ""
		switch got := got.(type) {
		case schema.SingleNestedAttribute:
			inner, shape = got.Attributes, "once"
		case schema.MapNestedAttribute:
			inner, shape = got.NestedObject.Attributes, "by label"
		case schema.ListNestedAttribute:
			inner, shape = got.NestedObject.Attributes, "any number"
		}
		want := "any number"
		if b.Label != "" {
			want = "by label"
		}
		if b.Max == 1 {
			want = "once"
		}
		if shape != want {
			t.Errorf("%s.%s: it stands %q, want %q", path, b.Type, shape, want)
		}
		compareBlock(t, path+"."+b.Type, b.Schema, inner, nil)
	}
	for name := range attrs {
		t.Errorf("%s.%s: the language does not have it", path, name)
	}
}

func resourceSchemas(t *testing.T) map[string]schema.Schema {
	t.Helper()
	out := map[string]schema.Schema{}
	for _, newResource := range provider.New("0.1.0")().Resources(context.Background()) {
		r := newResource()
		var meta resource.MetadataResponse
		r.Metadata(context.Background(), resource.MetadataRequest{ProviderTypeName: "clusterform"}, &meta)
		var s resource.SchemaResponse
		r.Schema(context.Background(), resource.SchemaRequest{}, &s)
		if s.Diagnostics.HasError() {
			t.Fatal(s.Diagnostics)
		}
		if diags := s.Schema.ValidateImplementation(context.Background()); diags.HasError() {
			t.Errorf("%s: %v", meta.TypeName, diags)
		}
		out[meta.TypeName] = s.Schema
	}
	return out
}

// TestTheSameClusterEitherWay writes one cluster in both languages, and compares what the endpoint has in the end.
func TestTheSameClusterEitherWay(t *testing.T) {
	t.Parallel()
	byHand, l := startLabOnly(t), startLabOnly(t)
	const arguments = `
  size               = 2
  instance_type      = ["t3.large", "t3a.large"]
  disk_gib           = 40
  labels             = { tier = "web" }
  tags               = { owner = "billing $${literal}" }
  availability_zones = ["us-east-1b"]
  public_ip          = true
`
	commandLine(t, byHand, fmt.Sprintf(`
cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "us-east-1"
  network { availability_zones = 2 }
  firewall {
    allow "web" {
      ports = [80, "30000-32767"]
      from  = ["0.0.0.0/0"]
    }
  }
}

node_pool "worker" {
  cluster = cluster.lab
  %s
  taint "dedicated" { value = "web" }
  update { max_surge = "50%%" }
}
`, arguments), "apply", "-auto-approve", "-wait=launched")
	w := newWorkspace(t, l.config(clusterWith(`
  network  = { availability_zones = 2 }
  firewall = { allow = { web = { ports = [80, "30000-32767"], from = ["0.0.0.0/0"] } } }`)+poolWith(arguments+`
  taint  = { dedicated = { value = "web" } }
  update = { max_surge = "50%" }`)))
	w.run(0, "apply", "-auto-approve")

	// The record of the one is right for the other: the command line has nothing to change of what terraform made.
	got, want := l.shape(t), byHand.shape(t)
	if !slices.Equal(got, want) {
		t.Errorf("terraform made\n%v\nthe command line\n%v", got, want)
	}
}

// unzip reads everything in an archive.
func unzip(t *testing.T, data []byte) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Close()
		out = append(out, content...)
	}
	return out
}
