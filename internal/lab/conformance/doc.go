// Package conformance compares the lab's endpoint (package api) with others' understanding of AWS: the same calls go to
// moto_server, an independent implementation, and the answers' shape and error codes must agree, except for the
// differences listed with their reasons in differences_test.go. It also lets boto3 and the AWS CLI drive the endpoint.
//
// Everything here is in tests; they need moto_server, python3 with boto3, and the AWS CLI, and are skipped without them
// unless CLUSTERFORM_REQUIRE_MOTO=1.
package conformance
