package state

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/planner/resource"
)

func TestPushAndItsRefusals(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	base := t.TempDir()
	f := open(t, base)
	fill(t, f, 1)
	older := export(t, read(t, f))
	fill(t, f, 2)
	present := read(t, f)
	edited := func(change func(*resource.Snapshot)) string {
		s := fromSnapshot(read(t, f)).snapshot()
		change(s)
		return export(t, s)
	}
	for name, c := range map[string]struct {
		data   string
		want   string // in the error; empty when it is taken
		serial uint64 // after a forced push
	}{
		"the same again":    {export(t, present), "", 2},
		"a next serial":     {edited(func(s *resource.Snapshot) { s.Serial = 3; delete(s.Records, nodeAddress(0)) }), "", 3},
		"an older one":      {older, "is older (serial 1)", 3},
		"the same serial":   {edited(func(s *resource.Snapshot) { delete(s.Records, nodeAddress(0)) }), "same serial (2)", 3},
		"another lineage":   {edited(func(s *resource.Snapshot) { s.Lineage = "other"; s.Serial = 9 }), "its lineage is other", 9},
		"edited by hand":    {strings.Replace(export(t, present), "10.88.0.0/16", "10.99.0.0/16", 1), "remove its \"digest\" line", 0},
		"a Terraform state": {`{"version": 4, "terraform_version": "1.11.0"}`, "Terraform", 0},
		"nothing":           {"", "is empty", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t, copyDir(t, base))
			err := f.Push(ctx, []byte(c.data), false)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Fatalf("Push = %v, want %q", err, c.want)
			}
			if c.want != "" && export(t, read(t, f)) != export(t, present) {
				t.Error("a refused push changed the state")
			}
			if c.serial == 0 {
				return
			}
			if err := f.Push(ctx, []byte(c.data), true); err != nil {
				t.Fatalf("forced: %v", err)
			}
			got := read(t, f)
			pushed, err := decodeSnapshot("x", []byte(c.data), "")
			if err != nil {
				t.Fatal(err)
			}
			if got.Serial != c.serial || got.Lineage != pushed.snapshot.Lineage || len(got.Records) != len(pushed.snapshot.Records) {
				t.Errorf("serial %d, lineage %s, %d records", got.Serial, got.Lineage, len(got.Records))
			}
			if info, err := f.LockInfo(ctx); err != nil || info != nil {
				t.Errorf("the lock is left: %v, %v", info, err)
			}
			// And a run goes on from there.
			s := lock(t, f)
			commit(t, s, Put(nodeRecord(5)))
			want := export(t, s.Snapshot())
			closeSession(t, s)
			if export(t, read(t, f)) != want {
				t.Error("the next run's record is lost")
			}
		})
	}
}

func TestWhatAPersonEditedIsTakenWithoutItsDigest(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	fill(t, f, 1)
	text := export(t, read(t, f))
	text = strings.Replace(strings.Replace(text, "10.88.0.0/16", "10.99.0.0/16", 1), `"serial": 1`, `"serial": 2`, 1)
	text = text[:strings.Index(text, `,`+"\n"+`"digest"`)] + "\n}\n"
	if err := f.Push(context.Background(), []byte(text), false); err != nil {
		t.Fatal(err)
	}
	if got := read(t, f).Records["cluster.lab.vpc"].Spec.(*resource.VPC).CIDR; got != "10.99.0.0/16" {
		t.Errorf("cidr %s", got)
	}
}

// The journal of the present state is in the backup, and never comes back on top of the pushed one.
func TestPushKeepsTheWholeFormerState(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	f.compactAbove = 1 // nothing is small
	fill(t, f, 3)
	s := lock(t, f)
	commit(t, s, Put(nodeRecord(9)))
	closeSession(t, s)
	before := read(t, f)
	pushed := resource.NewSnapshot("other")
	if err := f.Push(context.Background(), []byte(export(t, pushed)), true); err != nil {
		t.Fatal(err)
	}
	if got := read(t, f); got.Lineage != "other" || len(got.Records) != 0 {
		t.Errorf("state %+v", got)
	}
	backup, err := decodeSnapshot("x", readBytes(t, f.backupPath), "")
	if err != nil {
		t.Fatal(err)
	}
	if export(t, backup.snapshot) != export(t, before) {
		t.Errorf("the backup has\n%s\nwant\n%s", export(t, backup.snapshot), export(t, before))
	}
}

func TestADamagedStateIsOnlyReplacedByForceAndKept(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir := t.TempDir()
	f := open(t, dir, silent)
	fill(t, f, 3)
	good := readBytes(t, f.Path())
	damaged := bytes.Replace(good, []byte("10.88.0.0"), []byte("10.99.0.0"), 1)
	writeBytes(t, f.Path(), damaged)
	if err := f.Push(ctx, good, false); !isProblem(err, Altered) {
		t.Fatalf("Push = %v", err)
	}
	if err := f.Push(ctx, good, true); err != nil {
		t.Fatal(err)
	}
	if len(read(t, f).Records) != 4 {
		t.Error("the pushed state is not there")
	}
	aside, err := filepath.Glob(filepath.Join(dir, "*.damaged-*"))
	if err != nil || len(aside) != 2 || !bytes.Equal(readBytes(t, aside[0]), damaged) {
		t.Errorf("moved aside: %v, %v", aside, err)
	}
}

func TestPushIntoNothingMakesAState(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	text := export(t, fullSnapshot())
	if err := f.Push(context.Background(), []byte(text), false); err != nil {
		t.Fatal(err)
	}
	if got := export(t, read(t, f)); got != text {
		t.Errorf("state\n%s\nwant\n%s", got, text)
	}
}

func TestPushRespectsTheLock(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	s := lock(t, f)
	commit(t, s, Put(nodeRecord(0)))
	if err := f.Push(context.Background(), []byte(export(t, fullSnapshot())), true); err == nil || !strings.Contains(err.Error(), "is locked") {
		t.Errorf("Push = %v", err)
	}
}
