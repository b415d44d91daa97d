package hclconfig

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// EnvPrefix starts the names of environment variables that set variables.
const EnvPrefix = "CLUSTERFORM_VAR_"

// VarOrigin says where a variable value comes from.
type VarOrigin string

// The origins of variable values.
const (
	VarEnvironment VarOrigin = "environment" // CLUSTERFORM_VAR_name
	VarAutoFile    VarOrigin = "auto_file"   // clusterform.vars.hcl, *.auto.vars.hcl
	VarFile        VarOrigin = "file"        // -var-file
	VarFlag        VarOrigin = "flag"        // -var
	VarValue       VarOrigin = "value"       // a value made before: a saved plan, a test, a provider
)

// VarSource is one place that variable values come from.
type VarSource struct {
	Origin VarOrigin
	Path   string    // VarAutoFile, VarFile: the file, relative to the root directory or absolute
	Name   string    // the others: the variable
	Text   string    // VarEnvironment, VarFlag: the value as typed
	Value  cty.Value // VarValue
}

// describe is how messages call the source.
func (s VarSource) describe() string {
	switch s.Origin {
	case VarEnvironment:
		return EnvPrefix + s.Name
	case VarFlag:
		return "-var " + s.Name
	case VarFile:
		return "-var-file " + s.Path
	case VarAutoFile:
		return s.Path
	}
	return "a value"
}

// VarFlagValue is one -var or -var-file of a command line. Their order counts.
type VarFlagValue struct {
	File bool   // -var-file
	Text string // "name=value", or the file as typed, relative to the working directory
}

// StandardVarSources collects the places variable values come from, in the
// usual order, in which a later one wins: the environment, clusterform.vars.hcl,
// clusterform.vars.hcl.json, *.auto.vars.hcl and *.auto.vars.hcl.json by name,
// then the flags as they were given. environ is as os.Environ gives it.
func StandardVarSources(dir string, environ []string, flags []VarFlagValue) ([]VarSource, Diagnostics) {
	var out []VarSource
	var diags Diagnostics
	for _, e := range slices.Sorted(slices.Values(environ)) {
		if rest, ok := strings.CutPrefix(e, EnvPrefix); ok {
			if name, text, ok := strings.Cut(rest, "="); ok && name != "" {
				out = append(out, VarSource{Origin: VarEnvironment, Name: name, Text: text})
			}
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		diags.add(Diagnostic{Severity: Error, Summary: "Unreadable directory", Detail: "The directory cannot be read for variables files: " + pathless(err).Error() + "."})
	}
	var standard, auto []string
	for _, e := range entries {
		switch name := e.Name(); {
		case hiddenFile(name) || e.IsDir():
		case name == "clusterform.vars.hcl", name == "clusterform.vars.hcl.json", name == "clusterform.vars.json":
			standard = append(standard, name)
		case strings.HasSuffix(name, ".auto.vars.hcl"), strings.HasSuffix(name, ".auto.vars.hcl.json"), strings.HasSuffix(name, ".auto.vars.json"):
			auto = append(auto, name)
		}
	}
	for _, name := range append(standard, auto...) {
		out = append(out, VarSource{Origin: VarAutoFile, Path: name})
	}
	for _, f := range flags {
		if f.File {
			path := f.Text
			if abs, err := filepath.Abs(path); err == nil {
				path = relativeWithin(dir, abs)
			}
			out = append(out, VarSource{Origin: VarFile, Path: path})
			continue
		}
		name, text, ok := strings.Cut(f.Text, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			diags.add(Diagnostic{Severity: Error, Summary: "Invalid -var", Detail: "Write -var 'NAME=VALUE': there is no name and equals sign in what was given."})
			continue
		}
		out = append(out, VarSource{Origin: VarFlag, Name: name, Text: text})
	}
	return out, diags
}

// relativeWithin makes a path relative to dir if it lies in it.
func relativeWithin(dir, abs string) string {
	if base, err := filepath.Abs(dir); err == nil {
		if rel, err := filepath.Rel(base, abs); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel)
		}
	}
	return filepath.ToSlash(abs)
}

// Variables gives the root variables with their values, by name. The values
// of sensitive ones must not be shown, nor recorded in clear.
func (c *Configuration) Variables() []Variable {
	var out []Variable
	for _, name := range slices.Sorted(maps.Keys(c.values)) {
		v := c.values[name]
		decl := c.root.variables[name]
		if decl == nil || hasFailed(v.value) {
			continue
		}
		out = append(out, Variable{
			Name: name, Value: unmarked(v.value), Type: decl.typ, Sensitive: decl.sensitive,
			From: cmp.Or(v.from, "default"), Default: v.from == "",
		})
	}
	return out
}
