package controlplane

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
)

// startTimeout bounds the start of all programs. It takes about four seconds on two free cores.
const startTimeout = 2 * time.Minute

// Options are what Start may be told.
type Options struct {
	// Version of the bundle, default DefaultVersion.
	Version string
	// Parameters of the cluster are its authorities and keys; default is new ones.
	Parameters map[string]string
	// WithoutControllers leaves kube-controller-manager out: nothing makes pods of deployments then.
	WithoutControllers bool
}

// ControlPlane is a running control plane.
type ControlPlane struct {
	// Host is the loopback address that the API answers on, at port 6443; etcd is there at 2379.
	Host string
	// Version without a leading v.
	Version string
	// Parameters hold what the Parameter Store of such a cluster does.
	Parameters *Parameters
	// Config is an administrator's, good for a day.
	Config *rest.Config
	// Client is made from Config.
	Client kubernetes.Interface

	dir       string
	programs  string
	files     *files
	processes []*process
}

// Start runs a control plane. Stop has to be called whenever it returns one. An error that is fs.ErrNotExist says that
// the version's bundle is not in the cache directory.
func Start(ctx context.Context, o Options) (*ControlPlane, error) {
	if o.Version == "" {
		o.Version = DefaultVersion
	}
	programDir, err := programs(o.Version)
	if err != nil {
		return nil, err
	}
	if o.Parameters == nil {
		if o.Parameters, err = pki.KubernetesCredentials(time.Now()); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp("", "clusterform-control-plane-")
	if err != nil {
		return nil, err
	}
	cp := &ControlPlane{Host: freeHost(), Version: o.Version, Parameters: NewParameters(o.Parameters), dir: dir, programs: programDir}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := cp.start(ctx, o); err != nil {
		cp.Stop()
		return nil, fmt.Errorf("start the control plane on %s: %w", cp.Host, err)
	}
	return cp, nil
}

func (cp *ControlPlane) start(ctx context.Context, o Options) error {
	var err error
	if cp.files, err = writeFiles(cp.dir, cp.Host, o.Parameters); err != nil {
		return err
	}
	cp.Config = cp.files.admin
	// A request costs nothing here.
	cp.Config.QPS, cp.Config.Burst = -1, -1
	if cp.Client, err = kubernetes.NewForConfig(cp.Config); err != nil {
		return err
	}
	if err := cp.run(ctx, etcd, cp.etcdArgs(), cp.etcdReady); err != nil {
		return err
	}
	if err := cp.run(ctx, apiServer, cp.apiServerArgs(), cp.apiReady); err != nil {
		return err
	}
	if o.WithoutControllers {
		return nil
	}
	// The default service account is what its controllers make last before pods can be made.
	return cp.run(ctx, controllerManager, cp.controllerManagerArgs(), cp.controllersReady)
}

func (cp *ControlPlane) run(ctx context.Context, p program, args []string, ready func(context.Context) error) error {
	pr, err := start(cp.dir, cp.programs, p, args...)
	if err != nil {
		return err
	}
	cp.processes = append(cp.processes, pr)
	return pr.wait(ctx, ready)
}

// StopAPI ends the API's process and leaves etcd alone; StartAPI runs it again.
func (cp *ControlPlane) StopAPI() {
	for i, p := range cp.processes {
		if p.name == string(apiServer) {
			p.stop()
			cp.processes = append(cp.processes[:i], cp.processes[i+1:]...)
			return
		}
	}
}

// StartAPI runs the API again after StopAPI.
func (cp *ControlPlane) StartAPI(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return cp.run(ctx, apiServer, cp.apiServerArgs(), cp.apiReady)
}

// Stop ends everything and removes its files.
func (cp *ControlPlane) Stop() {
	for i := len(cp.processes) - 1; i >= 0; i-- {
		cp.processes[i].stop()
	}
	_ = os.RemoveAll(cp.dir)
}

// Logs is the directory with the programs' logs.
func (cp *ControlPlane) Logs() string { return cp.dir }

func (cp *ControlPlane) path(name string) string { return filepath.Join(cp.dir, name) }

// freeHost is a loopback address that nobody listens on at the API's port; the usual one where others do not exist.
func freeHost() string {
	for range 20 {
		host := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
		l, err := net.Listen("tcp", net.JoinHostPort(host, "6443"))
		if err != nil {
			continue
		}
		_ = l.Close()
		return host
	}
	return "127.0.0.1"
}
