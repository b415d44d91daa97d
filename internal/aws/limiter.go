package aws

import (
	"context"
	"sync"
	"time"
)

// LimitMode says where the request limiter starts.
type LimitMode string

// The modes. In all but LimitOff, a throttled call halves its action's rate for a while.
const (
	// LimitAuto starts from AWS's published buckets on AWS, and without limits on other endpoints until one throttles.
	LimitAuto LimitMode = "auto"
	// LimitAWS starts from the published buckets everywhere.
	LimitAWS LimitMode = "aws"
	// LimitOff sends as fast as Parallelism allows: for accounts whose limits were raised far.
	LimitOff LimitMode = "off"
)

// allowance is a token bucket as AWS publishes it: so many at once, then so many per second.
type allowance struct{ burst, rate float64 }

// published returns the request bucket of an action, as the documentation of EC2 and of the Parameter Store has
// it. Services that publish none get a careful one, which only counts from their first throttle on (limiter.wait).
func published(k bucketKey) (requests, items allowance, known bool) {
	switch k.service {
	case "ec2":
	case "ssm":
		if reads(k.action) {
			return allowance{40, 40}, allowance{}, true
		}
		return allowance{10, 3}, allowance{}, true
	default:
		return allowance{10, 5}, allowance{}, false
	}
	if reads(k.action) {
		return allowance{100, 20}, allowance{}, true
	}
	switch k.action {
	case "RunInstances", "StartInstances":
		return allowance{5, 2}, allowance{1000, 2}, true
	case "TerminateInstances":
		return allowance{100, 5}, allowance{1000, 20}, true
	case "StopInstances":
		return allowance{50, 5}, allowance{1000, 20}, true
	case "CreateTags", "DeleteTags":
		return allowance{100, 10}, allowance{}, true
	case "CreateNetworkInterface", "AssociateIamInstanceProfile", "ModifyInstanceMetadataOptions":
		return allowance{100, 5}, allowance{}, true
	}
	return allowance{50, 5}, allowance{}, true
}

type bucketKey struct{ region, service, action string }

// limiter holds back calls so that the service need not refuse them. There is one bucket per region, service and action,
// because AWS counts that way.
type limiter struct {
	mu sync.Mutex
	// seeded: the published buckets hold from the start.
	seeded  bool
	buckets map[bucketKey]*bucket
}

func newLimiter() *limiter { return &limiter{buckets: map[bucketKey]*bucket{}} }

func (l *limiter) seed() {
	l.mu.Lock()
	l.seeded = true
	l.mu.Unlock()
}

type bucket struct {
	requests, items level
	// open: nothing is known of a limit, nothing is held back.
	open   bool
	halved time.Time
}

// level is how full a bucket is. tokens may be negative: those in debt are the calls that wait already.
type level struct {
	limit  allowance
	rate   float64
	tokens float64
	at     time.Time
}

func (l *level) take(n float64, now time.Time) time.Duration {
	if l.limit.burst == 0 || n == 0 {
		return 0
	}
	l.fill(now)
	l.tokens -= n
	if l.tokens >= 0 {
		return 0
	}
	return time.Duration(-l.tokens / l.rate * float64(time.Second))
}

func (l *level) fill(now time.Time) {
	l.tokens = min(l.limit.burst, l.tokens+now.Sub(l.at).Seconds()*l.rate)
	l.at = now
}

func (l *limiter) bucket(k bucketKey) *bucket {
	b := l.buckets[k]
	if b == nil {
		requests, items, known := published(k)
		now := time.Now()
		b = &bucket{
			open:     !l.seeded || !known,
			requests: level{limit: requests, rate: requests.rate, tokens: requests.burst, at: now},
			items:    level{limit: items, rate: items.rate, tokens: items.burst, at: now},
		}
		l.buckets[k] = b
	}
	return b
}

// wait returns when the call may be sent. items is how many instances it is about.
func (l *limiter) wait(ctx context.Context, k bucketKey, items int) error {
	l.mu.Lock()
	b := l.bucket(k)
	now := time.Now()
	d := max(b.requests.take(1, now), b.items.take(float64(items), now))
	if b.open {
		d = 0
		b.requests.tokens, b.items.tokens = max(b.requests.tokens, 0), max(b.items.tokens, 0)
	}
	l.mu.Unlock()
	return sleep(ctx, d)
}

// The limiter's manners: after a throttle it sends at half the rate, never below an eighth of the published one, and
// every success gives back a twentieth.
const (
	slowest  = 1.0 / 8
	regained = 1.0 / 20
)

// throttled notes that the service refused a call; a refused one has not used up anything. It reports whether that is
// news: of the calls under way together, only the first is.
func (l *limiter) throttled(k bucketKey, items int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, now := l.bucket(k), time.Now()
	b.items.tokens = min(b.items.tokens+float64(items), b.items.limit.burst)
	if !b.halved.IsZero() && now.Sub(b.halved) < time.Second {
		return false
	}
	b.halved = now
	if b.open {
		b.open = false
	} else {
		b.requests.rate = max(b.requests.rate/2, b.requests.limit.rate*slowest)
	}
	b.requests.empty(now)
	return true
}

func (l *level) empty(now time.Time) {
	l.fill(now)
	l.tokens = min(l.tokens, 0)
}

func (l *limiter) succeeded(k bucketKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(k)
	b.requests.rate = min(b.requests.limit.rate, b.requests.rate+b.requests.limit.rate*regained)
}

// sleep waits for d or for the end of ctx, whichever is first.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
