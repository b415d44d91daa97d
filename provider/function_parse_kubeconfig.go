package provider

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"sigs.k8s.io/yaml"
)

func newParseKubeconfig() function.Function { return parseKubeconfig{} }

// parseKubeconfig reads what the kubernetes provider wants out of a kubeconfig.
type parseKubeconfig struct{}

var kubeconfigTypes = map[string]attr.Type{
	"host": types.StringType, "cluster_ca_certificate": types.StringType, "client_certificate": types.StringType,
	"client_key": types.StringType, "token": types.StringType, "tls_server_name": types.StringType,
}

// Metadata implements function.Function.
func (parseKubeconfig) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "parse_kubeconfig"
}

// Definition implements function.Function.
func (parseKubeconfig) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary:             "Takes a kubeconfig apart",
		MarkdownDescription: "Gives the settings of the current context of a kubeconfig under the names that the `kubernetes` provider has for them, certificates and key in PEM. With the ephemeral `clusterform_kubeconfig`, none of them gets into the state.",
		Parameters:          []function.Parameter{function.StringParameter{Name: "kubeconfig", MarkdownDescription: "The text of a kubeconfig."}},
		Return:              function.ObjectReturn{AttributeTypes: kubeconfigTypes},
	}
}

// kubeconfig is the part of the format that is read.
type kubeconfig struct {
	CurrentContext string `json:"current-context"`
	Contexts       []struct {
		Name    string
		Context struct{ Cluster, User string }
	}
	Clusters []struct {
		Name    string
		Cluster struct {
			Server string
			CA     string `json:"certificate-authority-data"`
			Name   string `json:"tls-server-name"`
		}
	}
	Users []struct {
		Name string
		User struct {
			Certificate string `json:"client-certificate-data"`
			Key         string `json:"client-key-data"`
			Token       string
		}
	}
}

// Run implements function.Function.
func (parseKubeconfig) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var text string
	if resp.Error = req.Arguments.Get(ctx, &text); resp.Error != nil {
		return
	}
	values, err := settingsOf(text)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, types.ObjectValueMust(kubeconfigTypes, values))
}

// settingsOf reads the current context. Errors never quote the text, which holds a key.
func settingsOf(text string) (map[string]attr.Value, error) {
	var k kubeconfig
	if err := yaml.Unmarshal([]byte(text), &k); err != nil {
		return nil, fmt.Errorf("this is not a kubeconfig: it is no YAML")
	}
	values := map[string]attr.Value{}
	for name := range kubeconfigTypes {
		values[name] = types.StringNull()
	}
	var err error
	set := func(name, value string, encoded bool) {
		if encoded {
			plain, problem := base64.StdEncoding.DecodeString(value)
			if problem != nil {
				err = fmt.Errorf("%s is not base64", name)
			}
			value = string(plain)
		}
		if value != "" {
			values[name] = types.StringValue(value)
		}
	}
	for _, c := range k.Contexts {
		if c.Name != k.CurrentContext {
			continue
		}
		for _, cluster := range k.Clusters {
			if cluster.Name == c.Context.Cluster {
				set("host", cluster.Cluster.Server, false)
				set("cluster_ca_certificate", cluster.Cluster.CA, true)
				set("tls_server_name", cluster.Cluster.Name, false)
			}
		}
		for _, user := range k.Users {
			if user.Name == c.Context.User {
				set("client_certificate", user.User.Certificate, true)
				set("client_key", user.User.Key, true)
				set("token", user.User.Token, false)
			}
		}
	}
	if err == nil && values["host"].IsNull() {
		err = fmt.Errorf("the kubeconfig has no cluster for its current-context %q", k.CurrentContext)
	}
	return values, err
}
