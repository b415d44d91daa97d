package lab

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/internal/lab/artifact"
	"github.com/clusterform/clusterform/internal/lab/machine"
	"github.com/clusterform/clusterform/internal/lab/registry"
)

// machinesUp prepares the host and returns the lab's address on it.
func (r *runner) machinesUp(ctx context.Context) (netip.Addr, error) {
	machines, err := machine.New(machine.Options{
		Name: r.cfg.Name, Dir: r.dir, CacheDir: r.cfg.Dirs.Cache, Logger: r.log.With("part", "machines"), Progress: r.report.Progress,
		Systems: r.cfg.Images, UbuntuMirror: r.cfg.UbuntuMirror,
		Metadata: func(w http.ResponseWriter, req *http.Request, instanceID string) {
			<-r.started
			r.server.IMDS().ServeHTTP(w, req.WithContext(api.WithMachine(req.Context(), instanceID)))
		},
		HopLimit: func(instanceID string) int {
			<-r.started
			return r.server.HopLimit(instanceID)
		},
		OnChange: func(instanceID string, state api.MachineState, reason string) {
			<-r.started
			if r.server != nil {
				r.server.MachineChanged(instanceID, state, reason)
			}
		},
		OnTargetHealth: func(group, target string, port int, healthy bool, reason string) {
			<-r.started
			r.server.SetTargetHealth(group, target, port, healthy, reason)
		},
	})
	if err != nil {
		return netip.Addr{}, err
	}
	r.machines = machines // from here on there is something to take down
	if err := machines.Up(ctx); err != nil {
		return netip.Addr{}, err
	}
	if r.adopted, err = machines.Adopt(ctx); err != nil {
		return netip.Addr{}, err
	}
	if n := len(r.adopted); n > 0 {
		r.report.Progress(fmt.Sprintf("taking over running machines: %d", n))
	}
	return machines.HostAddr(), nil
}

// serverUp starts the endpoint's server. Instances that ran before run again: their machines are taken over or booted.
func (r *runner) serverUp() (err error) {
	defer close(r.started)
	options := api.Options{
		Region: r.info.Region, Dir: filepath.Join(r.dir, "api"), AcceptAnyKey: r.cfg.AcceptAnyKey, ControlToken: r.info.ControlToken,
		Logger: r.log.With("part", "api"), Seed: r.cfg.Seed, PublicParameters: map[string]string{},
	}
	for _, b := range r.bundles {
		name, value, err := b.Parameter(artifactsInside, registryInside)
		if err != nil {
			return err
		}
		options.PublicParameters[name] = value
	}
	if r.machines != nil {
		options.Machines = resuming{Machines: r.machines, dir: filepath.Join(r.dir, "machines")}
	}
	if r.server, err = api.New(options); err != nil {
		return fmt.Errorf("lab %q: %w", r.cfg.Name, err)
	}
	r.server.BootMissing(r.adopted)
	key := r.server.Keys()[0]
	r.info.AccessKeyID, r.info.SecretAccessKey = key.AccessKeyID, key.SecretAccessKey
	return nil
}

// resuming lets a launch continue that a killed process had begun: a machine whose disk is complete is not made again.
type resuming struct {
	*machine.Machines
	dir string
}

// Launch makes the disk unless it is there, and boots the machine unless it runs.
func (r resuming) Launch(ctx context.Context, m api.Machine) error {
	if exists(filepath.Join(r.dir, m.InstanceID, "machine.json")) {
		return r.Start(ctx, m)
	}
	return r.Machines.Launch(ctx, m)
}

// Where machines find files and images.
const (
	artifactsInside = "http://artifacts.lab:5080/"
	registryInside  = "http://" + registry.Host
)

// bundlesUp finds the cluster software that the lab offers.
func (r *runner) bundlesUp() (err error) {
	r.bundles, err = artifact.Find(r.cfg.Dirs.Cache, r.cfg.Bundles, func(text string) {
		r.log.Warn("a bundle is left out", "error", text)
		r.report.Progress("warning: " + text)
	})
	if err != nil {
		return fmt.Errorf("lab %q: %w", r.cfg.Name, err)
	}
	for _, b := range r.bundles {
		r.info.Kubernetes = append(r.info.Kubernetes, b.Kubernetes)
	}
	return nil
}

func (r *runner) registryUp(ctx context.Context, host netip.Addr, old *Info) error {
	var err error
	if r.images, err = registry.Open(filepath.Join(r.dir, "registry")); err != nil {
		return fmt.Errorf("lab %q: %w", r.cfg.Name, err)
	}
	for _, b := range r.bundles {
		if err := r.images.Offer(b.Images()); err != nil {
			return fmt.Errorf("lab %q: %w", r.cfg.Name, err)
		}
	}
	listener, err := r.listenPart(ctx, "image registry", host, registryPort, old.Registry)
	if err != nil {
		return err
	}
	r.serve(listener, r.images)
	r.info.Registry = listener.Addr().String()
	if r.machines == nil {
		return nil // nobody there to run the sample
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("lab %q: %w", r.cfg.Name, err)
	}
	if err := r.images.EnsureSamples(ctx, program); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.log.Warn("no sample images", "error", err)
		r.report.Progress("warning: " + err.Error())
	}
	return nil
}

func (r *runner) artifactsUp(ctx context.Context, host netip.Addr, old *Info) error {
	files := filepath.Join(r.dir, "artifacts")
	if err := os.MkdirAll(files, 0o700); err != nil {
		return fmt.Errorf("lab %q: %w", r.cfg.Name, err)
	}
	listener, err := r.listenPart(ctx, "artifact server", host, artifactPort, hostPort(old.Artifacts))
	if err != nil {
		return err
	}
	if r.files, err = artifact.Serve(files, r.bundles); err != nil {
		return fmt.Errorf("lab %q: %w", r.cfg.Name, err)
	}
	r.serve(listener, r.files)
	r.info.Artifacts = "http://" + listener.Addr().String() + "/"
	return nil
}
