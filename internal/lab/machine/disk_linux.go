package machine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// dataDirs lie on the lab's own file system: container runtimes put overlays there, and an overlay on an overlay does
// not work.
var dataDirs = [...]string{"/var/lib/containerd", "/var/lib/docker", "/var/lib/kubelet", "/var/lib/etcd", "/var/lib/mesos", "/var/log/pods"}

func dataDir(dir, path string) string {
	return filepath.Join(dir, "data", strings.ReplaceAll(strings.TrimPrefix(path, "/var/"), "/", "-"))
}

// makeDisk makes a machine's directories and what must be in its root before the first boot.
func (i *instance) makeDisk() error {
	for _, d := range []string{"upper/etc", "work", "root"} {
		if err := os.MkdirAll(filepath.Join(i.dir, d), 0o755); err != nil {
			return err
		}
	}
	for _, path := range dataDirs {
		if err := os.MkdirAll(dataDir(i.dir, path), 0o755); err != nil {
			return err
		}
	}
	sum := sha256.Sum256([]byte("machine-id " + i.machine.InstanceID))
	for name, text := range map[string]string{
		"hostname":   i.machine.Hostname + "\n",
		"machine-id": hex.EncodeToString(sum[:16]) + "\n",
	} {
		if err := os.WriteFile(filepath.Join(i.dir, "upper/etc", name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return i.save()
}

// mountRoot puts the machine's layer over the image.
func (i *instance) mountRoot(lower string) error {
	root := filepath.Join(i.dir, "root")
	for _, part := range []string{lower, i.dir} {
		if strings.ContainsAny(part, ",:\\") {
			return fmt.Errorf("mount the disk: %s: an overlay cannot use a path with commas, colons or backslashes", part)
		}
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, filepath.Join(i.dir, "upper"), filepath.Join(i.dir, "work"))
	if err := unix.Mount("clusterform-"+i.machine.InstanceID, root, "overlay", 0, options); err != nil {
		return fmt.Errorf("mount the disk of %s: %w", i.machine.InstanceID, err)
	}
	return nil
}

// unmountTree unmounts everything at or below a directory, the last mounted first.
func unmountTree(dir string) error {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var points []string
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		if point := unescape.Replace(fields[4]); point == dir || strings.HasPrefix(point, dir+"/") {
			points = append(points, point)
		}
	}
	var errs []error
	for _, point := range slices.Backward(points) {
		err := unix.Unmount(point, 0)
		if errors.Is(err, unix.EBUSY) { // somebody looks into it; it goes when they are done
			err = unix.Unmount(point, unix.MNT_DETACH)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("unmount %s: %w", point, err))
		}
	}
	return errors.Join(errs...)
}

// removeDisk removes a machine's directory; what is mounted there must be unmounted first, or it would be emptied.
func removeDisk(dir string) error {
	if err := unmountTree(dir); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}
