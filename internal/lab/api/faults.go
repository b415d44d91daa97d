package api

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Faults is what can go wrong on purpose. The zero value is a cloud without faults where instances take 2–5 s to boot.
// All random choices come from Options.Seed and are the same for the same calls in the same order.
type Faults struct {
	// Throttle refuses calls beyond AWS's published token buckets; the buckets refill this many times as fast as
	// published. 0 never refuses.
	Throttle float64 `json:"throttle,omitempty"`
	// Consistency delays what describes and lookups of EC2 records see.
	Consistency Consistency `json:"consistency,omitzero"`
	// IAMPropagation is the longest time a new instance profile stays unknown to RunInstances.
	IAMPropagation Duration `json:"iam_propagation,omitempty"`
	// LoseResponse drops the connection after a call took effect, LoseRequest before it does.
	LoseResponse Chance `json:"lose_response,omitzero"`
	LoseRequest  Chance `json:"lose_request,omitzero"`
	// ServerError answers InternalError (500) or ServiceUnavailable (503), taking turns, before the call takes effect.
	ServerError Chance `json:"server_error,omitzero"`
	// Latency is added to every call.
	Latency Range `json:"latency,omitzero"`
	// Capacity makes launches fail with InsufficientInstanceCapacity.
	Capacity []CapacityFault `json:"capacity,omitempty"`
	// NeverBoot is the share of instances (0–1) that go from pending to terminated.
	NeverBoot float64 `json:"never_boot,omitempty"`
	// Boot is how long an instance is pending, without machines; nil is 2–5 s.
	Boot *Range `json:"boot,omitempty"`
	// Shutdown is how long an instance is stopping or shutting down, without machines; nil is 1–2 s.
	Shutdown *Range `json:"shutdown,omitempty"`
	// SpotNotice is the time between the notice and the end of a spot instance; 0 is 2 minutes.
	SpotNotice Duration `json:"spot_notice,omitempty"`
}

// Consistency is how late callers may see things: each time is the longest of a random delay.
type Consistency struct {
	New    Duration `json:"new,omitempty"`    // a new record is NotFound and absent from describes
	Change Duration `json:"change,omitempty"` // a changed record is seen as it was
}

// Chance picks calls: the next Next ones for sure, then each with Probability; only Actions when there are any.
type Chance struct {
	Probability float64  `json:"probability,omitempty"`
	Next        int      `json:"next,omitempty"`
	Actions     []string `json:"actions,omitempty"` // such as RunInstances
}

// Range is a time chosen evenly between Min and Max.
type Range struct {
	Min Duration `json:"min,omitempty"`
	Max Duration `json:"max,omitempty"`
}

// CapacityFault refuses launches of a type in a zone.
type CapacityFault struct {
	InstanceType string   `json:"instance_type,omitempty"` // with * and ?; "" is every type
	Zone         string   `json:"zone,omitempty"`          // with * and ?; "" is every zone
	Available    int      `json:"available,omitempty"`     // instances that still launch before it refuses
	Times        int      `json:"times,omitempty"`         // requests it refuses; 0: no end
	For          Duration `json:"for,omitempty"`           // how long from when it was set; 0: no end
}

// Duration is a time.Duration that is written like "1m30s" in JSON.
type Duration time.Duration

// MarshalText writes the duration like "1m30s".
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads a duration like "1m30s".
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

