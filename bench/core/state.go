package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/bootstrap/software"
	"github.com/clusterform/clusterform/internal/orchestrator/drivers"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// recordApart is record in a process of its own.
func recordApart(ctx context.Context, dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	_, err = run(ctx, dir, nil, []int{0}, self, "-record="+dir)
	return err
}

// record writes the state that an apply of the directory's configuration would leave, without the apply.
func record(ctx context.Context, dir string) error {
	cfg, diags := hclconfig.Load(dir, hclconfig.Options{Now: time.Now()})
	if diags.HasErrors() {
		return diags.Err()
	}
	n := 0
	plan, diags := planner.Make(ctx, planner.Request{
		Config: cfg, State: resource.NewSnapshot(""), Mode: planner.ModeNormal, Now: time.Now(), Lookup: offline{},
		Orchestration: drivers.Orchestration{},
		NewUID:        func() string { n++; return fmt.Sprintf("%016x", n) },
	})
	if diags.HasErrors() {
		return diags.Err()
	}
	file, err := state.Open(filepath.Join(dir, "clusterform.state.json"), state.Options{})
	if err != nil {
		return err
	}
	session, err := file.Lock(ctx, state.LockRequest{Operation: "bench"})
	if err != nil {
		return err
	}
	var entries []state.Entry
	for address, cluster := range plan.Clusters {
		entries = append(entries, state.SetCluster(address, cluster))
	}
	for i := range plan.Steps {
		s := &plan.Steps[i]
		o := *s.After
		o.ID = fmt.Sprintf("i-%017x", i)
		r := &resource.Record{Object: o, Generation: 1, Protected: s.Protected, DependsOn: s.DependsOn}
		if o.Kind == resource.KindNode {
			r.Phase = resource.PhaseReady
		}
		entries = append(entries, state.Put(r))
	}
	if err := session.Commit(ctx, true, entries...); err != nil {
		return err
	}
	return session.Close(ctx)
}

// offline answers nothing of a cloud: the configurations name zones and image.
type offline struct{}

func (offline) Zones(context.Context, string) ([]string, error) {
	return nil, fmt.Errorf("the configuration names its zones")
}

func (offline) Image(_ context.Context, _, ref string) (string, error) { return ref, nil }

func (offline) Software(ctx context.Context, region string, o hclconfig.Orchestrator, version, source string) (*resource.Software, error) {
	r := software.Resolver{Bundle: os.Getenv(software.BundleVariable)}
	return r.Software(ctx, region, o, version, source)
}

func (offline) Endpoint(context.Context, string) (string, error) { return "", nil }
