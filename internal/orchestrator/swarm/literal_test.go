package swarm

import (
	"slices"
	"testing"

	"github.com/docker/cli/cli/compose/loader"
	composetypes "github.com/docker/cli/cli/compose/types"
	"pgregory.net/rapid"

	"github.com/clusterform/clusterform/hclconfig"
)

// Whatever text a workload holds, Docker reads from the stack file what was written: nothing is replaced, and YAML changes
// nothing.
func TestTextsAreLiteral(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[$]{0,3}[{(]?[A-Z:?-]{0,6}[})]?[ #"':\n-]{0,3}`), rapid.SampledFrom([]string{"yes", "0x1f", "~", "1e3", "", "- a", "|", "null"}))
	rapid.Check(t, func(t *rapid.T) {
		args := rapid.SliceOfN(text, 1, 4).Draw(t, "args")
		env := rapid.MapOfN(rapid.StringMatching(`[A-Z_]{1,5}`), text, 0, 3).Draw(t, "env")
		c := hclconfig.Container{Name: "a", Image: "a", Args: args}
		for k, v := range env {
			c.Env = append(c.Env, hclconfig.EnvVar{Name: k, Value: v})
		}
		stacks, err := Stacks([]*hclconfig.Workload{{
			Block: hclconfig.Block{Name: "w", Address: "workload.w"}, Namespace: "default", Kind: hclconfig.Deployment, Replicas: 1,
			Containers: []hclconfig.Container{c},
		}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		file, err := stacks[0].YAML(true, true)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := loader.ParseYAML(file)
		if err != nil {
			t.Fatalf("%v in\n%s", err, file)
		}
		cfg, err := loader.Load(composetypes.ConfigDetails{ConfigFiles: []composetypes.ConfigFile{{Filename: "stack.yaml", Config: parsed}}})
		if err != nil {
			t.Fatalf("%v in\n%s", err, file)
		}
		s := cfg.Services[0]
		if !slices.Equal(s.Command, args) {
			t.Fatalf("%q is read as %q from\n%s", args, s.Command, file)
		}
		for k, v := range env {
			if got := s.Environment[k]; got == nil || *got != v {
				t.Fatalf("%s = %q is read otherwise from\n%s", k, v, file)
			}
		}
	})
}
