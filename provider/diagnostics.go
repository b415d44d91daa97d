package provider

import (
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/clusterform/clusterform/hclconfig"
)

// tell shows the engine's diagnostics as Terraform's.
func tell(to *diag.Diagnostics, from hclconfig.Diagnostics) {
	for _, d := range from {
		summary, detail := d.Summary, printable(d.Detail)
		if d.Severity == hclconfig.Error {
			to.AddError(summary, detail)
		} else {
			to.AddWarning(summary, detail)
		}
	}
}

// tellAsWarnings shows errors that must not fail the resource: Terraform would replace it as a whole.
func tellAsWarnings(to *diag.Diagnostics, what string, from hclconfig.Diagnostics) {
	for _, d := range from {
		to.AddWarning(what+" is not complete", printable(d.Detail)+"\n\nIt is recorded with what was made, and the next apply goes on from there. clusterform_cluster_ready fails until all is well.")
	}
}

// printable strips control characters, line breaks apart.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r >= ' ' && r != 0x7f {
			return r
		}
		return -1
	}, s)
}
