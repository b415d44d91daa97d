package apply_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clusterform/clusterform/internal/apply"
	"github.com/clusterform/clusterform/planner/resource"
)

// patient waits for what goes on by itself, until it is told that the run ends.
type patient struct{ *cloud }

func (p patient) Driver(string, resource.Kind) (resource.Driver, error) { return patientDriver(p), nil }

type patientDriver struct{ *cloud }

func (d patientDriver) Read(context.Context, resource.Runtime, []string, []*resource.Record) ([]resource.Observation, error) {
	return nil, nil
}

func (d patientDriver) Recover(context.Context, resource.Runtime, []resource.Intent) ([]resource.Recovery, error) {
	return nil, nil
}

func (d patientDriver) Apply(ctx context.Context, rt resource.Runtime, batch []resource.Change, report func(int, resource.Result)) {
	for i, ch := range batch {
		in := resource.Intent{Operation: ch.Operation, Kind: resource.KindNode, UID: testUID, Addresses: []resource.Address{ch.Address()}, Token: ch.Token}
		if err := rt.Intend(ctx, in); err != nil {
			report(i, resource.Result{Err: err})
			continue
		}
		o := *ch.After
		o.ID = "i-1"
		rec := &resource.Record{Object: o, Phase: resource.PhaseJoining}
		<-rt.(interface{ Stopping() <-chan struct{} }).Stopping()
		report(i, resource.Result{Record: rec, Err: &resource.Error{Address: o.Address, Message: "interrupted while it joined"}})
	}
}

// TestDriversAreToldOfTheEnd: who waits for what goes on by itself learns of every way in which a run ends early.
func TestDriversAreToldOfTheEnd(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		ctx      func(context.Context) (context.Context, context.CancelFunc)
		stop     bool
		recorded bool
	}{
		{"by a signal", context.WithCancel, true, true},
		{"by a canceled context", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 30*time.Second)
		}, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				j := session(t)
				p := newPlan(j)
				p.create("workload.web", vpc("me"), p.create("node_pool.worker[0]", node("web")))
				o := options(p, j, newCloud())
				o.Drivers = patient{newCloud()}
				if tt.stop {
					stop := make(chan struct{})
					o.Stop = stop
					time.AfterFunc(30*time.Second, func() { close(stop) })
				}
				ctx, cancel := tt.ctx(t.Context())
				defer cancel()
				res, err := apply.Run(ctx, o)
				if res.Elapsed != 30*time.Second || res.Failed != 1 || res.Skipped != 1 || err == nil || !strings.Contains(err.Error(), "interrupted while it joined") {
					t.Errorf("%+v, %v", res, err)
				}
				rec, ok := j.Record("node_pool.worker[0]")
				if !ok || !rec.Incomplete || rec.Phase != resource.PhaseJoining || !strings.Contains(rec.LastError, "interrupted") {
					t.Errorf("recorded is %+v", rec)
				}
				if n := len(j.Snapshot().Intents); n > 0 {
					t.Errorf("%d intents are open", n)
				}
			})
		})
	}
}

// losing is a journal that finds out by itself that its lock is gone.
type losing struct {
	apply.Journal
	lost chan struct{}
}

func (l *losing) Lost() <-chan struct{} { return l.lost }

// TestALostLockEndsWaits: whoever holds the lock now goes on with what is waited for.
func TestALostLockEndsWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := session(t)
		p := newPlan(j)
		p.create("node_pool.worker[0]", node("web"))
		l := &losing{Journal: j, lost: make(chan struct{})}
		time.AfterFunc(30*time.Second, func() { close(l.lost) })
		o := options(p, l, newCloud())
		o.Drivers = patient{newCloud()}
		res, err := run(t, o)
		if err == nil || !strings.Contains(err.Error(), "the lock on the state was lost") || res.Elapsed != 30*time.Second {
			t.Errorf("%+v, %v", res, err)
		}
	})
}
