// Package e2e holds the tests that need the whole of clusterform: the story of a cluster from its first plan to its
// removal against independent endpoints, the same under seeded faults in virtual time, and processes that are killed at
// every boundary of their journal. Tests of one part are beside that part.
package e2e
