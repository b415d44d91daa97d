package lab

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

type envOptions struct {
	*Options
	JSON, Unset bool
}

// variable is one of the environment.
type variable struct{ name, value string }

func newEnvCommand(base *Options) *cobra.Command {
	o := &envOptions{Options: base}
	cmd := &cobra.Command{
		Use: "env", Short: "Print the variables that point this shell to the lab", Args: exactly(0, "no arguments"),
		Long: `Prints shell commands that set the endpoint, the keys and the region, for
clusterform, Terraform, the AWS CLI and everything else that uses an AWS SDK.
The keys are the lab's own and good for nothing else.`,
		Example: "eval \"$(clusterform lab env)\"\neval \"$(clusterform lab env -unset)\"",
		RunE:    func(*cobra.Command, []string) error { return o.run() },
	}
	cmd.Flags().BoolVar(&o.JSON, "json", false, "Write JSON.")
	cmd.Flags().BoolVar(&o.Unset, "unset", false, "Print commands that remove the variables again.")
	return cmd
}

func (o *envOptions) run() error {
	if o.Unset {
		for _, v := range variables("", "", "", "") {
			fmt.Fprintf(o.Out, "unset %s\n", v.name)
		}
		return nil
	}
	info, err := o.find()
	if err != nil {
		return err
	}
	all := variables(info.Endpoint, info.AccessKeyID, info.SecretAccessKey, info.Region)
	if o.JSON {
		out := map[string]string{}
		for _, v := range all {
			out[v.name] = v.value
		}
		e := json.NewEncoder(o.Out)
		e.SetIndent("", "  ")
		return e.Encode(out)
	}
	for _, v := range all {
		fmt.Fprintf(o.Out, "export %s=%s\n", v.name, quote(v.value))
	}
	return nil
}

func variables(endpoint, id, secret, region string) []variable {
	return []variable{
		{"AWS_ENDPOINT_URL", endpoint},
		{"AWS_ACCESS_KEY_ID", id},
		{"AWS_SECRET_ACCESS_KEY", secret},
		{"AWS_REGION", region},
		{"AWS_DEFAULT_REGION", region},
		{"AWS_EC2_METADATA_DISABLED", "true"}, // or SDKs look for a role at 169.254.169.254 first
	}
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
