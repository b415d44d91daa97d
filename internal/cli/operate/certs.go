package operate

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// CertsOptions are those of `certs list`.
type CertsOptions struct {
	*Options
	JSON bool
}

func newCertsCommand(all *Options) *cobra.Command {
	o := &CertsOptions{Options: all}
	cmd := &cobra.Command{
		Use: "certs", GroupID: "cluster", Short: "Show and renew certificates",
		Long: `Each cluster has authorities of its own. The certificates of control-plane nodes
are made when a node joins and end after a year; those of clients are made when
they are needed and end after an hour.`,
	}
	list := &cobra.Command{
		Use: "list [CLUSTER]", Short: "Show when certificates end", Args: atMostOneCluster,
		Long:    "Shows the certificates of a cluster and when they end.",
		Example: "clusterform certs list",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.List(cmd.Context(), first(args)) },

		ValidArgsFunction: o.clusterNames,
	}
	o.addState(list)
	list.Flags().BoolVar(&o.JSON, "json", false, "Write JSON.")
	cmd.AddCommand(list)
	return cmd
}

type certificateJSON struct {
	Cluster   resource.Address `json:"cluster"`
	Name      string           `json:"name"`
	ExpiresAt time.Time        `json:"expires_at"`
}

// List shows certificates.
func (o *CertsOptions) List(ctx context.Context, name string) error {
	client, c, snap, err := o.connected(ctx, name)
	if err != nil {
		return err
	}
	defer client.Close()
	all, err := certificates(ctx, snap, c, client)
	if err != nil {
		return err
	}
	if o.JSON {
		out := []certificateJSON{}
		for _, x := range all {
			out = append(out, certificateJSON{c, x.Name, x.ExpiresAt})
		}
		return o.writeJSON(out)
	}
	p := o.printer()
	for _, x := range all {
		p.Linef("%-24s %s, %s", x.Name, x.ExpiresAt.UTC().Format(time.DateOnly), untilText(x.ExpiresAt.Sub(o.Now())))
	}
	return p.Flush()
}

// certificates are those that the cluster shows, or the recorded CA's where it shows none.
func certificates(ctx context.Context, snap *resource.Snapshot, c resource.Address, client orchestrator.Client) ([]orchestrator.Certificate, error) {
	if r, ok := client.(orchestrator.CertificateReader); ok {
		return r.Certificates(ctx)
	}
	var out []orchestrator.Certificate
	if rec := snap.Records[c.Child("credentials")]; rec != nil {
		if s, ok := rec.Spec.(*resource.Credentials); ok && !s.ExpiresAt.IsZero() {
			out = append(out, orchestrator.Certificate{Name: "authority", ExpiresAt: s.ExpiresAt})
		}
	}
	return out, nil
}

// untilText says how long something is good for.
func untilText(d time.Duration) string {
	switch days := int(d / (24 * time.Hour)); {
	case d <= 0:
		return "ended"
	case days == 0:
		return "ends today"
	case days == 1:
		return "1 day left"
	default:
		return fmt.Sprintf("%d days left", days)
	}
}

func (o *Options) writeJSON(v any) error {
	e := json.NewEncoder(o.Out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
