package network

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// run executes a command with a bound and makes its error output the error.
func run(ctx context.Context, stdin string, argv ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	err := cmd.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, fmt.Errorf("%s is not installed: apt-get install iproute2 nftables", argv[0])
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, bytes.TrimSpace(errOut.Bytes()))
	}
	return out.Bytes(), nil
}

// ipBatch runs ip commands, one a line, in a namespace ("" is the host's).
func ipBatch(ctx context.Context, namespace string, lines ...string) error {
	argv := []string{"ip"}
	if namespace != "" {
		argv = append(argv, "-n", namespace)
	}
	batch := strings.Join(lines, "\n") + "\n"
	if _, err := run(ctx, batch, append(argv, "-batch", "-")...); err != nil {
		return fmt.Errorf("%w\nin:\n%s", err, batch)
	}
	return nil
}

// link is one line of `ip -j link`.
type link struct {
	Name string `json:"ifname"`
	MTU  int    `json:"mtu"`
}

func links(ctx context.Context, namespace string) ([]link, error) {
	argv := []string{"ip", "-j"}
	if namespace != "" {
		argv = append(argv, "-n", namespace)
	}
	out, err := run(ctx, "", append(argv, "link", "show")...)
	if err != nil {
		return nil, err
	}
	var found []link
	if len(bytes.TrimSpace(out)) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(out, &found); err != nil {
		return nil, fmt.Errorf("ip -j link: %w", err)
	}
	return found, nil
}
