package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// normalise rewrites long flags with one dash (-auto-approve, -out=x) to two, so that both ways of writing work. It follows
// the commands, to leave the values of flags alone: in `-var -x=1`, "-x=1" is a value. Everything after -- stays as it is.
func normalise(root *cobra.Command, args []string) []string {
	out := make([]string, 0, len(args))
	cmd := root
	descend := true
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			return append(out, args[i:]...)
		case len(a) < 2 || a[0] != '-':
			out = append(out, a)
			if descend {
				if sub := child(cmd, a); sub != nil {
					cmd = sub
				} else {
					descend = false
				}
			}
			continue
		}
		name, value, hasValue := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if len(name) == 0 || negativeNumber(a) {
			out = append(out, a)
			continue
		}
		if name == "h" {
			name = "help"
		}
		flag := "--" + name
		if hasValue {
			out = append(out, flag+"="+value)
			continue
		}
		out = append(out, flag)
		if f := lookup(cmd, name); f != nil && f.NoOptDefVal == "" && i+1 < len(args) {
			i++
			out = append(out, args[i])
		}
	}
	return out
}

func negativeNumber(a string) bool { return len(a) > 1 && a[1] >= '0' && a[1] <= '9' }

func child(cmd *cobra.Command, name string) *cobra.Command {
	for _, c := range cmd.Commands() {
		if c.Name() == name || c.HasAlias(name) {
			return c
		}
	}
	return nil
}

func lookup(cmd *cobra.Command, name string) *pflag.Flag {
	if f := cmd.Flags().Lookup(name); f != nil {
		return f
	}
	for c := cmd; c != nil; c = c.Parent() {
		if f := c.PersistentFlags().Lookup(name); f != nil {
			return f
		}
	}
	return nil
}
