package engine

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// lookupLife is how long an answer of the cloud that a plan was made with is good for the apply that follows in another
// process.
const lookupLife = 15 * time.Minute

// lookup answers the planner's questions, each once for a plan and its apply.
type lookup struct {
	cloud Cloud
	path  string
	owner string

	mu     sync.Mutex
	loaded bool
	known  answers
}

type answers struct {
	Owner  string               `json:"owner"`
	Until  time.Time            `json:"until"`
	Zones  map[string][]string  `json:"zones,omitempty"`
	Images map[string]imageByID `json:"images,omitempty"`
	// Software is by orchestrator, version and source.
	Software map[string]*resource.Software `json:"software,omitempty"`
	// Drifted says that the plan found reality other than recorded.
	Drifted bool `json:"drifted,omitempty"`
}

type imageByID map[string]string

var (
	_ planner.Lookup         = (*lookup)(nil)
	_ planner.SoftwareLookup = (*lookup)(nil)
)

// Endpoint implements planner.SoftwareLookup. It is known without a call.
func (l *lookup) Endpoint(ctx context.Context, region string) (string, error) {
	return l.cloud.Endpoint(ctx, region)
}

// Software implements planner.SoftwareLookup.
func (l *lookup) Software(ctx context.Context, region string, o hclconfig.Orchestrator, version, source string) (*resource.Software, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.load()
	key := strings.Join([]string{region, string(o), version, source}, " ")
	if s, ok := l.known.Software[key]; ok {
		return s, nil
	}
	s, err := l.cloud.Software(ctx, region, o, version, source)
	if err == nil && s != nil {
		l.known.Software[key] = s
		l.save()
	}
	return s, err
}

// Zones implements planner.Lookup.
func (l *lookup) Zones(ctx context.Context, region string) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.load()
	if zones, ok := l.known.Zones[region]; ok {
		return zones, nil
	}
	zones, err := l.cloud.Zones(ctx, region)
	if err == nil {
		l.known.Zones[region] = zones
		l.save()
	}
	return zones, err
}

// Image implements planner.Lookup.
func (l *lookup) Image(ctx context.Context, region, ref string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.load()
	if id, ok := l.known.Images[region][ref]; ok {
		return id, nil
	}
	id, err := l.cloud.Image(ctx, region, ref)
	if err == nil && id != "" {
		if l.known.Images[region] == nil {
			l.known.Images[region] = imageByID{}
		}
		l.known.Images[region][ref] = id
		l.save()
	}
	return id, err
}

// drifted tells whether the plan that is carried out found reality other than recorded.
func (l *lookup) drifted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.load()
	return l.known.Drifted
}

// drift notes it.
func (l *lookup) drift(found bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.load()
	if found != l.known.Drifted {
		l.known.Drifted = found
		l.save()
	}
}

// load takes what the plan's process left. Anything unfit is asked again.
func (l *lookup) load() {
	if l.loaded {
		return
	}
	l.loaded = true
	if data, err := os.ReadFile(l.path); err == nil {
		var was answers
		if json.Unmarshal(data, &was) == nil && was.Owner == l.owner && time.Now().Before(was.Until) {
			l.known = was
		}
	}
	if l.known.Zones == nil {
		l.known.Zones = map[string][]string{}
	}
	if l.known.Images == nil {
		l.known.Images = map[string]imageByID{}
	}
	if l.known.Software == nil {
		l.known.Software = map[string]*resource.Software{}
	}
	if l.known.Until.IsZero() {
		l.known.Owner, l.known.Until = l.owner, time.Now().Add(lookupLife)
	}
}

// save leaves the answers for the apply. Without them it asks again, so that nothing is lost when they cannot be written.
func (l *lookup) save() {
	if data, err := json.Marshal(l.known); err == nil {
		_ = writeFile(l.path, data)
	}
}
