package hclconfig

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
)

// writeFiles makes a directory with files.
func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestVariablePrecedence goes up the ladder: each source beats those before.
func TestVariablePrecedence(t *testing.T) {
	t.Parallel()
	dir := writeFiles(t, map[string]string{
		"m.cluster.hcl":         "variable \"x\" {\n  type = string\n  default = \"default\"\n}\n",
		"extra.hcl":             `x = "file"`,
		"more.json":             `{"x": "json"}`,
		"clusterform.vars.hcl":  "",
		"a.auto.vars.hcl":       "",
		"b.auto.vars.hcl.json":  "{}",
		".hidden.auto.vars.hcl": `x = "hidden"`,
	})
	set := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var environ []string
	var flags []VarFlagValue
	for _, step := range []struct {
		name, want, from string
		add              func()
	}{
		{"nothing", "default", "default", func() {}},
		{"environment", "env", "CLUSTERFORM_VAR_x", func() { environ = []string{"CLUSTERFORM_VAR_x=env", "OTHER=1"} }},
		{"standard file", "standard", "clusterform.vars.hcl", func() { set("clusterform.vars.hcl", `x = "standard"`) }},
		{"automatic file", "auto", "a.auto.vars.hcl", func() { set("a.auto.vars.hcl", `x = "auto"`) }},
		{"later automatic file", "auto-json", "b.auto.vars.hcl.json", func() { set("b.auto.vars.hcl.json", `{"x": "auto-json"}`) }},
		{"flag", "flag=1", "-var x", func() { flags = append(flags, VarFlagValue{Text: "x=flag=1"}) }},
		{"file after flag", "file", "-var-file extra.hcl", func() {
			flags = append(flags, VarFlagValue{File: true, Text: filepath.Join(dir, "extra.hcl")})
		}},
		{"JSON file after that", "json", "-var-file more.json", func() {
			flags = append(flags, VarFlagValue{File: true, Text: filepath.Join(dir, "more.json")})
		}},
		{"flag after file", "last", "-var x", func() { flags = append(flags, VarFlagValue{Text: "x=last"}) }},
	} {
		step.add()
		sources, diags := StandardVarSources(dir, environ, flags)
		c, more := Load(dir, Options{Vars: sources})
		if diags = append(diags, more...); len(diags) > 0 {
			t.Fatalf("%s: %v", step.name, diags)
		}
		v := c.Variables()[0]
		if v.Value.AsString() != step.want || v.From != step.from || v.Default != (step.from == "default") {
			t.Errorf("%s: %q from %s, want %q from %s", step.name, v.Value.AsString(), v.From, step.want, step.from)
		}
	}
}

func TestVariableValues(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, decl string
		source     VarSource
		want       string // as JSON
		wrong      string
	}{
		{"text as typed", `type = string`, VarSource{Origin: VarFlag, Text: `"a" [b`}, `"\"a\" [b"`, ""},
		{"number", `type = number`, VarSource{Origin: VarFlag, Text: "3"}, `3`, ""},
		{"not a number", `type = number`, VarSource{Origin: VarEnvironment, Text: "three"}, "", "takes number: a number is required. The value comes from CLUSTERFORM_VAR_v."},
		{"list", `type = list(string)`, VarSource{Origin: VarFlag, Text: `["a", 1]`}, `["a","1"]`, ""},
		{"broken list", `type = list(string)`, VarSource{Origin: VarFlag, Text: `["MARKER`}, "", "from -var v, is not an expression"},
		{"reference in a value", `type = list(string)`, VarSource{Origin: VarFlag, Text: `[var.x]`}, "", "not an expression"},
		{"any is an expression", `type = any`, VarSource{Origin: VarFlag, Text: `{a = 1}`}, `{"a":1}`, ""},
		{"no type is text", ``, VarSource{Origin: VarFlag, Text: `{a = 1}`}, `"{a = 1}"`, ""},
		{"optional attributes", `type = object({ a = string, b = optional(number, 2), c = optional(string) })`, VarSource{Origin: VarFlag, Text: `{a = 1}`}, `{"a":"1","b":2,"c":null}`, ""},
		{"attribute of wrong type", `type = object({ a = list(number) })`, VarSource{Origin: VarFlag, Text: `{a = ["x"]}`}, "", "a[0]: a number is required"},
		{"null for not nullable", "nullable = false\n type = string\n default = \"d\"", VarSource{Origin: VarValue, Value: cty.NullVal(cty.String)}, `"d"`, ""},
		{"null without default", "nullable = false\n type = string", VarSource{Origin: VarValue, Value: cty.NullVal(cty.String)}, "", "must not be null"},
		{"misspelt flag", `default = 1`, VarSource{Origin: VarFlag, Name: "vv", Text: "1"}, "", `There is no variable "vv" in the root module; the value comes from -var vv. Did you mean "v"?`},
		{"deep", `type = any`, VarSource{Origin: VarFlag, Text: strings.Repeat("[", 5000)}, "", "nested too deeply"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.source.Name == "" {
				tc.source.Name = "v"
			}
			files := snapshot(map[string]string{"m.cluster.hcl": "variable \"v\" {\n" + tc.decl + "\n}\n" +
				"output \"o\" { value = jsonencode(var.v) }\n"})
			c, diags := Load("/nowhere", Options{Snapshot: files, Vars: []VarSource{tc.source}})
			d, more := c.Evaluate(nil)
			diags = append(diags, more...)
			if strings.Contains(texts(diags), "MARKER") {
				t.Errorf("the value is shown: %s", texts(diags))
			}
			if tc.wrong != "" {
				wantDiagnostic(t, diags, tc.wrong)
				return
			}
			if diags.HasErrors() {
				t.Fatal(diags.Err())
			}
			if got := d.Outputs[0].Value.AsString(); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestVariableFiles(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, file, text, want string }{
		{"undeclared is a warning", "a.auto.vars.hcl", "nope = 1\n", "warning: a.auto.vars.hcl:1: Undeclared variable"},
		{"block", "a.auto.vars.hcl", "x {\n}\n", "A variables file holds only arguments"},
		{"reference", "a.auto.vars.hcl", "v = w\n", "cannot refer to anything"},
		{"broken JSON", "a.auto.vars.hcl.json", "{\"v\": }", "a.auto.vars.hcl.json:1"},
		{"wrong type", "a.auto.vars.hcl", "v = []\n", "The value comes from a.auto.vars.hcl."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := writeFiles(t, map[string]string{"m.cluster.hcl": "variable \"v\" {\n type = string\n default = \"\"\n}\n", tc.file: tc.text})
			sources, _ := StandardVarSources(dir, nil, nil)
			_, diags := Load(dir, Options{Vars: sources})
			if got := texts(diags); !strings.Contains(got, tc.want) {
				t.Errorf("got %s, want %q", got, tc.want)
			}
		})
	}
}

