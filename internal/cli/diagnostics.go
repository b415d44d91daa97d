package cli

import (
	"encoding/json"

	"github.com/clusterform/clusterform/hclconfig"
)

// unwrapped is the width of what is no terminal: programs and grep look for whole sentences.
const unwrapped = 1 << 16

// diagnostics writes diagnostics to standard error. compact leaves warnings at their titles, unless there is an error.
func (a *App) diagnostics(diags hclconfig.Diagnostics, sources hclconfig.Sources, compact bool) {
	if compact && !diags.HasErrors() {
		p := a.errout()
		for _, d := range diags {
			p.Linef("Warning: %s", d.Summary)
		}
		p.Flush()
		return
	}
	width := unwrapped
	if a.ErrTTY && a.Width != nil {
		width = a.Width()
	}
	// A writer that fails leaves nobody to tell.
	_ = hclconfig.WriteDiagnostics(a.Err, diags, sources, !a.noColour && a.Colour(a.ErrTTY), width)
}

// report shows an error that no command has shown.
func (a *App) report(err error) {
	a.diagnostics(diagnose(err), hclconfig.Sources{}, false)
}

// encodeDiagnostics are the diagnostics in the form of `validate -json`.
func encodeDiagnostics(diags hclconfig.Diagnostics, sources hclconfig.Sources) []json.RawMessage {
	out := make([]json.RawMessage, 0, len(diags))
	for _, d := range diags.JSON(sources) {
		b, err := json.Marshal(d)
		if err != nil {
			continue // strings and numbers always encode
		}
		out = append(out, b)
	}
	return out
}
