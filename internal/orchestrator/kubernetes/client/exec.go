package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// Exec is orchestrator.Executor's.
func (k *Client) Exec(ctx context.Context, workload *resource.Record, o orchestrator.ExecOptions) (int, error) {
	pods, err := k.podsOf(ctx, workload)
	if err != nil {
		return 0, err
	}
	pod, err := choose(workload, pods, o.Replica)
	if err != nil {
		return 0, err
	}
	if err := hasContainer(workload, []corev1.Pod{*pod}, o.Container); err != nil {
		return 0, err
	}
	if o.Container == "" {
		o.Container = containersOf(pod)[0]
	}
	what := fmt.Sprintf("run %s in %s/%s", o.Command[0], name(pod), o.Container)
	config, err := k.streamConfig(ctx)
	if err != nil {
		return 0, k.failed(what, err)
	}
	executor, err := k.executor(config, pod, o)
	if err != nil {
		return 0, k.failed(what, err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop() // nobody looks at the terminal any more
	streams := remotecommand.StreamOptions{Stdin: o.In, Stdout: o.Out, Stderr: o.Err, Tty: o.TTY}
	if o.TTY {
		streams.Stderr = nil // a terminal has one output
		if sizes := terminalSizes(ctx, o.Out, o.In); sizes != nil {
			streams.TerminalSizeQueue = sizes
		}
		defer raw(o.In)()
	}
	err = executor.StreamWithContext(ctx, streams)
	if ended, ok := errors.AsType[exec.CodeExitError](err); ok {
		return ended.Code, nil
	}
	return 0, k.failed(what, err)
}

// choose takes the pod asked for, by its name or "name/container" as logs have it, or else one that is ready.
func choose(workload *resource.Record, pods []corev1.Pod, replica string) (*corev1.Pod, error) {
	if len(pods) == 0 {
		return nil, fmt.Errorf("%s has no pods at present: see `clusterform status`", workload.Address)
	}
	replica, _, _ = strings.Cut(replica, "/")
	if replica != "" {
		i := slices.IndexFunc(pods, func(p corev1.Pod) bool { return p.Name == replica })
		if i < 0 {
			names := make([]string, len(pods))
			for i := range pods {
				names[i] = pods[i].Name
			}
			return nil, fmt.Errorf("%s has no pod %q; it has %s", workload.Address, replica, strings.Join(names, ", "))
		}
		return &pods[i], nil
	}
	if i := slices.IndexFunc(pods, func(p corev1.Pod) bool { return podReady(&p) && p.DeletionTimestamp == nil }); i >= 0 {
		return &pods[i], nil
	}
	if i := slices.IndexFunc(pods, func(p corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning }); i >= 0 {
		return &pods[i], nil
	}
	return nil, fmt.Errorf("%s: none of its pods runs; %s is %s. See `clusterform status`", workload.Address, pods[0].Name, pods[0].Status.Phase)
}

// executor speaks WebSocket, and SPDY where something on the way does not.
func (k *Client) executor(config *rest.Config, pod *corev1.Pod, o orchestrator.ExecOptions) (remotecommand.Executor, error) {
	request := k.api.CoreV1().RESTClient().Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{
			Container: o.Container, Command: o.Command, TTY: o.TTY, Stdin: o.In != nil, Stdout: o.Out != nil, Stderr: o.Err != nil && !o.TTY,
		}, scheme.ParameterCodec)
	address, err := withHost(request.URL(), config)
	if err != nil {
		return nil, err
	}
	modern, err := remotecommand.NewWebSocketExecutor(config, http.MethodGet, address.String())
	if err != nil {
		return nil, err
	}
	old, err := remotecommand.NewSPDYExecutor(config, http.MethodPost, address)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(modern, old, notUpgraded)
}
