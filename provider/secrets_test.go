package provider_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// marker stands in every argument that takes secrets.
const marker = "marker-8d1f-of-a-secret"

const workload = `
variable "token" {
  type      = string
  ephemeral = true
}

resource "clusterform_workload" "web" {
  name    = "web"
  cluster = clusterform_cluster.lab.id

  container = {
    app = {
      image      = "registry.lab:5000/hello:1"
      port       = { http = { container = 8080 } }
      secret_env = { TOKEN = { secret = "keys", key = "token" } }
    }
  }
  secret = { keys = { files = { token = var.token } } }
}
`

// TestNoSecretInPlanOrState looks for the cluster's keys and tokens, and for a marker put into every sensitive argument, in
// everything that Terraform and the provider leave on the disk.
func TestNoSecretInPlanOrState(t *testing.T) {
	t.Parallel()
	l := startLabOnly(t)
	config := func(size int) string {
		return strings.Replace(l.config(clusterWith("")+poolWith(fmt.Sprintf("size = %d", size))+workload), `"`+testSecret+`"`, "var.secret_key", 1) + `
variable "secret_key" {
  type      = string
  ephemeral = true
}
`
	}
	w := newWorkspace(t, config(1))
	w.env = []string{"TF_VAR_token=" + marker, "TF_VAR_secret_key=" + testSecret}
	w.run(0, "plan", "-out=saved.tfplan")
	shown := map[string]string{"the shown plan": w.run(0, "show", "-json", "saved.tfplan")}
	// Without machines there is no API to give the workload to; what is recorded of the attempt must be as clean.
	shown["the output of apply"], _ = w.try(nil, "apply", "-auto-approve")
	w.write("main.tf", config(2))
	shown["the output of the next apply"], _ = w.try(nil, "apply", "-auto-approve") // which leaves a backup
	shown["the shown state"] = w.run(0, "show", "-json")
	if _, err := os.Stat(filepath.Join(w.dir, "terraform.tfstate.backup")); err != nil {
		t.Error(err)
	}
	secrets := l.secrets(t)
	secrets["the marker"], secrets["the provider's secret key"] = marker, testSecret
	holdNo(t, secrets, shown, w.dir, l.stateDir)
}

// TestEverySensitiveArgumentIsScanned keeps the test above complete: these are all that it has to put a marker into.
func TestEverySensitiveArgumentIsScanned(t *testing.T) {
	t.Parallel()
	server, err := factories()["clusterform"]()
	if err != nil {
		t.Fatal(err)
	}
	all, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var look func(at string, attributes []*tfprotov6.SchemaAttribute)
	look = func(at string, attributes []*tfprotov6.SchemaAttribute) {
		for _, a := range attributes {
			name := at + "." + a.Name
			if (a.Sensitive || a.WriteOnly) && !a.Computed {
				got = append(got, name)
			}
			if a.NestedType != nil {
				look(name, a.NestedType.Attributes)
			}
		}
	}
	look("provider", all.Provider.Block.Attributes)
	for name, s := range all.ResourceSchemas {
		look(name, s.Block.Attributes)
	}
	slices.Sort(got)
	want := []string{
		"clusterform_workload.secret.files", // the marker
		"provider.secret_key",               // scanned for
		"provider.token",                    // goes the same way, and the lab has none
	}
	if !slices.Equal(got, want) {
		t.Errorf("sensitive arguments are %v, scanned are %v", got, want)
	}
}

// secrets are the keys and tokens in the endpoint's Parameter Store.
func (l *lab) secrets(t *testing.T) map[string]string {
	t.Helper()
	secrets := map[string]string{}
	for name, value := range l.parameters(t) {
		if len(value) > 20 && !strings.Contains(value, "BEGIN CERTIFICATE") || strings.Contains(value, "PRIVATE KEY") {
			secrets[name] = value
		}
	}
	if len(secrets) < 3 {
		t.Fatalf("only %d secrets to look for", len(secrets))
	}
	return secrets
}

// holdNo fails for a secret, by its name, in what was shown or in any file below the directories. The configuration is the
// user's.
func holdNo(t *testing.T, secrets, shown map[string]string, dirs ...string) {
	t.Helper()
	look := func(where string, data []byte) {
		for name, secret := range secrets {
			for _, form := range []string{secret, strings.ReplaceAll(secret, "\n", `\n`), base64.StdEncoding.EncodeToString([]byte(secret))} {
				if bytes.Contains(data, []byte(form)) {
					t.Errorf("%s is in %s", name, where)
				}
			}
		}
	}
	for where, text := range shown {
		look(where, []byte(text))
	}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || filepath.Ext(path) == ".tf" {
				return err
			}
			data, err := os.ReadFile(path)
			if filepath.Ext(path) == ".tfplan" {
				data = unzip(t, data)
			}
			look(path, data)
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// parameters are the values in the endpoint's Parameter Store.
func (l *lab) parameters(t *testing.T) map[string]string {
	t.Helper()
	client := ssm.New(ssm.Options{
		Region: testRegion, BaseEndpoint: aws.String(l.url), Credentials: credentials.NewStaticCredentialsProvider(testKeyID, testSecret, ""),
	})
	out := map[string]string{}
	var token *string
	for {
		page, err := client.GetParametersByPath(context.WithoutCancel(t.Context()), &ssm.GetParametersByPathInput{
			Path: aws.String("/clusterform"), Recursive: aws.Bool(true), WithDecryption: aws.Bool(true), NextToken: token,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Parameters {
			out[aws.ToString(p.Name)] = aws.ToString(p.Value)
		}
		if token = page.NextToken; token == nil {
			return out
		}
	}
}
