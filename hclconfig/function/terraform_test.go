package function_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/hclconfig/function"
)

// TestSameAsTerraform evaluates the expressions of testdata/expressions.txt by
// the real `terraform console`, in one run, and by ours: the results must be
// the same, or both errors.
func TestSameAsTerraform(t *testing.T) {
	t.Parallel()
	binary, err := exec.LookPath("terraform")
	if err != nil {
		if os.Getenv("CLUSTERFORM_REQUIRE_TERRAFORM") == "1" {
			t.Fatal("terraform is not on the PATH, and CLUSTERFORM_REQUIRE_TERRAFORM=1 requires it")
		}
		t.Skip("terraform is not on the PATH; CLUSTERFORM_REQUIRE_TERRAFORM=1 makes this an error")
	}
	dir := t.TempDir()
	writeFixtures(t, dir)
	expressions := readExpressions(t)

	// In a pipe, the console prints the last value only: all go into one.
	all := make([]string, len(expressions))
	for i, e := range expressions {
		all[i] = guarded(e)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "console")
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader("base64encode(jsonencode([" + strings.Join(all, ", ") + "]))\n")
	cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE="+os.DevNull, "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("terraform console: %v\n%s", err, out)
	}
	var want []string
	data, err := base64.StdEncoding.DecodeString(strings.Trim(strings.TrimSpace(string(out)), `"`))
	if err == nil {
		err = json.Unmarshal(data, &want)
	}
	if err != nil || len(want) != len(expressions) {
		t.Fatalf("%d expressions went in, and this came out (%v):\n%s", len(expressions), err, out)
	}
	failures := 0
	for _, w := range want {
		if w == "ERROR" {
			failures++
		}
	}
	if failures*2 > len(want) {
		t.Fatalf("%d of %d are errors: that compares too little", failures, len(want))
	}
	cfg := loadConsole(t, dir)
	used := map[string]bool{}
	for i, e := range expressions {
		for _, name := range functionNames(e) {
			used[name] = true
		}
		t.Run(e, func(t *testing.T) {
			v, diags := cfg.EvalExpression([]byte(guarded(e)), "console", nil)
			if diags.HasErrors() {
				t.Fatal(diags.Err())
			}
			v, _ = v.Unmark()
			if got := v.AsString(); got != want[i] {
				t.Errorf("got  %s\nwant %s", got, want[i])
			}
		})
	}
	for _, e := range function.List() {
		if !used[e.Name] && !incomparable[e.Name] {
			t.Errorf("no expression in testdata/expressions.txt uses %s", e.Name)
		}
	}
}

// incomparable are functions whose results differ between runs or machines.
var incomparable = map[string]bool{"bcrypt": true, "uuid": true, "timestamp": true, "plantimestamp": true, "templatestring": true}

// guarded gives the value as JSON, or ERROR.
func guarded(e string) string { return fmt.Sprintf("try(jsonencode(%s), \"ERROR\")", e) }

func readExpressions(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile("testdata/expressions.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

func writeFixtures(t *testing.T, dir string) {
	t.Helper()
	for name, content := range map[string]string{
		"hello.txt":        "hello\n",
		"bytes.bin":        "\x00\xff\xfe",
		"list.tftpl":       "%{ for n in names ~}\n- ${n}\n%{ endfor ~}\n",
		"number.tftpl":     "${n + 1}",
		"broken.tftpl":     "${",
		"sub/a.yaml":       "a: 1\n",
		"sub/b.yml":        "b: 2\n",
		"sub/deep/c.yaml":  "c: 3\n",
		"key.pem":          rsaKey,
		"main.cluster.hcl": "",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func loadConsole(t *testing.T, dir string) *hclconfig.Configuration {
	t.Helper()
	cfg, diags := hclconfig.Load(dir, hclconfig.Options{})
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	return cfg
}

// functionNames finds what is followed by a bracket.
func functionNames(e string) []string {
	var out []string
	for i := range len(e) {
		if e[i] != '(' {
			continue
		}
		start := i
		for start > 0 && (e[start-1] == '_' || e[start-1] >= 'a' && e[start-1] <= 'z' || e[start-1] >= '0' && e[start-1] <= '9') {
			start--
		}
		out = append(out, e[start:i])
	}
	return out
}