// TestSnapshot reads the same configuration again from what was recorded, with
// nothing left on the disk.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	dir := writeFiles(t, map[string]string{
		"m.cluster.hcl": minimal + `
variable "size" { type = number }
module "a" { source = "./mod" }
node_pool "w" {
  cluster   = cluster.lab
  size      = var.size
  user_data = file("boot.sh")
  labels    = { files = length(fileset(path.root, "mod/*.txt")), extra = fileexists("extra") ? "y" : "n" }
}
output "a" { value = module.a.text }
output "place" { value = "${path.cwd} ${pathexpand("~")} ${abspath("x")}" }
`,
		"boot.sh":            "#!/bin/sh\necho hello\n",
		"mod/m.cluster.hcl":  `output "text" { value = templatefile("${path.module}/t.txt", { n = 1 }) }`,
		"mod/t.txt":          "n is ${n}",
		"vars.auto.vars.hcl": "size = 2\n",
	})
	sources, _ := StandardVarSources(dir, nil, nil)
	c, diags := Load(dir, Options{Vars: sources})
	first, more := c.Evaluate(nil)
	if diags = append(diags, more...); diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	data, err := json.Marshal(c.Sources().WithoutVariables())
	if err != nil {
		t.Fatal(err)
	}
	var vars []VarSource
	for _, v := range c.Variables() {
		vars = append(vars, VarSource{Origin: VarValue, Name: v.Name, Value: v.Value})
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	var again Sources
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	c, diags = Load("/elsewhere", Options{Vars: vars, Snapshot: &again})
	second, more := c.Evaluate(nil)
	if diags = append(diags, more...); diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	want, _ := json.Marshal(first.NodePools)
	got, _ := json.Marshal(second.NodePools)
	if string(got) != string(want) || second.NodePools[0].Labels["files"] != "1" || second.NodePools[0].Labels["extra"] != "n" {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !second.Outputs[0].Value.RawEquals(cty.StringVal("n is 1")) {
		t.Errorf("output: %#v", second.Outputs[0].Value)
	}
	if !second.Outputs[1].Value.RawEquals(first.Outputs[1].Value) {
		t.Errorf("places differ: %#v, and were %#v", second.Outputs[1].Value, first.Outputs[1].Value)
	}
}

func TestUnreadableFiles(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		files  map[string]string
		limits Limits
		want   string
	}{
		{"empty directory", nil, Limits{}, "There is no file *.cluster.hcl"},
		{"50 MB", map[string]string{"m.cluster.hcl": strings.Repeat("# comment\n", 5<<20)}, Limits{}, "larger than a file may be"},
		{"too many", map[string]string{"a.cluster.hcl": "", "b.cluster.hcl": "", "c.cluster.hcl": ""}, Limits{Files: 2}, "more than 2 files"},
		{"directory for a file", map[string]string{"m.cluster.hcl": `locals { x = file("sub") }`, "sub/x": ""}, Limits{}, "not a regular file"},
		{"UTF-16", map[string]string{"m.cluster.hcl": "\xff\xfea\x00"}, Limits{}, "The file is UTF-16"},
		{"zero byte", map[string]string{"m.cluster.hcl": "# \x00"}, Limits{}, "zero byte"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, diags := Load(writeFiles(t, tc.files), Options{Limits: tc.limits})
			_, more := c.Evaluate(nil)
			wantDiagnostic(t, append(diags, more...), tc.want)
		})
	}
}

func TestByteOrderMarkIsHarmless(t *testing.T) {
	t.Parallel()
	d := mustEvaluate(t, map[string]string{"m.cluster.hcl": "\xef\xbb\xbf" + minimal})
	if len(d.Clusters) != 1 {
		t.Errorf("clusters: %v", d.Clusters)
	}
}
