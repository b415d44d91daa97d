// Package wire speaks the three AWS wire protocols that the lab's endpoint answers: EC2 query, plain query (IAM, STS,
// ELBv2) and JSON 1.1 (SSM). It turns requests into the generated structs of its subpackages and those structs into
// answers; what an action does is in package api.
package wire
