package client_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/client"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/controlplane"
	"github.com/clusterform/clusterform/planner/resource"
)

func TestLogsAndCommands(t *testing.T) {
	t.Parallel()
	cp := plane.Get(t)
	k := connect(t, cp)
	ns := cp.Namespace(t)
	cp.Play(t, controlplane.Kubelet{Node: "i-0streams-" + ns, Namespace: ns, Streams: &controlplane.Streams{
		Log: func(_, container string) string { return "one of " + container + "\ntwo of " + container },
		Exec: func(_, container string, command []string, in io.Reader, out, errOut io.Writer) int {
			text, _ := io.ReadAll(in)
			_, _ = fmt.Fprintf(out, "%s in %s read %q", strings.Join(command, " "), container, text)
			_, _ = io.WriteString(errOut, "complaint")
			if command[0] == "fail" {
				return 3
			}
			return 0
		},
	}})
	deploy(t, cp, ns, "web", 1)
	rec := &resource.Record{Object: resource.Object{Address: "workload.web", Spec: &resource.Workload{Namespace: ns, Name: "web"}}}
	pods := on(t, cp, ns, "i-0streams-"+ns)

	t.Run("all containers' logs", func(t *testing.T) {
		t.Parallel()
		var out bytes.Buffer
		if err := k.Logs(t.Context(), rec, orchestrator.LogOptions{}, &out); err != nil {
			t.Fatal(err)
		}
		var want strings.Builder
		for _, c := range []string{"app", "log"} {
			fmt.Fprintf(&want, "%[1]s/%[2]s | one of %[2]s\n%[1]s/%[2]s | two of %[2]s\n", pods[0], c)
		}
		if out.String() != want.String() {
			t.Errorf("logs:\n%swant:\n%s", out.String(), want.String())
		}
	})
	t.Run("a container that is not there", func(t *testing.T) {
		t.Parallel()
		err := k.Logs(t.Context(), rec, orchestrator.LogOptions{Container: "nope"}, io.Discard)
		if err == nil || err.Error() != `workload.web has no container "nope"; it has app, log` {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a command", func(t *testing.T) {
		t.Parallel()
		var out, errOut bytes.Buffer
		code, err := k.Exec(t.Context(), rec, orchestrator.ExecOptions{
			Command: []string{"do", "it"}, In: strings.NewReader("input"), Out: &out, Err: &errOut,
		})
		if code != 0 || err != nil || out.String() != `do it in app read "input"` || errOut.String() != "complaint" {
			t.Errorf("code %d, %v, output %q, errors %q", code, err, out.String(), errOut.String())
		}
	})
	t.Run("a command's exit code, from a replica by its name", func(t *testing.T) {
		t.Parallel()
		code, err := k.Exec(t.Context(), rec, orchestrator.ExecOptions{
			Replica: pods[0] + "/log", Container: "log", Command: []string{"fail"}, Out: io.Discard, Err: io.Discard,
		})
		if code != 3 || err != nil {
			t.Errorf("code %d, %v", code, err)
		}
	})
	t.Run("a replica that is not there", func(t *testing.T) {
		t.Parallel()
		_, err := k.Exec(t.Context(), rec, orchestrator.ExecOptions{Replica: "web-x", Command: []string{"do"}})
		if err == nil || !strings.Contains(err.Error(), `no pod "web-x"; it has `+pods[0]) {
			t.Errorf("error %v", err)
		}
	})
}

func TestSkew(t *testing.T) {
	t.Parallel()
	members := []orchestrator.Member{
		{Instance: "i-same", Version: "1.34.1"}, {Instance: "i-new", Version: "1.35.0"}, {Instance: "i-old", Version: "1.30.9"},
		{Instance: "i-behind", Version: "1.31.0"}, {Instance: "i-silent"},
	}
	got := strings.Join(client.Skew("1.34.4", members), "\n")
	want := "i-new is 1.35.0, newer than the API's 1.34.4\ni-old is 1.30.9, more than 3 minor versions behind the API's 1.34.4"
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