func (f *Faults) validate() error {
	chance := func(name string, p float64) error {
		if p < 0 || p > 1 {
			return fmt.Errorf("lab faults: %s is %v, not between 0 and 1", name, p)
		}
		return nil
	}
	for name, p := range map[string]float64{
		"lose_response.probability": f.LoseResponse.Probability, "lose_request.probability": f.LoseRequest.Probability,
		"server_error.probability": f.ServerError.Probability, "never_boot": f.NeverBoot,
	} {
		if err := chance(name, p); err != nil {
			return err
		}
	}
	if f.Throttle < 0 {
		return fmt.Errorf("lab faults: throttle is %v, not 0 or more", f.Throttle)
	}
	for name, r := range map[string]*Range{"latency": &f.Latency, "boot": f.Boot, "shutdown": f.Shutdown} {
		if r != nil && (r.Min < 0 || r.Max < r.Min) {
			return fmt.Errorf("lab faults: %s needs 0 <= min <= max, not %v and %v", name, time.Duration(r.Min), time.Duration(r.Max))
		}
	}
	for name, d := range map[string]Duration{
		"consistency.new": f.Consistency.New, "consistency.change": f.Consistency.Change,
		"iam_propagation": f.IAMPropagation, "spot_notice": f.SpotNotice,
	} {
		if d < 0 {
			return fmt.Errorf("lab faults: %s is negative", name)
		}
	}
	return nil
}

func (f Faults) clone() Faults {
	f.Capacity = slices.Clone(f.Capacity)
	return f
}

func (r Range) pick(rng *rand.Rand) time.Duration {
	if r.Max <= r.Min {
		return time.Duration(r.Min)
	}
	return time.Duration(r.Min) + time.Duration(rng.Int64N(int64(r.Max-r.Min)+1))
}

// hits decides about one call and uses up Next.
func (c *Chance) hits(rng *rand.Rand, action string) bool {
	if c.Next == 0 && c.Probability == 0 {
		return false
	}
	if len(c.Actions) > 0 && !slices.Contains(c.Actions, action) {
		return false
	}
	if c.Next > 0 {
		c.Next--
		return true
	}
	return rng.Float64() < c.Probability
}

// SetFaults replaces the faults from now on.
func (s *Server) SetFaults(f Faults) error {
	if err := f.validate(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setFaults(f, s.opt.Clock.Now())
	return nil
}

func (s *Server) setFaults(f Faults, now time.Time) {
	s.faults = f.clone()
	s.faultsSince = now
	s.buckets = map[string]*bucket{}
	s.db.lag = nil
	if c := f.Consistency; c.New > 0 || c.Change > 0 {
		s.db.lag = func(fresh bool) time.Duration {
			if fresh {
				return Range{Max: c.New}.pick(s.luck)
			}
			return Range{Max: c.Change}.pick(s.luck)
		}
	}
}

// Faults returns the faults as they are now; counts that were used up have gone down.
func (s *Server) Faults() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults.clone()
}

func (s *Server) bootTime() time.Duration {
	if s.faults.Boot != nil {
		return s.faults.Boot.pick(s.luck)
	}
	return Range{Min: Duration(2 * time.Second), Max: Duration(5 * time.Second)}.pick(s.luck)
}

func (s *Server) shutdownTime() time.Duration {
	if s.faults.Shutdown != nil {
		return s.faults.Shutdown.pick(s.luck)
	}
	return Range{Min: Duration(time.Second), Max: Duration(2 * time.Second)}.pick(s.luck)
}

// capacity says how many of the wanted instances there is room for; fewer than least is AWS's error.
func (s *Server) capacity(typ, zone string, least, want int) (int, error) {
	for i := range s.faults.Capacity {
		f := &s.faults.Capacity[i]
		if f.InstanceType != "" && !glob(f.InstanceType, typ) || f.Zone != "" && !glob(f.Zone, zone) {
			continue
		}
		if f.For > 0 && !s.db.now.Before(s.faultsSince.Add(time.Duration(f.For))) || f.Times < 0 {
			continue
		}
		if f.Available >= least {
			want = min(want, f.Available)
			f.Available -= want
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				f.Times = -1 // used up
			}
		}
		return 0, fail("InsufficientInstanceCapacity", "We currently do not have sufficient %s capacity in the Availability Zone you requested (%s). Our system will be working on provisioning additional capacity. You can currently get %s capacity by not specifying an Availability Zone in your request or choosing another one.", typ, zone, typ)
	}
	return want, nil
}
