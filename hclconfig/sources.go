package hclconfig

import (
	"cmp"
	"slices"
	"strings"
)

// SourceKind says what a file was read for.
type SourceKind string

// The kinds of source files.
const (
	SourceConfig    SourceKind = "config"    // *.cluster.hcl, *.cluster.json
	SourceVariables SourceKind = "variables" // a variables file; may hold secrets
	SourceData      SourceKind = "data"      // read by file(), templatefile()…; may hold secrets
	SourceGlob      SourceKind = "glob"      // what fileset() found
)

// Sources is every file that a configuration was made from. It serialises to
// JSON, and Options.Snapshot reads a configuration from it again.
//
// Files of the kinds variables and data may hold secrets: seal them before
// they are written anywhere; WithoutVariables leaves the former out, whose
// values are in Configuration.Variables.
type Sources struct {
	Files []SourceFile `json:"files"` // sorted by path, kind and pattern
	// Dir and Home are what path.cwd, abspath() and pathexpand() gave, so that
	// they give it again elsewhere.
	Dir  string `json:"dir,omitempty"`
	Home string `json:"home,omitempty"`
}

// SourceFile is one file, or one question asked of the disk.
type SourceFile struct {
	// Path is relative to the root directory, with slashes, or absolute when
	// the configuration named it so.
	Path    string     `json:"path"`
	Kind    SourceKind `json:"kind"`
	Data    []byte     `json:"data,omitempty"`
	Missing bool       `json:"missing,omitempty"` // it was looked for and was not there
	Pattern string     `json:"pattern,omitempty"` // glob: what was asked
	Matches []string   `json:"matches,omitempty"` // glob: what was found, relative to Path
}

// WithoutVariables leaves out the variables files.
func (s Sources) WithoutVariables() Sources {
	s.Files = slices.DeleteFunc(slices.Clone(s.Files), func(f SourceFile) bool { return f.Kind == SourceVariables })
	return s
}

// Bytes gives the content of a file, or nil.
func (s Sources) Bytes(path string) []byte {
	for _, f := range s.Files {
		if f.Path == path && f.Kind != SourceGlob && !f.Missing {
			return f.Data
		}
	}
	return nil
}

func (s *Sources) sort() {
	slices.SortFunc(s.Files, func(a, b SourceFile) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(string(a.Kind), string(b.Kind)),
			strings.Compare(a.Pattern, b.Pattern))
	})
}
