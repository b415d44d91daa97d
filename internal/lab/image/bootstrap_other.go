//go:build !linux

package image

import (
	"context"
	"errors"
)

var errLinux = errors.New("needs Linux")

func (recipe) bootstrap(context.Context, string, string, []source, func(string)) error {
	return errLinux
}
func (recipe) customize(context.Context, string) error     { return errLinux }
func unmountBelow(string) error                            { return nil }
func lock(context.Context, string, func()) (func(), error) { return nil, errLinux }
