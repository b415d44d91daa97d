package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/lab/registry"
)

type pushOptions struct {
	*Options
}

func newPushCommand(base *Options) *cobra.Command {
	o := &pushOptions{Options: base}
	return &cobra.Command{
		Use: "push IMAGE.tar|DIR [NAME[:TAG]]", Short: "Load container images into the lab's registry", Args: cobra.RangeArgs(1, 2),
		Long: `Loads images from an archive as ` + "`docker save`" + ` writes it, or from a directory in
OCI image layout. Workloads find them under registry.lab:5000. An image that has
no name of its own, or should have another one, gets NAME.`,
		Example: "docker save web:1 > web.tar\nclusterform lab push web.tar\nclusterform lab push ./oci-layout web:2",
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) == 2 {
				name = args[1]
			}
			return o.run(cmd.Context(), args[0], name)
		},
	}
}

func (o *pushOptions) run(ctx context.Context, path, name string) error {
	info, err := o.find()
	if err != nil {
		return err
	}
	images, err := registry.Read(o.Path(path))
	if err != nil {
		return err
	}
	if name != "" && len(images) > 1 {
		names := make([]string, len(images))
		for i, image := range images {
			names[i] = image.Name
		}
		return fmt.Errorf("%s holds %d images (%s), which cannot all be named %s: leave the name out", path, len(images), strings.Join(names, ", "), name)
	}
	p := o.printer()
	for _, image := range images {
		reference := image.Name
		if name != "" {
			reference = name
		}
		if reference == "" {
			return errors.New("the image has no name of its own: give one, as in `clusterform lab push " + path + " web:1`")
		}
		pushed, err := registry.PushTo(ctx, info.Registry, reference, image.Image)
		if err != nil {
			return err
		}
		p.Linef("Pushed %s", pushed)
	}
	return p.Flush()
}
