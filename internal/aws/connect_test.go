package aws

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/clusterform/clusterform/planner/resource"
)

// front is an endpoint that notes which services were called, and refuses them all.
type front struct {
	url  string
	mu   sync.Mutex
	seen []string
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := new(front)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Credential=KEY/DATE/REGION/SERVICE/aws4_request
		if scope := strings.Split(r.Header.Get("Authorization"), "/"); len(scope) > 3 {
			f.mu.Lock()
			f.seen = append(f.seen, scope[3])
			f.mu.Unlock()
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(s.Close)
	f.url = s.URL
	return f
}

func (f *front) services() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.Sort(f.seen)
	return slices.Compact(slices.Clone(f.seen))
}

// TestEndpoints: which of the places that can name a service's endpoint counts.
func TestEndpoints(t *testing.T) {
	isolate(t)
	for _, test := range []struct {
		name     string
		env      []string // variables that name the endpoint of the environment
		endpoint bool     // the options' one for all services
		single   []string // services with one of their own
		own, all []string // who is called where: single ones, and Options.Endpoint
		fromEnv  []string
	}{
		{name: "one for all", endpoint: true, all: []string{"ec2", "ssm"}},
		{name: "one of its own", endpoint: true, single: []string{"ec2"}, own: []string{"ec2"}, all: []string{"ssm"}},
		{name: "the environment's", env: []string{"AWS_ENDPOINT_URL"}, fromEnv: []string{"ec2", "ssm"}},
		{name: "the environment's for one service", env: []string{"AWS_ENDPOINT_URL_EC2"}, single: []string{"ssm"}, own: []string{"ssm"}, fromEnv: []string{"ec2"}},
		{name: "options before the environment", env: []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2"}, endpoint: true, all: []string{"ec2", "ssm"}},
		{name: "one of its own before the environment", env: []string{"AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL"}, single: []string{"ec2"}, own: []string{"ec2"}, fromEnv: []string{"ssm"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			env, all, own := newFront(t), newFront(t), newFront(t)
			for _, name := range test.env {
				t.Setenv(name, env.url)
			}
			opts := Options{Keys: &Keys{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "s"}, Endpoints: map[string]string{}, MaxAttempts: 1}
			if test.endpoint {
				opts.Endpoint = all.url
			}
			for _, service := range test.single {
				opts.Endpoints[service] = own.url
			}
			c := New(opts)
			if _, err := c.Zones(t.Context(), "eu-west-1"); err == nil {
				t.Error("no refusal from EC2")
			}
			if _, err := c.Image(t.Context(), "eu-west-1", "ssm:/image"); err == nil {
				t.Error("no refusal from SSM")
			}
			for _, where := range []struct {
				name string
				at   *front
				want []string
			}{{"the single ones", own, test.own}, {"the one for all", all, test.all}, {"the environment's", env, test.fromEnv}} {
				if got := where.at.services(); !slices.Equal(got, where.want) {
					t.Errorf("%s: %v called, want %v", where.name, got, where.want)
				}
			}
		})
	}
}

// TestAttempts: how often a call is sent that fails in passing, or finds nobody.
func TestAttempts(t *testing.T) {
	isolate(t)
	for _, test := range []struct {
		name   string
		option int
		env    string
		want   int
	}{
		{"once", 1, "", 1},
		{"the option", 3, "", 3},
		{"the environment", 0, "2", 2},
		{"the option before the environment", 4, "2", 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("AWS_MAX_ATTEMPTS", test.env)
			s := &script{answer: func(string, url.Values) (int, string, error) {
				return 503, ec2Error("ServiceUnavailable", "try later"), nil
			}}
			c := s.cloud(Options{MaxAttempts: test.option})
			if _, err := c.Zones(t.Context(), "eu-west-1"); err == nil {
				t.Error("no error")
			}
			if got := s.count("DescribeAvailabilityZones"); got != test.want {
				t.Errorf("sent %d times, want %d", got, test.want)
			}
		})
	}
	t.Run("more than by default", func(t *testing.T) {
		if got := (retryer{attempts: 30}).MaxAttempts(); got != 30 {
			t.Errorf("%d attempts, want 30", got)
		}
		if _, err := (retryer{attempts: 30}).RetryDelay(maxOtherAttempts, errors.New("passing")); err != nil {
			t.Errorf("given up after %d attempts of 30", maxOtherAttempts)
		}
	})
}

