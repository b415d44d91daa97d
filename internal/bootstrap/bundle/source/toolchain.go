package source

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// Toolchain is a Go toolchain of this machine.
type Toolchain struct {
	// Path of the go command.
	Path string
	// Version, such as "go1.26.8".
	Version string
	// Cache is where it keeps compiled packages; empty when it does not say.
	Cache   string
	environ []string
}

// removed are settings of the user's that would change what is built.
var removed = [...]string{
	"GOFLAGS", "GOOS", "GOARCH", "GOAMD64", "GOARM64", "GOEXPERIMENT", "GOWORK", "GO111MODULE", "CGO_ENABLED", "GOTOOLCHAIN",
	"GODEBUG", "GOFIPS140", "GOENV", "PWD",
}

// queryTimeout bounds a go command that neither downloads nor compiles.
const queryTimeout = time.Minute

// FindToolchain looks for go on the PATH of environ, which is also the environment of everything it runs: GOPROXY,
// GOCACHE, GOMODCACHE and the like work as the user has set them.
func FindToolchain(ctx context.Context, environ []string, lookPath func(string) (string, error)) (*Toolchain, error) {
	path, err := lookPath("go")
	if err != nil {
		return nil, fmt.Errorf("building from source needs Go, and there is no go command on the PATH (%w): install it, or build the bundle from upstream's releases (without -from-source), a mirror (-mirror=URL) or another bundle (-from=DIR)", err)
	}
	t := &Toolchain{Path: path}
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		drop := false
		for _, r := range removed {
			drop = drop || name == r
		}
		if !drop {
			t.environ = append(t.environ, kv)
		}
	}
	// What the user set with `go env -w` is not read later, lest it change what is built; of it, only where things are fetched
	// and kept matters.
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "env", "GOVERSION", "GOCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE")
	cmd.Env = environ
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("asking %s for its version: %w", path, err)
	}
	lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
	t.Version = lines[0]
	if len(lines) > 1 {
		t.Cache = lines[1]
	}
	for i, name := range []string{"GOCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE"} {
		if _, set := lookup(t.environ, name); !set && i+1 < len(lines) && lines[i+1] != "" {
			t.environ = append(t.environ, name+"="+lines[i+1])
		}
	}
	return t, nil
}

func lookup(environ []string, name string) (value string, ok bool) {
	for _, kv := range environ {
		if k, v, found := strings.Cut(kv, "="); found && k == name {
			value, ok = v, true
		}
	}
	return value, ok
}

// stderrKept bounds how much of a failed command's output is kept, in bytes.
const stderrKept = 1 << 16

// run runs a go command in dir and returns its standard output, also when it fails. It ends the whole process group with ctx.
func (t *Toolchain) run(ctx context.Context, dir string, target Target, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, t.Path, args...)
	cmd.Dir = dir
	cmd.Env = append(append([]string{}, t.environ...),
		"CGO_ENABLED=0", "GOOS=linux", "GOARCH="+target.Arch, "GOTOOLCHAIN=local", "GOWORK=off", "GOENV=off", "GOFLAGS=")
	var stderr tail
	stderr.limit = stderrKept
	cmd.Stderr = &stderr
	ownGroup(cmd)
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.Output()
	if err == nil {
		return out, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return out, explain(err, stderr.String())
}

// tail keeps the end of what is written to it.
type tail struct {
	data  []byte
	limit int
}

func (t *tail) Write(p []byte) (int, error) {
	t.data = append(t.data, p...)
	if over := len(t.data) - t.limit; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.data) }

// ModuleError is a module that the proxy does not hand out, or that is not what it was.
type ModuleError struct {
	// Module and Version name it; Version may be empty.
	Module, Version string
	// Reason is the go command's, on one line.
	Reason string
}

func (e *ModuleError) Error() string {
	name := e.Module
	if e.Version != "" {
		name += "@" + e.Version
	}
	return fmt.Sprintf("the module proxy does not serve %s (%s): set GOPROXY to one that does, or build the bundle from upstream's releases (without -from-source), a mirror (-mirror=URL) or another bundle (-from=DIR)", name, e.Reason)
}

var (
	// refusedModule matches "go: MODULE@VERSION: reading URL: 403 Forbidden" and its relatives.
	refusedModule = regexp.MustCompile(`(?:^|[\s:])([a-zA-Z0-9][^\s:@]*\.[^\s:@]*/[^\s:@]+|[a-z0-9.-]+\.[a-z]+)@(v[^\s:/]+)(?:/go\.mod)?: .*(?:40[0-9]|410|50[0-9]) |not found: module|unrecognized import path`)
	missingFile   = regexp.MustCompile(`([^\s:@]+)@(v[^\s:/]+): (?:reading file://\S+: )?.*(?:no such file or directory|cannot find module|unknown revision|module lookup disabled|invalid version)`)
	credentials   = regexp.MustCompile(`://[^/@\s]*@`)
	tooOld        = regexp.MustCompile(`([^\s:]+)@(v[^\s:]+) requires go >= ([0-9.]+)|requires go >= ([0-9.]+)`)
)

// explain makes an error of what the go command said.
func explain(err error, stderr string) error {
	var lines []string
	for line := range strings.Lines(stderr) {
		if line = credentials.ReplaceAllString(strings.TrimSpace(line), "://"); line != "" && !strings.HasPrefix(line, "go: downloading ") {
			lines = append(lines, line)
		}
	}
	for i, line := range lines {
		if m := tooOld.FindStringSubmatch(line); m != nil {
			return fmt.Errorf("the Go toolchain of this machine is too old: %s: install that version or a newer one", line)
		}
		for _, re := range []*regexp.Regexp{refusedModule, missingFile} {
			if m := re.FindStringSubmatch(line); m != nil && m[1] != "" {
				reason := after(line, m[1]+"@"+m[2])
				if i+1 < len(lines) && strings.HasPrefix(lines[i+1], "server response:") {
					reason += ", " + lines[i+1]
				}
				return &ModuleError{Module: m[1], Version: m[2], Reason: reason}
			}
		}
		if strings.Contains(line, "no space left on device") {
			return errors.New("no space left on the disk: " + line)
		}
	}
	const shown = 12
	if len(lines) > shown {
		lines = lines[len(lines)-shown:]
	}
	if len(lines) == 0 {
		return err
	}
	return fmt.Errorf("%w:\n  %s", err, strings.Join(lines, "\n  "))
}

// after is the part of an error line behind the module's name, without the proxy's address in it: that may hold a password.
func after(line, name string) string {
	_, rest, _ := strings.Cut(line, name)
	rest = strings.TrimLeft(strings.TrimPrefix(rest, "/go.mod"), ": ")
	words := strings.Fields(rest)
	kept := words[:0]
	for _, w := range words {
		if strings.Contains(w, "://") {
			w = "its page:"
		}
		kept = append(kept, w)
	}
	return strings.Join(kept, " ")
}
