package provider

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/zclconf/go-cty/cty"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator/drivers"
	"github.com/clusterform/clusterform/internal/seal"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
)

// What a directory of the command line has where nothing else is said.
const (
	directoryState = "clusterform.state.json"
	directoryData  = ".clusterform"
)

// directoryPlan asks what `clusterform plan` would say in a directory.
type directoryPlan struct {
	Dir               string
	State             string // from Dir
	Variables         cty.Value
	Targets, Excludes []string
	Destroy           bool
	Believe           bool // the records, without looking at what exists
}

// plan makes the plan of a directory, as the command line would. It takes no lock and writes nothing.
func (c *connection) plan(ctx context.Context, ask directoryPlan) (*planner.Plan, hclconfig.Diagnostics) {
	environ := os.Environ()
	vars, diags := hclconfig.StandardVarSources(ask.Dir, environ, nil)
	if v := ask.Variables; v != cty.NilVal && !v.IsNull() {
		if !v.CanIterateElements() || !v.Type().IsObjectType() && !v.Type().IsMapType() {
			return nil, hclconfig.Diagnostics{{Severity: hclconfig.Error, Summary: "Invalid variables", Detail: "Write an object with the variables' names and values."}}
		}
		for name, value := range v.AsValueMap() {
			if !value.IsNull() {
				vars = append(vars, hclconfig.VarSource{Origin: hclconfig.VarValue, Name: name, Value: value})
			}
		}
	}
	cfg, more := hclconfig.Load(ask.Dir, hclconfig.Options{Vars: vars, Version: c.version})
	if diags = append(diags, more...); diags.HasErrors() {
		return nil, diags
	}
	data := filepath.Join(ask.Dir, directoryData)
	key, err := digestKey(data, environ)
	if err != nil {
		return nil, append(diags, unplanned(err))
	}
	path := cmp.Or(ask.State, directoryState)
	if !filepath.IsAbs(path) {
		path = filepath.Join(ask.Dir, path)
	}
	file, err := state.Open(path, state.Options{ToolVersion: c.version, Warn: func(message string) {
		diags = append(diags, hclconfig.Diagnostic{Severity: hclconfig.Warning, Summary: "State", Detail: message})
	}})
	if err != nil {
		return nil, append(diags, unplanned(err))
	}
	snap, err := file.Read(ctx)
	if err != nil {
		return nil, append(diags, unplanned(err))
	}
	req := planner.Request{
		Config: cfg, State: snap, Lookup: c.cloud, Find: c.cloud.Find, Orchestration: drivers.Orchestration{Key: key}, Mode: planner.ModeNormal,
		Targets: ask.Targets, Excludes: ask.Excludes, Now: time.Now(), ToolVersion: c.version,
		Open: func(sealed string) ([]byte, error) {
			key, err := seal.Load(data, environ)
			if err != nil {
				return nil, err
			}
			return key.Open(sealed)
		},
	}
	if ask.Destroy {
		req.Mode = planner.ModeDestroy
	}
	if !ask.Believe {
		req.Drivers = c.cloud
	}
	plan, more := planner.Make(ctx, req)
	return plan, append(diags, more...)
}

// digestKey is the key under which a directory's secrets are told apart. Where there is none, nothing can be recorded that
// it would have to be compared with.
func digestKey(dir string, environ []string) ([]byte, error) {
	key, err := seal.Load(dir, environ)
	switch {
	case errors.Is(err, seal.ErrNoKey):
		once := make([]byte, 32)
		rand.Read(once)
		return once, nil
	case err != nil:
		return nil, err
	}
	return []byte(key.MAC([]byte(digestPurpose))), nil
}

func unplanned(err error) hclconfig.Diagnostic {
	return hclconfig.Diagnostic{Severity: hclconfig.Error, Summary: "The directory cannot be planned", Detail: hclconfig.PrintableLine(err.Error())}
}

// tellPlaces is tell for files that a person wrote: each message says where.
func tellPlaces(to *diag.Diagnostics, from hclconfig.Diagnostics) {
	placed := slices.Clone(from)
	for i, d := range placed {
		var where []string
		if d.Subject != nil {
			where = append(where, fmt.Sprintf("%s:%d", d.Subject.Filename, d.Subject.Start.Line))
		}
		if d.Within != "" {
			where = append(where, "in "+d.Within)
		}
		if len(where) > 0 {
			placed[i].Detail = strings.Join(where, ", ") + ": " + d.Detail
		}
	}
	tell(to, placed)
}
