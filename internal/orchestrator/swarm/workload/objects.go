package workload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/swarm"
	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/internal/orchestrator"
	stack "github.com/clusterform/clusterform/internal/orchestrator/swarm"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm/client"
)

// The kinds of objects, as they stand in Workload.Objects: "service/default_web".
const (
	kindService = "service/"
	kindConfig  = "config/"
	kindSecret  = "secret/"
	kindNetwork = "network/"
)

// ensure makes the network, configs and secrets of a release, and returns the ids of the latter two.
func ensure(ctx context.Context, api *docker.Client, r *stack.Release, mtu int) (ids, error) {
	made := ids{configs: map[string]string{}, secrets: map[string]string{}}
	if err := ensureNetwork(ctx, api, r, mtu); err != nil {
		return made, err
	}
	for _, name := range slices.Sorted(maps.Keys(r.Configs)) {
		full := inStack(r.Stack, name)
		id, err := ensureConfig(ctx, api, r, full, r.Configs[name])
		if err != nil {
			return made, fmt.Errorf("make the config %s: %w", full, err)
		}
		made.configs[full] = id
	}
	for _, name := range slices.Sorted(maps.Keys(r.Secrets)) {
		full := inStack(r.Stack, name)
		id, err := ensureSecret(ctx, api, r, full, r.Secrets[name])
		if err != nil {
			return made, fmt.Errorf("make the secret %s: %w", full, err)
		}
		made.secrets[full] = id
	}
	return made, nil
}

func annotations(r *stack.Release, name string) swarm.Annotations {
	return swarm.Annotations{Name: name, Labels: labels(map[string]string{stack.AddressLabel: string(r.Service.Deploy.Labels[stack.AddressLabel])}, labelStack, r.Stack)}
}

// ensureConfig takes a config of this name as it is: the name holds the digest of its content.
func ensureConfig(ctx context.Context, api *docker.Client, r *stack.Release, name string, data []byte) (string, error) {
	got, err := api.ConfigList(ctx, docker.ConfigListOptions{Filters: docker.Filters{}.Add("name", name)})
	if err != nil {
		return "", err
	}
	for _, c := range got.Items { // the filter takes all that begin like this
		if c.Spec.Name == name {
			return c.ID, nil
		}
	}
	created, err := api.ConfigCreate(ctx, docker.ConfigCreateOptions{Spec: swarm.ConfigSpec{Annotations: annotations(r, name), Data: data}})
	return created.ID, err
}

func ensureSecret(ctx context.Context, api *docker.Client, r *stack.Release, name string, data []byte) (string, error) {
	got, err := api.SecretList(ctx, docker.SecretListOptions{Filters: docker.Filters{}.Add("name", name)})
	if err != nil {
		return "", err
	}
	for _, s := range got.Items {
		if s.Spec.Name == name {
			return s.ID, nil
		}
	}
	created, err := api.SecretCreate(ctx, docker.SecretCreateOptions{Spec: swarm.SecretSpec{Annotations: annotations(r, name), Data: data}})
	return created.ID, err
}

// ensureNetwork makes the overlay network of the namespace. One that is there stays as it is: it may be in use.
func ensureNetwork(ctx context.Context, api *docker.Client, r *stack.Release, mtu int) error {
	name := inStack(r.Stack, stack.NetworkName)
	o := docker.NetworkCreateOptions{Driver: "overlay", Scope: "swarm", Labels: map[string]string{labelStack: r.Stack}, Options: map[string]string{}}
	maps.Copy(o.Options, r.Networks[stack.NetworkName].DriverOpts)
	if mtu > 0 {
		o.Options["com.docker.network.driver.mtu"] = strconv.Itoa(mtu)
	}
	const attempts = 5
	for i := 1; ; i++ {
		got, err := api.NetworkList(ctx, docker.NetworkListOptions{Filters: docker.Filters{}.Add("name", name)})
		if err != nil {
			return fmt.Errorf("look for the network %s: %w", name, err)
		}
		for _, n := range got.Items {
			if n.Name == name && n.Scope == "swarm" {
				return sameEncryption(r, name, stack.IsEncrypted(n.Options))
			}
		}
		_, err = api.NetworkCreate(ctx, name, o)
		if err == nil {
			return nil
		}
		// Another workload of the namespace may have made it a moment ago.
		if i == attempts || !nameTaken(err) {
			return fmt.Errorf("make the network %s: %w", name, err)
		}
		if err := pause(ctx, time.Duration(i)*100*time.Millisecond); err != nil {
			return err
		}
	}
}

// nameTaken says that something of that name was made meanwhile; managers pass on the error of their store as it is.
func nameTaken(err error) bool {
	return cerrdefs.IsConflict(err) || cerrdefs.IsAlreadyExists(err) || strings.Contains(err.Error(), "name conflicts with an existing object")
}

// usualMTU is what overlay networks assume of the machines' network, in bytes.
const usualMTU = 1500

// underlay is the MTU of the machines' network where it is below the usual one, else 0: packets larger than that are lost
// between nodes. asked is the configuration's own.
func underlay(asked int, members []orchestrator.Member) int {
	if asked > 0 {
		return asked
	}
	least := usualMTU
	for _, m := range members {
		if n, err := strconv.Atoi(m.Annotations[client.EngineMTU]); err == nil && n > 0 {
			least = min(least, n)
		}
	}
	if least == usualMTU {
		return 0
	}
	return least
}

// removeObject removes one of Workload.Objects; what is gone is fine.
func removeObject(ctx context.Context, api *docker.Client, object string) error {
	kind, name, _ := strings.Cut(object, "/")
	var err error
	switch kind + "/" {
	case kindService:
		_, err = api.ServiceRemove(ctx, name, docker.ServiceRemoveOptions{})
	case kindConfig:
		_, err = api.ConfigRemove(ctx, name, docker.ConfigRemoveOptions{})
	case kindSecret:
		_, err = api.SecretRemove(ctx, name, docker.SecretRemoveOptions{})
	case kindNetwork:
		_, err = api.NetworkRemove(ctx, name, docker.NetworkRemoveOptions{})
	}
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// inUse says that something else has to go first.
func inUse(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "is in use by") || strings.Contains(err.Error(), "has active endpoints") || cerrdefs.IsPermissionDenied(err))
}

// removeBound is how long objects may be held by tasks that are being stopped.
const removeBound = 2 * time.Minute

// remove removes objects, waiting for those that are still in use.
func remove(ctx context.Context, api API, poll time.Duration, objects []string, waits func(string)) error {
	for deadline := time.Now().Add(removeBound); ; {
		var held []string
		var last error
		for _, object := range objects {
			err := api.Do(ctx, func(ctx context.Context, api *docker.Client) error { return removeObject(ctx, api, object) })
			switch {
			case inUse(err):
				held, last = append(held, object), err
			case err != nil:
				return fmt.Errorf("remove %s: %w", object, err)
			}
		}
		if objects = held; len(objects) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("remove %s: it was in use for %s: %w", objects[0], removeBound, last)
		}
		waits("waits until " + strings.Join(objects, ", ") + " is no longer in use")
		if err := pause(ctx, poll); err != nil {
			return err
		}
	}
}

// digest tells one state of an object from another.
func digest(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), nil
}

// serviceDigest is that of all that we set in a service. Its counter of forced updates is not ours.
func serviceDigest(s swarm.ServiceSpec) (string, error) {
	s.TaskTemplate.ForceUpdate = 0
	return digest(s)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
