// Package api is the lab's AWS-compatible endpoint: EC2, ELBv2, IAM, STS and SSM as far as a cluster tool uses them, with
// AWS's wire formats, error codes, idempotency and time behaviour, and with faults that can be switched on.
//
// It is a package to run in process: New gives a Server that is an http.Handler, and Server.Transport is an in-memory
// connection for an AWS SDK. Time comes from Options.Clock; state lives in Options.Dir or in memory.
//
// What makes instances real is behind the interface Machines (packages internal/lab/machine and internal/lab/network);
// the wire formats are in internal/lab/api/wire. docs/lab-api.md lists the actions and where they differ from AWS.
package api
