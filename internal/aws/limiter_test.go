package aws

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

var runInstances = bucketKey{region: "eu-west-1", service: "ec2", action: "RunInstances"}

// spent is how long n calls of items each are held back in virtual time.
func spent(t *testing.T, l *limiter, k bucketKey, n, items int) time.Duration {
	t.Helper()
	start := time.Now()
	for range n {
		if err := l.wait(t.Context(), k, items); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(start)
}

func TestLimiterKeepsPublishedBuckets(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		action   string
		n, items int
		want     time.Duration
	}{
		{"a burst of launches is free", "RunInstances", 5, 100, 0},
		{"ten launches of a hundred wait for five requests", "RunInstances", 10, 100, 2500 * time.Millisecond},
		{"the instances beyond a thousand come two a second", "RunInstances", 11, 100, 50 * time.Second},
		{"describes have a larger bucket", "DescribeInstances", 120, 0, time.Second},
		{"tags come ten a second after a hundred", "CreateTags", 110, 0, time.Second},
		{"other changes come five a second after fifty", "CreateSubnet", 60, 0, 2 * time.Second},
		{"terminations of a hundred, twenty a second after a thousand", "TerminateInstances", 12, 100, 10 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter()
				l.seed()
				got := spent(t, l, bucketKey{"eu-west-1", "ec2", test.action}, test.n, test.items)
				if d := (got - test.want).Abs(); d > 10*time.Millisecond {
					t.Errorf("took %s, want %s", got, test.want)
				}
			})
		})
	}
}

func TestLimiterAdapts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter()
		if got := spent(t, l, runInstances, 100, 100); got != 0 {
			t.Errorf("before anything throttles, calls were held back for %s", got)
		}
		if !l.throttled(runInstances, 1) {
			t.Error("the first throttle is news")
		}
		if l.throttled(runInstances, 1) {
			t.Error("the throttle of a call that was under way at the same time is none")
		}
		if got := spent(t, l, runInstances, 4, 1); got != 2*time.Second {
			t.Errorf("after the first throttle, four calls took %s, want the published two a second", got)
		}
		time.Sleep(2 * time.Second)
		for range 10 {
			l.throttled(runInstances, 1)
			time.Sleep(2 * time.Second)
		}
		l.throttled(runInstances, 1)
		if got := spent(t, l, runInstances, 1, 1); got < 3*time.Second || got > 4*time.Second {
			t.Errorf("at the lowest rate, a call took %s, want 4 s at most (an eighth of the published rate)", got)
		}
		for range 40 {
			l.succeeded(runInstances)
		}
		time.Sleep(time.Minute)
		spent(t, l, runInstances, 5, 1)
		if got := spent(t, l, runInstances, 4, 1); got != 2*time.Second {
			t.Errorf("after many successes, four calls took %s, want the published two a second", got)
		}
	})
}

func TestLimiterWaitEndsWithContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter()
		l.seed()
		spent(t, l, runInstances, 5, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := l.wait(ctx, runInstances, 1); err == nil {
			t.Error("the wait outlived its context")
		}
	})
}
