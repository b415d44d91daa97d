package provider

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/clusterform/clusterform/internal/aws"
	"github.com/clusterform/clusterform/internal/bootstrap/software"
	"github.com/clusterform/clusterform/provider/engine"
)

// settings are the provider's configuration.
type settings struct {
	Region      types.String `tfsdk:"region"`
	Profile     types.String `tfsdk:"profile"`
	AccessKey   types.String `tfsdk:"access_key"`
	SecretKey   types.String `tfsdk:"secret_key"`
	Token       types.String `tfsdk:"token"`
	EndpointURL types.String `tfsdk:"endpoint_url"`
	DefaultTags types.Map    `tfsdk:"default_tags"`
	Wait        types.String `tfsdk:"wait"`
	StateDir    types.String `tfsdk:"state_dir"`

	SkipMetadata types.Bool `tfsdk:"skip_metadata_api_check"`
	SkipRegion   types.Bool `tfsdk:"skip_region_validation"`
}

// known tells whether all of it is known: else planning goes on without a connection.
func (s *settings) known() bool {
	for _, v := range []interface{ IsUnknown() bool }{
		s.Region, s.Profile, s.AccessKey, s.SecretKey, s.Token, s.EndpointURL, s.DefaultTags, s.Wait, s.StateDir,
		s.SkipMetadata, s.SkipRegion,
	} {
		if v.IsUnknown() {
			return false
		}
	}
	for _, v := range s.DefaultTags.Elements() {
		if v.IsUnknown() {
			return false
		}
	}
	return true
}

// connection is what the resources of one provider configuration share.
type connection struct {
	engine      *engine.Engine
	region      string
	defaultTags map[string]string
	version     string
}

// settingError is a setting that cannot be right.
type settingError struct{ attribute, message string }

var regionPattern = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-\d+$`)

func (s *settings) connect(ctx context.Context, version string) (*connection, *settingError) {
	c := &connection{version: version, region: cmp.Or(s.Region.ValueString(), os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))}
	if c.region != "" && !s.SkipRegion.ValueBool() && !regionPattern.MatchString(c.region) {
		return nil, &settingError{"region", `"` + c.region + `" does not look like a region of AWS, such as eu-central-1. With skip_region_validation = true it is taken as it is.`}
	}
	wait := cmp.Or(s.Wait.ValueString(), os.Getenv("CLUSTERFORM_WAIT"), "ready")
	if wait != "ready" && wait != "launched" {
		return nil, &settingError{"wait", `It is "ready" or "launched", not "` + wait + `".`}
	}
	if (s.AccessKey.ValueString() == "") != (s.SecretKey.ValueString() == "") {
		return nil, &settingError{"access_key", "access_key and secret_key belong together: set both or neither."}
	}
	if diags := s.DefaultTags.ElementsAs(ctx, &c.defaultTags, false); diags.HasError() {
		return nil, &settingError{"default_tags", diags[0].Detail()}
	}
	opts := aws.Options{Profile: s.Profile.ValueString(), Endpoint: s.EndpointURL.ValueString(), UserAgent: "terraform-provider-clusterform/" + version, NoMetadata: s.SkipMetadata.ValueBool()}
	if s.AccessKey.ValueString() != "" {
		opts.Keys = &aws.Keys{AccessKeyID: s.AccessKey.ValueString(), SecretAccessKey: s.SecretKey.ValueString(), SessionToken: s.Token.ValueString()}
	}
	if window, err := time.ParseDuration(os.Getenv("CLUSTERFORM_CONSISTENCY_WINDOW")); err == nil {
		opts.ConsistencyWindow = window
	}
	owner := strings.Join([]string{
		"endpoint " + cmp.Or(opts.Endpoint, os.Getenv("AWS_ENDPOINT_URL"), "aws"),
		"profile " + cmp.Or(opts.Profile, os.Getenv("AWS_PROFILE"), "default"),
	}, ", ")
	dir := cmp.Or(s.StateDir.ValueString(), filepath.Join(".clusterform", "terraform", workspace()))
	c.engine = engine.New(engine.Options{
		Cloud: newCloud(opts, dir, os.Environ(), os.Getenv(software.BundleVariable), wait == "launched"), Dir: dir,
		Owner: owner, WaitLaunched: wait == "launched", Version: version,
	})
	return c, nil
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
