package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/clusterform/clusterform/internal/lab/api"
)

const stateFile = "clusterform.state.json"

// start measures the shortest command.
func (b *bench) start(ctx context.Context) error {
	s, err := b.median(func() (sample, error) { return run(ctx, b.dir, nil, []int{0}, b.tool, "version") })
	if err == nil {
		b.row("clusterform version", s, "")
	}
	return err
}

// plans measures first and no-op plans without refresh, from files to the end of the process.
func (b *bench) plans(ctx context.Context, sizes []int) error {
	for _, n := range sizes {
		dir := filepath.Join(b.dir, fmt.Sprintf("plan-%d", n))
		if err := nodes(dir, n, "ami-0123456789abcdef0", `tier = "web"`); err != nil {
			return err
		}
		first, err := b.median(func() (sample, error) {
			return run(ctx, dir, nil, []int{2}, b.tool, "plan", "-refresh=false", "-detailed-exitcode")
		})
		if err != nil {
			return err
		}
		b.row(fmt.Sprintf("first plan, %d nodes", n), first, "")
		if err := recordApart(ctx, dir); err != nil {
			return err
		}
		again, err := b.median(func() (sample, error) {
			return run(ctx, dir, nil, []int{0}, b.tool, "plan", "-refresh=false", "-detailed-exitcode")
		})
		if err != nil {
			return err
		}
		b.row(fmt.Sprintf("no-op plan, %d nodes, no refresh", n), again, "")
	}
	return nil
}

// endpoint is the lab's API on loopback, with instances that run at once.
func endpoint() (server *api.Server, env []string, end func(), err error) {
	instant := api.Range{}
	server, err = api.New(api.Options{Region: "us-east-1", Faults: api.Faults{Boot: &instant, Shutdown: &instant}})
	if err != nil {
		return nil, nil, nil, err
	}
	listener := httptest.NewServer(server)
	key := server.Keys()[0]
	env = []string{
		"AWS_ENDPOINT_URL=" + listener.URL, "AWS_ACCESS_KEY_ID=" + key.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + key.SecretAccessKey,
		"AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true",
	}
	return server, env, func() {
		listener.Close()
		_ = server.Close()
	}, nil
}

// labImage is a parameter of the lab's endpoint that stands for an image.
const labImage = "ssm:/aws/service/debian/release/12/latest/amd64"

// applies measures the apply of 1,000 nodes, the refresh after it, and the removal.
func (b *bench) applies(ctx context.Context) error {
	const n = 1000
	server, env, end, err := endpoint()
	if err != nil {
		return err
	}
	defer end()
	dir := filepath.Join(b.dir, "apply")
	commands := []struct {
		what string
		args []string
	}{
		{"apply, %d nodes, lab endpoint in another process", []string{"apply", "-auto-approve"}},
		{"plan with refresh, %d nodes", []string{"plan", "-detailed-exitcode"}},
		{"destroy, %d nodes", []string{"destroy", "-auto-approve"}},
	}
	samples := make([][]sample, len(commands))
	calls := make([]api.Stats, len(commands))
	for range b.runs {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := nodes(dir, n, labImage, ""); err != nil {
			return err
		}
		for i, c := range commands {
			server.ResetStats()
			s, err := run(ctx, dir, env, []int{0}, b.tool, c.args...)
			if err != nil {
				return err
			}
			samples[i], calls[i] = append(samples[i], s), server.Stats()
		}
	}
	for i, c := range commands {
		b.row(fmt.Sprintf(c.what, n), middle(samples[i]),
			fmt.Sprintf("%d API calls, of them %d DescribeInstances", calls[i].Total(), calls[i].Calls["ec2.DescribeInstances"]))
	}
	return nil
}

// bytesWritten measures what a change of one object adds to the state on disk, in a small and in a large state.
func (b *bench) bytesWritten(ctx context.Context) error {
	for _, n := range []int{1_000, 10_000} {
		dir := filepath.Join(b.dir, fmt.Sprintf("bytes-%d", n))
		if err := nodes(dir, n, "ami-0123456789abcdef0", ""); err != nil {
			return err
		}
		if err := recordApart(ctx, dir); err != nil {
			return err
		}
		before, err := size(dir)
		if err != nil {
			return err
		}
		s, err := run(ctx, dir, nil, []int{0}, b.tool, "state", "mv", "node_pool.worker0[0]", "node_pool.other[0]")
		if err != nil {
			return err
		}
		after, err := size(dir)
		if err != nil {
			return err
		}
		if after.snapshot != before.snapshot {
			return fmt.Errorf("a change of one of %d objects wrote the whole snapshot again", n)
		}
		b.row(fmt.Sprintf("change of one object of %d", n), s, fmt.Sprintf("%d bytes written to a state of %d", after.journal-before.journal, before.snapshotSize))
	}
	return nil
}

type stateSize struct {
	journal, snapshotSize int64
	snapshot              int64 // modification time
}

func size(dir string) (stateSize, error) {
	var s stateSize
	info, err := os.Stat(filepath.Join(dir, stateFile))
	if err != nil {
		return s, err
	}
	s.snapshot, s.snapshotSize = info.ModTime().UnixNano(), info.Size()
	journal, err := os.Stat(filepath.Join(dir, stateFile+".journal"))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		s.journal = journal.Size()
	}
	return s, err
}
