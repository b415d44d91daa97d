package client

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm/dockertest"
)

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// A command for a task on a worker is run by a job there, which is gone afterwards, as is what it was told.
func TestExecOnWorker(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		says     []string
		code     int
		out, err string
		fails    string
	}{
		{name: "says something and ends well", says: []string{"1 " + encoded("12\x00:00\n"), "exit 0"}, out: "12\x00:00\n"},
		{name: "fails", says: []string{"1 " + encoded("no newline"), "2 " + encoded("and an error\n"), "exit 3"}, code: 3, out: "no newline", err: "and an error\n"},
		{name: "is not there", says: []string{"failed exec: \"date\": executable file\x1b[2J not found"}, fails: `run "date": exec: "date": executable file`},
		{name: "no Python", says: []string{"exec /usr/bin/python3: no such file"}, fails: "broke off"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.runWeb("n2")
			s.swarm.Nodes[1].Description.Platform.Architecture = "x86_64"
			var job swarm.ServiceSpec
			var request string
			s.swarm.Roll = func(f *dockertest.Swarm, x *swarm.Service) {
				job, request = x.Spec, string(f.Secrets[0].Spec.Data)
				f.Tasks = append(f.Tasks, f.Task(x, 1, swarm.TaskStateRunning, ""))
			}
			s.swarm.Logs = func(w http.ResponseWriter, _ *http.Request, _ string) {
				for _, text := range tc.says {
					_, _ = w.Write(frame(1, text+"\n"))
				}
			}
			var out, err strings.Builder
			code, failure := s.client.Exec(t.Context(), webRecord, orchestrator.ExecOptions{Command: []string{"date", "-u"}, In: strings.NewReader("the-input"), Out: &out, Err: &err})
			if tc.fails == "" && failure != nil || tc.fails != "" && (failure == nil || !strings.Contains(failure.Error(), tc.fails)) {
				t.Fatalf("%v, want %q", failure, tc.fails)
			}
			if code != tc.code || out.String() != tc.out || err.String() != tc.err {
				t.Errorf("it ended with %d and said %q and %q", code, &out, &err)
			}
			if want := `{"container":"c0ffee","command":["date","-u"],"stdin":"` + encoded("the-input") + `"}`; request != want {
				t.Errorf("the job was told %s, want %s", request, want)
			}
			spec, err2 := json.Marshal(job)
			if err2 != nil {
				t.Fatal(err2)
			}
			for _, want := range []string{`"node.id==n2"`, `"hello:1@sha256:0"`, `"/run/docker.sock"`, `"/lib64"`, `"Condition":"none"`} {
				if !strings.Contains(string(spec), want) {
					t.Errorf("the job has no %s: %s", want, spec)
				}
			}
			if strings.Contains(string(spec), encoded("the-input")) || len(s.swarm.Services) != 1 || len(s.swarm.Secrets) != 0 {
				t.Errorf("left: %d services, %d secrets", len(s.swarm.Services), len(s.swarm.Secrets))
			}
		})
	}
}

// A command for a task on a manager goes to that one's engine, without a job.
func TestExecOnManager(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.runWeb("n1")
	s.swarm.Containers = execEngine(t)
	var out, err strings.Builder
	code, failure := s.client.Exec(t.Context(), webRecord, orchestrator.ExecOptions{Command: []string{"cat"}, In: strings.NewReader("given"), Out: &out, Err: &err})
	if failure != nil || code != 7 || out.String() != "given" || err.String() != "done\n" {
		t.Errorf("%v: it ended with %d and said %q and %q", failure, code, &out, &err)
	}
	for _, call := range s.swarm.Calls {
		if strings.Contains(call, "create") {
			t.Errorf("made: %s", call)
		}
	}
}

