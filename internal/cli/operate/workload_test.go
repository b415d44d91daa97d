package operate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/cli/iostreams"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// fakeCluster is a client as far as these commands use one.
type fakeCluster struct {
	orchestrator.Client
	logs   func(ctx context.Context, o orchestrator.LogOptions, out io.Writer) error
	exec   func(ctx context.Context, o orchestrator.ExecOptions) (int, error)
	closed bool
}

func (c *fakeCluster) Logs(ctx context.Context, _ *resource.Record, o orchestrator.LogOptions, out io.Writer) error {
	return c.logs(ctx, o, out)
}

func (c *fakeCluster) Exec(ctx context.Context, _ *resource.Record, o orchestrator.ExecOptions) (int, error) {
	return c.exec(ctx, o)
}

func (c *fakeCluster) Close() error {
	c.closed = true
	return nil
}

// options of a state with a workload and a node, whose cluster is c.
func options(c orchestrator.Client) (o *Options, out, errOut *bytes.Buffer) {
	out, errOut = &bytes.Buffer{}, &bytes.Buffer{}
	record := func(kind resource.Kind, id string, a resource.Address, s resource.Spec) *resource.Record {
		return &resource.Record{Object: resource.Object{Address: a, Kind: kind, Cluster: "cluster.lab", Region: "eu-central-1", Spec: s, ID: id}}
	}
	snap := &resource.Snapshot{
		Clusters: map[resource.Address]resource.ClusterRecord{"cluster.lab": {Orchestrator: "kubernetes"}},
		Records: map[resource.Address]*resource.Record{
			"workload.web":        record(resource.KindWorkload, "default/web", "workload.web", &resource.Workload{Namespace: "default", Name: "web"}),
			"node_pool.worker[0]": record(resource.KindNode, "i-0abc", "node_pool.worker[0]", &resource.Node{PrivateIP: "10.0.0.5"}),
		},
	}
	return &Options{
		Streams:   &iostreams.Streams{In: strings.NewReader("typed"), Out: out, Err: errOut},
		ReadState: func(context.Context, string) (*resource.Snapshot, error) { return snap, nil },
		Connect: func(context.Context, *resource.Snapshot, resource.Address) (orchestrator.Client, error) {
			return c, nil
		},
		Console: func(_ context.Context, region, instance string) (string, error) {
			return "first\r\nclusterform: ready: " + instance + " in " + region + "\r\n", nil
		},
	}, out, errOut
}

// exitCode is what the process would end with.
func exitCode(err error) int {
	if e, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok {
		return e.ExitCode()
	}
	if err != nil {
		return 1
	}
	return 0
}

func TestExec(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, workload string
		stdin          bool
		code           int // of the command
		wantCode       int
		want, wantErr  string
	}{
		{name: "a command", workload: "workload.web", want: "do it: "},
		{name: "its input", workload: "workload.web", stdin: true, want: "do it: typed"},
		{name: "its exit code", workload: "workload.web", code: 3, wantCode: 3, want: "do it: "},
		{name: "a workload that is not there", workload: "workload.other", wantCode: 1, wantErr: `no workload "workload.other" is recorded; there are workload.web`},
		{name: "a node", workload: "node_pool.worker[0]", wantCode: 1, wantErr: "is no workload; in nodes commands are run by `clusterform lab exec` or ssh"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &fakeCluster{exec: func(_ context.Context, e orchestrator.ExecOptions) (int, error) {
				text := ""
				if e.In != nil {
					b, _ := io.ReadAll(e.In)
					text = string(b)
				}
				_, err := fmt.Fprintf(e.Out, "%s: %s", strings.Join(e.Command, " "), text)
				return tt.code, err
			}}
			o, out, _ := options(c)
			err := (&ExecOptions{Options: o, Stdin: tt.stdin}).Run(t.Context(), tt.workload, []string{"do", "it"})
			if code := exitCode(err); code != tt.wantCode || out.String() != tt.want {
				t.Errorf("exit code %d (%v) with %q, want %d with %q", code, err, out, tt.wantCode, tt.want)
			}
			if tt.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tt.wantErr)) {
				t.Errorf("error %v, want %q", err, tt.wantErr)
			}
			if c.closed != (tt.want != "") {
				t.Errorf("the client is closed: %v", c.closed)
			}
		})
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	said := func(_ context.Context, o orchestrator.LogOptions, out io.Writer) error {
		o.Progress("web-1 has ended")
		_, err := fmt.Fprintf(out, "web-2/app | \x1b[2Jone of %d\n", o.Tail)
		return err
	}
	for _, tt := range []struct {
		name, of string
		options  orchestrator.LogOptions
		code     int
		out, err string
	}{
		{name: "a workload's, without what would drive a terminal", of: "workload.web", options: orchestrator.LogOptions{Tail: 5}, out: "web-2/app | �[2Jone of 5\n", err: "web-1 has ended\n"},
		{name: "a node's console", of: "node_pool.worker[0]", out: "first\nclusterform: ready: i-0abc in eu-central-1\n"},
		{name: "the end of it", of: "i-0abc", options: orchestrator.LogOptions{Tail: 1}, out: "clusterform: ready: i-0abc in eu-central-1\n"},
		{name: "of nobody", of: "nobody", code: 1},
		{name: "before and from now on", of: "workload.web", options: orchestrator.LogOptions{Follow: true, Previous: true}, code: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, out, errOut := options(&fakeCluster{logs: said})
			err := (&LogsOptions{Options: o, LogOptions: tt.options}).Run(t.Context(), tt.of)
			if code := exitCode(err); code != tt.code || out.String() != tt.out || errOut.String() != tt.err {
				t.Errorf("exit code %d (%v), output %q, errors %q; want %d, %q, %q", code, err, out, errOut, tt.code, tt.out, tt.err)
			}
		})
	}
}

func TestAnInterruptEndsThemAsCtrlCDoes(t *testing.T) {
	t.Parallel()
	c := &fakeCluster{
		logs: func(ctx context.Context, _ orchestrator.LogOptions, _ io.Writer) error { <-ctx.Done(); return nil },
		exec: func(ctx context.Context, _ orchestrator.ExecOptions) (int, error) { <-ctx.Done(); return 0, ctx.Err() },
	}
	for name, run := range map[string]func(context.Context, *Options) error{
		"logs": func(ctx context.Context, o *Options) error {
			return (&LogsOptions{Options: o, LogOptions: orchestrator.LogOptions{Follow: true}}).Run(ctx, "workload.web")
		},
		"exec": func(ctx context.Context, o *Options) error {
			return (&ExecOptions{Options: o}).Run(ctx, "workload.web", []string{"sleep"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, _, _ := options(c)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if code := exitCode(run(ctx, o)); code != 130 {
				t.Errorf("exit code %d, want 130", code)
			}
		})
	}
}
