package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/clusterform/clusterform/internal/lab/machine/cgroup"
	"github.com/clusterform/clusterform/internal/lab/machine/hostlimit"
	"github.com/clusterform/clusterform/internal/lab/network"
)

// Sweep removes everything that a lab of this name left on the host: processes, control groups, mounts, disks,
// namespaces, links, routes, rules, changed settings. It asks nobody: it finds things by name, so it works after a
// kill, on a lab that came up half-way, and again.
func Sweep(ctx context.Context, opts SweepOptions) error {
	if err := network.CheckName(opts.Name); err != nil {
		return err
	}
	ctx, cancel := bounded(ctx, sweepTimeout)
	defer cancel()
	run := network.LabRunDir(opts.Name)
	dir := opts.Dir
	if dir == "" {
		var record labRecord
		if err := readJSON(filepath.Join(run, "lab.json"), &record); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		dir = record.Dir
	}
	var errs []error
	groups, err := cgroup.Find(groupPrefix(opts.Name))
	errs = append(errs, err)
	for _, g := range groups {
		if err := g.Kill(ctx); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, g.Remove(ctx))
	}
	if dir != "" {
		errs = append(errs, sweepDisks(dir, opts.KeepDisks))
	}
	errs = append(errs, network.Sweep(ctx, opts.Name))
	errs = append(errs, hostlimit.New(network.RunDir).Release(opts.Name))
	if errors.Join(errs...) == nil { // as long as something is left, the next sweep needs to know where
		errs = append(errs, os.RemoveAll(run))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sweep lab %s: %w", opts.Name, err)
	}
	return nil
}

func sweepDisks(dir string, keep bool) error {
	machines, err := filepath.Abs(filepath.Join(dir, "machines"))
	if err != nil {
		return err
	}
	if err := unmountTree(machines); err != nil {
		return err
	}
	if !keep {
		return os.RemoveAll(machines)
	}
	// They do not run any more: a lab that adopts them must not look for their processes.
	found, err := filepath.Glob(filepath.Join(machines, "*", "machine.json"))
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range found {
		var record machineRecord
		if err := readJSON(path, &record); err != nil {
			errs = append(errs, err)
			continue
		}
		record.Running, record.Group = false, nil
		errs = append(errs, writeJSON(path, record))
	}
	return errors.Join(errs...)
}
