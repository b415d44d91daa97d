package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"runtime/debug"
	"strings"

	"github.com/clusterform/clusterform/internal/lab/api/wire"
	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
	"github.com/clusterform/clusterform/internal/lab/api/wire/elbv2"
	"github.com/clusterform/clusterform/internal/lab/api/wire/iam"
	"github.com/clusterform/clusterform/internal/lab/api/wire/ssm"
	"github.com/clusterform/clusterform/internal/lab/api/wire/sts"
)

// call is one request while it is handled, with the lock held.
type call struct {
	*Server
	s       *Server // the same, where a method needs to say so
	ctx     context.Context
	service string
	action  string
	who     principal
	query   *wire.Query // nil for JSON
	created []string    // ids of instances that a launch made, for its client token
}

// handler is an action: it decodes into in() and runs.
type handler struct {
	in    func() any
	run   func(*call, any) (any, error)
	dry   func(in any) bool
	token func(in any) string
}

// on makes a handler of a method of call. An answer of nil is the service's plain success.
func on[In any](f func(*call, *In) (any, error)) handler {
	h := handler{
		in:    func() any { return new(In) },
		run:   func(c *call, in any) (any, error) { return f(c, in.(*In)) },
		dry:   func(any) bool { return false },
		token: func(any) string { return "" },
	}
	t := reflect.TypeFor[In]()
	if fld, ok := t.FieldByName("DryRun"); ok {
		h.dry = func(in any) bool {
			b, _ := reflect.ValueOf(in).Elem().FieldByIndex(fld.Index).Interface().(*bool)
			return value(b, false)
		}
	}
	if fld, ok := t.FieldByName("ClientToken"); ok && fld.Type.Kind() == reflect.String {
		h.token = func(in any) string { return reflect.ValueOf(in).Elem().FieldByIndex(fld.Index).String() }
	}
	return h
}

// protocol is how a service talks.
type protocol struct {
	json      bool
	namespace string
	version   string
	actions   map[string]handler
}

func (s *Server) protocols() map[string]protocol {
	return map[string]protocol{
		"ec2":                  {namespace: ec2.XMLNamespace, version: ec2.APIVersion, actions: ec2Actions()},
		"elasticloadbalancing": {namespace: elbv2.XMLNamespace, version: elbv2.APIVersion, actions: elbActions()},
		"iam":                  {namespace: iam.XMLNamespace, version: iam.APIVersion, actions: iamActions()},
		"sts":                  {namespace: sts.XMLNamespace, version: sts.APIVersion, actions: stsActions()},
		"ssm":                  {json: true, namespace: ssm.TargetPrefix, version: ssm.APIVersion, actions: ssmActions()},
	}
}

// answer is an HTTP response that is ready to write.
type answer struct {
	status    int
	typ       string
	body      []byte
	requestID string
}

var (
	// errLostRequest and errLostResponse are faults: the connection breaks before or after the effect.
	errLostRequest  = errors.New("fault: the request was lost")
	errLostResponse = errors.New("fault: the response was lost")
)

