package lab_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/clusterform/clusterform/internal/cli"
	"github.com/clusterform/clusterform/internal/cli/iostreams"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"clusterform": func() { os.Exit(cli.Main(context.Background(), os.Args[1:], iostreams.System())) },
	})
}

// TestScripts runs testdata/script/*.txtar: labs without machines, each script with a directory of its own for its labs.
// Labs that a script leaves are taken down. Besides testscript's commands there are
//
//	exits N clusterform …   runs it and wants that exit code
//	eval                    sets the variables of the last output's export lines
//	crash NAME              kills the process of that lab
//	run-instances NAME      runs an instance with the keys of the environment; INSTANCE is its id
//	mode FILE MODE          the file's permissions are these, in octal
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup:               setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "eval": eval, "crash": crash, "run-instances": runInstances, "mode": mode,
		},
	})
}

func setUp(env *testscript.Env) error {
	labs := filepath.Join(env.WorkDir, "labs")
	env.Setenv("CLUSTERFORM_LAB_DIR", labs)
	env.Setenv("CLUSTERFORM_CACHE_DIR", filepath.Join(env.WorkDir, "cache"))
	env.Setenv("HOME", env.WorkDir)
	for _, unset := range []string{"AWS_REGION", "CLUSTERFORM_LAB", "CI"} {
		env.Setenv(unset, "")
	}
	env.Defer(func() {
		entries, _ := os.ReadDir(labs)
		for _, e := range entries {
			if process, err := labProcess(filepath.Join(labs, e.Name())); err == nil {
				_ = process.Kill()
			}
		}
	})
	return nil
}

// labProcess is the process that runs the lab of a directory.
func labProcess(dir string) (*os.Process, error) {
	data, err := os.ReadFile(filepath.Join(dir, "lab.pid"))
	if err != nil {
		return nil, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return nil, err
	}
	return os.FindProcess(pid)
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENT...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		_, code, ok := strings.Cut(err.Error(), "exit status ")
		if !ok {
			ts.Fatalf("%v", err)
		}
		got, err = strconv.Atoi(code)
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// eval does what a shell's eval "$(clusterform lab env)" does.
func eval(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: eval")
	}
	n := 0
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "unset "); ok {
			ts.Setenv(name, "")
			n++
		}
		if assignment, ok := strings.CutPrefix(line, "export "); ok {
			name, value, _ := strings.Cut(assignment, "=")
			ts.Setenv(name, strings.Trim(value, "'"))
			n++
		}
	}
	if n == 0 {
		ts.Fatalf("nothing to set in the last output")
	}
}

func crash(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: crash NAME")
	}
	process, err := labProcess(filepath.Join(ts.Getenv("CLUSTERFORM_LAB_DIR"), args[0]))
	ts.Check(err)
	ts.Check(process.Kill())
	// The kernel gives the lock back when the process is gone; until then the lab counts as running.
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		cmd := exec.Command("clusterform", "lab", "status", "-name="+args[0])
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "CLUSTERFORM_LAB_DIR=" + ts.Getenv("CLUSTERFORM_LAB_DIR"), "HOME=" + ts.Getenv("HOME")}
		if out, _ := cmd.CombinedOutput(); strings.Contains(string(out), "without being asked") {
			return
		}
	}
	ts.Fatalf("lab %s still runs", args[0])
}

func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode FILE MODE")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}
