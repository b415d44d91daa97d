package cli

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/render"
)

// Version is the version of this program; the build may set it with -ldflags -X.
var Version = "0.1.0-dev"

// VersionOptions are those of `version`.
type VersionOptions struct {
	*App
	JSON bool
}

func newVersionCommand(app *App) *cobra.Command {
	o := &VersionOptions{App: app}
	cmd := &cobra.Command{
		Use: "version", GroupID: "other", Short: "Show the version", Args: noArgs,
		Long:    "Shows the version of clusterform, the commit it was built from and the platform.",
		Example: "clusterform version\nclusterform version -json",
		RunE:    func(*cobra.Command, []string) error { return o.Run() },
	}
	cmd.Flags().BoolVar(&o.JSON, "json", false, "Write JSON.")
	return cmd
}

type versionInfo struct {
	Version  string `json:"clusterform_version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go_version"`
	Platform string `json:"platform"`
}

// Run prints the version.
func (o *VersionOptions) Run() error {
	v := versionInfo{Version: o.Version, Go: runtime.Version(), Platform: runtime.GOOS + "_" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Commit = s.Value
			case "vcs.modified":
				v.Modified = s.Value == "true"
			}
		}
	}
	if o.JSON {
		return o.writeJSON(v)
	}
	p := o.out()
	p.Linef("clusterform %s", v.Version)
	if v.Commit != "" {
		p.Linef("commit %s", v.Commit)
	}
	p.Linef("on %s, %s", v.Platform, v.Go)
	return p.Flush()
}

// writeJSON writes one indented JSON document to standard output.
func (a *App) writeJSON(v any) error {
	text, err := render.JSONText(v, "  ")
	if err != nil {
		return err
	}
	_, err = a.Out.Write(text)
	return err
}
