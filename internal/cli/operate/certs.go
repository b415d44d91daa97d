package operate

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/render"
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
		Long: `Shows the certificates of a cluster and when they end: those of its authorities,
and the one that each control-plane node shows to clients, where the node can be
reached from here. It warns of those that end within 30 days.`,
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
	ExpiresAt time.Time        `json:"expires_at,omitzero"`
	// Problem says why it is not known.
	Problem string `json:"problem,omitempty"`
}

// renewable is how long before their end certificates are warned of: the nodes' own renewal should have been there by then.
const renewable = 30 * 24 * time.Hour

// List shows certificates.
func (o *CertsOptions) List(ctx context.Context, name string) error {
	client, c, snap, err := o.connected(ctx, name)
	if err != nil {
		return err
	}
	defer client.Close()
	serving := make(chan []Serving, 1)
	go func() { serving <- ServingCertificates(ctx, snap, c) }()
	all, err := certificates(ctx, snap, c, client)
	if err != nil && len(all) == 0 {
		return err
	}
	var list []certificateJSON
	for _, x := range all {
		list = append(list, certificateJSON{Cluster: c, Name: x.Name, ExpiresAt: x.ExpiresAt})
	}
	for _, s := range <-serving {
		x := certificateJSON{Cluster: c, Name: string(s.Node.Address), ExpiresAt: s.Until}
		if s.Err != nil {
			x.Problem = "its certificate was not seen: " + s.Err.Error()
		}
		list = append(list, x)
	}
	if o.JSON {
		return o.writeJSON(list)
	}
	return o.list(c, list)
}

func (o *CertsOptions) list(c resource.Address, all []certificateJSON) error {
	p := o.printer()
	ending := false
	width := 0
	for _, x := range all {
		width = max(width, len(x.Name))
	}
	for _, x := range all {
		if x.Problem != "" {
			p.Linef("%-*s  %s", width, x.Name, x.Problem)
			continue
		}
		left := x.ExpiresAt.Sub(o.Now())
		ending = ending || left < renewable
		p.Linef("%-*s  %s, %s", width, x.Name, x.ExpiresAt.UTC().Format(time.DateOnly), untilText(left))
	}
	if ending {
		render.Warning(p, "Certificates end within 30 days",
			"Those of nodes are renewed by the nodes themselves, and at once by `clusterform certs renew "+string(c)+"`.")
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
