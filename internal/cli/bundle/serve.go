package bundle

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle"
)

type serveOptions struct {
	*Options
	Listen   string
	NoVerify bool
}

func newServeCommand(base *Options) *cobra.Command {
	o := &serveOptions{Options: base}
	cmd := &cobra.Command{
		Use: "serve DIR", Short: "Serve a bundle over HTTP", Args: exactlyOne("the directory of a bundle"),
		Long: `Checks the bundle and serves it until it is interrupted: the manifest at
/bundle.json, and its files at their paths, with range requests. Nodes check what
they fetch against their pins, so plain HTTP does.`,
		Example: "clusterform bundle serve ./bundle -listen=10.0.0.5:8080\nclusterform bundle build 1.34.4 -from=http://10.0.0.5:8080",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	cmd.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:8080", "The `HOST:PORT` to listen on; port 0 is any free one.")
	cmd.Flags().BoolVar(&o.NoVerify, "no-verify", false, "Begin without checking the files.")
	return cmd
}

func (o *serveOptions) run(ctx context.Context, dir string) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	path := o.Path(dir)
	if !o.NoVerify {
		report, err := bundle.Verify(ctx, path)
		if err != nil {
			return err
		}
		if n := len(report.Problems); n > 0 {
			return fmt.Errorf("%s is not as its manifest says (%s: %s): `clusterform bundle verify %s` shows all of it", dir, report.Problems[0].Path, report.Problems[0].Problem, dir)
		}
	}
	log := slog.New(slog.NewTextHandler(o.Err, nil))
	handler, err := bundle.NewHandler(path, log)
	if err != nil {
		return err
	}
	defer func() { _ = handler.Close() }()
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("-listen=%s: %w", o.Listen, err)
	}
	p := o.printer()
	p.Linef("Serving %s on http://%s/%s until interrupted.", dir, listener.Addr(), bundle.ManifestFile)
	if err := p.Flush(); err != nil {
		return err
	}
	return bundle.Serve(ctx, listener, handler, log)
}
