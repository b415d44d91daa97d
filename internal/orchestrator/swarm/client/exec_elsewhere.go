package client

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"
	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

const (
	// labelExec is on what a command elsewhere needs for its time.
	labelExec = "clusterform.exec"
	// execStart is how long a node may take to begin with a command.
	execStart = time.Minute
	// execInput is the most that a command elsewhere is given to read, in bytes: it travels in a secret of the Swarm.
	execInput = 300 << 10
	// execPoll is how often the job is looked at; execSilence is how long its log may be silent after its end.
	execPoll    = time.Second
	execSilence = 5 * time.Second
	// execCleanup bounds the removal of what a command needed, also when the run was interrupted.
	execCleanup = 20 * time.Second
)

// runHere is run by the node's own Python; it needs nothing of the image.
//
//go:embed exec_elsewhere.py
var runHere string

// place is where a task runs.
type place struct {
	task swarm.Task
	node swarm.Node
	name string // "default_web.1 on node_pool.worker[0]"
}

func (p place) container() string { return p.task.Status.ContainerStatus.ContainerID }

// refuses says why a command cannot be run there by way of the Swarm, and what to do instead.
func (p place) refuses(o orchestrator.ExecOptions) error {
	instead := fmt.Sprintf("Log in to that machine, by ssh or `aws ssm start-session`, and run: docker exec %s %s", p.container(), strings.Join(o.Command, " "))
	switch {
	case o.TTY:
		return fmt.Errorf("%s is not on a manager whose API answers here, and through the Swarm there is no terminal: leave -tty out. Or: %s", p.name, strings.Replace(instead, "docker exec", "docker exec -it", 1))
	case p.node.Status.State != swarm.NodeStateReady:
		return fmt.Errorf("%s: its node does not answer (%s)", p.name, p.node.Status.State)
	case p.node.Spec.Availability != swarm.NodeAvailabilityActive:
		return fmt.Errorf("%s: its node takes no new work (%s), and the command would be run by a task there. Let work on it again with `clusterform uncordon`. Or: %s", p.name, p.node.Spec.Availability, instead)
	}
	return nil
}

// runElsewhere runs a command on a node whose engine nobody reaches from here: workers serve no API. A job of the Swarm that
// is bound to that node asks its engine. The job runs the image of the task, which is there, with the node's own Python; what
// to run comes to it as a secret, and whoever may make such a job may do everything on the nodes anyway.
func (c *Client) runElsewhere(ctx context.Context, p place, o orchestrator.ExecOptions) (code int, err error) {
	request := execRequest{Container: p.container(), Command: o.Command}
	if o.In != nil {
		given, err := io.ReadAll(io.LimitReader(o.In, execInput+1))
		if err != nil {
			return 0, fmt.Errorf("read the command's input: %w", err)
		}
		if len(given) > execInput {
			return 0, fmt.Errorf("%s is not on a manager whose API answers here, and through the Swarm a command reads at most %d KiB", p.name, execInput>>10)
		}
		request.Input = new(base64.StdEncoding.EncodeToString(given))
	}
	data, err := json.Marshal(request)
	if err != nil {
		return 0, err
	}
	id := make([]byte, 6)
	_, _ = rand.Read(id) // it does not fail
	name := "clusterform-exec-" + hex.EncodeToString(id)
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), execCleanup)
		defer cancel()
		if cleanErr := c.removeExec(ctx, name); cleanErr != nil && err == nil {
			err = fmt.Errorf("remove the job that ran the command: %w", cleanErr)
		}
	}()
	err = c.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		// A second try after a lost answer finds what the first one made, and fails: nothing is run twice.
		secret, err := api.SecretCreate(ctx, docker.SecretCreateOptions{Spec: swarm.SecretSpec{Annotations: execAnnotations(name), Data: data}})
		if err != nil {
			return err
		}
		_, err = api.ServiceCreate(ctx, docker.ServiceCreateOptions{Spec: execJob(name, secret.ID, p)})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("%s: make the job that runs the command: %w", p.name, err)
	}
	if err := c.awaitExec(ctx, name, p); err != nil {
		return 0, err
	}
	return c.readExec(ctx, name, p, o)
}

type execRequest struct {
	Container string   `json:"container"`
	Command   []string `json:"command"`
	Input     *string  `json:"stdin,omitempty"` // base64
}

func execAnnotations(name string) swarm.Annotations {
	return swarm.Annotations{Name: name, Labels: map[string]string{labelExec: "true"}}
}

// execJob is the job: the node's programs and its engine are in it, read-only.
func execJob(name, secret string, p place) swarm.ServiceSpec {
	mounts := []mount.Mount{{Type: mount.TypeBind, Source: "/run/docker.sock", Target: "/clusterform.sock"}}
	directories := []string{"/usr", "/bin", "/lib"}
	if p.node.Description.Platform.Architecture == "x86_64" {
		directories = append(directories, "/lib64") // where programs of this architecture look for their loader
	}
	for _, d := range directories {
		mounts = append(mounts, mount.Mount{Type: mount.TypeBind, Source: d, Target: d, ReadOnly: true})
	}
	one := uint64(1)
	return swarm.ServiceSpec{
		Annotations: execAnnotations(name),
		Mode:        swarm.ServiceMode{ReplicatedJob: &swarm.ReplicatedJob{MaxConcurrent: &one, TotalCompletions: &one}},
		TaskTemplate: swarm.TaskSpec{
			ContainerSpec: &swarm.ContainerSpec{
				Image: p.task.Spec.ContainerSpec.Image, Command: []string{"/usr/bin/python3", "-I", "-S", "-c", runHere}, User: "0:0", Dir: "/", Mounts: mounts,
				Secrets: []*swarm.SecretReference{{SecretID: secret, SecretName: name, File: &swarm.SecretReferenceFileTarget{Name: "clusterform-exec", UID: "0", GID: "0", Mode: 0o400}}},
			},
			RestartPolicy: &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionNone},
			Placement:     &swarm.Placement{Constraints: []string{"node.id==" + p.node.ID}},
			LogDriver:     &swarm.Driver{Name: "json-file"}, // the node's own may be one that cannot be read
		},
	}
}

