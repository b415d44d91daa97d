package cli

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/hclconfig"
)

//go:embed starter.cluster.hcl
var starter string

// StarterFile is what `init` writes.
const StarterFile = "main.cluster.hcl"

// InitOptions are those of `init`.
type InitOptions struct {
	*App
	Name, Region string
	Input        bool
}

func newInitCommand(app *App) *cobra.Command {
	o := &InitOptions{App: app}
	cmd := &cobra.Command{
		Use: "init", GroupID: "main", Short: "Write a commented file to start from", Args: noArgs,
		Long: `Writes main.cluster.hcl: a small cluster with one pool, with comments that say
what can be changed. On a terminal it asks for a name and a region; otherwise it
takes them from the options. It never overwrites a file. There is nothing to
download: files that exist already can be planned without it.`,
		Example: "clusterform init\nclusterform init -name=shop -region=eu-central-1",
		RunE:    func(*cobra.Command, []string) error { return o.Run() },
	}
	cmd.Flags().StringVar(&o.Name, "name", "", "The cluster's `NAME`; lab if nothing is said.")
	cmd.Flags().StringVar(&o.Region, "region", "", "The AWS `REGION`; AWS_REGION, or eu-central-1, if nothing is said.")
	cmd.Flags().BoolVar(&o.Input, "input", true, "Ask on a terminal; with -input=false never.")
	return cmd
}

// Run writes the file.
func (o *InitOptions) Run() error {
	if have, _ := filepath.Glob(filepath.Join(o.Dir, "*.cluster.*")); len(have) > 0 {
		p := o.out()
		p.Linef("There is %s already; nothing was written. Next: clusterform plan", filepath.Base(have[0]))
		return p.Flush()
	}
	o.defaults()
	text := strings.NewReplacer("@NAME@", o.Name, "@REGION@", o.Region).Replace(starter)
	path := filepath.Join(o.Dir, StarterFile)
	if _, diags := hclconfig.Format([]byte(text), StarterFile); diags.HasErrors() || !identifier(o.Name) || !identifier(o.Region) {
		return usagef("the name %q and the region %q have to be lower-case letters, digits and hyphens, with a letter first", o.Name, o.Region)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists; nothing was written", StarterFile)
	}
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	p := o.out()
	p.Linef("Wrote %s. Next:", StarterFile)
	p.Text("\n    clusterform plan\n    clusterform apply\n\nWithout an AWS account, a lab on this machine does as well: clusterform lab -help\n")
	return p.Flush()
}

func (o *InitOptions) defaults() {
	name, region := "lab", o.Env("AWS_REGION")
	if region == "" {
		region = "eu-central-1"
	}
	in := bufio.NewReader(o.In)
	for _, q := range []struct {
		value            *string
		question, answer string
	}{{&o.Name, "Name of the cluster", name}, {&o.Region, "AWS region", region}} {
		if *q.value == "" && o.Input && o.Interactive() {
			p := o.out()
			p.Textf("%s [%s]: ", q.question, q.answer)
			p.Flush()
			line, _ := in.ReadString('\n')
			*q.value = strings.TrimSpace(line)
		}
		if *q.value == "" {
			*q.value = q.answer
		}
	}
}

func identifier(s string) bool {
	for i, c := range s {
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '-') {
			return false
		}
	}
	return s != "" && len(s) <= 40
}
