//go:build !linux

package require

import (
	"context"
	"io"
	"runtime"
)

func notLinux() error {
	return &Missing{Reasons: []string{"machines are Linux namespaces; this is " + runtime.GOOS}}
}

// Check says what this host lacks; on anything but Linux that cannot be helped.
func Check() error { return notLinux() }

// Install cannot help here.
func Install(context.Context, io.Writer) error { return notLinux() }