// TestAssumeRole: calls are signed with the role's session, which is asked for once.
func TestAssumeRole(t *testing.T) {
	t.Parallel()
	var asked []url.Values
	s := &script{}
	s.answer = func(action string, form url.Values) (int, string, error) {
		if action == "AssumeRole" {
			s.mu.Lock()
			asked = append(asked, form)
			s.mu.Unlock()
			return 200, fmt.Sprintf(`<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIASESSION</AccessKeyId><SecretAccessKey>x</SecretAccessKey>`+
				`<SessionToken>token</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339)), nil
		}
		return 200, "<DescribeAvailabilityZonesResponse><availabilityZoneInfo/></DescribeAvailabilityZonesResponse>", nil
	}
	// With one slot, a session that needed one would never come.
	c := s.cloud(Options{Parallelism: 1, AssumeRole: &AssumeRole{
		RoleARN: "arn:aws:iam::123456789012:role/ops", SessionName: "night", ExternalID: "same", SourceIdentity: "same", Duration: 20 * time.Minute,
		Policy: "{}", PolicyARNs: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}, Tags: map[string]string{"team": "platform"}, TransitiveTags: []string{"team"},
	}})
	for range 2 {
		if _, err := c.Zones(t.Context(), "eu-west-1"); err != nil {
			t.Fatal(err)
		}
	}
	if len(asked) != 1 {
		t.Fatalf("the role was assumed %d times", len(asked))
	}
	for name, want := range map[string]string{
		"RoleArn": "arn:aws:iam::123456789012:role/ops", "RoleSessionName": "night", "ExternalId": "same", "SourceIdentity": "same", "DurationSeconds": "1200",
		"Policy": "{}", "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/ReadOnlyAccess", "Tags.member.1.Key": "team", "Tags.member.1.Value": "platform",
		"TransitiveTagKeys.member.1": "team",
	} {
		if got := asked[0].Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := c.Calls()["sts:AssumeRole"]; got != 1 {
		t.Errorf("%d calls of STS counted", got)
	}
}

// TestRoleRefused: the error is about the role and not about the call that came first.
func TestRoleRefused(t *testing.T) {
	t.Parallel()
	s := &script{answer: func(string, url.Values) (int, string, error) {
		return 403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized</Message></Error></ErrorResponse>", nil
	}}
	c := s.cloud(Options{AssumeRole: &AssumeRole{RoleARN: "arn:aws:iam::123456789012:role/ops"}})
	_, err := c.Zones(t.Context(), "eu-west-1")
	e, ok := errors.AsType[*resource.Error](err)
	if !ok || e.Op != "sts:AssumeRole" || e.ID != "arn:aws:iam::123456789012:role/ops" || !strings.Contains(e.Hint, "trust policy") {
		t.Errorf("got %+v", err)
	}
	if n := s.count("AssumeRole"); n != 1 {
		t.Errorf("asked %d times for what is refused", n)
	}
}

// TestRoleUnavailable: what STS fails with is retried by STS's own client, and not once more by the call that waits for it.
func TestRoleUnavailable(t *testing.T) {
	t.Parallel()
	s := &script{answer: func(string, url.Values) (int, string, error) {
		return 503, "<ErrorResponse><Error><Code>ServiceUnavailable</Code><Message>later</Message></Error></ErrorResponse>", nil
	}}
	c := s.cloud(Options{MaxAttempts: 3, AssumeRole: &AssumeRole{RoleARN: "arn:aws:iam::123456789012:role/ops"}})
	r, err := c.region(t.Context(), "eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.ec2.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16")})
	if e, ok := errors.AsType[*resource.Error](err); !ok || e.Op != "sts:AssumeRole" || isAmbiguous(err) {
		t.Errorf("got %v", err)
	}
	if n := s.count("AssumeRole"); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
}

// TestProfile: region and keys of a profile in files that the options name.
func TestProfile(t *testing.T) {
	isolate(t)
	dir := t.TempDir()
	config, keys := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	for path, text := range map[string]string{
		config: "[profile ops]\nregion = eu-north-1\nmax_attempts = 2\n", keys: "[ops]\naws_access_key_id = AKIDOPS\naws_secret_access_key = s\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := newFront(t)
	c := New(Options{Profile: "ops", ConfigFiles: []string{config}, CredentialsFiles: []string{keys}, Endpoint: f.url})
	region, err := c.DefaultRegion(t.Context())
	if err != nil || region != "eu-north-1" {
		t.Errorf("region %q, %v", region, err)
	}
	if _, err := c.Zones(t.Context(), ""); err == nil {
		t.Error("no refusal")
	}
	if got := f.services(); !slices.Equal(got, []string{"ec2"}) {
		t.Errorf("called %v", got)
	}
	if n := c.base.Retryer().MaxAttempts(); n != 2 {
		t.Errorf("%d attempts, and the profile says 2", n)
	}
	if _, err := New(Options{Profile: "nobody", ConfigFiles: []string{config}, CredentialsFiles: []string{keys}}).DefaultRegion(t.Context()); err == nil {
		t.Error("a profile that does not exist is fine")
	}
}
