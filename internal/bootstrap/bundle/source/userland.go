package source

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Userland is what an image needs besides its own static program to run iptables: the program, its plugins, and every
// shared library of both (the plugins need libm, which the program does not).
type Userland struct {
	// Files maps paths in the image to files of this machine.
	Files map[string]string
	// Links maps paths in the image to what they point at.
	Links map[string]string
}

const xtables = "usr/sbin/xtables-nft-multi"

// xtablesNames are the names by which kube-proxy and the overlay call it.
var xtablesNames = [...]string{
	"iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore",
	"iptables-nft", "iptables-nft-save", "iptables-nft-restore", "ip6tables-nft", "ip6tables-nft-save", "ip6tables-nft-restore",
}

var elfMachines = map[string]struct {
	machine elf.Machine
	triplet string
}{
	"amd64": {elf.EM_X86_64, "x86_64-linux-gnu"},
	"arm64": {elf.EM_AARCH64, "aarch64-linux-gnu"},
}

// ReadUserland finds iptables in root, a Debian or Ubuntu file system with the package iptables installed: "/" for this machine.
func ReadUserland(root string, t Target) (*Userland, error) {
	u := &Userland{Files: map[string]string{}, Links: map[string]string{}}
	arch, ok := elfMachines[t.Arch]
	if !ok {
		return nil, fmt.Errorf("images cannot be built for %s; there are amd64 and arm64", t.Arch)
	}
	missing := func(err error) error {
		return fmt.Errorf("the images of kube-proxy and of the overlay hold iptables, which is taken from a Debian file system for %s, and %s is none that will do (%w): install the package iptables there, or name another one with -userland=DIR", t.Arch, root, err)
	}
	libraries := libraryDirs(arch.triplet)
	work := []string{xtables}
	plugins, err := filepath.Glob(filepath.Join(root, "usr/lib", arch.triplet, "xtables", "*.so"))
	if err != nil {
		return nil, err
	}
	if len(plugins) == 0 {
		return nil, missing(fmt.Errorf("no plugins in /usr/lib/%s/xtables", arch.triplet))
	}
	for _, p := range plugins {
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return nil, err
		}
		work = append(work, filepath.ToSlash(rel))
	}
	for len(work) > 0 {
		name := work[0]
		work = work[1:]
		if _, seen := u.Files[name]; seen {
			continue
		}
		file, err := resolve(root, name)
		if err != nil {
			return nil, missing(err)
		}
		u.Files[name] = file
		needed, err := needs(file, arch.machine)
		if err != nil {
			return nil, missing(err)
		}
		for _, lib := range needed {
			at, err := find(root, lib, libraries)
			if err != nil {
				return nil, missing(fmt.Errorf("/%s: %w", name, err))
			}
			work = append(work, at)
		}
	}
	for _, name := range xtablesNames {
		u.Links["usr/sbin/"+name] = path.Base(xtables)
	}
	for _, optional := range []string{"etc/protocols", "etc/services"} {
		if file, err := resolve(root, optional); err == nil {
			u.Files[optional] = file
		}
	}
	return u, nil
}

// Names lists what is in the userland, sorted.
func (u *Userland) Names() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for name := range maps.Keys(u.Files) {
			if !yield(name) {
				return
			}
		}
		for name := range maps.Keys(u.Links) {
			if !yield(name) {
				return
			}
		}
	})
}

// libraryDirs is where Debian's dynamic loader looks without configuration.
func libraryDirs(triplet string) []string {
	return []string{"lib/" + triplet, "usr/lib/" + triplet, "lib", "usr/lib", "lib64"}
}

// needs lists what the dynamic loader would load for a program or library: names of libraries, and the path of the loader.
func needs(file string, machine elf.Machine) ([]string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	defer func() { _ = f.Close() }()
	if f.Machine != machine {
		return nil, fmt.Errorf("%s is for %s", file, strings.TrimPrefix(f.Machine.String(), "EM_"))
	}
	needed, err := f.ImportedLibraries()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		loader := make([]byte, p.Filesz)
		if _, err := p.ReadAt(loader, 0); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		needed = append(needed, strings.TrimRight(string(loader), "\x00"))
	}
	return needed, nil
}

func find(root, lib string, dirs []string) (string, error) {
	if path.IsAbs(lib) {
		dirs, lib = []string{path.Dir(lib)}, path.Base(lib)
	}
	for _, d := range dirs {
		at := strings.TrimPrefix(path.Join(d, lib), "/")
		if _, err := resolve(root, at); err == nil {
			return at, nil
		}
	}
	return "", fmt.Errorf("needs %s, which is not there", lib)
}

// resolve follows symbolic links inside root, also absolute ones, to a regular file.
func resolve(root, name string) (string, error) {
	rest := strings.Split(path.Clean(name), "/")
	var at string
	for links := 0; len(rest) > 0; {
		next := path.Join(at, rest[0])
		rest = rest[1:]
		full := filepath.Join(root, filepath.FromSlash(next))
		info, err := os.Lstat(full)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > 40 {
			return "", fmt.Errorf("%s: too many symbolic links", full)
		}
		target, err := os.Readlink(full)
		if err != nil {
			return "", err
		}
		if path.IsAbs(target) {
			at = ""
		}
		// Cleaned as an absolute path, ".." cannot leave the root.
		joined := path.Join("/", at, target)
		at, rest = "", append(strings.Split(strings.Trim(joined, "/"), "/"), rest...)
	}
	full := filepath.Join(root, filepath.FromSlash(at))
	info, err := os.Lstat(full)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", &fs.PathError{Op: "read", Path: full, Err: errors.New("not a regular file")}
	}
	return full, nil
}
