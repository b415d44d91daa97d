//go:build linux

// Package cgroup gives each lab machine a control group of its own in every hierarchy of the host, whether that is
// version 1, 2 or both (hybrid). Groups are always children of the one that the lab itself runs in: a lab inside a
// container stays inside it.
package cgroup

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// hierarchy is one tree of groups.
type hierarchy struct {
	controllers []string // of version 1, with name=… ones
	v2          bool
	mount       string // where the host has it mounted
	own         string // the directory of this process's group
}

// hierarchies returns the host's, as this process sees them.
func hierarchies() ([]hierarchy, error) {
	groups, err := os.Open("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	defer groups.Close()
	mounts, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer mounts.Close()
	return parse(groups, mounts)
}

// parse joins /proc/self/cgroup with /proc/self/mountinfo.
func parse(groups, mounts io.Reader) ([]hierarchy, error) {
	type mounted struct {
		root, point string
		v2          bool
		options     []string
	}
	var all []mounted
	for scanner := bufio.NewScanner(mounts); scanner.Scan(); {
		before, after, ok := strings.Cut(scanner.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 || right[0] != "cgroup" && right[0] != "cgroup2" {
			continue
		}
		all = append(all, mounted{root: left[3], point: left[4], v2: right[0] == "cgroup2", options: strings.Split(right[2], ",")})
	}
	var out []hierarchy
	for scanner := bufio.NewScanner(groups); scanner.Scan(); {
		fields := strings.SplitN(scanner.Text(), ":", 3)
		if len(fields) != 3 {
			continue
		}
		h := hierarchy{v2: fields[1] == "" && fields[0] == "0"}
		if !h.v2 {
			h.controllers = strings.Split(fields[1], ",")
		}
		i := slices.IndexFunc(all, func(m mounted) bool {
			if h.v2 || m.v2 {
				return h.v2 && m.v2
			}
			return !slices.ContainsFunc(h.controllers, func(c string) bool { return !slices.Contains(m.options, c) })
		})
		if i < 0 {
			continue // not mounted: nobody can use it
		}
		h.mount = all[i].point
		rel, inside := fields[2], true
		if all[i].root != "/" {
			rel, inside = strings.CutPrefix(fields[2], all[i].root)
		}
		if !inside || strings.HasPrefix(rel, "/..") {
			rel = "/" // outside of the part that is mounted here: its top is as far as we get
		}
		h.own = path.Join(h.mount, rel)
		// A lab that moved itself into a leaf (see enable) makes groups beside that leaf.
		if strings.HasPrefix(filepath.Base(h.own), leafPrefix) {
			h.own = filepath.Dir(h.own)
		}
		out = append(out, h)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no control groups are mounted; mount them (systemd does, or the package cgroupfs-mount)")
	}
	return out, nil
}

// Writable says whether groups can be made where the lab runs; the error names the directory that is read-only.
func Writable() error {
	all, err := hierarchies()
	if err != nil {
		return err
	}
	for _, h := range all {
		if err := access(h.own); err != nil {
			return fmt.Errorf("control group %s cannot be written: %w; in a container, run it with writable cgroups (Docker: --privileged --cgroupns=host)", h.own, err)
		}
	}
	return nil
}
