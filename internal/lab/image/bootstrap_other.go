//go:build !linux

package image

import (
	"context"
	"errors"
)

var errLinux = errors.New("needs Linux")

func bootstrap(context.Context, string, string, func(string)) error { return errLinux }
func customize(context.Context, string) error                       { return errLinux }
func unmountBelow(string) error                                     { return nil }
func lock(context.Context, string, func()) (func(), error)          { return nil, errLinux }
