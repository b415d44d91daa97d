package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// namespace is a named network namespace, held open.
type namespace struct {
	name string
	file *os.File
}

// createNamespace makes a namespace, or opens the one of that name. The name is bound as `ip netns` does it, but the
// directory is not made a mount point of its own: that one would stay behind.
func createNamespace(name string) (*namespace, error) {
	if err := os.MkdirAll(netnsDir, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(netnsDir, name)
	if ns, err := openNamespace(name); err == nil {
		return ns, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("make network namespace %s: %w", name, err)
	}
	f.Close()
	done := make(chan error)
	go func() {
		// The thread enters the new namespace and is never used for anything else: it ends with this goroutine.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "")
	}()
	if err := <-done; err != nil {
		os.Remove(path)
		return nil, fmt.Errorf("make network namespace %s: %w", name, err)
	}
	return openNamespace(name)
}

func openNamespace(name string) (*namespace, error) {
	path := filepath.Join(netnsDir, name)
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil {
		return nil, err
	}
	if stat.Type != unix.NSFS_MAGIC { // the file of a namespace whose mount is gone
		return nil, fmt.Errorf("open network namespace %s: %w", name, fs.ErrNotExist)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &namespace{name: name, file: f}, nil
}

func (ns *namespace) close() { ns.file.Close() }

// deleteNamespace forgets a namespace by name; the kernel removes it with its last process and socket.
func deleteNamespace(name string) error {
	path := filepath.Join(netnsDir, name)
	for {
		err := unix.Unmount(path, unix.MNT_DETACH)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			break
		}
		if err != nil {
			return fmt.Errorf("remove network namespace %s: %w", name, err)
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// namespaces lists those of a lab.
func namespaces(lab string) ([]string, error) {
	entries, err := os.ReadDir(netnsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), namespacePrefix(lab)) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// do runs fn on a thread inside the namespace. Sockets and processes that fn makes belong to it.
func (ns *namespace) do(fn func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			done <- err
			return
		}
		defer home.Close()
		if err := unix.Setns(int(ns.file.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter network namespace %s: %w", ns.name, err)
			return
		}
		err = fn()
		// A thread that cannot come home is not unlocked, and so ends with its goroutine.
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

func (ns *namespace) listen(addr netip.AddrPort) (l net.Listener, err error) {
	err = ns.do(func() error {
		l, err = net.Listen("tcp4", addr.String())
		return err
	})
	return l, err
}

func (ns *namespace) listenPacket(addr netip.AddrPort) (p net.PacketConn, err error) {
	err = ns.do(func() error {
		p, err = net.ListenPacket("udp4", addr.String())
		return err
	})
	return p, err
}

// dial connects from an address of the namespace.
func (ns *namespace) dial(ctx context.Context, from netip.Addr, to netip.AddrPort) (c net.Conn, err error) {
	err = ns.do(func() error {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from.AsSlice()}}
		c, err = d.DialContext(ctx, "tcp4", to.String())
		return err
	})
	return c, err
}

// sysctl sets values below net/ in the namespace; those that this kernel does not have are passed over.
func (ns *namespace) sysctl(values map[string]string) error {
	return ns.do(func() error {
		for key, value := range values {
			err := os.WriteFile("/proc/sys/net/"+key, []byte(value), 0o644)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("set net/%s in %s: %w", key, ns.name, err)
			}
		}
		return nil
	})
}

// nft loads a ruleset in one transaction.
func (ns *namespace) nft(ctx context.Context, ruleset string) error {
	return ns.do(func() error {
		_, err := run(ctx, ruleset, "nft", "-f", "-")
		return err
	})
}
