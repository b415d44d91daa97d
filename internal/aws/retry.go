package aws

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"time"

	sdkretry "github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/clusterform/clusterform/planner/resource"
)

// The bounds of the one retry layer. Throttled calls are worth more patience, because they end by waiting; an endpoint
// that refuses connections is worth less, because a person is.
const (
	maxAttempts        = 14
	maxOtherAttempts   = 12
	maxRefusedAttempts = 3
	maxBackoff         = 20 * time.Second
	maxOtherBackoff    = 5 * time.Second
)

// retryer decides on the SDK's retries. It has no quota: kept over many objects, one would fail calls that only have to
// wait.
type retryer struct {
	// attempts is how many the user wants at most; 0 leaves it to the bounds above.
	attempts int
}

func (r retryer) MaxAttempts() int { return cmp.Or(r.attempts, maxAttempts) }

// IsErrorRetryable tells what may pass by itself from what will not.
func (retryer) IsErrorRetryable(err error) bool {
	if isAmbiguous(err) || isCapacity(err) || isFinal(err) {
		return false
	}
	if isThrottle(err) {
		return true
	}
	if e, ok := errors.AsType[*smithy.CanceledError](err); ok && e != nil {
		return false
	}
	if errors.Is(err, context.Canceled) {
		return false
	}
	if _, ok := errors.AsType[*timeoutError](err); ok {
		return true
	}
	if isPassingCode(errorCode(err)) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return true
	}
	if e, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && e.Response != nil {
		switch e.HTTPStatusCode() {
		case 500, 502, 503, 504:
			return true
		}
	}
	clockSkew := sdkretry.RetryableError{}.IsErrorRetryable(err).Bool()
	return clockSkew || sdkretry.RetryableConnectionError{}.IsErrorRetryable(err).Bool()
}

// RetryDelay grows with the attempts (1, 2, 3…): from 1 s when throttled, from 50 ms otherwise, with full jitter over
// its upper half. It returns err itself to give up.
func (r retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	base, most := 50*time.Millisecond, maxOtherBackoff
	switch {
	case isThrottle(err):
		base, most = time.Second, maxBackoff
	case isRefused(err) && attempt >= maxRefusedAttempts, attempt >= cmp.Or(r.attempts, maxOtherAttempts):
		return 0, err
	}
	d := min(base<<min(attempt-1, 16), most)
	return d/2 + rand.N(d/2+1), nil
}

func (retryer) GetRetryToken(context.Context, error) (func(error) error, error) {
	return noRelease, nil
}
func (retryer) GetInitialToken() func(error) error                         { return noRelease }
func (retryer) GetAttemptToken(context.Context) (func(error) error, error) { return noRelease, nil }

func noRelease(error) error { return nil }

func errorCode(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

func isCode(err error, codes ...string) bool {
	code := errorCode(err)
	if code == "" {
		return false
	}
	for _, c := range codes {
		if code == c {
			return true
		}
	}
	return false
}

func isThrottle(err error) bool {
	_, ok := sdkretry.DefaultThrottleErrorCodes[errorCode(err)]
	return ok
}

// isPassingCode lists codes of states that pass, whatever their HTTP status.
func isPassingCode(code string) bool {
	switch code {
	case "InternalError", "InternalFailure", "InternalServerError", "ServiceUnavailable", "Unavailable", "RequestTimeout", "RequestExpired",
		"ConcurrentModification", "OperationAborted":
		return true
	}
	return false
}

// isCapacity is a lack that another instance type or zone may not have. EC2 answers with status 500, as if it were its
// own failure.
func isCapacity(err error) bool {
	switch errorCode(err) {
	case "InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientReservedInstanceCapacity", "InsufficientCapacity",
		"InsufficientCapacityOnHost", "InsufficientAddressCapacity", "InsufficientFreeAddressesInSubnet", "UnfulfillableCapacity",
		"SpotMaxPriceTooLow", "Unsupported", "UnsupportedOperation.InstanceTypeNotSupported":
		return true
	}
	return false
}

// isNotFound is true for the codes of all services that say that a named object does not exist.
func isNotFound(err error) bool {
	code := errorCode(err)
	switch code {
	case "NoSuchEntity", "InvalidGroupId.NotFound", "LoadBalancerNotFound", "TargetGroupNotFound", "ListenerNotFound", "ParameterNotFound",
		"NatGatewayNotFound":
		return true
	}
	return strings.HasPrefix(code, "Invalid") && strings.HasSuffix(code, ".NotFound")
}

// isFinal is an error that was worked on already, as of a role that could not be assumed: the call itself was never sent.
func isFinal(err error) bool {
	_, ok := errors.AsType[*resource.Error](err)
	return ok
}

func isRefused(err error) bool {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return true
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return e.IsNotFound
	}
	return false
}
