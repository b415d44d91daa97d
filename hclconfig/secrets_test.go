package hclconfig

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestSecretsStayInside puts a marker into sensitive variables in every way
// there is, and looks for it in everything that is shown.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	const marker = "MARKER-c0ffee"
	config := minimal + `
variable "token" {
  type      = string
  sensitive = true
  validation {
    condition     = length(var.token) < 5
    error_message = "too long"
  }
}
variable "limits" {
  type      = map(number)
  sensitive = true
  default   = {}
}
`
	for _, tc := range []struct {
		name, config string
		vars         []VarSource
		wrong        bool
	}{
		{"tags", `node_pool "w" {
  cluster = cluster.lab
  size = 1
  tags = { t = upper(var.token) }
}`, nil, true},
		{"size", `node_pool "w" {
  cluster = cluster.lab
  size = length(var.token)
}`, nil, true},
		{"index", `output "o" {
  value = { a = 1 }[var.token]
  sensitive = true
}`, nil, true},
		{"function", `output "o" {
  value = jsondecode(var.token)
  sensitive = true
}`, nil, true},
		{"template", `output "o" {
  value = templatestring("$${a.b}", { a = var.token })
  sensitive = true
}`, nil, true},
		{"iteration", `node_pool "w" {
  for_each = toset([var.token])
  cluster = cluster.lab
  size = 1
}`, nil, true},
		{"dynamic", `node_pool "w" {
  cluster = cluster.lab
  size = 1
  dynamic "taint" {
    for_each = [var.token]
    label = taint.value
    content {}
  }
}`, nil, true},
		{"image", `workload "w" {
  cluster = cluster.lab
  container "a" { image = var.token }
}`, nil, true},
		{"environment name", `workload "w" {
  cluster = cluster.lab
  container "a" {
    image = "a"
    env = { "${var.token} x" = "y" }
  }
}`, nil, true},
		{"wrong type on the command line", ``, []VarSource{{Origin: VarFlag, Name: "limits", Text: `{a = "` + marker + `"}`}}, true},
		{"broken on the command line", ``, []VarSource{{Origin: VarEnvironment, Name: "limits", Text: marker + ` = {`}}, true},
		{"where they may be", `workload "w" {
  cluster = cluster.lab
  container "a" {
    image = "a"
    env = { T = "x${var.token}" }
  }
  secret "s" { files = { t = var.token } }
}`, nil, true}, // only the validation fails
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			vars := append([]VarSource{{Origin: VarEnvironment, Name: "token", Text: marker}}, tc.vars...)
			c, diags := Load("/nowhere", Options{Snapshot: snapshot(map[string]string{"m.cluster.hcl": config + tc.config}), Vars: vars})
			_, more := c.Evaluate(nil)
			diags = append(diags, more...)
			if diags.HasErrors() != tc.wrong {
				t.Fatalf("errors: %v", diags.Err())
			}
			var shown bytes.Buffer
			if err := WriteDiagnostics(&shown, diags, c.Sources(), true, 80); err != nil {
				t.Fatal(err)
			}
			if err := json.NewEncoder(&shown).Encode(diags.Validation(c.Sources())); err != nil {
				t.Fatal(err)
			}
			shown.WriteString(diags.Err().Error())
			if strings.Contains(shown.String(), "c0ffee") {
				t.Errorf("the secret is shown:\n%s", shown.String())
			}
		})
	}
}

// TestSecretsOfWorkloadsAreMarked wants what goes to a workload to say that it
// is sensitive.
func TestSecretsOfWorkloadsAreMarked(t *testing.T) {
	t.Parallel()
	d := mustEvaluate(t, map[string]string{"m.cluster.hcl": minimal + `
variable "token" {
  default   = "t"
  sensitive = true
}
workload "w" {
  cluster = cluster.lab
  container "a" {
    image = "a"
    env   = { PLAIN = "p", TOKEN = "x${var.token}" }
    secret_env "KEY" {
      secret = "s"
      key    = "k"
    }
  }
  config "c" { files = { plain = "p", token = var.token } }
  secret "s" { files = { k = "literal" } }
}
manifest "m" {
  cluster = cluster.lab
  object = {
    apiVersion = "v1"
    kind       = "Secret"
    stringData = { t = var.token }
  }
}
output "o" {
  value     = var.token
  sensitive = true
}
`})
	w := d.Workloads[0]
	env := map[string]bool{}
	for _, e := range w.Containers[0].Env {
		env[e.Name] = e.Sensitive
	}
	if env["PLAIN"] || !env["TOKEN"] || !env["KEY"] {
		t.Errorf("environment: %v", env)
	}
	if f := w.Configs[0].Files; f["plain"].Sensitive || !f["token"].Sensitive || f["token"].Content != "t" {
		t.Error("a file of a config block has lost its mark, or its content")
	}
	if !w.Secrets[0].Files["k"].Sensitive {
		t.Error("a secret block is not sensitive")
	}
	if o := d.Manifests[0].Object; !ContainsSensitive(o) || ContainsSensitive(Unmark(o)) {
		t.Error("a manifest has lost its mark")
	}
	if o := d.Outputs[0]; !o.Sensitive || o.Value.AsString() != "t" {
		t.Error("an output has lost its mark, or its value")
	}
}
