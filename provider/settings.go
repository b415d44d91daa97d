package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/clusterform/clusterform/internal/aws"
	"github.com/clusterform/clusterform/internal/bootstrap/software"
	"github.com/clusterform/clusterform/provider/engine"
)

// settings are the provider's configuration.
type settings struct {
	Region           types.String        `tfsdk:"region"`
	Profile          types.String        `tfsdk:"profile"`
	ConfigFiles      []string            `tfsdk:"shared_config_files"`
	CredentialsFiles []string            `tfsdk:"shared_credentials_files"`
	AccessKey        types.String        `tfsdk:"access_key"`
	SecretKey        types.String        `tfsdk:"secret_key"`
	Token            types.String        `tfsdk:"token"`
	AssumeRole       *assumeRoleSettings `tfsdk:"assume_role"`
	EndpointURL      types.String        `tfsdk:"endpoint_url"`
	Endpoints        types.Object        `tfsdk:"endpoints"`
	MaxRetries       types.Int64         `tfsdk:"max_retries"`
	DefaultTags      map[string]string   `tfsdk:"default_tags"`
	Wait             types.String        `tfsdk:"wait"`
	StateDir         types.String        `tfsdk:"state_dir"`

	SkipMetadata    types.Bool `tfsdk:"skip_metadata_api_check"`
	SkipRegion      types.Bool `tfsdk:"skip_region_validation"`
	SkipCredentials types.Bool `tfsdk:"skip_credentials_validation"`
	SkipAccount     types.Bool `tfsdk:"skip_requesting_account_id"`
}

type assumeRoleSettings struct {
	RoleARN        string            `tfsdk:"role_arn"`
	SessionName    types.String      `tfsdk:"session_name"`
	ExternalID     types.String      `tfsdk:"external_id"`
	Duration       types.String      `tfsdk:"duration"`
	Policy         types.String      `tfsdk:"policy"`
	PolicyARNs     []string          `tfsdk:"policy_arns"`
	SourceIdentity types.String      `tfsdk:"source_identity"`
	Tags           map[string]string `tfsdk:"tags"`
	TransitiveTags []string          `tfsdk:"transitive_tag_keys"`
}

// settingsIn reads the configuration; nil while some of it is not known, when planning goes on without a connection.
func settingsIn(ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics) *settings {
	if !config.Raw.IsFullyKnown() {
		return nil
	}
	s := new(settings)
	if diags.Append(config.Get(ctx, s)...); diags.HasError() {
		return nil
	}
	return s
}

// connection is what the resources of one provider configuration share.
type connection struct {
	engine      *engine.Engine
	cloud       *cloud
	region      string
	defaultTags map[string]string
	version     string
	launched    bool
}