// What a job elsewhere cannot do is refused before anything is made, and the way out is said.
func TestExecElsewhereIsRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*scene, *orchestrator.ExecOptions)
		want   string
	}{
		{"nothing runs", func(s *scene, _ *orchestrator.ExecOptions) { s.swarm.Tasks = nil }, "no task of workload.web runs"},
		{"another replica", func(_ *scene, o *orchestrator.ExecOptions) { o.Replica = "default_web.7" }, "no task of workload.web default_web.7 runs"},
		{"a terminal", func(_ *scene, o *orchestrator.ExecOptions) { o.TTY = true }, "docker exec -it c0ffee date"},
		{"a cordoned node", func(s *scene, _ *orchestrator.ExecOptions) {
			s.swarm.Nodes[1].Spec.Availability = swarm.NodeAvailabilityPause
		}, "clusterform uncordon"},
		{"a node that is down", func(s *scene, _ *orchestrator.ExecOptions) { s.swarm.Nodes[1].Status.State = swarm.NodeStateDown }, "does not answer"},
		{"too much to read", func(_ *scene, o *orchestrator.ExecOptions) {
			o.In = strings.NewReader(strings.Repeat("x", execInput+1))
		}, "at most 300 KiB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.runWeb("n2")
			o := orchestrator.ExecOptions{Command: []string{"date"}}
			tc.change(s, &o)
			_, err := s.client.Exec(t.Context(), webRecord, o)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
			for _, call := range s.swarm.Calls {
				if strings.Contains(call, "create") {
					t.Errorf("made: %s", call)
				}
			}
		})
	}
}

// What commands left that were cut off is removed with the next one; what another one just made is let be.
func TestExecRemovesLeftovers(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for name, made := range map[string]time.Time{"old": time.Now().Add(-2 * time.Hour), "young": time.Now()} {
		service := swarm.Service{ID: "s-" + name, Spec: swarm.ServiceSpec{Annotations: execAnnotations(name)}}
		secret := swarm.Secret{ID: "x-" + name, Spec: swarm.SecretSpec{Annotations: execAnnotations(name)}}
		service.CreatedAt, secret.CreatedAt = made, made
		s.swarm.Services, s.swarm.Secrets = append(s.swarm.Services, service), append(s.swarm.Secrets, secret)
	}
	if err := s.client.removeExec(t.Context(), "mine"); err != nil {
		t.Fatal(err)
	}
	if len(s.swarm.Services) != 1 || len(s.swarm.Secrets) != 1 || s.swarm.Services[0].ID != "s-young" || s.swarm.Secrets[0].ID != "x-young" {
		t.Errorf("left: %+v %+v", s.swarm.Services, s.swarm.Secrets)
	}
}

// The program that a job runs passes on what the engine says of a command, in both directions.
func TestExecProgram(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, container, want string
	}{
		{"echo", "c0ffee", "1 " + encoded("given") + "\n2 " + encoded("done\n") + "\nexit 7\n"},
		{"no such container", "gone", "failed No such container: gone\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			socket := filepath.Join(dir, "s")
			serveExec(t, socket)
			request := filepath.Join(dir, "request")
			if err := os.WriteFile(request, fmt.Appendf(nil, `{"container": %q, "command": ["cat"], "stdin": %q}`, tc.container, encoded("given")), 0o600); err != nil {
				t.Fatal(err)
			}
			program := strings.NewReplacer("/clusterform.sock", socket, "/run/secrets/clusterform-exec", request).Replace(runHere)
			out, err := exec.CommandContext(t.Context(), "python3", "-I", "-S", "-c", program).CombinedOutput()
			if err != nil || string(out) != tc.want {
				t.Errorf("%v: %q, want %q", err, out, tc.want)
			}
		})
	}
}

// serveExec plays an engine at a socket.
func serveExec(t *testing.T, path string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: execEngine(t), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
}

// execEngine has one container with a command that says what it reads, and an error.
func execEngine(t *testing.T) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /containers/c0ffee/exec", func(w http.ResponseWriter, r *http.Request) {
		var o struct {
			Cmd         []string
			AttachStdin bool
		}
		if err := json.NewDecoder(r.Body).Decode(&o); err != nil || len(o.Cmd) != 1 || !o.AttachStdin {
			t.Errorf("%+v %v", o, err)
		}
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"Id": "e1"}`)
	})
	mux.HandleFunc("POST /exec/e1/start", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
		given, err := io.ReadAll(bufio.NewReader(buffered))
		if err != nil {
			t.Error(err)
		}
		_, _ = conn.Write(frame(1, string(given)))
		_, _ = conn.Write(frame(2, "done\n"))
	})
	mux.HandleFunc("GET /exec/e1/json", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"ExitCode": 7}`) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"message": "No such container: gone"}`)
	})
	return mux
}
