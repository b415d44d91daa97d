package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/internal/lab/artifact"
	"github.com/clusterform/clusterform/internal/lab/machine"
	"github.com/clusterform/clusterform/internal/lab/registry"
)

// Run is a lab in the foreground: it comes up, tells the reporter, and serves until ctx ends. Then it takes down what it
// made on this host, machines and network too, also when it came up half-way; the disks stay. Machines that a killed
// process of the same lab left running are taken over.
func Run(ctx context.Context, cfg Config, log *slog.Logger, report *Reporter) (err error) {
	defer func() {
		if err != nil {
			report.Fail(err)
		}
	}()
	dir, err := prepare(cfg)
	if err != nil {
		return err
	}
	release, err := hold(ctx, dir, cfg.Name)
	if err != nil {
		return err
	}
	defer release()
	if err := notePID(dir); err != nil {
		return fmt.Errorf("lab %q: %w", cfg.Name, err)
	}
	r := &runner{cfg: cfg, dir: dir, log: log, report: report, failed: make(chan error, 4), started: make(chan struct{})}
	if err = r.up(ctx); err == nil {
		report.Ready()
		log.Info("lab is up", "endpoint", r.info.Endpoint, "machines", cfg.Machines)
		select {
		case <-ctx.Done():
			log.Info("lab is going down")
		case err = <-r.failed:
			log.Error("lab is going down", "error", err)
		}
	}
	return errors.Join(err, r.down(context.WithoutCancel(ctx)))
}

// runner is the lab of this process.
type runner struct {
	cfg    Config
	dir    string
	log    *slog.Logger
	report *Reporter

	info     *Info
	server   *api.Server
	machines *machine.Machines
	adopted  []string // machines that ran already
	images   *registry.Registry
	files    *artifact.Server
	bundles  []*artifact.Bundle
	serving  []*http.Server
	failed   chan error
	started  chan struct{} // closed when server is there: the machine layer may speak earlier
}

// up brings the parts up in the order in which they need one another.
func (r *runner) up(ctx context.Context) error {
	old, err := readInfo(r.dir)
	if err != nil {
		old = new(Info) // none, or damaged: everything in it is made anew
	}
	r.info = &Info{
		Name: r.cfg.Name, Version: r.cfg.Version, PID: os.Getpid(), Started: time.Now().UTC().Truncate(time.Second),
		Machines: r.cfg.Machines, Region: firstOf(r.cfg.Region, old.Region, r.cfg.DefaultRegion, "us-east-1"), ControlToken: rand.Text(),
		Dir: r.dir, CacheDir: r.cfg.Dirs.Cache,
	}
	host := netip.MustParseAddr("127.0.0.1")
	if r.cfg.Machines == MachinesNspawn {
		if host, err = r.machinesUp(ctx); err != nil {
			return err
		}
	}
	listeners, err := r.listenEndpoint(ctx, host, old)
	if err != nil {
		return err
	}
	if err := r.bundlesUp(); err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	if err := r.serverUp(); err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	for _, l := range listeners {
		r.serve(l, r.endpointHandler())
	}
	if err := r.registryUp(ctx, host, old); err != nil {
		return err
	}
	if err := r.artifactsUp(ctx, host, old); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return writeInfo(r.dir, r.info)
}

// downTimeout bounds how long running requests may take when the lab ends.
const downTimeout = 5 * time.Second

// down ends the parts and removes from the host what is not the directory's.
func (r *runner) down(ctx context.Context) error {
	var errs []error
	errs = append(errs, r.stopServing(ctx))
	if r.server != nil {
		errs = append(errs, r.server.Close())
	}
	if r.files != nil {
		errs = append(errs, r.files.Close())
	}
	if r.machines != nil {
		errs = append(errs, r.machines.Close())
		ctx, cancel := context.WithTimeout(ctx, cleanTimeout)
		defer cancel()
		errs = append(errs, machine.Sweep(ctx, machine.SweepOptions{Name: r.cfg.Name, Dir: r.dir, KeepDisks: true}))
	}
	errs = append(errs, forgetProcess(r.dir))
	return errors.Join(errs...)
}
