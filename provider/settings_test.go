package provider_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// door is another address of a lab, which notes who calls what there.
type door struct {
	url string

	mu sync.Mutex
	// keys are the access keys that signed, by service; forms are those of the calls of STS.
	keys  map[string][]string
	forms []url.Values
}

func (l *lab) door(t *testing.T) *door {
	t.Helper()
	d := &door{keys: map[string][]string{}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
		if parts := strings.Split(scope, "/"); len(parts) > 4 {
			d.mu.Lock()
			if key, service := parts[0], parts[3]; !slices.Contains(d.keys[service], key) {
				d.keys[service] = append(d.keys[service], key)
			}
			d.mu.Unlock()
		}
		if form := formOf(r); form.Get("Action") == "AssumeRole" {
			d.mu.Lock()
			d.forms = append(d.forms, form)
			d.mu.Unlock()
		}
		l.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	d.url = s.URL
	return d
}

// formOf reads the form of a request and leaves its body in place.
func formOf(r *http.Request) url.Values {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, parseErr := url.ParseQuery(string(body))
	if err != nil || parseErr != nil {
		return nil
	}
	return form
}

// services are those that were called.
func (d *door) services() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for service := range d.keys {
		out = append(out, service)
	}
	slices.Sort(out)
	return out
}

// role makes a role that may do anything, for whom trust names.
func (l *lab) role(t *testing.T, name, trust string) string {
	t.Helper()
	client := l.iam()
	r, err := client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(
		fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":%s,"Action":"sts:AssumeRole"}]}`, trust))})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("all"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_, err := client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: aws.String("all")})
		if _, err2 := client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &name}); errors.Join(err, err2) != nil {
			t.Error(err, err2)
		}
	})
	return aws.ToString(r.Role.Arn)
}

// settingsOf is a provider block of a lab with more settings.
func (l *lab) settingsOf(more string) string {
	return strings.Replace(l.provider(), "provider \"clusterform\" {", "provider \"clusterform\" {\n"+more, 1)
}

