package function

import (
	"fmt"
	"strings"
)

// Reference writes docs/functions.md.
func Reference() string {
	var b strings.Builder
	b.WriteString("# Functions\n\nThis page is generated from the table of functions: `go test ./hclconfig/... -update`.\n\n" +
		"Names and results are Terraform's. Functions are called in expressions: `upper(\"lab\")`; a list is spread\n" +
		"over arguments by `max(local.sizes...)`. What an example gives stands after the arrow.\n\n" +
		"Paths are relative to the root directory, where `clusterform` runs; write `\"${path.module}/file\"` for files\n" +
		"beside the one you write. Files that functions read become part of a saved plan.\n\n" +
		"`uuid()`, `bcrypt()` and `timestamp()` give another result each time, so what is made with them is planned\n" +
		"to change each time: keep such values in a variable, or list the argument in `ignore_changes`.\n")
	list := List()
	for _, g := range Groups() {
		fmt.Fprintf(&b, "\n## %s\n\n| function | | example |\n|---|---|---|\n", g)
		for _, e := range list {
			if e.Group == g {
				fmt.Fprintf(&b, "| `%s` | %s | `%s` |\n", e.Signature, cell(e.Doc), cell(e.Example))
			}
		}
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
