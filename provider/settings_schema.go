package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/clusterform/clusterform/internal/aws"
)

// settingsSchema is the provider's configuration. What the AWS provider has too has its name and its meaning.
func settingsSchema() schema.Schema {
	text := func(d string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: d, Optional: true}
	}
	secret := func(d string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: d, Optional: true, Sensitive: true}
	}
	list := func(d string) schema.ListAttribute {
		return schema.ListAttribute{MarkdownDescription: d, ElementType: types.StringType, Optional: true}
	}
	tags := func(d string) schema.MapAttribute {
		return schema.MapAttribute{MarkdownDescription: d, ElementType: types.StringType, Optional: true}
	}
	skip := func(d string) schema.BoolAttribute {
		return schema.BoolAttribute{MarkdownDescription: d, Optional: true}
	}
	endpoints := map[string]schema.Attribute{}
	for _, service := range aws.Services() {
		endpoints[service] = text("URL of `" + service + "`.")
	}
	return schema.Schema{
		MarkdownDescription: "Clusters, node pools and workloads, planned and made by clusterform's own engine. Nothing is connected to before it is needed, and unknown settings are fine while planning.",
		Attributes: map[string]schema.Attribute{
			"region":                   text("AWS region of clusters that name none. Default: `AWS_REGION`, then `AWS_DEFAULT_REGION`, then the profile's."),
			"profile":                  text("Profile of the shared AWS configuration. Default: `AWS_PROFILE`."),
			"shared_config_files":      list("Where profiles are looked up. Default: `AWS_CONFIG_FILE`, then `~/.aws/config`."),
			"shared_credentials_files": list("Where the keys of profiles are looked up. Default: `AWS_SHARED_CREDENTIALS_FILE`, then `~/.aws/credentials`."),
			"access_key":               text("AWS access key. Default: the SDK's chain of environment, profile, SSO and instance role."),
			"secret_key":               secret("AWS secret key, with `access_key`."),
			"token":                    secret("AWS session token, with `access_key`."),
			"assume_role": schema.SingleNestedAttribute{
				MarkdownDescription: "A role to assume with these credentials. Its sessions are renewed as long as a run takes.", Optional: true,
				Attributes: map[string]schema.Attribute{
					"role_arn":            schema.StringAttribute{MarkdownDescription: "ARN of the role.", Required: true},
					"session_name":        text("Name of the session, which CloudTrail shows with each call. Default: `terraform-provider-clusterform`."),
					"external_id":         text("What the role's trust policy asks for."),
					"duration":            text("How long a session is good for, from `15m` to `12h`. Default: `1h`."),
					"policy":              text("Policy in JSON that restricts the session further."),
					"policy_arns":         list("ARNs of managed policies that restrict the session further."),
					"source_identity":     text("Identity that stays with the session, and with what it assumes in turn."),
					"tags":                tags("Tags of the session."),
					"transitive_tag_keys": list("Those of `tags` that go on to what the session assumes in turn."),
				},
			},
			"endpoint_url": text("URL of all AWS services, for the lab or a gateway. Default: `AWS_ENDPOINT_URL`, and `AWS_ENDPOINT_URL_EC2` and its like for one service."),
			"endpoints": schema.SingleNestedAttribute{
				MarkdownDescription: "URLs of single services, before `endpoint_url`.", Optional: true, Attributes: endpoints,
			},
			"max_retries":  schema.Int64Attribute{MarkdownDescription: "How often a call that was throttled, or failed in passing, is made again at most. Default: one less than `AWS_MAX_ATTEMPTS`, then as often as the failure is worth: up to 13 times.", Optional: true},
			"default_tags": tags("Tags on everything that clusters own; a cluster's own `tags` win."),
			"wait":         text("When a node is done: `ready` when the orchestrator says so, `launched` when its instance runs. Default: `CLUSTERFORM_WAIT`, then `ready`."),
			"state_dir":    text("Directory for the engine's record and journal of each cluster. Keep it between runs: after a crash it tells what was begun. One that is lost is made again from Terraform's state. Default: `.clusterform/terraform/WORKSPACE`."),

			"skip_metadata_api_check":     skip("Do not ask the instance metadata service for credentials."),
			"skip_region_validation":      skip("Take any region, also one that does not look like AWS's."),
			"skip_credentials_validation": skip("Accepted so that settings of the AWS provider fit. Credentials are not checked beforehand in any case: what is wrong with them shows at the first call."),
			"skip_requesting_account_id":  skip("Accepted so that settings of the AWS provider fit. The account's id is never asked for."),
		},
	}
}