// respond handles one request with its body read. Its error is a lost request or response, or the context's.
func (s *Server) respond(r *http.Request, body []byte, tooLarge bool) (*answer, error) {
	ctx := r.Context()
	sig, signed, sigErr := parseSignature(r)
	service := sig.service
	proto, known := s.services[service]
	if !known {
		proto, service = s.services["ec2"], "ec2"
	}

	s.mu.Lock()
	s.requests++
	id := requestID(s.luckID, s.requests)
	var delay = s.faults.Latency.pick(s.luck)
	s.mu.Unlock()
	if delay > 0 {
		if err := s.opt.Clock.Sleep(ctx, delay); err != nil {
			return nil, err
		}
	}

	c := &call{Server: s, s: s, ctx: ctx, service: service}
	var result any
	var err error
	switch {
	case tooLarge:
		err = fail("RequestEntityTooLarge", "The request is larger than %d bytes", wire.MaxBody)
	case !signed:
		err = fail("MissingAuthenticationToken", "Request is missing Authentication Token")
	case sigErr != nil:
		err = sigErr
	case !known:
		err = fail("SignatureDoesNotMatch", "Credential should be scoped to a service of this lab (ec2, elasticloadbalancing, iam, sts, ssm), not '%.40s'", sig.service)
	default:
		result, err = s.perform(c, proto, r, &sig, body)
		if err == nil && s.opt.Machines != nil && c.action == "CreateVpc" {
			result, err = s.settleVPC(ctx, result)
		}
	}
	if errors.Is(err, errLostRequest) || errors.Is(err, errLostResponse) {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a := &answer{status: 200, requestID: id}
	if err == nil {
		a.typ = "text/xml;charset=UTF-8"
		switch {
		case proto.json:
			a.typ = "application/x-amz-json-1.1"
			a.body = s.codec.AppendJSON(nil, result)
		case service == "ec2":
			a.body = s.codec.AppendEC2(make([]byte, 0, 4096), c.action, proto.namespace, id, result)
		default:
			a.body = s.codec.AppendQuery(make([]byte, 0, 1024), c.action, proto.namespace, id, result)
		}
		return a, nil
	}
	e := asAPIError(err, service)
	a.status, a.typ = e.status(), "text/xml;charset=UTF-8"
	switch {
	case proto.json:
		a.typ = "application/x-amz-json-1.1"
		if a.status < 500 && a.status != 413 {
			a.status = 400
		}
		a.body = wire.AppendJSONError(nil, e.Code, e.Message)
	case service == "ec2":
		a.body = wire.AppendEC2Error(nil, id, e.Code, e.Message)
	default:
		a.body = wire.AppendQueryError(nil, proto.namespace, id, e.Code, e.Message, a.status < 500)
	}
	return a, nil
}

// perform decodes and runs an action under the lock, and writes down what changed before it returns.
func (s *Server) perform(c *call, proto protocol, r *http.Request, sig *signature, body []byte) (result any, err error) {
	var decode func(any) error
	var decodeErr error
	if proto.json {
		c.action, _ = strings.CutPrefix(r.Header.Get("X-Amz-Target"), proto.namespace+".")
		decode = func(in any) error { return s.codec.DecodeJSON(body, in) }
	} else {
		form := body
		if len(form) == 0 {
			form = []byte(stripSigning(r.URL.RawQuery))
		}
		c.query, decodeErr = wire.ParseQuery(form)
		if decodeErr == nil {
			c.action = c.query.Action
		}
		decode = func(in any) error { return s.codec.Decode(c.query, in) }
	}

	defer s.runJobs()
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("an action failed by a defect of the lab", "service", c.service, "action", c.action, "panic", p, "stack", string(debug.Stack()))
			result, err = nil, fmt.Errorf("defect: %v", p)
		}
		if jerr := s.commit(); jerr != nil {
			s.log.Error("the lab's state cannot be written", "error", jerr)
			result, err = nil, jerr
		}
		s.count(c, err)
		if err == nil && s.faults.LoseResponse.hits(s.luck, c.action) {
			s.stats.Errors["lost response"]++
			result, err = nil, errLostResponse
		}
	}()
	s.advance(s.opt.Clock.Now())

	if c.who, err = s.authenticate(r, sig, body); err != nil {
		return nil, err
	}
	if global := c.service == "iam" || c.service == "sts"; !global && sig.region != s.opt.Region {
		return nil, fail("SignatureDoesNotMatch", "Credential should be scoped to a valid region, not '%.40s'; this lab is %s", sig.region, s.opt.Region)
	}
	if decodeErr != nil {
		return nil, decodeErr
	}
	h, ok := proto.actions[c.action]
	if !ok {
		return nil, s.unknownAction(c)
	}
	if s.faults.LoseRequest.hits(s.luck, c.action) {
		return nil, errLostRequest
	}
	in := h.in()
	if err := decode(in); err != nil {
		return nil, err
	}
	if err := s.throttle(c.service, c.action, in); err != nil {
		return nil, err
	}
	if s.faults.ServerError.hits(s.luck, c.action) {
		if s.serverErrors++; s.serverErrors%2 == 1 {
			return nil, fmt.Errorf("fault: server error")
		}
		return nil, fail("ServiceUnavailable", "The request has failed due to a temporary failure of the server.")
	}
	if c.service != "ssm" && c.action != "GetCallerIdentity" {
		if err := c.authorize(c.service+":"+c.action, "*"); err != nil {
			return nil, err
		}
	}
	if h.dry(in) {
		return nil, fail("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
	}
	return s.once(c, h, in)
}

func (s *Server) unknownAction(c *call) error {
	s.log.Warn("unknown action", "service", c.service, "action", printable(c.action))
	switch {
	case c.service == "ssm":
		return fail("UnknownOperationException", "The lab does not know the operation %q", printable(c.action))
	case c.action == "":
		return fail("MissingAction", "The request must contain the parameter Action")
	}
	return fail("InvalidAction", "The action %s is not valid for this web service.", printable(c.action))
}

// printable keeps what clients send from reaching a terminal or log unfiltered.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), 80)]
}

func (s *Server) count(c *call, err error) {
	name := c.action
	if _, ok := s.services[c.service].actions[name]; !ok {
		name = "unknown"
	}
	s.stats.Calls[c.service+"."+name]++
	switch {
	case errors.Is(err, errLostRequest):
		s.stats.Errors["lost request"]++
	case err != nil:
		s.stats.Errors[asAPIError(err, c.service).Code]++
	}
	s.log.Debug("call", "service", c.service, "action", name, "error", err)
}

// commit writes down what changed. The lock is held.
func (s *Server) commit() error {
	if len(s.db.changed) == 0 {
		return nil
	}
	s.noteTopology(s.db.changed)
	defer func() { s.db.changed = s.db.changed[:0] }()
	if s.journal == nil {
		return nil
	}
	return s.journal.append(s.db)
}

// stripSigning takes the parameters of a presigned URL out of a query string.
func stripSigning(raw string) string {
	var keep []string
	for pair := range strings.SplitSeq(raw, "&") {
		if !strings.HasPrefix(pair, "X-Amz-") {
			keep = append(keep, pair)
		}
	}
	return strings.Join(keep, "&")
}

func requestID(key [16]byte, n uint64) string {
	h := sha256.Sum256(fmt.Appendf(key[:], "%d", n))
	h[6], h[8] = h[6]&0x0f|0x40, h[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// printableText is text without control characters.
func printableText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
