package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// policy is an IAM policy document as far as the lab evaluates one: Effect, Action, NotAction, Resource, NotResource,
// and Condition with the String and Arn operators on the keys the lab knows.
type policy struct {
	Version   string          `json:"Version"`
	Statement oneOrMany[rule] `json:"Statement"`
}

type rule struct {
	Sid         string                                  `json:"Sid"`
	Effect      string                                  `json:"Effect"`
	Action      oneOrMany[string]                       `json:"Action"`
	NotAction   oneOrMany[string]                       `json:"NotAction"`
	Resource    oneOrMany[string]                       `json:"Resource"`
	NotResource oneOrMany[string]                       `json:"NotResource"`
	Principal   json.RawMessage                         `json:"Principal"`
	Condition   map[string]map[string]oneOrMany[string] `json:"Condition"`
}

// oneOrMany is IAM's habit of writing a list of one without the brackets.
type oneOrMany[T any] []T

func (o *oneOrMany[T]) UnmarshalJSON(raw []byte) error {
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '[' {
		return json.Unmarshal(raw, (*[]T)(o))
	}
	var one T
	if err := json.Unmarshal(raw, &one); err != nil {
		return err
	}
	*o = []T{one}
	return nil
}

// parsePolicy checks a document; trust documents name principals instead of resources.
func parsePolicy(doc string, trust bool) (*policy, error) {
	bad := func(format string, args ...any) (*policy, error) {
		return nil, fail("MalformedPolicyDocument", format, args...)
	}
	p := new(policy)
	if err := json.Unmarshal([]byte(doc), p); err != nil {
		return bad("This policy contains invalid Json")
	}
	if p.Version != "" && p.Version != "2012-10-17" && p.Version != "2008-10-17" {
		return bad("Syntax errors in policy: version %q.", p.Version)
	}
	if len(p.Statement) == 0 {
		return bad("Syntax errors in policy: no statement.")
	}
	for i, r := range p.Statement {
		switch {
		case r.Effect != "Allow" && r.Effect != "Deny":
			return bad("Syntax errors in policy: statement %d: Effect is neither Allow nor Deny.", i+1)
		case len(r.Action)+len(r.NotAction) == 0:
			return bad("Policy statement must contain actions.")
		case trust && len(r.Principal) == 0:
			return bad("Syntax errors in policy: a trust policy needs a Principal.")
		case trust && len(r.Resource) > 0:
			return bad("Has prohibited field Resource")
		case !trust && len(r.Resource)+len(r.NotResource) == 0:
			return bad("Policy statement must contain resources.")
		case !trust && len(r.Principal) > 0:
			return bad("Policy document should not specify a principal.")
		}
	}
	return p, nil
}

// request is what a policy is asked.
type authRequest struct {
	action   string // ssm:GetParameter
	resource string // an ARN, or "*"
	keys     map[string]string
}

// verdict of a policy: deny beats allow, and nothing said is no.
type verdict int

const (
	silent verdict = iota
	allow
	deny
)

func (p *policy) decide(req authRequest) verdict {
	v := silent
	for _, r := range p.Statement {
		if !r.applies(req) {
			continue
		}
		if r.Effect == "Deny" {
			return deny
		}
		v = allow
	}
	return v
}

func (r *rule) applies(req authRequest) bool {
	matches := func(patterns []string, v string, fold bool) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			if fold {
				return iamGlob(strings.ToLower(p), strings.ToLower(v))
			}
			return iamGlob(p, v)
		})
	}
	if len(r.Action) > 0 && !matches(r.Action, req.action, true) {
		return false
	}
	if len(r.NotAction) > 0 && matches(r.NotAction, req.action, true) {
		return false
	}
	if len(r.Resource) > 0 && !matches(r.Resource, req.resource, false) {
		return false
	}
	if len(r.NotResource) > 0 && matches(r.NotResource, req.resource, false) {
		return false
	}
	for op, tests := range r.Condition {
		for key, want := range tests {
			holds, known := condition(op, want, req.keys[strings.ToLower(key)])
			if !known { // an operator the lab does not evaluate never grants and always forbids
				return r.Effect == "Deny"
			}
			if !holds {
				return false
			}
		}
	}
	return true
}

func iamGlob(p, v string) bool { return glob(strings.ReplaceAll(p, `\`, `\\`), v) }

func condition(op string, want []string, got string) (holds, known bool) {
	some := func(f func(w string) bool) bool { return slices.ContainsFunc(want, f) }
	switch op {
	case "StringEquals", "ArnEquals":
		return some(func(w string) bool { return w == got }), true
	case "StringNotEquals", "ArnNotEquals":
		return !some(func(w string) bool { return w == got }), true
	case "StringEqualsIgnoreCase":
		return some(func(w string) bool { return strings.EqualFold(w, got) }), true
	case "StringLike", "ArnLike":
		return some(func(w string) bool { return iamGlob(w, got) }), true
	case "StringNotLike", "ArnNotLike":
		return !some(func(w string) bool { return iamGlob(w, got) }), true
	}
	return false, false
}

// authorize asks the policies of the caller's role about an action on a resource; the root user may do everything.
func (c *call) authorize(action, resource string) error {
	if c.who.root {
		return nil
	}
	s := c.s
	req := authRequest{action: action, resource: resource, keys: map[string]string{
		"aws:requestedregion": s.opt.Region, "aws:principalarn": c.who.arn, "aws:userid": c.who.user,
		"aws:principalaccount": s.opt.AccountID, "aws:principaltype": "AssumedRole",
	}}
	v := silent
	for doc := range s.policiesOf(c.who.role) {
		p, err := parsePolicy(doc, false)
		if err != nil {
			s.log.Warn("a policy cannot be evaluated", "role", c.who.role, "error", err)
			continue
		}
		switch p.decide(req) {
		case deny:
			return denied(c.service, action, c.who, resource)
		case allow:
			v = allow
		}
	}
	if v != allow {
		return denied(c.service, action, c.who, resource)
	}
	return nil
}

// arn names something of this account and region.
func (s *Server) arn(service, resource string) string {
	region := s.opt.Region
	if service == "iam" {
		region = ""
	}
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, region, s.opt.AccountID, resource)
}

// names reports whether a trust statement's AWS principals include one of the callers.
func (r *rule) names(callers []string) bool {
	var all string
	if json.Unmarshal(r.Principal, &all) == nil {
		return all == "*"
	}
	var byKind map[string]oneOrMany[string]
	if json.Unmarshal(r.Principal, &byKind) != nil {
		return false
	}
	return slices.ContainsFunc(byKind["AWS"], func(p string) bool { return slices.Contains(callers, p) })
}
