// cp copies one file: `cp -f SOURCE TARGET`, which is how the overlay's image puts its CNI plugin on the node. The target
// is replaced in one step, so a plugin that is being executed neither breaks nor blocks the copy.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	var paths []string
	for _, a := range os.Args[1:] {
		if !strings.HasPrefix(a, "-") {
			paths = append(paths, a)
		}
	}
	if len(paths) != 2 {
		fmt.Fprintln(os.Stderr, "usage: cp [-f] SOURCE TARGET")
		os.Exit(2)
	}
	if err := copyFile(paths[0], paths[1]); err != nil {
		fmt.Fprintln(os.Stderr, "cp:", err)
		os.Exit(1)
	}
}

func copyFile(source, target string) error {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if to, err := os.Stat(target); err == nil && to.IsDir() {
		target = filepath.Join(target, filepath.Base(source))
	}
	out, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	if err := out.Chmod(info.Mode().Perm()); err != nil {
		out.Close()
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(out.Name(), target)
}
