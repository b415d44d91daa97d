package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner/resource"
)

// stored is what stands beside a cluster's state: the blocks that it was made from, without secrets.
type stored struct {
	// Owner is Options.Owner of who made it.
	Owner string `json:"owner,omitempty"`
	// Claimed says that Terraform has it in its state. What is not claimed was made by a run that was killed before
	// Terraform heard of it, and the next create takes it up.
	Claimed bool                       `json:"claimed"`
	Blocks  map[resource.Address]Block `json:"blocks"`
}

func (c *Cluster) blocksPath() string { return filepath.Join(c.dir, "blocks.json") }

// stored reads the blocks; a cluster that was never made has none.
func (c *Cluster) stored() (*stored, error) {
	s := &stored{Blocks: map[resource.Address]Block{}}
	data, err := os.ReadFile(c.blocksPath())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil:
		return nil, fmt.Errorf("the cluster's record cannot be read: %w", err)
	}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w. Remove it, and refresh: it is made again from Terraform's state", c.blocksPath(), err)
	}
	if s.Blocks == nil {
		s.Blocks = map[resource.Address]Block{}
	}
	return s, nil
}

// save writes the blocks, by way of a temporary file.
func (c *Cluster) save(s *stored) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(c.blocksPath(), append(data, '\n'))
}

func writeFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// state names the cluster's state file.
func (c *Cluster) state() (*state.File, error) {
	return state.Open(filepath.Join(c.dir, "state.json"), state.Options{ToolVersion: c.engine.opts.Version})
}

// blocks are all that are known: those stored, and over them what this run declared.
func (c *Cluster) blocks(s *stored) map[resource.Address]Block {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := maps.Clone(s.Blocks)
	maps.Copy(out, c.declared)
	return out
}

// Claim notes that Terraform has the cluster in its state.
func (c *Cluster) Claim() error {
	s, err := c.stored()
	if err != nil || s.Claimed || len(s.Blocks) == 0 {
		return err
	}
	s.Claimed = true
	return c.save(s)
}

// Unclaimed fails when a new cluster of this id would take over one that belongs to somebody else.
func (c *Cluster) Unclaimed() error {
	s, err := c.stored()
	switch {
	case err != nil:
		return err
	case s.Claimed && len(s.Blocks) > 0:
		return fmt.Errorf("%s is recorded in %s already, and Terraform had it in its state: import it, or give this provider configuration a state_dir of its own", c.id, c.dir)
	case len(s.Blocks) > 0 && s.Owner != c.engine.opts.Owner:
		return fmt.Errorf("%s has a cluster of this name that was made with another provider configuration (%s): give this one a state_dir of its own", c.dir, s.Owner)
	}
	return nil
}

// sweep removes what a run that was killed at its very end left of a cluster that is gone.
func (c *Cluster) sweep(ctx context.Context) error {
	file, err := c.state()
	if err != nil {
		return err
	}
	snap, err := file.Read(ctx)
	if err != nil || len(snap.Records)+len(snap.Deposed)+len(snap.Intents) > 0 {
		return err
	}
	session, err := file.Lock(ctx, state.LockRequest{Operation: "terraform refresh"})
	if err != nil {
		return nil //nolint:nilerr // somebody is at it
	}
	if err := session.Close(ctx); err != nil {
		return err
	}
	return c.forget(snap.Clusters[c.id.Address()].UID)
}
