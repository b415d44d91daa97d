package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// others measures other tools with as many built-in objects (terraform_data, which do nothing), in the same run, and says
// how many times as long they take.
func (b *bench) others(ctx context.Context) error {
	for _, name := range []string{"terraform", "tofu"} {
		tool, err := exec.LookPath(name)
		if err != nil {
			fmt.Fprintf(b.table, "%s\tnot on the PATH\t\t\n", name)
			continue
		}
		for _, n := range []int{1_000, 2_000} {
			if err := b.other(ctx, name, tool, n); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) other(ctx context.Context, name, tool string, n int) error {
	dir := filepath.Join(b.dir, fmt.Sprintf("%s-%d", name, n))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf("resource \"terraform_data\" \"node\" {\n  count = %d\n  input = { zone = \"a\", type = \"t3.large\", image = \"ami-0123456789abcdef0\" }\n}\n", n)
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(text), 0o600); err != nil {
		return err
	}
	env := []string{"CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_CLI_CONFIG_FILE=" + filepath.Join(dir, "none.rc")}
	if err := os.WriteFile(filepath.Join(dir, "none.rc"), nil, 0o600); err != nil {
		return err
	}
	if _, err := run(ctx, dir, env, []int{0}, tool, "init", "-no-color"); err != nil {
		return err
	}
	ours := filepath.Join(b.dir, fmt.Sprintf("beside-%s-%d", name, n))
	if err := nodes(ours, n, "ami-0123456789abcdef0", ""); err != nil {
		return err
	}
	us := func() (sample, error) {
		return run(ctx, ours, nil, []int{0, 2}, b.tool, "plan", "-refresh=false", "-detailed-exitcode")
	}
	them := func() (sample, error) {
		return run(ctx, dir, env, []int{0, 2}, tool, "plan", "-refresh=false", "-detailed-exitcode", "-no-color")
	}
	if err := b.beside(name, fmt.Sprintf("first plan, %d objects", n), us, them); err != nil {
		return err
	}
	applied, err := run(ctx, dir, env, []int{0}, tool, "apply", "-auto-approve", "-no-color")
	if err != nil {
		return err
	}
	ourApply, err := b.ourApply(ctx, n)
	if err != nil {
		return err
	}
	b.row(fmt.Sprintf("%s: apply, %d built-in objects", name, n), applied, ratio(applied.wall, ourApply.wall)+" of ours with real API calls")
	if err := recordApart(ctx, ours); err != nil {
		return err
	}
	return b.beside(name, fmt.Sprintf("no-op plan, %d objects", n), us, them)
}

// beside measures two in turn.
func (b *bench) beside(name, what string, us, them func() (sample, error)) error {
	mine, err := b.median(us)
	if err != nil {
		return err
	}
	theirs, err := b.median(them)
	if err != nil {
		return err
	}
	b.row("clusterform: "+what, mine, "")
	b.row(name+": "+what, theirs, ratio(theirs.wall, mine.wall)+" of ours")
	return nil
}

func (b *bench) ourApply(ctx context.Context, n int) (sample, error) {
	_, env, end, err := endpoint()
	if err != nil {
		return sample{}, err
	}
	defer end()
	dir, err := os.MkdirTemp(b.dir, "apply-")
	if err != nil {
		return sample{}, err
	}
	if err := nodes(dir, n, labImage, ""); err != nil {
		return sample{}, err
	}
	s, err := run(ctx, dir, env, []int{0}, b.tool, "apply", "-auto-approve", "-wait=launched")
	if err == nil {
		b.row(fmt.Sprintf("clusterform: apply, %d nodes, lab endpoint", n), s, "")
	}
	return s, err
}

func ratio(theirs, ours time.Duration) string {
	return fmt.Sprintf("%.1f ×", theirs.Seconds()/ours.Seconds())
}
