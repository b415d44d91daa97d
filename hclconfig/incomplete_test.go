package hclconfig

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// `validate` runs without the values of variables: what depends on them cannot be planned, and is no mistake.
func TestMissingVariablesThatMayBeMissing(t *testing.T) {
	t.Parallel()
	const files = `
variable "size"  { type = number }
variable "pools" { type = map(number) }
variable "names" { type = set(string) }
variable "rules" { type = list(string) }

cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"
  firewall {
    dynamic "allow" {
      for_each = var.rules
      label    = allow.value
      content {
        to    = "worker"
        ports = [80]
        from  = ["worker"]
      }
    }
  }
}

node_pool "worker" {
  cluster = cluster.lab
  size    = var.size
}

node_pool "each" {
  for_each = var.pools
  cluster  = cluster.lab
  size     = each.value
}

node_pool "named" {
  for_each = toset([for n in var.names : "x-${n}"])
  cluster  = cluster.lab
  size     = 1
}

output "ips" {
  value = node_pool.worker.nodes[*].private_ip
}
`
	for name, tc := range map[string]struct{ more, want string }{
		"nothing else is wrong":    {"", ""},
		"other mistakes are found": {"\noutput \"wrong\" {\n  value = cluster.lab.nonsense\n}\n", "nonsense"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "main.cluster.hcl"), []byte(files+tc.more), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg, diags := Load(dir, Options{AllowMissingVariables: true})
			_, more := cfg.Evaluate(nil)
			diags = append(diags, more...)
			switch {
			case tc.want == "" && len(diags) > 0:
				t.Errorf("diagnostics: %v", diags)
			case tc.want != "" && (len(diags) != 1 || !strings.Contains(diags[0].Summary+diags[0].Detail, tc.want)):
				t.Errorf("want one diagnostic about %s: %v", tc.want, diags)
			}
			_, diags = Load(dir, Options{})
			if n, _ := diags.Counts(); n < 4 {
				t.Errorf("where they must be set, %d are missed: %v", n, diags)
			}
		})
	}
}
