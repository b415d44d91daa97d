package aws

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"unicode"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/clusterform/clusterform/planner/resource"
)

// describe turns an SDK error into one for the person who must act: which object, which call, what the service said, and
// what to do. Errors that are so already, and those of an ended context, pass as they are.
func describe(err error, a resource.Address, id string) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*resource.Error](err); ok {
		return e
	}
	e := &resource.Error{Address: a, ID: id, Message: printable(err.Error()), Err: err}
	if op, ok := errors.AsType[*smithy.OperationError](err); ok {
		e.Op = serviceName(op.ServiceID) + ":" + op.OperationName
		e.Message = printable(op.Err.Error())
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		e.Code = printable(api.ErrorCode())
		e.Message = serviceMessage(api.ErrorMessage())
		e.Hint = hint(e.Code)
		if r, ok := errors.AsType[*awshttp.ResponseError](err); ok && r.RequestID != "" {
			e.Message += " (request " + printable(r.RequestID) + ")"
		}
		return e
	}
	if errors.Is(err, context.Canceled) {
		e.Message = "interrupted before the call was made"
		return e
	}
	connection(e, err)
	return e
}

// connection words the failures that happen before there is an answer.
func connection(e *resource.Error, err error) {
	where := "the endpoint"
	if u, ok := errors.AsType[*url.Error](err); ok {
		where = u.URL
	}
	dns, isDNS := errors.AsType[*net.DNSError](err)
	timeout, isTimeout := errors.AsType[*timeoutError](err)
	text := err.Error()
	switch {
	case isDNS:
		e.Message = "the name " + dns.Name + " cannot be resolved"
		e.Hint = "Check the region's name, AWS_ENDPOINT_URL and the network"
	case isRefused(err):
		e.Message = "nothing listens at " + where
		e.Hint = "Start the endpoint (clusterform lab up), or check AWS_ENDPOINT_URL"
	case isTimeout:
		e.Message = where + " gave no answer within " + timeout.after.String()
		e.Hint = "Check the network, and proxies on the way"
	case strings.Contains(text, "get credentials") || strings.Contains(text, "failed to refresh cached credentials") ||
		strings.Contains(text, "get identity"):
		e.Message = "no AWS credentials were found"
		e.Hint = "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in with `aws sso login`"
	case isAmbiguous(err) || strings.Contains(text, "EOF"):
		e.Message = "the connection to " + where + " broke before the answer came"
		e.Hint = "Run the same command again: what the call made is found by its tag"
	}
}

// serviceMessage shortens what the service says. EC2 adds an encoded blob of some kilobytes to refusals.
func serviceMessage(s string) string {
	s, _, _ = strings.Cut(s, " Encoded authorization failure message")
	s = strings.TrimRight(printable(s), " .")
	const most = 600
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// printable removes what could play with a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}

// hint says what to do about a code.
func hint(code string) string {
	switch code {
	case "UnauthorizedOperation", "AccessDenied", "AccessDeniedException":
		return "Allow this action to the identity in use (`aws sts get-caller-identity` shows which), or use another profile"
	case "AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId":
		return "The access key is not valid here: check AWS_PROFILE, AWS_ACCESS_KEY_ID, and that endpoint and keys belong together"
	case "SignatureDoesNotMatch":
		return "Check the secret access key, that endpoint and keys belong together, and that the endpoint serves the cluster's region"
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
		return "The session has expired: log in again (`aws sso login`), and check this machine's clock"
	case "OptInRequired":
		return "The account has not accepted this region or image: enable the region, or accept the image's terms in AWS Marketplace"
	case "VcpuLimitExceeded", "InstanceLimitExceeded", "MaxSpotInstanceCountExceeded":
		return "Ask for a higher EC2 quota (Service Quotas, \"Running On-Demand instances\"), or use fewer or smaller instances"
	case "VpcLimitExceeded", "AddressLimitExceeded", "InternetGatewayLimitExceeded", "SecurityGroupLimitExceeded",
		"RulesPerSecurityGroupLimitExceeded", "SubnetLimitExceeded", "RouteTableLimitExceeded", "TooManyLoadBalancers", "LimitExceeded":
		return "Ask for a higher quota in Service Quotas, or remove what is not used any more"
	case "InsufficientInstanceCapacity", "UnfulfillableCapacity":
		return "Add instance types or zones to the lists, or try again later"
	case "InsufficientFreeAddressesInSubnet":
		return "The subnet is full: use a larger network, more zones, or fewer nodes"
	case "InvalidAMIID.NotFound", "InvalidAMIID.Malformed", "InvalidAMIID.Unavailable":
		return "Image ids differ from region to region: use an ssm: reference, or an id of this region"
	case "InvalidKeyPair.NotFound":
		return "Import the key pair in this region, or remove key_name"
	case "Unsupported":
		return "The instance type is not offered in this zone: add another type or zone"
	case "InvalidParameterCombination":
		return "The instance type does not go with the image (architecture, virtualization)"
	case "OperationNotPermitted":
		return "The instance has termination protection: turn it off (DisableApiTermination), or take it out with `clusterform state rm`"
	case "ParameterNotFound":
		return "No such SSM parameter in this region: check the image reference"
	case "RequestLimitExceeded", "Throttling", "ThrottlingException":
		return "Other users of the account use up its request rate: try again later, or lower -parallelism"
	}
	return ""
}
