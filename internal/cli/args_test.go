package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/clusterform/clusterform/internal/cli/iostreams"
	"github.com/clusterform/clusterform/internal/state"
)

func lockRequest(operation string) state.LockRequest { return state.LockRequest{Operation: operation} }

func testApp() *App {
	return NewApp(&iostreams.Streams{In: strings.NewReader(""), Out: &bytes.Buffer{}, Err: &bytes.Buffer{}})
}

func TestNormalise(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		{"one dash", "apply -auto-approve", "apply --auto-approve"},
		{"two dashes stay", "apply --auto-approve", "apply --auto-approve"},
		{"a value after =", "plan -out=x.plan", "plan --out=x.plan"},
		{"a value of its own that begins with a dash", "plan -var -x=1 -json", "plan --var -x=1 --json"},
		{"a value that has =", "plan -var a=-b", "plan --var a=-b"},
		{"a global option before the command", "-chdir=x plan -json", "--chdir=x plan --json"},
		{"its value apart", "-chdir -odd plan -json", "--chdir -odd plan --json"},
		{"help", "plan -h", "plan --help"},
		{"help in full", "-help", "--help"},
		{"a bool has no value of its own", "plan -json extra", "plan --json extra"},
		{"standard input", "fmt -", "fmt -"},
		{"after two dashes nothing", "state rm -- -x", "state rm -- -x"},
		{"subcommands have their own", "state list -id -state x", "state list --id --state x"},
		{"unknown ones, for the message", "plan -nosuch", "plan --nosuch"},
		{"a negative number", "output -1", "output -1"},
		{"empty arguments", "plan  -json", "plan  --json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := normalise(newRoot(testApp()), strings.Split(tt.in, " "))
			if want := strings.Split(tt.want, " "); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// Every command explains itself: a line, a text and an example; options are explained, too.
func TestEveryCommandHasHelp(t *testing.T) {
	t.Parallel()
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Short == "" {
			t.Errorf("%s has no short text", c.CommandPath())
		}
		if c.HasParent() && c.Name() != "help" && !c.HasSubCommands() && (c.Long == "" || c.Example == "") {
			t.Errorf("%s lacks a long text or an example", c.CommandPath())
		}
		for _, f := range visible(c.Flags()) {
			if f.Usage == "" || !strings.ContainsAny(f.Usage[len(f.Usage)-1:], ".)`") {
				t.Errorf("%s -%s: %q is not a sentence", c.CommandPath(), f.Name, f.Usage)
			}
		}
		for line := range strings.Lines(c.Long) {
			if len([]rune(line)) > 92 {
				t.Errorf("%s: a line of the help is too long for a terminal: %q", c.CommandPath(), line)
			}
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRoot(testApp()))
}

func FuzzArguments(f *testing.F) {
	f.Add("plan -var x=1 -json")
	f.Add("-chdir a b -- c")
	f.Fuzz(func(t *testing.T, line string) {
		root := newRoot(testApp())
		args := strings.Split(line, " ")
		once := normalise(root, args)
		if len(once) != len(args) {
			t.Errorf("%q became %q", args, once)
		}
		if twice := normalise(root, once); !slices.Equal(once, twice) {
			t.Errorf("%q, and again %q", once, twice)
		}
	})
}
