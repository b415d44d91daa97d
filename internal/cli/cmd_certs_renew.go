package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/cli/operate"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// RenewOptions are those of `certs renew`.
type RenewOptions struct {
	*App
	PlanFlags
	ApplyFlags
	// Cluster is a name or an address; "" is the only cluster there is.
	Cluster string
	// Younger leaves out nodes whose certificate is younger than this, so that an interrupted run goes on where it was.
	Younger time.Duration
}

func newRenewCommand(app *App) *cobra.Command {
	o := &RenewOptions{App: app}
	cmd := &cobra.Command{
		Use: "renew [CLUSTER]", Short: "Give control-plane nodes new certificates now", Args: wantArgs(0, 1, "at most one cluster"),
		Long: `Replaces the control-plane nodes of a cluster, or its Swarm's managers, by nodes
with new certificates: one after another, the new one first, and the next when
it is ready, like "clusterform apply -replace" of these nodes. It shows the plan
and asks. It changes nothing else, so apply other changes first.

Nodes renew their certificates by themselves before these end; this is for when
it must be now. Authorities are not renewed.

An interrupted run goes on where it was when it is run again: nodes that show a
certificate of the last 24 hours are left out.`,
		Example: "clusterform certs renew\nclusterform certs renew cluster.lab -auto-approve",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.Cluster = args[0]
			}
			return o.Run(cmd.Context())
		},
	}
	f := cmd.Flags()
	o.ConfigFlags.add(f)
	o.OutputFlags.add(f)
	o.ApplyFlags.add(f, app)
	f.BoolVar(&o.Input, "input", true, "Ask when something is missing and a person is there; with -input=false never.")
	f.DurationVar(&o.Younger, "leave", 24*time.Hour, "Leave out nodes whose certificate is younger than this `DURATION`; 0 leaves out none.")
	return cmd
}

// Run renews.
func (o *RenewOptions) Run(ctx context.Context) error {
	o.Refresh = true
	if err := o.PlanFlags.check(); err != nil {
		return err
	}
	if err := o.ApplyFlags.check(); err != nil {
		return err
	}
	r := &Run{App: o.App, Plan: o.PlanFlags, Apply: &o.ApplyFlags, Operation: "certs renew", Choose: o.choose, Accept: renewsOnly}
	return r.Do(ctx)
}

// choose names the control-plane nodes to replace.
func (o *RenewOptions) choose(ctx context.Context, r *Run) error {
	c, err := operate.FindCluster(r.state, o.Cluster)
	if err != nil {
		return err
	}
	nodes := operate.ControlPlane(r.state, c)
	if len(nodes) == 0 {
		return fmt.Errorf("no control-plane node of %s is recorded; `clusterform apply` makes them", c)
	}
	young := map[resource.Address]time.Time{}
	if o.Younger > 0 && o.Wait != "launched" {
		for _, s := range operate.ServingCertificates(ctx, r.state, c) {
			if s.Err == nil && r.Now().Sub(s.From) < o.Younger {
				young[s.Node.Address] = s.From
			}
		}
	}
	for _, n := range nodes {
		from, isYoung := young[n.Address]
		switch {
		case n.Incomplete || isYoung && len(r.state.Deposed[n.Address]) > 0: // an interrupted run has not finished with it
			r.Plan.Targets = append(r.Plan.Targets, string(n.Address))
		case isYoung:
			r.view.Note(fmt.Sprintf("%s is left out: its certificate is of %s", n.Address, from.UTC().Format(time.RFC3339)))
		default:
			r.Plan.Targets = append(r.Plan.Targets, string(n.Address))
			r.Plan.Replace = append(r.Plan.Replace, string(n.Address))
		}
	}
	if len(r.Plan.Targets) == 0 {
		r.view.Note(fmt.Sprintf("The certificates of %s are younger than %s: there is nothing to renew. With -leave=0 they are renewed all the same.", c, o.Younger))
		return errDone
	}
	return nil
}

// renewsOnly refuses a plan that does more than to put equal nodes in the place of others: a changed file would slip in.
func renewsOnly(p *planner.Plan) error {
	var other []string
	for i := range p.Steps {
		s := &p.Steps[i]
		switch s.Kind {
		case resource.KindElasticIPAssociation, resource.KindLoadBalancerTarget:
			continue // they follow the nodes
		case resource.KindNode:
			ours := s.Reason == planner.ReasonRequested || s.Reason == planner.ReasonIncomplete
			if s.Operation == resource.Delete || ours && len(s.Fields) == 0 {
				continue
			}
		}
		what := string(s.Address)
		if len(s.Fields) > 0 {
			what += " (" + s.Fields[0].Path + ")"
		}
		if !slices.Contains(other, what) {
			other = append(other, what)
		}
	}
	if len(other) == 0 {
		return nil
	}
	return fmt.Errorf("renewing certificates changes nothing else, and the files or the state ask for more: %s. Run `clusterform apply` first; nodes that it replaces have new certificates", strings.Join(other[:min(len(other), 5)], ", "))
}
