package operate

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/kubeconfig"
)

// KubeconfigOptions are those of `kubeconfig`.
type KubeconfigOptions struct {
	*Options
	// File to merge into; "" prints.
	File string
	// Merge is File with kubectl's own file.
	Merge bool
	// Name of the context; "" is the cluster's.
	Name   string
	Server string
	TTL    time.Duration
}

func newKubeconfigCommand(all *Options) *cobra.Command {
	o := &KubeconfigOptions{Options: all}
	cmd := &cobra.Command{
		Use: "kubeconfig [CLUSTER]", GroupID: "cluster", Short: "Make a kubeconfig for kubectl", Args: atMostOneCluster,
		Long: `Makes a client certificate for an administrator, good for a few hours, and prints
a kubeconfig with it. With -merge or -file it is put into a file beside the
contexts that are there, and made the current one. Nothing is kept elsewhere:
run it again when the certificate has ended.`,
		Example: "clusterform kubeconfig -merge\nclusterform kubeconfig -file=lab.kubeconfig && kubectl --kubeconfig=lab.kubeconfig get nodes",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.Run(cmd.Context(), first(args)) },

		ValidArgsFunction: o.clusterNames,
	}
	o.addState(cmd)
	cmd.Flags().StringVar(&o.File, "file", "", "Put it into `FILE`.")
	cmd.Flags().BoolVar(&o.Merge, "merge", false, "Put it into the file that kubectl uses: the first of KUBECONFIG, or ~/.kube/config.")
	cmd.Flags().StringVar(&o.Name, "name", "", "Call the context `NAME`; else as the cluster.")
	cmd.Flags().StringVar(&o.Server, "server", "", "Write `URL` as the API's address; else the one that answers from here.")
	cmd.Flags().DurationVar(&o.TTL, "ttl", 8*time.Hour, "Make the certificate good for `DURATION`.")
	return cmd
}

// longest is the most that a client certificate may be good for: it cannot be taken back.
const longest = 7 * 24 * time.Hour

// Run makes a kubeconfig.
func (o *KubeconfigOptions) Run(ctx context.Context, name string) error {
	if o.TTL < time.Minute || o.TTL > longest {
		return fmt.Errorf("-ttl=%s: want between 1m and %s, as a client certificate cannot be taken back", o.TTL, longest)
	}
	if o.File != "" && o.Merge {
		return fmt.Errorf("-file and -merge exclude each other")
	}
	client, c, snap, err := o.connected(ctx, name)
	if err != nil {
		return err
	}
	defer client.Close()
	maker, ok := client.(orchestrator.KubeconfigMaker)
	if !ok {
		return fmt.Errorf("%s is a %s cluster, and kubeconfig files are for Kubernetes; see `clusterform docker-env -help`", c, snap.Clusters[c].Orchestrator)
	}
	if o.Name == "" {
		o.Name = strings.TrimPrefix(string(c), "cluster.")
	}
	data, err := maker.Kubeconfig(ctx, o.Name, o.Server, o.TTL)
	if err != nil {
		return err
	}
	file := o.target()
	if file == "" {
		_, err = o.Out.Write(data)
		return err
	}
	if err := kubeconfig.Merge(file, data); err != nil {
		return err
	}
	o.note("The context %q is in %s and is the current one; its certificate is good for %s.", o.Name, file, o.TTL)
	return nil
}

func (o *KubeconfigOptions) target() string {
	if !o.Merge {
		if o.File == "" {
			return ""
		}
		return o.Path(o.File)
	}
	if list := filepath.SplitList(o.Env("KUBECONFIG")); len(list) > 0 && list[0] != "" {
		return list[0]
	}
	home := o.Env("HOME")
	if home == "" {
		home, _ = os.UserHomeDir()
	}
	return filepath.Join(home, ".kube", "config")
}
