package operate

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	swarm "github.com/clusterform/clusterform/internal/orchestrator/swarm/client"
)

// DockerEnvOptions are those of `docker-env`.
type DockerEnvOptions struct {
	*Options
	Dir string
	TTL time.Duration
}

func newDockerEnvCommand(all *Options) *cobra.Command {
	o := &DockerEnvOptions{Options: all}
	cmd := &cobra.Command{
		Use: "docker-env [CLUSTER]", GroupID: "cluster", Short: "Make docker talk to a Swarm's manager", Args: atMostOneCluster,
		Long: `Makes a client certificate, good for a few hours, writes it into a directory, and
prints the variables with which docker uses it.`,
		Example: "eval \"$(clusterform docker-env)\"\ndocker node ls",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.Run(cmd.Context(), first(args)) },

		ValidArgsFunction: o.clusterNames,
	}
	o.addState(cmd)
	cmd.Flags().StringVar(&o.Dir, "dir", "", "Write the certificates into `DIR`; else below .clusterform.")
	cmd.Flags().DurationVar(&o.TTL, "ttl", 8*time.Hour, "Make the certificate good for `DURATION`.")
	return cmd
}

// Run writes the certificates and prints the variables.
func (o *DockerEnvOptions) Run(ctx context.Context, name string) error {
	if o.TTL < time.Minute || o.TTL > longest {
		return fmt.Errorf("-ttl=%s: want between 1m and %s, as a client certificate cannot be taken back", o.TTL, longest)
	}
	client, c, snap, err := o.connected(ctx, name)
	if err != nil {
		return err
	}
	defer client.Close()
	maker, ok := client.(interface {
		Environment(ctx context.Context, dir string, validity time.Duration) ([]swarm.Variable, error)
	})
	if !ok {
		return fmt.Errorf("%s is a %s cluster, and docker-env is for Docker Swarm; see `clusterform kubeconfig -help`", c, snap.Clusters[c].Orchestrator)
	}
	dir := o.Dir
	if dir == "" {
		dir = filepath.Join(".clusterform", "docker", snap.Clusters[c].UID)
	}
	env, err := maker.Environment(ctx, o.Path(dir), o.TTL)
	if err != nil {
		return err
	}
	p := o.printer()
	for _, v := range env {
		p.Linef("export %s=%s", v.Name, quoted(v.Value))
	}
	return p.Flush()
}

// quoted is a word for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
