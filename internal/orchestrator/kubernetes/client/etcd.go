package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

// EtcdMember is a member of the cluster's store.
type EtcdMember struct {
	ID uint64
	// Name is the instance id; "" for a member that was added and never started.
	Name string
	// Address is the IP address that the others reach it at.
	Address string
	// Learner members have no vote yet.
	Learner bool
	Leader  bool
	Healthy bool
	// Reason says why it is not healthy.
	Reason  string
	Version string
	// Size of its database in bytes.
	Size int64
}

// Etcd lists the store's members and asks each how it is.
func (k *Client) Etcd(ctx context.Context) ([]EtcdMember, error) {
	view, err := k.viewEtcd(ctx)
	if err != nil {
		return nil, err
	}
	return view.members, nil
}

// etcdView is the store's membership as one of its members has it.
type etcdView struct {
	members []EtcdMember
	pods    map[string]*corev1.Pod // by member's name
	tls     *tls.Config
}

func (k *Client) viewEtcd(ctx context.Context) (*etcdView, error) {
	pods, err := k.etcdPods(ctx)
	if err != nil {
		return nil, err
	}
	view := &etcdView{pods: map[string]*corev1.Pod{}}
	if view.tls, err = k.etcdTLS(ctx); err != nil {
		return nil, err
	}
	for i := range pods {
		view.pods[pods[i].Spec.NodeName] = &pods[i]
	}
	var errs []error
	for i := range pods {
		err := k.withEtcd(ctx, &pods[i], view.tls, func(ctx context.Context, c *clientv3.Client) error {
			list, err := c.MemberList(ctx)
			if err == nil {
				view.members = etcdMembers(list.Members)
			}
			return err
		})
		if err == nil {
			k.askEtcd(ctx, view)
			return view, nil
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return nil, fmt.Errorf("%s: no pod of etcd is known to the API", k.cluster.Address)
	}
	return nil, fmt.Errorf("%s: no member of etcd answers: %w", k.cluster.Address, errors.Join(errs...))
}

func etcdMembers(list []*etcdserverpb.Member) []EtcdMember {
	members := make([]EtcdMember, 0, len(list))
	for _, m := range list {
		e := EtcdMember{ID: m.ID, Name: m.Name, Learner: m.IsLearner, Reason: "it never started"}
		if len(m.PeerURLs) > 0 {
			if u, err := url.Parse(m.PeerURLs[0]); err == nil {
				e.Address = u.Hostname()
			}
		}
		members = append(members, e)
	}
	slices.SortFunc(members, func(a, b EtcdMember) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return members
}

// askEtcd asks all members at once how they are.
func (k *Client) askEtcd(ctx context.Context, view *etcdView) {
	var group sync.WaitGroup
	for i := range view.members {
		m := &view.members[i]
		pod := view.pods[m.Name]
		switch {
		case m.Name == "":
			continue
		case pod == nil:
			m.Reason = "no pod of its node is known to the API"
			continue
		}
		group.Go(func() {
			err := k.withEtcd(ctx, pod, view.tls, func(ctx context.Context, c *clientv3.Client) error {
				s, err := c.Status(ctx, c.Endpoints()[0])
				if err != nil {
					return err
				}
				m.Version, m.Size, m.Leader = s.Version, s.DbSize, s.Leader == m.ID
				if s.Leader == 0 {
					return errors.New("it sees no leader")
				}
				return nil
			})
			if m.Healthy = err == nil; !m.Healthy {
				m.Reason = err.Error()
			} else {
				m.Reason = ""
			}
		})
	}
	group.Wait()
}

// belongs says whether a member of etcd is what is left of a node: of its name, or added for it and never started.
func (e *EtcdMember) belongs(m orchestrator.Member) bool {
	return e.Name == m.Instance || e.Name == "" && m.Address != "" && e.Address == m.Address
}
