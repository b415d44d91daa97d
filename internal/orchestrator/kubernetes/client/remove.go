package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

const (
	// quorumWait is how long a removal waits for members that are unhealthy at the moment.
	quorumWait = time.Minute
	quorumPoll = 2 * time.Second
	// removeTimeout bounds the removal from the list of nodes, removeTry one try of it: the API server that answers may
	// have just lost its etcd.
	removeTimeout = time.Minute
	removeTry     = 5 * time.Second
)

// QuorumError refuses a removal that would leave etcd without a majority.
type QuorumError struct {
	Member string
	// Voters and Healthy count the members that would stay.
	Voters, Healthy int
	// Reasons are why the others are not healthy.
	Reasons []string
}

func (e *QuorumError) Error() string {
	if e.Voters == 0 {
		return fmt.Sprintf("%s is the only member of etcd: removing it would lose all of the cluster's data", e.Member)
	}
	s := fmt.Sprintf("removing %s from etcd would leave %d of %d members healthy, which is no majority", e.Member, e.Healthy, e.Voters)
	if len(e.Reasons) > 0 {
		s += ": " + strings.Join(e.Reasons, "; ")
	}
	return s + ". Repair the others first"
}

// Remove is orchestrator.Client's.
func (k *Client) Remove(ctx context.Context, m orchestrator.Member) error {
	if m.ControlPlane {
		if err := k.leaveEtcd(ctx, m); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	for {
		try, stop := context.WithTimeout(ctx, removeTry)
		err := k.api.CoreV1().Nodes().Delete(try, m.Instance, metav1.DeleteOptions{})
		stop()
		switch {
		case err == nil, apierrors.IsNotFound(err):
			return nil
		case ctx.Err() != nil, !passing(err) && !errors.Is(err, context.DeadlineExceeded):
			return k.failed("delete node "+m.Instance, err)
		}
		k.transport.away()
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return k.failed("delete node "+m.Instance, err)
		}
	}
}

// leaveEtcd removes what etcd knows of a node, once the others have a majority without it.
func (k *Client) leaveEtcd(ctx context.Context, m orchestrator.Member) error {
	k.membership.Lock()
	defer k.membership.Unlock()
	wait, cancel := context.WithTimeout(ctx, k.quorumWait)
	defer cancel()
	for {
		err := k.tryLeaveEtcd(ctx, m)
		refused, quorum := errors.AsType[*QuorumError](err)
		switch {
		case err == nil, ctx.Err() != nil:
			return err
		case quorum && refused.Voters == 0:
			return fmt.Errorf("%s: %w", k.cluster.Address, err)
		}
		select {
		case <-time.After(quorumPoll):
		case <-wait.Done():
			if quorum {
				return fmt.Errorf("%s: %w", k.cluster.Address, err)
			}
			return err
		}
	}
}

func (k *Client) tryLeaveEtcd(ctx context.Context, m orchestrator.Member) error {
	view, err := k.viewEtcd(ctx)
	if err != nil {
		k.transport.away()
		return err
	}
	for i := range view.members {
		e := &view.members[i]
		if !e.belongs(m) {
			continue
		}
		if err := quorum(view.members, e, m.Instance); err != nil {
			return err
		}
		if e.Leader {
			k.handOver(ctx, view, e)
		}
		if err := k.removeFromEtcd(ctx, view, e); err != nil {
			return err
		}
	}
	return nil
}

// quorum checks that a majority stays when e goes, and that there is one now to agree to it.
func quorum(members []EtcdMember, e *EtcdMember, instance string) error {
	if e.Learner {
		return nil
	}
	q := &QuorumError{Member: instance}
	healthy, voters := 0, 0
	for i := range members {
		m := &members[i]
		if m.Learner {
			continue
		}
		voters++
		if m.Healthy {
			healthy++
		}
		if m.ID == e.ID {
			continue
		}
		q.Voters++
		if m.Healthy {
			q.Healthy++
		} else {
			q.Reasons = append(q.Reasons, m.Name+": "+m.Reason)
		}
	}
	if q.Voters == 0 || q.Healthy < majority(q.Voters) || healthy < majority(voters) {
		return q
	}
	return nil
}

func majority(voters int) int { return voters/2 + 1 }

// handOver makes another member the leader first, so that nobody waits for an election. It may fail: etcd copes.
func (k *Client) handOver(ctx context.Context, view *etcdView, leader *EtcdMember) {
	pod := view.pods[leader.Name]
	for i := range view.members {
		next := &view.members[i]
		if pod == nil || next.ID == leader.ID || next.Learner || !next.Healthy {
			continue
		}
		_ = k.withEtcd(ctx, pod, view.tls, func(ctx context.Context, c *clientv3.Client) error {
			_, err := c.MoveLeader(ctx, next.ID)
			return err
		})
		return
	}
}

// removeFromEtcd asks another healthy member to remove e.
func (k *Client) removeFromEtcd(ctx context.Context, view *etcdView, e *EtcdMember) error {
	var errs []error
	for i := range view.members {
		other := &view.members[i]
		if other.ID == e.ID || !other.Healthy || other.Learner {
			continue
		}
		err := k.withEtcd(ctx, view.pods[other.Name], view.tls, func(ctx context.Context, c *clientv3.Client) error {
			_, err := c.MemberRemove(ctx, e.ID)
			return err
		})
		if err == nil || errors.Is(err, rpctypes.ErrMemberNotFound) {
			return nil
		}
		errs = append(errs, err)
	}
	return fmt.Errorf("%s: remove %s from etcd: %w", k.cluster.Address, e.Name, errors.Join(errs...))
}
