package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/clusterform/clusterform/internal/lab/machine/hostlimit"
)

// Sweep removes everything of a lab's network that is on the host, whoever left it there: links, namespaces, routes,
// rules and changed settings. It finds them by name and works from any half-way state; a second call does nothing.
// Machines must have ended before.
func Sweep(ctx context.Context, lab string) error {
	if err := CheckName(lab); err != nil {
		return err
	}
	unlock, err := lockHost()
	if err != nil {
		return err
	}
	defer unlock()
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	all, err := links(ctx, "")
	note(err)
	for _, l := range all {
		// Routes go with their links.
		if strings.HasPrefix(l.Name, uplinkPrefix(lab)) || l.Name == bridgeName(lab) {
			note(ipBatch(ctx, "", "link del "+l.Name))
		}
	}
	names, err := namespaces(lab)
	note(err)
	for _, name := range names {
		note(deleteNamespace(name))
	}
	note(removeTable(ctx, lab))
	note(closeFirewall(ctx, lab))
	note(hostlimit.New(RunDir).Release(lab))
	if err := os.Remove(filepath.Join(LabRunDir(lab), "network.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		note(err)
	}
	_ = os.Remove(LabRunDir(lab)) // stays when the machines have a record there
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sweep the network of lab %s: %w", lab, err)
	}
	return nil
}

// removeTable deletes the lab's table on the host. Adding it first makes that succeed in every state.
func removeTable(ctx context.Context, lab string) error {
	if _, err := exec.LookPath("nft"); err != nil {
		return nil //nolint:nilerr // then no lab has run here
	}
	name := tableName(lab)
	_, err := run(ctx, fmt.Sprintf("table ip %s\ndelete table ip %s\n", name, name), "nft", "-f", "-")
	return err
}

// closeFirewall removes what openFirewall inserted.
func closeFirewall(ctx context.Context, lab string) error {
	if _, err := exec.LookPath("iptables"); err != nil {
		return nil //nolint:nilerr // a host without iptables has no such rules
	}
	var errs []error
	for _, chain := range []string{"FORWARD", "INPUT"} {
		out, err := run(ctx, "", "iptables", "-w", "-S", chain)
		if err != nil {
			continue // no such table in this kernel
		}
		for line := range strings.Lines(string(out)) {
			fields := strings.Fields(line)
			if len(fields) < 2 || fields[0] != "-A" || !commented(fields, ruleComment(lab)) {
				continue
			}
			fields[0] = "-D"
			for i := range fields {
				fields[i] = strings.Trim(fields[i], `"`)
			}
			if _, err := run(ctx, "", append([]string{"iptables", "-w"}, fields...)...); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

func commented(fields []string, comment string) bool {
	for _, f := range fields {
		if strings.Trim(f, `"`) == comment {
			return true
		}
	}
	return false
}