// execTask is the job's one task; nil while there is none.
func (c *Client) execTask(ctx context.Context, name string) (*swarm.Task, error) {
	var task *swarm.Task
	err := c.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		got, err := api.TaskList(ctx, docker.TaskListOptions{Filters: docker.Filters{}.Add("service", name)})
		if err == nil && len(got.Items) > 0 {
			task = &got.Items[0]
		}
		return err
	})
	return task, err
}

// awaitExec waits until the job's task runs, or has run.
func (c *Client) awaitExec(ctx context.Context, name string, p place) error {
	for deadline := c.now().Add(execStart); ; {
		t, err := c.execTask(ctx, name)
		if err != nil {
			return err
		}
		why := "nothing was scheduled"
		if t != nil {
			if t.Status.State == swarm.TaskStateRunning || t.Status.State == swarm.TaskStateComplete {
				return nil
			}
			why = hclconfig.PrintableLine(cmp.Or(t.Status.Err, t.Status.Message, string(t.Status.State)))
			if ended(t.Status.State) {
				return fmt.Errorf("%s: the job that runs the command there failed: %s", p.name, why)
			}
		}
		if c.now().After(deadline) {
			return fmt.Errorf("%s: the job that runs the command there did not begin within %s: %s", p.name, execStart, why)
		}
		if err := pause(ctx, execPoll/4); err != nil {
			return err
		}
	}
}

// errSilent ends the wait for lines that do not come.
var errSilent = errors.New("the job ended without a word of how")

// readExec passes on what the command says, as it says it, until its end.
func (c *Client) readExec(ctx context.Context, name string, p place, o orchestrator.ExecOptions) (int, error) {
	conn, err := c.stream(ctx, 0)
	if err != nil {
		return 0, err
	}
	defer conn.close()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	stream, err := conn.api.ServiceLogs(ctx, name, docker.ServiceLogsOptions{ShowStdout: true, ShowStderr: true, Follow: true})
	if err != nil {
		return 0, fmt.Errorf("%s: read what the command says: %w", p.name, err)
	}
	defer stream.Close()
	go func() { // a job that was killed says no last word
		for pause(ctx, execPoll) == nil {
			if t, err := c.execTask(ctx, name); err == nil && t != nil && ended(t.Status.State) {
				if pause(ctx, execSilence) == nil {
					end(errSilent)
				}
				return
			}
		}
	}()
	lines, w := io.Pipe()
	defer lines.Close()
	go func() {
		_, err := stdcopy.StdCopy(w, w, stream)
		_ = w.CloseWithError(err)
	}()
	last := ""
	in := bufio.NewScanner(lines)
	for in.Scan() {
		what, rest, _ := strings.Cut(in.Text(), " ")
		switch what {
		case "1", "2":
			text, err := base64.StdEncoding.DecodeString(rest)
			if err != nil {
				return 0, fmt.Errorf("%s: what the command says cannot be read: %w", p.name, err)
			}
			to := o.Out
			if what == "2" {
				to = o.Err
			}
			if _, err := to.Write(text); err != nil {
				return 0, err
			}
		case "exit":
			return strconv.Atoi(rest)
		case "failed":
			return 0, fmt.Errorf("%s: run %q: %s", p.name, o.Command[0], hclconfig.PrintableLine(rest))
		default:
			last = hclconfig.PrintableLine(in.Text())
		}
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errSilent):
		return 0, fmt.Errorf("%s: %w. %s", p.name, cause, cmp.Or(last, "Has its node Python 3?"))
	case cause != nil:
		return 0, cause
	default:
		return 0, fmt.Errorf("%s: what the command says broke off: %w", p.name, cmp.Or(in.Err(), io.ErrUnexpectedEOF))
	}
}

// removeExec removes a job and its secret, and those that commands left which were cut off long ago.
func (c *Client) removeExec(ctx context.Context, name string) error {
	const old = time.Hour
	mine := func(annotations swarm.Annotations, made time.Time) bool {
		return annotations.Name == name || annotations.Labels[labelExec] != "" && c.now().Sub(made) > old
	}
	return c.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		services, err := api.ServiceList(ctx, docker.ServiceListOptions{Filters: docker.Filters{}.Add("label", labelExec+"=true")})
		if err != nil {
			return err
		}
		for _, s := range services.Items {
			if !mine(s.Spec.Annotations, s.CreatedAt) {
				continue
			}
			if _, err := api.ServiceRemove(ctx, s.ID, docker.ServiceRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
				return err
			}
		}
		secrets, err := api.SecretList(ctx, docker.SecretListOptions{Filters: docker.Filters{}.Add("label", labelExec+"=true")})
		if err != nil {
			return err
		}
		for _, s := range secrets.Items {
			if !mine(s.Spec.Annotations, s.CreatedAt) {
				continue
			}
			if _, err := api.SecretRemove(ctx, s.ID, docker.SecretRemoveOptions{}); err != nil && !cerrdefs.IsNotFound(err) {
				return err
			}
		}
		return nil
	})
}
