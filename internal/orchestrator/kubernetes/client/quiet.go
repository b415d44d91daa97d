package client

import (
	"sync"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

// quiet keeps client-go from writing to standard error by itself, as it does when a stream ends in the middle: what a person
// should know comes back as an error.
var quiet = sync.OnceFunc(func() { klog.SetLogger(logr.Discard()) })
