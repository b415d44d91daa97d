package aws

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/clusterform/clusterform/internal/event"
)

// gate stands between the SDK's retry loop and each of its attempts: it waits for the limiter and for a free slot,
// counts, lets a call that changes something end although the run was interrupted, and marks the errors that must not be
// retried blindly.
type gate struct {
	cloud  *Cloud
	region string
	// slotless lets calls through that others, which have their slots already, wait for.
	slotless bool
}

func (*gate) ID() string { return "clusterform:Gate" }

// HandleFinalize is called once per attempt.
func (g *gate) HandleFinalize(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	middleware.FinalizeOutput, middleware.Metadata, error,
) {
	c := g.cloud
	service, action := serviceName(awsmiddleware.GetServiceID(ctx)), awsmiddleware.GetOperationName(ctx)
	k := bucketKey{region: g.region, service: service, action: action}
	if c.opts.Limits != LimitOff {
		if err := c.limiter.wait(ctx, k, itemsOf(ctx)); err != nil {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, err
		}
	}
	if !g.slotless {
		select {
		case c.slots <- struct{}{}:
			defer func() { <-c.slots }()
		case <-ctx.Done():
			return middleware.FinalizeOutput{}, middleware.Metadata{}, ctx.Err()
		}
	}
	c.count(service, action)
	call := ctx
	if !reads(action) {
		// Cutting a call off would leave open what it did.
		call = context.WithoutCancel(ctx)
	}
	call, cancel := context.WithTimeout(call, c.opts.CallTimeout)
	defer cancel()
	out, meta, err := next.HandleFinalize(call, in)
	switch {
	case err == nil:
		c.limiter.succeeded(k)
	case isThrottle(err):
		if c.limiter.throttled(k, itemsOf(ctx)) {
			c.opts.Events.Emit(event.Event{Type: event.Throttled, At: time.Now(), Message: service + ":" + action})
		}
	case call.Err() != nil && ctx.Err() == nil:
		err = &timeoutError{after: c.opts.CallTimeout, err: err}
	}
	if err != nil && createsBlindly[action] && ambiguous(err) {
		err = &ambiguousError{err}
	}
	return out, meta, err
}

// createsBlindly are the creates without a client token: after an error that leaves open whether they took effect, the
// object is looked up by its tag before anything is sent again.
var createsBlindly = map[string]bool{
	"CreateVpc": true, "CreateSubnet": true, "CreateInternetGateway": true, "CreateSecurityGroup": true, "AllocateAddress": true,
	"CreateRole": true, "CreateInstanceProfile": true, "CreateLoadBalancer": true, "CreateTargetGroup": true, "CreateListener": true,
}

func reads(action string) bool {
	return strings.HasPrefix(action, "Describe") || strings.HasPrefix(action, "Get") || strings.HasPrefix(action, "List")
}

func serviceName(id string) string {
	if id == "Elastic Load Balancing v2" {
		return "elasticloadbalancing"
	}
	return strings.ToLower(id)
}

// ambiguous says that the request may have taken effect although it failed: it was sent, and the answer is missing or is
// a server's failure.
func ambiguous(err error) bool {
	if isThrottle(err) || isRefused(err) || isFinal(err) {
		return false
	}
	if e, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && e.Response != nil && e.HTTPStatusCode() != 0 {
		if e.HTTPStatusCode() >= http.StatusInternalServerError {
			return !isCapacity(err)
		}
		_, deserialize := errors.AsType[*smithy.DeserializationError](err)
		return deserialize
	}
	if _, ok := errors.AsType[*timeoutError](err); ok {
		return true
	}
	_, sending := errors.AsType[*smithyhttp.RequestSendError](err)
	return sending || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// ambiguousError stops the retry loop.
type ambiguousError struct{ err error }

func (e *ambiguousError) Error() string        { return e.err.Error() }
func (e *ambiguousError) Unwrap() error        { return e.err }
func (e *ambiguousError) RetryableError() bool { return false }

func isAmbiguous(err error) bool {
	_, ok := errors.AsType[*ambiguousError](err)
	return ok
}

// timeoutError is an attempt that got no answer in time.
type timeoutError struct {
	after time.Duration
	err   error
}

func (e *timeoutError) Error() string { return "no answer within " + e.after.String() }

// Timeout makes it a timeout in the sense of net.Error. What it hides would count as a canceled run.
func (e *timeoutError) Timeout() bool { return true }

type itemsKey struct{}

// withItems tells the limiter how many instances a call launches or terminates: these have a bucket of their own.
func withItems(ctx context.Context, n int) context.Context {
	return context.WithValue(ctx, itemsKey{}, n)
}

func itemsOf(ctx context.Context) int {
	n, _ := ctx.Value(itemsKey{}).(int)
	return n
}