// TestAssumedRole: a whole life of a cluster with the session of a role; only STS sees the keys themselves.
func TestAssumedRole(t *testing.T) {
	l := startLab(t)
	arn := l.role(t, "terraform", `{"AWS":"*"}`)
	d := l.door(t)
	settings := strings.Replace(l.settingsOf(fmt.Sprintf(`
  assume_role = {
    role_arn     = %q
    session_name = "night-run"
    external_id  = "e-17"
    duration     = "30m"
    policy       = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "*", Resource = "*" }] })
    tags         = { team = "platform" }
  }`, arn)), l.url, d.url, 1)
	w := newWorkspace(t, settings+clusterWith(""))
	w.run(0, "apply", "-auto-approve")
	w.run(0, "plan", "-detailed-exitcode")
	w.run(0, "destroy", "-auto-approve")

	if got, want := d.services(), []string{"ec2", "iam", "ssm", "sts"}; !slices.Equal(got, want) {
		t.Errorf("called %v, want %v", got, want)
	}
	for service, keys := range d.keys {
		for _, key := range keys {
			if session := strings.HasPrefix(key, "ASIA"); session == (service == "sts") {
				t.Errorf("%s was called with the key %s", service, key)
			}
		}
	}
	if len(d.forms) == 0 {
		t.Fatal("no role was assumed")
	}
	for name, want := range map[string]string{"RoleArn": arn, "RoleSessionName": "night-run", "ExternalId": "e-17", "DurationSeconds": "1800", "Tags.member.1.Value": "platform"} {
		if got := d.forms[0].Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(d.forms[0].Get("Policy"), "Statement") {
		t.Errorf("the policy is %q", d.forms[0].Get("Policy"))
	}
}

// TestRefusedRole: the message is about the role.
func TestRefusedRole(t *testing.T) {
	l := startLab(t)
	arn := l.role(t, "others", `{"Service":"ec2.amazonaws.com"}`)
	w := newWorkspace(t, l.settingsOf(fmt.Sprintf("assume_role = { role_arn = %q }", arn))+clusterWith(""))
	out := strings.Join(strings.Fields(w.run(1, "plan")), " ")
	for _, want := range []string{"sts:AssumeRole", "role/others", "trust policy"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
}

// TestEndpointsOfServices: EC2 is called in one place, and the others in another.
func TestEndpointsOfServices(t *testing.T) {
	l := startLab(t)
	compute, rest, env := l.door(t), l.door(t), l.door(t)
	settings := l.settingsOf(fmt.Sprintf("endpoints = { ec2 = %q }", compute.url))
	w := newWorkspace(t, strings.Replace(settings, fmt.Sprintf("endpoint_url = %q", l.url), "", 1)+clusterWith(""))
	w.env = []string{"AWS_ENDPOINT_URL=" + rest.url, "AWS_ENDPOINT_URL_EC2=" + env.url, "AWS_ENDPOINT_URL_IAM=" + env.url}
	w.run(0, "apply", "-auto-approve")
	w.run(0, "destroy", "-auto-approve")
	for _, where := range []struct {
		name string
		at   *door
		want []string
	}{{"the argument's", compute, []string{"ec2"}}, {"the environment's for one service", env, []string{"iam"}}, {"the environment's", rest, []string{"ssm"}}} {
		if got := where.at.services(); !slices.Equal(got, where.want) {
			t.Errorf("%s endpoint: %v called, want %v", where.name, got, where.want)
		}
	}
}

// TestRetries: how often a call is made that fails in passing.
func TestRetries(t *testing.T) {
	for _, test := range []struct {
		name, setting, env string
		want               int
	}{
		{"the argument", "max_retries = 2", "", 3},
		{"never", "max_retries = 0", "5", 1},
		{"the environment", "", "4", 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := startLab(t)
			if err := l.SetFaults(api.Faults{ServerError: api.Chance{Probability: 1, Actions: []string{"DescribeAvailabilityZones"}}}); err != nil {
				t.Fatal(err)
			}
			w := newWorkspace(t, l.settingsOf(test.setting)+clusterWith(""))
			w.env = []string{"AWS_MAX_ATTEMPTS=" + test.env}
			w.run(1, "plan")
			if got := l.Stats().Calls["ec2.DescribeAvailabilityZones"]; got != test.want {
				t.Errorf("called %d times, want %d", got, test.want)
			}
		})
	}
}

// TestProfileFiles: region and keys come from files that the configuration names.
func TestProfileFiles(t *testing.T) {
	l := startLab(t)
	dir := t.TempDir()
	config, keys := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	for path, text := range map[string]string{
		config: "[profile ops]\nregion = " + testRegion + "\nendpoint_url = " + l.url + "\n",
		keys:   fmt.Sprintf("[ops]\naws_access_key_id = %s\naws_secret_access_key = %s\n", testKeyID, testSecret),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorkspace(t, fmt.Sprintf(`
provider "clusterform" {
  shared_config_files         = [%q]
  shared_credentials_files    = [%q]
  state_dir                   = %q
  wait                        = "launched"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
}
`, config, keys, l.stateDir)+clusterWith(""))
	w.env = []string{"AWS_PROFILE=ops", "AWS_REGION=", "AWS_DEFAULT_REGION=", "AWS_ENDPOINT_URL=", "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY="}
	if out := w.run(2, "plan", "-detailed-exitcode"); !strings.Contains(out, testRegion+"/lab") {
		t.Errorf("the profile's region is not that of the cluster:\n%s", out)
	}
	w.env[0] = "AWS_PROFILE=nobody"
	if out := w.run(1, "plan"); !strings.Contains(out, "nobody") {
		t.Errorf("the profile that is missing is not named:\n%s", out)
	}
}

// TestWrongSettings: everything that cannot be right is told at once, by validate.
func TestWrongSettings(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, `
provider "clusterform" {
  region       = "frankfurt"
  access_key   = "AKID"
  wait         = "sometime"
  max_retries  = -1
  endpoint_url = "localhost:5000"
  endpoints    = { ssm = "ftp://somewhere" }
  assume_role  = {
    role_arn     = "terraform"
    session_name = "a b"
    duration     = "5m"
    policy       = "{"
  }
}
`+clusterWith(""))
	out := strings.Join(strings.Fields(w.run(1, "validate")), " ")
	for _, want := range []string{
		"does not look like a region", "belong together", `not "sometime"`, "from 0 to 100", `"localhost:5000" is not a URL`, `"ftp://somewhere" is not a URL`,
		"is not the ARN of a role", "is no session name", "from 15m to 12h", "It is not JSON",
	} {
		if !strings.Contains(strings.ReplaceAll(out, "│ ", ""), want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
}

// TestUnknownRole: settings that come from another resource are fine when planning.
func TestUnknownRole(t *testing.T) {
	l := startLab(t)
	arn := l.role(t, "later", `{"AWS":"*"}`)
	w := newWorkspace(t, l.settingsOf("assume_role = { role_arn = terraform_data.role.output }\nendpoints = { iam = terraform_data.url.output }")+fmt.Sprintf(`
resource "terraform_data" "role" {
  input = %q
}

resource "terraform_data" "url" {
  input = %q
}
`, arn, l.url)+clusterWith(""))
	w.run(0, "validate")
	w.run(2, "plan", "-detailed-exitcode")
	w.run(0, "apply", "-auto-approve")
	w.run(0, "plan", "-detailed-exitcode")
	w.run(0, "destroy", "-auto-approve")
}
