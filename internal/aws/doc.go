// Package aws carries changes out on AWS, and on every endpoint that speaks its protocols: one driver per kind of
// resource, on the AWS SDK, which no other package imports.
//
// Cloud is the way in: it hands out the drivers (planner.Drivers) and answers questions (planner.Lookup). Below it are
// three layers. The SDK clients, with one retryer (retry.go) and an adaptive limiter (limiter.go) in each. A region with
// what all drivers need: tags, waiting out eventual consistency, errors for people. And the drivers: most kinds are a
// short handler (vpc.go, subnet.go…) under the common driver (driver.go), nodes have one of their own (node_*.go).
//
// What an object is, is in planner/resource; what is to be done, is decided by planner and called by internal/apply.
package aws
