package lab

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/lab"
	"github.com/clusterform/clusterform/internal/lab/image"
)

type upOptions struct {
	*Options
	Machines     string
	Listen       string
	Region       string
	AcceptAnyKey bool
	Seed         int64
	Foreground   bool
	Detach       bool
	Verbose      bool
	Bundles      []string
	Images       []string
	UbuntuMirror string
}

func newUpCommand(base *Options) *cobra.Command {
	o := &upOptions{Options: base}
	cmd := &cobra.Command{
		Use: "up", Short: "Start the lab and wait until it is ready", Args: exactly(0, "no arguments"),
		Long: `Starts the lab in the background and returns when it is ready; -foreground stays
until it is interrupted, and takes the lab down then. The first time, the
machines' root filesystem is built: about a minute.

Machines need Linux and root. -machines=none runs the API alone, on any platform
and without privileges.`,
		Example: "clusterform lab up\nclusterform lab up -machines=none -listen=127.0.0.1:4566",
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringVar(&o.Machines, "machines", "", "What instances are: nspawn (default for root on Linux) or none. `KIND`")
	f.StringVar(&o.Listen, "listen", "", "`HOST:PORT` of the endpoint. Else a port of 127.0.0.1, the same each time; with machines, besides the lab's own address.")
	f.StringVar(&o.Region, "region", "", "The `REGION` it plays; that of last time, else AWS_REGION, else us-east-1.")
	f.BoolVar(&o.AcceptAnyKey, "accept-any-key", false, "Accept access keys that the lab did not issue.")
	f.Int64Var(&o.Seed, "seed", 0, "The `NUMBER` that decides identifiers and faults; 0 is random.")
	f.BoolVar(&o.Foreground, "foreground", false, "Stay in the foreground; the log goes to standard error.")
	f.BoolVar(&o.Detach, "detach", true, "Run in the background, as it does by default.")
	f.StringArrayVar(&o.Bundles, "bundle", nil, "A `DIR` with cluster software, from `clusterform bundle build`, that machines may install; may be given again. Bundles in the cache directory are offered anyway.")
	f.StringArrayVar(&o.Images, "image", nil, "Make the root filesystem of an `IMAGE` ready now ("+list(image.Systems())+") instead of when the first machine wants it; may be given again. That of "+image.DefaultSystem+" always is.")
	f.StringVar(&o.UbuntuMirror, "ubuntu-mirror", "", "The `URL` of a mirror of Ubuntu's archive, for Ubuntu's images; else "+image.UbuntuMirrorVariable+", else that of the host if it is Ubuntu.")
	f.BoolVar(&o.Verbose, "verbose", false, "Log every call.")
	return cmd
}

func (o *upOptions) run(ctx context.Context) error {
	dirs, err := lab.StandardDirs(o.Env)
	if err != nil {
		return err
	}
	cfg := lab.Config{
		Name: o.Name, Machines: o.Machines, Listen: o.Listen, Region: o.Region, DefaultRegion: o.Env("AWS_REGION"),
		AcceptAnyKey: o.AcceptAnyKey, Seed: o.Seed, Version: o.Version, Dirs: dirs,
		Images: o.Images, UbuntuMirror: o.UbuntuMirror,
	}
	if cfg.UbuntuMirror == "" {
		cfg.UbuntuMirror = o.Env(image.UbuntuMirrorVariable)
	}
	for _, name := range cfg.Images {
		if err := image.Check(name); err != nil {
			return fmt.Errorf("-image=%s: %w", name, err)
		}
	}
	for _, dir := range o.Bundles {
		if dir, err = filepath.Abs(o.Path(dir)); err != nil {
			return err
		}
		cfg.Bundles = append(cfg.Bundles, dir)
	}
	switch cfg.Machines {
	case "":
		cfg.Machines = lab.MachinesNspawn
		if runtime.GOOS != "linux" || os.Geteuid() != 0 {
			cfg.Machines = lab.MachinesNone
			o.note("No machines without root on Linux: this lab is the API alone (-machines=none).")
		}
	case lab.MachinesNone, lab.MachinesNspawn:
	default:
		return fmt.Errorf("-machines=%s: want nspawn or none", cfg.Machines)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if o.Foreground || !o.Detach {
		return o.foreground(ctx, cfg)
	}
	return o.detached(ctx, cfg)
}

func (o *upOptions) foreground(ctx context.Context, cfg lab.Config) error {
	level := slog.LevelInfo
	if o.Verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(o.Err, &slog.HandlerOptions{Level: level}))
	return lab.Run(ctx, cfg, log, lab.NewReporter(func(line string) { log.Info(line) }))
}

func (o *upOptions) detached(ctx context.Context, cfg lab.Config) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	argv := []string{
		program, "lab", "up", "-foreground", "-name=" + cfg.Name, "-machines=" + cfg.Machines, "-listen=" + cfg.Listen,
		"-region=" + cfg.Region, "-accept-any-key=" + strconv.FormatBool(cfg.AcceptAnyKey), "-seed=" + strconv.FormatInt(cfg.Seed, 10),
		"-verbose=" + strconv.FormatBool(o.Verbose),
	}
	for _, name := range cfg.Images {
		argv = append(argv, "-image="+name)
	}
	if cfg.UbuntuMirror != "" {
		argv = append(argv, "-ubuntu-mirror="+cfg.UbuntuMirror)
	}
	for _, dir := range cfg.Bundles {
		argv = append(argv, "-bundle="+dir)
	}
	started := o.Now()
	info, err := lab.Up(ctx, cfg, argv, o.note)
	if err != nil {
		return err
	}
	p := o.printer()
	p.Linef("Lab %q is up after %s.", info.Name, o.Now().Sub(started).Round(100*time.Millisecond))
	p.Linef("  endpoint  %s", info.Endpoint)
	if info.Listen != "" {
		p.Linef("            %s", info.Listen)
	}
	p.Linef("  region    %s", info.Region)
	p.Linef("  machines  %s", info.Machines)
	if info.Machines != lab.MachinesNone {
		p.Linef("  images    %s, on the machines registry.lab:5000", info.Registry)
	}
	if len(info.Kubernetes) > 0 {
		p.Linef("  software  Kubernetes %s", list(info.Kubernetes))
	}
	p.Newline()
	p.Line("Set the environment of this shell for it, and use it like AWS:")
	p.Newline()
	p.Linef("    eval \"$(clusterform lab env%s)\"", nameFlag(info.Name))
	return p.Flush()
}

func nameFlag(name string) string {
	if name == lab.DefaultName {
		return ""
	}
	return " -name=" + name
}
