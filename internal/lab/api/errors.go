package api

import (
	"errors"
	"fmt"

	"github.com/clusterform/clusterform/internal/lab/api/wire"
)

// apiError is an answer of an AWS service that is an error.
type apiError struct {
	Code    string
	Message string
	Status  int // HTTP status; 0: from the code
}

func (e *apiError) Error() string { return e.Code + ": " + e.Message }

// fail makes an error answer; its HTTP status follows from the code.
func fail(code, format string, args ...any) error {
	return &apiError{Code: code, Message: fmt.Sprintf(format, args...)}
}

// statuses of codes that are not 400.
func (e *apiError) status() int {
	if e.Status != 0 {
		return e.Status
	}
	switch e.Code {
	case "DryRunOperation":
		return 412
	case "AuthFailure":
		return 401
	case "UnauthorizedOperation", "AccessDenied", "SignatureDoesNotMatch", "InvalidClientTokenId", "ExpiredToken",
		"MissingAuthenticationToken", "OptInRequired":
		return 403
	case "NoSuchEntity":
		return 404
	case "EntityAlreadyExists", "DeleteConflict", "LimitExceeded":
		return 409
	case "RequestEntityTooLarge":
		return 413
	case "InternalError", "InternalFailure", "InternalServerError", "InsufficientInstanceCapacity",
		"InsufficientAddressCapacity":
		return 500
	case "RequestLimitExceeded", "ServiceUnavailable", "Unavailable":
		return 503
	}
	return 400
}

// asAPIError turns any error of a handler into an answer in the words of the service.
func asAPIError(err error, service string) *apiError {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e
	}
	if p, ok := errors.AsType[*wire.ParamError](err); ok {
		return paramError(p, service)
	}
	code := "InternalError"
	switch service {
	case "iam", "sts", "elasticloadbalancing":
		code = "InternalFailure"
	case "ssm":
		code = "InternalServerError"
	}
	return &apiError{Code: code, Message: "An internal error has occurred", Status: 500}
}

func paramError(p *wire.ParamError, service string) *apiError {
	var code string
	switch service {
	case "ec2":
		code = map[wire.Problem]string{
			wire.Malformed: "MalformedQueryString", wire.Missing: "MissingParameter",
			wire.Invalid: "InvalidParameterValue", wire.Unknown: "UnknownParameter",
		}[p.Problem]
	case "ssm":
		code = "ValidationException"
		if p.Problem == wire.Malformed || p.Problem == wire.Invalid {
			code = "SerializationException"
		}
	default:
		code = "ValidationError"
		if p.Problem == wire.Malformed {
			code = "MalformedQueryString"
		}
	}
	return &apiError{Code: code, Message: p.Error(), Status: 400}
}
