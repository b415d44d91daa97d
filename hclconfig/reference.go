package hclconfig

import (
	"fmt"
	"strings"
)

// Reference writes the tables of blocks and arguments for docs/language.md.
func Reference() string {
	var b strings.Builder
	for _, top := range TopLevel() {
		writeBlock(&b, top, "", 3)
	}
	return b.String()
}

func writeBlock(b *strings.Builder, n NestedBlock, path string, level int) {
	name := path + n.Type
	header := n.Type
	if n.Label != "" {
		header += " \"" + strings.ToUpper(n.Label) + "\""
	}
	fmt.Fprintf(b, "%s `%s`\n\n", strings.Repeat("#", min(level, 5)), path+header)
	fmt.Fprintf(b, "%s%s\n\n", n.Schema.Description, howMany(n, path))
	writeArguments(b, n.Schema)
	writeComputed(b, n.Schema)
	for _, inner := range n.Schema.Blocks {
		if inner.Type == "lifecycle" && isMainType(n.Type) && n.Type != "cluster" {
			fmt.Fprintf(b, "A `lifecycle` block may stand here, as in `cluster`.\n\n")
			continue
		}
		if n.Type == "sidecar" || n.Type == "init_container" {
			continue // the same as in container
		}
		if n.Type == "control_plane" && inner.Type == "update" {
			fmt.Fprintf(b, "An `update` block may stand here, as in `node_pool`.\n\n")
			continue
		}
		writeBlock(b, inner, name+" ", level+1)
	}
	if n.Type == "sidecar" || n.Type == "init_container" {
		fmt.Fprintf(b, "The blocks in it are those of `container`.\n\n")
	}
}

// howMany says how often a nested block may stand.
func howMany(n NestedBlock, path string) string {
	switch {
	case path == "":
		return ""
	case n.Min > 0 && n.Max == 0:
		return " At least one."
	case n.Max == 1:
		return " At most one."
	}
	return " Any number."
}

func writeArguments(b *strings.Builder, s *Schema) {
	wrote := false
	repeats := s.attribute("for_each") != nil
	for _, a := range s.Attributes {
		if a.Computed || repeats && isMeta(a.Name) {
			continue
		}
		if !wrote {
			b.WriteString("| argument | type | default | |\n|---|---|---|---|\n")
			wrote = true
		}
		def := "none"
		switch {
		case a.Required:
			def = "**required**"
		case a.Default != "":
			def = "`" + a.Default + "`"
		}
		description := a.Description
		if len(a.Values) > 0 {
			description += " One of `" + strings.Join(a.Values, "`, `") + "`."
		}
		if a.Sensitive {
			description += " May be sensitive."
		}
		if a.PlanTime {
			description += " Must be known when planning."
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", a.Name, a.typeWord(), def, strings.ReplaceAll(description, "|", "\\|"))
	}
	if wrote {
		b.WriteString("\n")
	}
	if repeats {
		b.WriteString("The meta-arguments `for_each`, `enabled` and `depends_on` may be given.\n\n")
	}
}

func writeComputed(b *strings.Builder, s *Schema) {
	wrote := false
	for _, a := range s.Attributes {
		if !a.Computed {
			continue
		}
		if !wrote {
			b.WriteString("Besides its arguments and blocks, references find:\n\n| attribute | type | known | |\n|---|---|---|---|\n")
			wrote = true
		}
		known := "after apply"
		if a.KnownNow {
			known = "always"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", a.Name, a.typeWord(), known, a.Description)
	}
	if wrote {
		b.WriteString("\n")
	}
}
