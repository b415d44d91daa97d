package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// issued remembers a client token: what was asked with it and what came of it.
type issued struct {
	Hash      string          `json:"hash"`
	At        time.Time       `json:"at"`
	Result    json.RawMessage `json:"result,omitempty"`    // what was answered, for anything but launches
	Instances []string        `json:"instances,omitempty"` // what a launch made
}

const tokenLife = 24 * time.Hour // after which a token may be used anew, unless its instances still exist

// once runs an action, or answers again what it answered when its client token was used before.
func (s *Server) once(c *call, h handler, in any) (any, error) {
	token := h.token(in)
	if token == "" || c.query == nil {
		return h.run(c, in)
	}
	for _, r := range token {
		if r > 126 || r < 32 {
			return nil, fail("InvalidParameterValue", "The client token may only have ASCII characters")
		}
	}
	if len(token) > 64 {
		return nil, fail("InvalidParameterValue", "The client token is longer than 64 characters")
	}
	sum := sha256.Sum256(c.query.Canonical("ClientToken", "DryRun"))
	hash := hex.EncodeToString(sum[:16])
	key := c.action + " " + token
	if t := s.issued.get(key); t != nil && !s.expired(t) {
		if t.Hash != hash {
			return nil, fail("IdempotentParameterMismatch", "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).")
		}
		if len(t.Instances) > 0 {
			return s.relaunched(t)
		}
		return s.again(c, t)
	}
	out, err := h.run(c, in)
	if err != nil {
		return nil, err
	}
	t := &issued{Hash: hash, At: s.db.now, Instances: c.created}
	if len(t.Instances) == 0 && out != nil {
		if t.Result, err = json.Marshal(out); err != nil {
			return nil, err
		}
		s.answers[c.action] = reflect.TypeOf(out).Elem()
	}
	s.issued.put(key, t)
	return out, nil
}

func (s *Server) expired(t *issued) bool {
	if s.db.now.Before(t.At.Add(tokenLife)) {
		return false
	}
	for _, id := range t.Instances {
		if i := s.instances.get(id); i != nil && i.State != stateTerminated {
			return false
		}
	}
	return true
}

// again gives the answer that an action gave the first time.
func (s *Server) again(c *call, t *issued) (any, error) {
	if t.Result == nil {
		return nil, nil
	}
	typ, ok := s.answers[c.action]
	if !ok {
		return nil, fail("IdempotentParameterMismatch", "The client token was used before the lab was restarted, for an action that no longer exists.")
	}
	out := reflect.New(typ)
	if err := json.Unmarshal(t.Result, out.Interface()); err != nil {
		return nil, err
	}
	return out.Interface(), nil
}

// relaunched gives the instances that a launch made, as they are now.
func (s *Server) relaunched(t *issued) (any, error) {
	var live []*instance
	for _, id := range t.Instances {
		if i := s.instances.get(id); i != nil {
			live = append(live, i)
		}
	}
	gone := true
	for _, i := range live {
		gone = gone && (i.State == stateTerminated || i.State == stateShuttingDown)
	}
	if gone {
		return nil, fail("IdempotentInstanceTerminated", "The client token has already been used, and the instances that were launched with it are terminated or shutting down.")
	}
	rs := s.reservation(live)
	return &rs, nil
}

// answerTypes are the answers of actions with a client token, for tokens used before a restart.
func answerTypes() map[string]reflect.Type {
	return map[string]reflect.Type{
		"CreateNatGateway": reflect.TypeFor[ec2.CreateNatGatewayResult](),
		"CreateRouteTable": reflect.TypeFor[ec2.CreateRouteTableResult](),
		"CreateVolume":     reflect.TypeFor[ec2.Volume](), "CreateNetworkInterface": reflect.TypeFor[ec2.CreateNetworkInterfaceResult](),
		"CreateLaunchTemplate":        reflect.TypeFor[ec2.CreateLaunchTemplateResult](),
		"CreateLaunchTemplateVersion": reflect.TypeFor[ec2.CreateLaunchTemplateVersionResult](),
	}
}
