package client

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

// maxBehind is how many minor versions a kubelet may be behind the API server.
const maxBehind = 3

func trimV(v string) string { return strings.TrimPrefix(v, "v") }

// Version is the API server's, without a leading v. Of several in an upgrade it is that of the one that answered.
func (k *Client) Version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	body, err := k.api.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return "", k.failed("GET /version", err)
	}
	var info struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := json.Unmarshal(body, &info); err != nil {
		return "", k.failed("GET /version", err)
	}
	return trimV(info.GitVersion), nil
}

// Skew lists, for people, the members whose version does not go with the API's: newer, or more than three minor versions
// older. It is empty when all is well.
func Skew(api string, members []orchestrator.Member) []string {
	server, err := version.ParseGeneric(api)
	if err != nil {
		return []string{fmt.Sprintf("the API's version %q cannot be read", api)}
	}
	var out []string
	for _, m := range members {
		v, err := version.ParseGeneric(m.Version)
		switch {
		case err != nil:
			continue // it has not reported yet
		case v.Major() != server.Major(), v.Minor() > server.Minor():
			out = append(out, fmt.Sprintf("%s is %s, newer than the API's %s", m.Instance, m.Version, api))
		case server.Minor()-v.Minor() > maxBehind:
			out = append(out, fmt.Sprintf("%s is %s, more than %d minor versions behind the API's %s", m.Instance, m.Version, maxBehind, api))
		}
	}
	return out
}
