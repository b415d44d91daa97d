package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// groups are the headings of the main help, in their order.
var groups = []cobra.Group{
	{ID: "main", Title: "Main commands:"},
	{ID: "look", Title: "Looking at things:"},
	{ID: "cluster", Title: "Running clusters:"},
	{ID: "state", Title: "State:"},
	{ID: "files", Title: "Files:"},
	{ID: "lab", Title: "Lab:"},
	{ID: "other", Title: "Other commands:"},
}

// help writes a command's help: usage, what it does, options with one dash, an example.
func help(w io.Writer, cmd *cobra.Command) {
	fmt.Fprintf(w, "Usage: %s\n\n", usageLine(cmd))
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	indent(w, text, "  ")
	if cmd.HasAvailableSubCommands() {
		subcommands(w, cmd)
	}
	if flags := visible(cmd.NonInheritedFlags()); len(flags) > 0 {
		title := "Options:"
		if !cmd.HasParent() {
			title = "Global options (before the command):"
		}
		fmt.Fprintf(w, "\n%s\n\n", title)
		options(w, flags)
	}
	if cmd.Example != "" {
		fmt.Fprint(w, "\nExample:\n\n")
		indent(w, strings.TrimSpace(cmd.Example), "  ")
	}
}

func usageLine(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return cmd.Name() + " [global options] <command> [options] [arguments]"
	}
	path := strings.TrimPrefix(cmd.Parent().CommandPath(), cmd.Root().Name())
	words := []string{cmd.Root().Name(), "[global options]" + path}
	use := strings.SplitN(cmd.Use, " ", 2)
	words = append(words, use[0])
	if cmd.HasAvailableSubCommands() {
		return strings.Join(append(words, "<subcommand> [options] [arguments]"), " ")
	}
	words = append(words, "[options]")
	if len(use) > 1 {
		words = append(words, use[1])
	}
	return strings.Join(words, " ")
}

func subcommands(w io.Writer, cmd *cobra.Command) {
	width := 0
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			width = max(width, len(c.Name()))
		}
	}
	list := func(title, group string) {
		first := true
		for _, c := range cmd.Commands() {
			if !c.IsAvailableCommand() || c.GroupID != group {
				continue
			}
			if first {
				fmt.Fprintf(w, "\n%s\n\n", title)
				first = false
			}
			fmt.Fprintf(w, "  %-*s  %s\n", width, c.Name(), c.Short)
		}
	}
	for _, g := range cmd.Groups() {
		list(g.Title, g.ID)
	}
	list("Subcommands:", "")
}

func visible(set *pflag.FlagSet) []*pflag.Flag {
	var out []*pflag.Flag
	set.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" {
			out = append(out, f)
		}
	})
	slices.SortFunc(out, func(a, b *pflag.Flag) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func options(w io.Writer, flags []*pflag.Flag) {
	const column = 26
	for _, f := range flags {
		value, usage := pflag.UnquoteUsage(f)
		name := "-" + f.Name
		switch {
		case f.NoOptDefVal == "" && value != "":
			name += "=" + value
		case f.Value.Type() == "bool" && f.DefValue == "true":
			name += "=false"
		}
		lines := strings.Split(wrap(usage, 80-column-2), "\n")
		if len(name) > column-2 {
			fmt.Fprintf(w, "  %s\n", name)
			name = ""
		}
		for i, l := range lines {
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(w, "  %-*s%s\n", column, name, l)
		}
	}
}

func indent(w io.Writer, text, by string) {
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if line == "" {
			fmt.Fprintln(w)
			continue
		}
		fmt.Fprintf(w, "%s%s\n", by, line)
	}
}

func wrap(s string, width int) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(s) {
		switch {
		case column == 0:
		case column+1+len(word) > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
