// Package network makes a lab's VPCs real on one Linux host: a network namespace per VPC that routes between the
// machines' links, translates outward, enforces security groups, answers the metadata and DNS addresses, and carries
// the network load balancers. It follows an api.Topology; package machine boots what is attached here.
//
// Every machine hangs on a link of its own, so that each packet, also one to a neighbour in the same subnet, is routed
// and filtered. All namespaces of a lab meet the host on one bridge whose address is the lab's own: the endpoint
// listens there, and machines and the host use the same URL.
package network
