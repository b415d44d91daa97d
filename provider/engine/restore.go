package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// Memory is what Terraform's own state keeps of a cluster, so that one whose record is lost (another machine, a removed
// directory) is found again. There is no secret in it.
type Memory struct {
	Owner   string                 `json:"owner,omitempty"`
	Cluster resource.ClusterRecord `json:"cluster"`
	// Records are those of one resource's objects.
	Records []*resource.Record `json:"records,omitempty"`
}

// ErrEnded is a cluster that this state directory saw the end of.
var ErrEnded = errors.New("the cluster was removed")

// Memory returns what Terraform is to keep with the resource at an address, as JSON; nil when no cluster is on record.
func (c *Cluster) Memory(ctx context.Context, a resource.Address) ([]byte, error) {
	snap, err := c.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	rec, known := snap.Clusters[c.id.Address()]
	if !known {
		return nil, nil
	}
	m := Memory{Owner: c.engine.opts.Owner, Cluster: rec}
	for x, r := range snap.Records {
		if a.Contains(x) {
			m.Records = append(m.Records, r)
		}
	}
	sortRecords(m.Records)
	return json.Marshal(m)
}

// Restore makes sure that a block which Terraform has in its state is on record. When the record is lost, it is taken from
// memory; what was made since is found by its tags. It fails with ErrEnded when the cluster is known to be gone. That
// nothing is found of it does not say so: it may be the wrong account.
func (c *Cluster) Restore(ctx context.Context, b Block, memory Memory) error {
	c.restoring.Lock()
	defer c.restoring.Unlock()
	s, err := c.stored()
	if err != nil {
		return err
	}
	if _, has := s.Blocks[b.Address()]; has {
		return nil
	}
	if len(s.Blocks) == 0 && s.Claimed {
		if err := c.sweep(ctx); err != nil {
			return err
		}
	}
	snap, err := c.snapshot(ctx)
	if err != nil {
		return err
	}
	want := memory.Cluster.UID
	rec, known := snap.Clusters[c.id.Address()]
	switch {
	case known && (want == "" || want == rec.UID):
		return c.recordAgain(ctx, s, b, memory)
	case c.hasEnded(want):
		return ErrEnded
	case known:
		return fmt.Errorf("%s has another cluster of this name (UID %s) than Terraform's state (UID %s). Give this provider configuration a state_dir of its own", c.dir, rec.UID, want)
	case b.Type != "cluster" || want == "":
		return c.lost("It is found again when its clusterform_cluster is refreshed: plan the configuration that has it, with this state_dir")
	}
	if err := c.find(ctx, b, memory); err != nil {
		return err
	}
	return c.recordAgain(ctx, s, b, memory)
}

func (c *Cluster) lost(what string) error {
	return fmt.Errorf("the record of %s is not in %s, where a run on another machine or a removed directory would leave none. %s", c.id, c.dir, what)
}

// find fails unless some object that is remembered is there, or carries the cluster's UID.
func (c *Cluster) find(ctx context.Context, b Block, memory Memory) error {
	begun := resource.NewSnapshot("")
	begun.Clusters[c.id.Address()] = memory.Cluster
	for _, r := range memory.Records {
		begun.Records[r.Address] = r
	}
	plan, _, diags := c.make(ctx, map[resource.Address]Block{b.Address(): b}, begun, c.observed, b.Address())
	if err := diags.Err(); err != nil {
		return c.lost("Looking for its objects failed: " + hclconfig.PrintableLine(err.Error()))
	}
	there := len(memory.Records)
	for _, d := range plan.Drift {
		if d.Gone {
			there--
		}
	}
	if there > 0 {
		return nil
	}
	for i := range plan.Steps {
		if r := plan.Steps[i].Reason; r == planner.ReasonOrphanAdopted || r == planner.ReasonOrphanRemoved {
			return nil
		}
	}
	made := ""
	if memory.Owner != c.engine.opts.Owner {
		made = fmt.Sprintf(" It was made with another provider configuration (%s) than this one (%s).", memory.Owner, c.engine.opts.Owner)
	}
	return c.lost(fmt.Sprintf("No object tagged with its UID (%s) was found either.%s Bring the directory back, or check credentials and endpoint; if the cluster is really gone, take it out of Terraform's state with `terraform state rm`", memory.Cluster.UID, made))
}

// recordAgain writes what is remembered of a block, unless newer records are there.
func (c *Cluster) recordAgain(ctx context.Context, s *stored, b Block, memory Memory) (err error) {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	file, err := c.state()
	if err != nil {
		return err
	}
	session, err := file.Lock(ctx, state.LockRequest{Operation: "terraform refresh", Wait: c.engine.opts.LockTimeout})
	if err != nil {
		return err
	}
	var entries []state.Entry
	snap := session.Snapshot()
	if _, known := snap.Clusters[c.id.Address()]; !known {
		entries = append(entries, state.SetCluster(c.id.Address(), memory.Cluster))
	}
	for _, r := range memory.Records {
		if _, known := snap.Records[r.Address]; !known && b.Address().Contains(r.Address) {
			entries = append(entries, state.Put(r))
		}
	}
	if len(entries) > 0 {
		err = session.Commit(ctx, true, entries...)
	}
	if err = errors.Join(err, session.Close(ctx)); err != nil {
		return err
	}
	s.Owner, s.Claimed = c.engine.opts.Owner, true
	s.Blocks[b.Address()] = b
	return c.save(s)
}

// tombstone stands in the directory of a cluster that was removed: Terraform may not have heard of the end.
type tombstone struct {
	UID string `json:"uid"`
}

const tombstoneFile = "ended.json"

func (c *Cluster) hasEnded(uid string) bool {
	data, err := os.ReadFile(filepath.Join(c.dir, tombstoneFile))
	if err != nil || uid == "" {
		return false
	}
	var t tombstone
	return json.Unmarshal(data, &t) == nil && t.UID == uid
}

// forget removes what is on disk of a cluster that is gone, and leaves a note that it is. The blocks go last: without them
// nobody would look for the rest.
func (c *Cluster) forget(uid string) error {
	c.mu.Lock()
	clear(c.declared)
	c.mu.Unlock()
	if uid != "" {
		data, err := json.Marshal(tombstone{uid})
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(c.dir, tombstoneFile), append(data, '\n')); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	blocks := filepath.Base(c.blocksPath())
	for _, e := range entries {
		if name := e.Name(); name != blocks && name != tombstoneFile {
			err = errors.Join(err, os.RemoveAll(filepath.Join(c.dir, name)))
		}
	}
	if err != nil {
		return err
	}
	if err := os.Remove(c.blocksPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
