package provider_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
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
	w := newWorkspace(t, l.config(clusterWith("")+poolWith("size = 1")+workload))
	w.env = []string{"TF_VAR_token=" + marker}
	w.run(0, "plan", "-out=saved.tfplan")
	shown := w.run(0, "show", "-json", "saved.tfplan")
	// Without machines there is no API to give the workload to; what is recorded of the attempt must be as clean.
	out, _ := w.try(nil, "apply", "-auto-approve")
	state := w.run(0, "show", "-json")

	secrets := map[string]string{"the marker": marker}
	for name, value := range l.parameters(t) {
		if len(value) > 20 && !bytes.Contains([]byte(value), []byte("BEGIN CERTIFICATE")) || bytes.Contains([]byte(value), []byte("PRIVATE KEY")) {
			secrets[name] = value
		}
	}
	if len(secrets) < 3 {
		t.Fatalf("only %d secrets to look for", len(secrets))
	}
	look := func(where string, data []byte) {
		for name, secret := range secrets {
			for _, form := range []string{secret, string(bytes.ReplaceAll([]byte(secret), []byte("\n"), []byte(`\n`)))} {
				if bytes.Contains(data, []byte(form)) {
					t.Errorf("%s is in %s", name, where)
				}
			}
		}
	}
	look("the shown plan", []byte(shown))
	look("the shown state", []byte(state))
	look("the output of apply", []byte(out))
	for _, root := range []string{w.dir, l.stateDir} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
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
		page, err := client.GetParametersByPath(t.Context(), &ssm.GetParametersByPathInput{
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
