package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle"
	"github.com/clusterform/clusterform/internal/lab"
)

const (
	labName = "bench"
	// pause is the time between two looks at what is waited for.
	pause = 200 * time.Millisecond
)

// bench is a lab of its own, with a directory for everything.
type bench struct {
	program, dir, version string
	dirs                  lab.Dirs
	info                  *lab.Info
	bundle                string // the directory of the bundle that both ways install
	env                   []string
}

func newBench(ctx context.Context, program, version string) (b *bench, err error) {
	b = &bench{program: program, version: version}
	if b.dir, err = os.MkdirTemp("/var/tmp", "clusterform-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(b.dir))
		}
	}()
	if b.program == "" {
		b.program = filepath.Join(b.dir, "clusterform")
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.program, "./cmd/clusterform")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building clusterform: %w\n%s", err, out)
		}
	} else if b.program, err = filepath.Abs(b.program); err != nil {
		return nil, err
	}
	b.dirs = lab.Dirs{Labs: filepath.Join(b.dir, "labs")}
	b.env = append(os.Environ(), "CLUSTERFORM_LAB_DIR="+b.dirs.Labs, "CLUSTERFORM_LAB="+labName, "CLUSTERFORM_CONSISTENCY_WINDOW=2s", "NO_COLOR=1")
	if _, err := b.clusterform(ctx, "lab", "up", "-accept-any-key", "-region=us-east-1"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_, down := b.clusterform(context.WithoutCancel(ctx), "lab", "down", "-purge")
			err = errors.Join(err, down)
		}
	}()
	if b.info, err = lab.Find(b.dirs, labName); err != nil {
		return nil, err
	}
	if b.version == "" && len(b.info.Kubernetes) > 0 {
		b.version = b.info.Kubernetes[len(b.info.Kubernetes)-1]
	}
	if !slices.Contains(b.info.Kubernetes, b.version) {
		return nil, fmt.Errorf("the lab has the software of Kubernetes %v, not of %q: `make bundles` makes it", b.info.Kubernetes, b.version)
	}
	b.bundle = filepath.Join(b.info.CacheDir, "bundles", "kubernetes-"+b.version+"-"+runtime.GOARCH)
	b.env = append(b.env, "AWS_ENDPOINT_URL="+b.info.Endpoint, "AWS_ACCESS_KEY_ID="+b.info.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY="+b.info.SecretAccessKey, "AWS_REGION="+b.info.Region)
	return b, nil
}

// manifest is what the bundle consists of.
func (b *bench) manifest() (*bundle.Manifest, error) { return bundle.Load(b.bundle) }

func (b *bench) close(ctx context.Context) error {
	_, err := b.clusterform(ctx, "lab", "down", "-purge")
	return errors.Join(err, os.RemoveAll(b.dir))
}

// clusterform runs the program and returns what it printed.
func (b *bench) clusterform(ctx context.Context, args ...string) (string, error) {
	return b.run(ctx, b.program, args...)
}

func (b *bench) run(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = b.dir, b.env
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	var out, failed strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &failed
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(program), strings.Join(args, " "), err, out.String(), failed.String())
	}
	return out.String(), nil
}

// answers waits until each address answers on the workload's port.
func (b *bench) answers(ctx context.Context, addresses []string) error {
	client := &http.Client{Timeout: 2 * time.Second}
	for _, address := range addresses {
		url := "http://" + address + ":30080/"
		err := wait(ctx, url+" answers", func() error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return err
			}
			answer, err := client.Do(req)
			if err != nil {
				return err
			}
			defer func() { _ = answer.Body.Close() }()
			text, err := io.ReadAll(answer.Body)
			if err == nil && !strings.Contains(string(text), "hello") {
				err = fmt.Errorf("it answers %s: %s", answer.Status, text)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// patience bounds what is waited for.
const patience = 10 * time.Minute

// wait tries until there is no error.
func wait(ctx context.Context, what string, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w; the last try: %w", what, ctx.Err(), err)
		case <-time.After(pause):
		}
	}
}
