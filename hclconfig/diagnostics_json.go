package hclconfig

import (
	"github.com/hashicorp/hcl/v2"
)

// DiagnosticJSON is a diagnostic as tools read it, in the format of Terraform's
// `validate -json`, so that editors that know the one know the other.
type DiagnosticJSON struct {
	Severity string       `json:"severity"`
	Summary  string       `json:"summary"`
	Detail   string       `json:"detail"`
	Address  string       `json:"address,omitempty"`
	Range    *RangeJSON   `json:"range,omitempty"`
	Snippet  *SnippetJSON `json:"snippet,omitempty"`
}

// RangeJSON is a place in a file; lines and columns count from 1, bytes from 0.
type RangeJSON struct {
	Filename string  `json:"filename"`
	Start    PosJSON `json:"start"`
	End      PosJSON `json:"end"`
}

// PosJSON is a position in a file.
type PosJSON struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

// SnippetJSON is the source lines of a diagnostic.
type SnippetJSON struct {
	Context        *string     `json:"context"` // the block around
	Code           string      `json:"code"`
	StartLine      int         `json:"start_line"`
	HighlightStart int         `json:"highlight_start_offset"` // bytes into code
	HighlightEnd   int         `json:"highlight_end_offset"`
	Values         []ValueJSON `json:"values"`
}

// ValueJSON says what a reference stood for.
type ValueJSON struct {
	Traversal string `json:"traversal"`
	Statement string `json:"statement"`
}

// ValidationJSON is what `validate -json` prints.
type ValidationJSON struct {
	FormatVersion string           `json:"format_version"`
	Valid         bool             `json:"valid"`
	ErrorCount    int              `json:"error_count"`
	WarningCount  int              `json:"warning_count"`
	Diagnostics   []DiagnosticJSON `json:"diagnostics"`
}

// Validation is the diagnostics as `validate -json` prints them.
func (d Diagnostics) Validation(sources Sources) ValidationJSON {
	errors, warnings := d.Counts()
	return ValidationJSON{
		FormatVersion: "1.0", Valid: errors == 0, ErrorCount: errors, WarningCount: warnings,
		Diagnostics: d.JSON(sources),
	}
}

// JSON is the diagnostics as tools read them.
func (d Diagnostics) JSON(sources Sources) []DiagnosticJSON {
	out := make([]DiagnosticJSON, 0, len(d))
	for _, x := range d {
		j := DiagnosticJSON{Severity: x.Severity.String(), Summary: Printable(x.Summary), Detail: Printable(x.Detail), Address: Printable(string(x.Address))}
		if x.Subject != nil {
			j.Range = &RangeJSON{Filename: x.Subject.Filename, Start: posJSON(x.Subject.Start), End: posJSON(x.Subject.End)}
			j.Snippet = snippetJSON(x, sources)
		}
		out = append(out, j)
	}
	return out
}

// maxSnippet bounds the source in one diagnostic, in bytes.
const maxSnippet = 4096

func posJSON(p hcl.Pos) PosJSON { return PosJSON{Line: p.Line, Column: p.Column, Byte: p.Byte} }

func snippetJSON(d Diagnostic, sources Sources) *SnippetJSON {
	if d.Hidden {
		return nil
	}
	x, ok := excerptOf(sources.Bytes(d.Subject.Filename), *d.Subject)
	if !ok {
		return nil
	}
	x = x.bounded(maxSnippet)
	// Cleaning may change lengths, so the parts are cleaned one by one.
	before, meant, after := Printable(x.code[:x.start]), Printable(x.code[x.start:x.end]), Printable(x.code[x.end:])
	s := &SnippetJSON{
		Code: before + meant + after, StartLine: x.firstLine,
		HighlightStart: len(before), HighlightEnd: len(before) + len(meant), Values: []ValueJSON{},
	}
	if d.Within != "" {
		s.Context = new(d.Within)
	}
	for _, v := range d.Values {
		s.Values = append(s.Values, ValueJSON{Traversal: Printable(v.Traversal), Statement: Printable(v.Statement)})
	}
	return s
}
