package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
)

const (
	etcdPort = 2379
	// etcdTimeout bounds one call to one member.
	etcdTimeout = 10 * time.Second
	// etcdName is in the certificate of every member that kubeadm sets up.
	etcdName = "localhost"
	// maxDials is how often a connection to a member is tried. gRPC may give up the first by itself.
	maxDials = 3
)

// etcdPods are etcd's pods, those that are ready first. Their nodes are the names of its members.
func (k *Client) etcdPods(ctx context.Context) ([]corev1.Pod, error) {
	list, err := k.api.CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{LabelSelector: "component=etcd,tier=control-plane"})
	if err != nil {
		return nil, k.failed("list etcd's pods", err)
	}
	slices.SortStableFunc(list.Items, func(a, b corev1.Pod) int {
		switch x, y := podReady(&a), podReady(&b); {
		case x == y:
			return 0
		case x:
			return -1
		}
		return 1
	})
	return list.Items, nil
}

func podReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// etcdTLS is a short-lived client's certificate of etcd's own authority.
func (k *Client) etcdTLS(ctx context.Context) (*tls.Config, error) {
	values, err := k.parameters.Get(ctx, pki.KubernetesEtcd)
	if err != nil {
		return nil, err
	}
	authority, err := pki.ParseAuthority(values[pki.KubernetesEtcd])
	if err != nil {
		return nil, fmt.Errorf("%s: the parameter /clusterform/%s/%s cannot be used: %w", k.cluster.Address, k.cluster.UID, pki.KubernetesEtcd, err)
	}
	pair, err := authority.IssueClient(pki.Client{CommonName: userName}, k.now())
	if err != nil {
		return nil, err
	}
	certificate, err := pair.TLS()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: etcdName, RootCAs: authority.Pool(), Certificates: []tls.Certificate{certificate}, Time: k.now,
	}, nil
}

// withEtcd speaks with the member whose pod is given.
func (k *Client) withEtcd(ctx context.Context, pod *corev1.Pod, config *tls.Config, do func(context.Context, *clientv3.Client) error) error {
	ctx, stop := context.WithTimeout(ctx, etcdTimeout)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	dials := 0
	// gRPC dials again and again. A few connections have to do: whoever calls tries again, by another member or later.
	dial := func(dialing context.Context, _ string) (net.Conn, error) {
		mu.Lock()
		dials++
		enough := dials > maxDials
		mu.Unlock()
		if enough {
			cancel(errNoEtcd)
			return nil, errNoEtcd
		}
		conn, err := k.Forward(dialing, pod.Namespace, pod.Name, etcdPort)
		// gRPC itself gives up a connection when it resolves names anew.
		if err != nil && dialing.Err() == nil {
			cancel(err)
		}
		return conn, err
	}
	c, err := clientv3.New(clientv3.Config{
		Context: ctx, Endpoints: []string{fmt.Sprintf("https://%s:%d", etcdName, etcdPort)}, TLS: config, Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(dial)},
	})
	if err != nil {
		return fmt.Errorf("etcd on %s: %w", pod.Spec.NodeName, err)
	}
	defer func() { _ = c.Close() }()
	if err := do(ctx, c); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("etcd on %s: %w", pod.Spec.NodeName, err)
	}
	return nil
}

var errNoEtcd = errors.New("nobody answers at its port")