var (
	regionPattern  = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-\d+$`)
	roleARNPattern = regexp.MustCompile(`^arn:[^:]+:iam::\d{12}:role/.+$`)
	sessionPattern = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
)

const (
	minSession = 15 * time.Minute
	maxSession = 12 * time.Hour
)

// check finds what cannot be right whatever the environment says.
func (s *settings) check(diags *diag.Diagnostics) {
	wrong := func(at path.Path, format string, args ...any) {
		diags.AddAttributeError(at, "Invalid provider configuration", fmt.Sprintf(format, args...))
	}
	if r := s.Region.ValueString(); r != "" {
		s.checkRegion(r, diags)
	}
	if (s.AccessKey.ValueString() == "") != (s.SecretKey.ValueString() == "") {
		wrong(path.Root("access_key"), "access_key and secret_key belong together: set both or neither.")
	}
	if w := s.Wait.ValueString(); w != "" && w != "ready" && w != "launched" {
		wrong(path.Root("wait"), "It is \"ready\" or \"launched\", not %q.", w)
	}
	if n := s.MaxRetries.ValueInt64(); n < 0 || n > 100 {
		wrong(path.Root("max_retries"), "It is a number from 0 to 100, not %d.", n)
	}
	checkURL := func(at path.Path, text string) {
		if u, err := url.Parse(text); text != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
			wrong(at, "%q is not a URL such as https://ec2.internal.example.", text)
		}
	}
	checkURL(path.Root("endpoint_url"), s.EndpointURL.ValueString())
	for service, text := range s.endpoints() {
		checkURL(path.Root("endpoints").AtName(service), text)
	}
	if s.AssumeRole != nil {
		s.AssumeRole.check(wrong)
	}
}

func (s *settings) checkRegion(region string, diags *diag.Diagnostics) {
	if s.SkipRegion.ValueBool() || regionPattern.MatchString(region) {
		return
	}
	diags.AddAttributeError(path.Root("region"), "Invalid provider configuration",
		fmt.Sprintf("%q does not look like a region of AWS, such as eu-central-1. With skip_region_validation = true it is taken as it is.", region))
}

func (a *assumeRoleSettings) check(wrong func(at path.Path, format string, args ...any)) {
	at := path.Root("assume_role")
	if !roleARNPattern.MatchString(a.RoleARN) {
		wrong(at.AtName("role_arn"), "%q is not the ARN of a role, such as arn:aws:iam::123456789012:role/terraform.", a.RoleARN)
	}
	if name := a.SessionName.ValueString(); name != "" && !sessionPattern.MatchString(name) {
		wrong(at.AtName("session_name"), "%q is no session name: it takes 2 to 64 letters, digits and _+=,.@-", name)
	}
	if text := a.Duration.ValueString(); text != "" {
		if d, err := time.ParseDuration(text); err != nil || d < minSession || d > maxSession {
			wrong(at.AtName("duration"), "%q is not a time from 15m to 12h.", text)
		}
	}
	if text := a.Policy.ValueString(); text != "" && !json.Valid([]byte(text)) {
		wrong(at.AtName("policy"), "It is not JSON. jsonencode() writes a policy.")
	}
}

func (a *assumeRoleSettings) options() *aws.AssumeRole {
	if a == nil {
		return nil
	}
	duration, _ := time.ParseDuration(a.Duration.ValueString()) // checked
	return &aws.AssumeRole{
		RoleARN: a.RoleARN, SessionName: cmp.Or(a.SessionName.ValueString(), "terraform-provider-clusterform"), ExternalID: a.ExternalID.ValueString(),
		Duration: duration, Policy: a.Policy.ValueString(), PolicyARNs: a.PolicyARNs, SourceIdentity: a.SourceIdentity.ValueString(),
		Tags: a.Tags, TransitiveTags: a.TransitiveTags,
	}
}

// endpoints are those that are set.
func (s *settings) endpoints() map[string]string {
	out := map[string]string{}
	for service, v := range s.Endpoints.Attributes() {
		if text, ok := v.(types.String); ok && text.ValueString() != "" {
			out[service] = text.ValueString()
		}
	}
	return out
}

// options are the settings as the cloud takes them.
func (s *settings) options(version string) aws.Options {
	o := aws.Options{
		Profile: s.Profile.ValueString(), ConfigFiles: fromHome(s.ConfigFiles), CredentialsFiles: fromHome(s.CredentialsFiles), Region: s.Region.ValueString(),
		Endpoint: s.EndpointURL.ValueString(), Endpoints: s.endpoints(), AssumeRole: s.AssumeRole.options(),
		UserAgent: "terraform-provider-clusterform/" + version, NoMetadata: s.SkipMetadata.ValueBool(),
	}
	if s.AccessKey.ValueString() != "" {
		o.Keys = &aws.Keys{AccessKeyID: s.AccessKey.ValueString(), SecretAccessKey: s.SecretKey.ValueString(), SessionToken: s.Token.ValueString()}
	}
	if !s.MaxRetries.IsNull() {
		o.MaxAttempts = int(s.MaxRetries.ValueInt64()) + 1
	}
	if window, err := time.ParseDuration(os.Getenv("CLUSTERFORM_CONSISTENCY_WINDOW")); err == nil {
		o.ConsistencyWindow = window
	}
	return o
}

// fromHome puts the home directory in the place of a leading ~.
func fromHome(files []string) []string {
	var out []string
	for _, f := range files {
		if rest, ok := strings.CutPrefix(f, "~/"); ok {
			if home, err := os.UserHomeDir(); err == nil {
				f = filepath.Join(home, rest)
			}
		}
		out = append(out, f)
	}
	return out
}

// connect makes what the resources share; nil when diags say why not. No request is sent.
func (s *settings) connect(ctx context.Context, version string, diags *diag.Diagnostics) *connection {
	s.check(diags)
	wait := cmp.Or(s.Wait.ValueString(), os.Getenv("CLUSTERFORM_WAIT"), "ready")
	if wait != "ready" && wait != "launched" && !diags.HasError() {
		diags.AddError("Invalid environment", fmt.Sprintf("CLUSTERFORM_WAIT is %q. It can be \"ready\" or \"launched\".", wait))
	}
	if diags.HasError() {
		return nil
	}
	opts := s.options(version)
	dir := cmp.Or(s.StateDir.ValueString(), filepath.Join(".clusterform", "terraform", workspace()))
	c := &connection{
		version: version, defaultTags: s.DefaultTags, launched: wait == "launched",
		cloud: newCloud(opts, dir, os.Environ(), os.Getenv(software.BundleVariable), wait == "launched"),
	}
	if c.region = cmp.Or(opts.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")); c.region == "" {
		var err error
		if c.region, err = c.cloud.DefaultRegion(ctx); err != nil {
			diags.AddAttributeError(path.Root("profile"), "Invalid provider configuration", printable(err.Error()))
			return nil
		}
	}
	if c.region != "" && c.region != opts.Region {
		if s.checkRegion(c.region, diags); diags.HasError() {
			return nil
		}
	}
	c.engine = engine.New(engine.Options{
		Cloud: c.cloud, Dir: dir, Owner: owner(opts), WaitLaunched: c.launched, Version: version,
	})
	return c
}

// owner tells provider configurations apart that share a state directory.
func owner(opts aws.Options) string {
	parts := []string{
		"endpoint " + cmp.Or(opts.Endpoint, opts.Endpoints["ec2"], os.Getenv("AWS_ENDPOINT_URL_EC2"), os.Getenv("AWS_ENDPOINT_URL"), "aws"),
		"profile " + cmp.Or(opts.Profile, os.Getenv("AWS_PROFILE"), "default"),
	}
	if opts.AssumeRole != nil {
		parts = append(parts, "role "+opts.AssumeRole.RoleARN)
	}
	return strings.Join(parts, ", ")
}

// workspace is the one that Terraform works in, which it does not tell providers.
func workspace() string {
	if w := os.Getenv("TF_WORKSPACE"); w != "" {
		return filepath.Base(w)
	}
	data, err := os.ReadFile(filepath.Join(cmp.Or(os.Getenv("TF_DATA_DIR"), ".terraform"), "environment"))
	if w := strings.TrimSpace(string(data)); err == nil && w != "" {
		return filepath.Base(w)
	}
	return "default"
}
