package provider_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

var update = flag.Bool("update", false, "write docs/provider anew")

// TestDocsAreCurrent generates the reference in the layout that registries expect, and compares it with what is there:
// go test ./provider -run TestDocsAreCurrent -update writes it.
func TestDocsAreCurrent(t *testing.T) {
	t.Parallel()
	server, err := factories()["clusterform"]()
	if err != nil {
		t.Fatal(err)
	}
	all, err := server.GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{"index.md": indexPage(t, all.Provider)}
	for kind, schemas := range map[string]map[string]*tfprotov6.Schema{
		"resource": all.ResourceSchemas, "data-source": all.DataSourceSchemas, "ephemeral-resource": all.EphemeralResourceSchemas,
	} {
		for name, s := range schemas {
			pages[kind+"s/"+strings.TrimPrefix(name, "clusterform_")+".md"] = schemaPage(t, kind, name, s)
		}
	}
	for name, a := range all.ActionSchemas {
		pages["actions/"+strings.TrimPrefix(name, "clusterform_")+".md"] = schemaPage(t, "action", name, a.Schema)
	}
	for name, s := range all.ListResourceSchemas {
		pages["list-resources/"+strings.TrimPrefix(name, "clusterform_")+".md"] = schemaPage(t, "list-resource", name, s)
	}
	for name, f := range all.Functions {
		pages["functions/"+name+".md"] = functionPage(t, name, f)
	}
	dir := filepath.Join("..", "docs", "provider")
	for name, want := range pages {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if *update {
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(want), 0o644)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s is not current (%v); go test ./provider -run TestDocsAreCurrent -update writes it", path, err)
		}
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if _, has := pages[filepath.ToSlash(rel)]; !has {
			t.Errorf("%s describes nothing that the provider has", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func front(title, description string) string {
	return fmt.Sprintf("---\npage_title: %q\ndescription: |-\n  %s\n---\n\n", title, strings.TrimSpace(strings.SplitAfterN(description, ". ", 2)[0]))
}

func example(t *testing.T, path, language string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "examples", "terraform", filepath.FromSlash(path)))
	if err != nil {
		t.Errorf("everything has an example: %v", err)
		return ""
	}
	return "```" + language + "\n" + strings.TrimSpace(string(data)) + "\n```\n\n"
}

func indexPage(t *testing.T, s *tfprotov6.Schema) string {
	t.Helper()
	return front("clusterform Provider", s.Block.Description) + "# clusterform Provider\n\n" + s.Block.Description + "\n\n" +
		example(t, "provider/provider.tf", "terraform") + about + "## Schema\n\n" + attributes(s.Block.Attributes, "")
}

// about is what the index says beyond the schema.
const about = `## Where things are kept

The engine keeps its own record of each cluster, with the journal that a crash is recovered from, in ` + "`state_dir`" + `:
Terraform only records what a provider returns, which is too late for a machine that was just launched. Keep the directory
between runs, as you keep Terraform's state; it holds no secret. When a run was killed, the next apply finds what was made
by the cluster's UID and by the token of each call, and goes on. When the directory is lost, as on another machine, the next
refresh makes it again from what Terraform's state keeps, without secrets; if nothing of a cluster is found there, it is an
error, never a cluster that is taken for gone.

A cluster or pool that could not be finished is kept and warned of, with ` + "`phase`" + ` and ` + "`last_error`" + `, and the next apply goes on.
Terraform would replace it as a whole if it failed. Where an apply must fail until all is well, add
` + "`clusterform_cluster_ready`" + `.

## Developing the provider

` + "`make provider-install`" + ` builds it into ` + "`~/.terraform.d/plugins`" + `, from where ` + "`terraform init`" + ` takes it. Without init, name the directory
of a build in the file that ` + "`TF_CLI_CONFIG_FILE`" + ` points to:

` + "```terraform" + `
provider_installation {
  dev_overrides {
    "clusterform/clusterform" = "/path/to/the/build"
  }
  direct {}
}
` + "```" + `

`

func schemaPage(t *testing.T, kind, name string, s *tfprotov6.Schema) string {
	t.Helper()
	title := map[string]string{
		"resource": "Resource", "data-source": "Data Source", "ephemeral-resource": "Ephemeral Resource", "action": "Action", "list-resource": "List Resource",
	}[kind]
	out := front(name+" "+title, s.Block.Description) + "# " + name + " (" + title + ")\n\n" + s.Block.Description + "\n\n"
	if kind == "action" || kind == "list-resource" {
		out += "It takes Terraform 1.14 or newer.\n\n"
	}
	extension := ".tf"
	if kind == "list-resource" {
		extension = ".tfquery.hcl"
	}
	out += "## Example Usage\n\n" + example(t, kind+"s/"+name+"/"+kind+extension, "terraform") + "## Schema\n\n" + attributes(s.Block.Attributes, "")
	if kind == "resource" && name != "clusterform_cluster_ready" {
		out += "## Import\n\n" + example(t, "resources/"+name+"/import.sh", "shell")
	}
	return strings.TrimSpace(out) + "\n"
}

// attributes lists them as registries do: required, optional, read-only; then the nested ones.
func attributes(list []*tfprotov6.SchemaAttribute, path string) string {
	var b strings.Builder
	byName := map[string]*tfprotov6.SchemaAttribute{}
	for _, a := range list {
		byName[a.Name] = a
	}
	names := slices.Sorted(maps.Keys(byName))
	for _, group := range []struct {
		title string
		in    func(*tfprotov6.SchemaAttribute) bool
	}{
		{"Required", func(a *tfprotov6.SchemaAttribute) bool { return a.Required }},
		{"Optional", func(a *tfprotov6.SchemaAttribute) bool { return a.Optional }},
		{"Read-Only", func(a *tfprotov6.SchemaAttribute) bool { return a.Computed && !a.Optional }},
	} {
		var lines []string
		for _, name := range names {
			if a := byName[name]; group.in(a) {
				lines = append(lines, attributeLine(a, path))
			}
		}
		if len(lines) > 0 {
			fmt.Fprintf(&b, "### %s\n\n%s\n\n", group.title, strings.Join(lines, "\n"))
		}
	}
	for _, name := range names {
		if a := byName[name]; a.NestedType != nil {
			full := strings.TrimPrefix(path+"."+name, ".")
			fmt.Fprintf(&b, "<a id=%q></a>\n### Nested Schema for `%s`\n\n", "nestedatt--"+strings.ReplaceAll(full, ".", "--"), full)
			b.WriteString(strings.ReplaceAll(attributes(a.NestedType.Attributes, full), "\n### ", "\n#### "))
		}
	}
	return b.String()
}

func attributeLine(a *tfprotov6.SchemaAttribute, path string) string {
	var typ string
	switch {
	case a.NestedType != nil:
		typ = map[tfprotov6.SchemaObjectNestingMode]string{
			tfprotov6.SchemaObjectNestingModeSingle: "Attributes", tfprotov6.SchemaObjectNestingModeMap: "Attributes Map", tfprotov6.SchemaObjectNestingModeList: "Attributes List",
		}[a.NestedType.Nesting]
	default:
		typ = typeWord(a.Type.String())
	}
	if a.Sensitive {
		typ += ", Sensitive"
	}
	if a.WriteOnly {
		typ += ", Write-only"
	}
	line := fmt.Sprintf("- `%s` (%s) %s", a.Name, typ, a.Description)
	if a.NestedType != nil {
		full := strings.TrimPrefix(path+"."+a.Name, ".")
		line += fmt.Sprintf(" (see [below](#nestedatt--%s))", strings.ReplaceAll(full, ".", "--"))
	}
	return line
}

// typeWord is a type in the words of the documentation.
func typeWord(t string) string {
	for from, to := range map[string]string{
		"tftypes.List[tftypes.String]": "List of String", "tftypes.Map[tftypes.String]": "Map of String", "tftypes.String": "String",
		"tftypes.Number": "Number", "tftypes.Bool": "Boolean", "tftypes.DynamicPseudoType": "Dynamic",
	} {
		if t == from {
			return to
		}
	}
	if strings.HasPrefix(t, "tftypes.List[") {
		return "List of Object"
	}
	return "Object"
}

func functionPage(t *testing.T, name string, f *tfprotov6.Function) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(front(name+" function", f.Summary) + "# function: " + name + "\n\n" + f.Description + "\n\n## Example Usage\n\n")
	b.WriteString(example(t, "functions/"+name+"/function.tf", "terraform"))
	var names []string
	for _, p := range f.Parameters {
		names = append(names, p.Name)
	}
	fmt.Fprintf(&b, "## Signature\n\n```text\n%s(%s)\n```\n\n## Arguments\n\n", name, strings.Join(names, ", "))
	for i, p := range f.Parameters {
		fmt.Fprintf(&b, "%d. `%s` (%s) %s\n", i+1, p.Name, typeWord(p.Type.String()), p.Description)
	}
	return b.String()
}
