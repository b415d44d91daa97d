//go:build !linux

package controlplane

import "syscall"

// dieWithParent cannot be asked for here; Stop ends the children.
func dieWithParent() *syscall.SysProcAttr { return nil }
