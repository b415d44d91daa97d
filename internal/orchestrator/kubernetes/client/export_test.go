package client

import "time"

// WaitForQuorum makes a test's refusals quick.
func (k *Client) WaitForQuorum(d time.Duration) { k.quorumWait = d }
