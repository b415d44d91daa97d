package aws

import (
	"context"
	"math/rand/v2"
	"time"
)

// pause is a growing interval between two looks at something that takes time.
type pause struct{ next, most time.Duration }

func newPause() *pause { return &pause{next: 200 * time.Millisecond, most: 5 * time.Second} }

// wait sleeps for the interval, jittered by a fifth, and lengthens it.
func (p *pause) wait(ctx context.Context) error {
	d := p.next
	p.next = min(p.next*3/2, p.most)
	return sleep(ctx, d*9/10+rand.N(d/5+1))
}

// until calls f with growing pauses until it is done, fails, or the time is over; then it returns false.
func until(ctx context.Context, bound time.Time, f func() (done bool, err error)) (bool, error) {
	for p := newPause(); ; {
		done, err := f()
		if done || err != nil {
			return done, err
		}
		if !time.Now().Before(bound) {
			return false, nil
		}
		if err := p.wait(ctx); err != nil {
			return false, err
		}
	}
}

// settled makes a call that names other objects, which may be so new that the service does not see them yet: while the
// window lasts, not found (and whatever more pending says) is tried again. Images and keys are never new: theirs is final.
func (r *region) settled(ctx context.Context, call func() error, pending ...func(error) bool) error {
	var last error
	_, err := until(ctx, time.Now().Add(r.cloud.opts.ConsistencyWindow), func() (bool, error) {
		last = call()
		if isNotFound(last) && !isCode(last, "InvalidAMIID.NotFound", "InvalidKeyPair.NotFound", "ParameterNotFound") {
			return false, nil
		}
		for _, p := range pending {
			if last != nil && p(last) {
				return false, nil
			}
		}
		return true, nil
	})
	if last != nil {
		return last
	}
	return err
}

// visibleBy returns when something made or changed at t must be visible.
func (r *region) visibleBy(t time.Time) time.Time { return t.Add(r.cloud.opts.ConsistencyWindow) }
